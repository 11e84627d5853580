import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { type RelayProcess, run, startRelayProcess, temporaryFolder } from './commands.js';

/** One relay for all tests of a file, and devices that use it. */
export interface Site {
  readonly relay: RelayProcess;
  /** A path in the folder of these tests. */
  at(name: string): string;
  /** A path of its own in there. */
  fresh(name: string): string;
  /** A device that has nothing yet. */
  device(): string;
  /** What a device has in its state folder. */
  statesOf(device: string): Promise<string[]>;
  /** Sends some words from a device; resolves to the link. */
  sent(from: string, ...options: string[]): Promise<string>;
}

/** Sets up a site before the tests of the file, and takes it down after them. */
export function siteOfFile(): Site {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let relay: RelayProcess;
  let count = 0;
  beforeAll(async () => {
    folder = await temporaryFolder();
    relay = await startRelayProcess(folder.path);
  });
  afterAll(async () => {
    await relay?.close();
    await folder.remove();
  });

  const site: Site = {
    get relay() {
      return relay;
    },
    at: (name) => join(folder.path, name),
    fresh(name) {
      count += 1;
      return site.at(`${name}-${count}`);
    },
    device: () => site.fresh('device'),
    statesOf: (device) => readdir(join(device, 'state')),
    async sent(from, ...options) {
      const { code, out } = await run(from, ['send', '-', '--relay', relay.url, ...options], 'words');
      expect(code).toBe(0);
      return out.toString().trim();
    },
  };
  return site;
}
