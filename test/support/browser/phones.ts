import type { Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, vi } from 'vitest';
import { accept, compare, share } from './phone-actions.js';
import { type Demo, startDemo } from './example-server.js';
import { openStage, phoneOf, type Stage } from './page-driver.js';
import { type Way, wayOf } from './network-faults.js';

/** A phone on a page of its own, in a browser of its own. */
export interface Device {
  readonly page: Page;
  readonly phone: Locator;
  /** Its way to the relay, to be made worse. */
  readonly way: Way;
}

/** The demo with its phones, for the tests of one file. */
export interface Devices {
  readonly demo: Demo;
  readonly stage: Stage;
  ada(): Promise<Device>;
  ben(): Promise<Device>;
  cleo(): Promise<Device>;
  /** A share that the receiver has accepted, with a code on both phones. */
  paired(): Promise<{ readonly sender: Device; readonly receiver: Device; readonly link: string }>;
}

/**
 * Starts demo and browser before the tests of a file; after each closes the pages, which must have had no complaint.
 * Without `areWaysOurs` the phones reach the relay by themselves, and their `way` does nothing.
 */
export function useDevices(areWaysOurs = false): Devices {
  let demo: Demo;
  let stage: Stage;
  vi.setConfig({ testTimeout: PATIENCE_MS, hookTimeout: PATIENCE_MS });

  beforeAll(async () => {
    [demo, stage] = await Promise.all([startDemo(), openStage()]);
  });
  afterAll(async () => {
    await stage.close();
    expect(await demo.close()).toBe(0);
  });
  afterEach(async () => {
    const complaints = [...stage.complaints];
    await stage.clear();
    await demo.forget();
    expect(complaints).toEqual([]);
  });

  async function deviceAt(path: string, owner: string): Promise<Device> {
    const page = await stage.open(demo.origin + path);
    return { page, phone: phoneOf(page, owner), way: areWaysOurs ? await wayOf(page) : GOOD_WAY };
  }
  const devices: Devices = {
    get demo() {
      return demo;
    },
    get stage() {
      return stage;
    },
    ada: () => deviceAt('/sender', 'Ada'),
    ben: () => deviceAt('/receiver', 'Ben'),
    cleo: () => deviceAt('/third', 'Cleo'),
    async paired() {
      const [sender, receiver] = await Promise.all([devices.ada(), devices.ben()]);
      const link = await share(sender.phone, 'Room 417');
      await accept(receiver.phone, link);
      await compare(sender.phone, receiver.phone);
      return { sender, receiver, link };
    },
  };
  return devices;
}

/** Browsers are slow to start, and to be looked through by axe-core, on a machine that has other work. */
const PATIENCE_MS = 90_000;

const GOOD_WAY: Way = { mend: () => {}, cut: () => {}, hold: () => {}, refuse: () => {} };

/** The lines of the conversation on a phone. */
export const linesOf = ({ phone }: Device): Promise<string[]> =>
  phone.getByRole('log').getByRole('listitem').allTextContents();

/** A problem that a phone shows. */
export const alertOf = ({ phone }: Device, text: string): Locator => phone.getByRole('alert').getByText(text);

/** The code on a phone, waited for. */
export async function codeOf({ phone }: Pick<Device, 'phone'>): Promise<string | null> {
  await phone.locator('.code').waitFor();
  return phone.locator('.code').textContent();
}
