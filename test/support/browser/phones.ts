import type { Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, vi } from 'vitest';
import { type ExampleServer, startExampleServer } from './example-server.js';
import { interceptNetwork, type NetworkFaults } from './network-faults.js';
import { findPhone, type PageDriver, startPageDriver } from './page-driver.js';
import { acceptLink, compareCodes, shareKey } from './phone-actions.js';

/** A phone on a page of its own, in a browser of its own. */
export interface PhonePage {
  readonly page: Page;
  readonly phone: Locator;
  /** Its way to the relay, to be made worse. */
  readonly network: NetworkFaults;
}

/** The demo with its phones, for the tests of one file. */
export interface Phones {
  readonly server: ExampleServer;
  readonly driver: PageDriver;
  ada(): Promise<PhonePage>;
  ben(): Promise<PhonePage>;
  cleo(): Promise<PhonePage>;
  /** A share that the receiver has accepted, with a code on both phones. */
  paired(): Promise<{ readonly sender: PhonePage; readonly receiver: PhonePage; readonly link: string }>;
}

/**
 * Starts demo and browser before the tests of a file; after each closes the pages, which must have had no complaint.
 * Without `areWaysOurs` the phones reach the relay by themselves, and their `way` does nothing.
 */
export function usePhones(areWaysOurs = false): Phones {
  let demo: ExampleServer;
  let stage: PageDriver;
  vi.setConfig({ testTimeout: TIMEOUT_MS, hookTimeout: TIMEOUT_MS });

  beforeAll(async () => {
    [demo, stage] = await Promise.all([startExampleServer(), startPageDriver()]);
  });
  afterAll(async () => {
    await stage.close();
    expect(await demo.close()).toBe(0);
  });
  afterEach(async () => {
    const complaints = [...stage.complaints];
    await stage.clear();
    await demo.reset();
    expect(complaints).toEqual([]);
  });

  async function openPhone(path: string, owner: string): Promise<PhonePage> {
    const page = await stage.open(demo.origin + path);
    return { page, phone: findPhone(page, owner), network: areWaysOurs ? await interceptNetwork(page) : NO_FAULTS };
  }
  const devices: Phones = {
    get server() {
      return demo;
    },
    get driver() {
      return stage;
    },
    ada: () => openPhone('/sender', 'Ada'),
    ben: () => openPhone('/receiver', 'Ben'),
    cleo: () => openPhone('/third', 'Cleo'),
    async paired() {
      const [sender, receiver] = await Promise.all([devices.ada(), devices.ben()]);
      const link = await shareKey(sender.phone, 'Room 417');
      await acceptLink(receiver.phone, link);
      await compareCodes(sender.phone, receiver.phone);
      return { sender, receiver, link };
    },
  };
  return devices;
}

/** Browsers are slow to start, and to be looked through by axe-core, on a machine that has other work. */
const TIMEOUT_MS = 90_000;

const NO_FAULTS: NetworkFaults = { mend: () => {}, cut: () => {}, hold: () => {}, refuse: () => {} };

/** The lines of the conversation on a phone. */
export const readLines = ({ phone }: PhonePage): Promise<string[]> =>
  phone.getByRole('log').getByRole('listitem').allTextContents();

/** A problem that a phone shows. */
export const findAlert = ({ phone }: PhonePage, text: string): Locator => phone.getByRole('alert').getByText(text);

/** The code on a phone, waited for. */
export async function readCode({ phone }: Pick<PhonePage, 'phone'>): Promise<string | null> {
  await phone.locator('.code').waitFor();
  return phone.locator('.code').textContent();
}
