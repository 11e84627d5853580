import type { Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, vi } from 'vitest';
import { type ExampleServer, startExampleServer } from './example-server.js';
import { interceptNetwork, type NetworkFaults } from './network-faults.js';
import { findPhone, type PageDriver, startPageDriver } from './page-driver.js';
import { acceptLink, compareCodes, shareKey } from './phone-actions.js';

/** A phone on its own page in its own browser context. */
export interface PhonePage {
  readonly page: Page;
  readonly phone: Locator;
  readonly network: NetworkFaults;
}

/** The example's server and phones for the tests of one file. */
export interface Phones {
  readonly server: ExampleServer;
  readonly driver: PageDriver;
  ada(): Promise<PhonePage>;
  ben(): Promise<PhonePage>;
  cleo(): Promise<PhonePage>;
  /** An accepted share with a code on both phones. */
  paired(): Promise<{ readonly sender: PhonePage; readonly receiver: PhonePage; readonly link: string }>;
}

/**
 * Starts server and browser before the tests of a file. After each test, closes the pages and expects no errors in
 * them. Without `intercepts` the phones call the relay directly, and `network` does nothing.
 */
export function usePhones(intercepts = false): Phones {
  let server: ExampleServer;
  let driver: PageDriver;
  vi.setConfig({ testTimeout: TIMEOUT_MS, hookTimeout: TIMEOUT_MS });

  beforeAll(async () => {
    [server, driver] = await Promise.all([startExampleServer(), startPageDriver()]);
  });
  afterAll(async () => {
    await driver.close();
    expect(await server.close()).toBe(0);
  });
  afterEach(async () => {
    const pageErrors = [...driver.pageErrors];
    await driver.clear();
    await server.reset();
    expect(pageErrors).toEqual([]);
  });

  async function openPhone(path: string, owner: string): Promise<PhonePage> {
    const page = await driver.open(server.origin + path);
    return { page, phone: findPhone(page, owner), network: intercepts ? await interceptNetwork(page) : NO_FAULTS };
  }
  const phones: Phones = {
    get server() {
      return server;
    },
    get driver() {
      return driver;
    },
    ada: () => openPhone('/sender', 'Ada'),
    ben: () => openPhone('/receiver', 'Ben'),
    cleo: () => openPhone('/third', 'Cleo'),
    async paired() {
      const [sender, receiver] = await Promise.all([phones.ada(), phones.ben()]);
      const link = await shareKey(sender.phone, 'Room 417');
      await acceptLink(receiver.phone, link);
      await compareCodes(sender.phone, receiver.phone);
      return { sender, receiver, link };
    },
  };
  return phones;
}

/** The start of a browser and a check by axe-core are slow on a busy machine. */
const TIMEOUT_MS = 90_000;

const NO_FAULTS: NetworkFaults = { mend: () => {}, cut: () => {}, hold: () => {}, refuse: () => {} };

export const readLines = ({ phone }: PhonePage): Promise<string[]> =>
  phone.getByRole('log').getByRole('listitem').allTextContents();

export const findAlert = ({ phone }: PhonePage, text: string): Locator => phone.getByRole('alert').getByText(text);

export async function readCode({ phone }: Pick<PhonePage, 'phone'>): Promise<string | null> {
  await phone.locator('.code').waitFor();
  return phone.locator('.code').textContent();
}
