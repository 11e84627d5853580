import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { type RelayProcess, run, startRelayProcess, temporaryFolder } from './commands.js';

/** One relay for all tests of a file, and its devices. */
export interface Site {
  readonly relay: RelayProcess;
  at(name: string): string;
  /** A path that no other test uses. */
  fresh(name: string): string;
  /** A device without states. */
  device(): string;
  /** The files in the state folder of a device. */
  listStates(device: string): Promise<string[]>;
  /** Sends the text `words`; resolves to the link. */
  sent(from: string, ...options: string[]): Promise<string>;
}

export function setUpSite(): Site {
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
    listStates: (device) => readdir(join(device, 'state')),
    async sent(from, ...options) {
      const { code, out } = await run(from, ['send', '-', '--relay', relay.url, ...options], 'words');
      expect(code).toBe(0);
      return out.toString().trim();
    },
  };
  return site;
}
