import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ReceivedShare, SentShare, TransferOptions } from 'credential-relay/client';
import { afterEach, beforeEach, expect } from 'vitest';
import { sqliteStore } from '../../../adapters/store/sqlite/index.js';
import { DISPLAY, hastyReceiver, hastySender, readText, words } from './devices.js';
import { type RelayServer, startRelay } from './relay-server.js';

const KEY = randomBytes(32);

/** The relay of one test, which may disturb and restart it. */
export interface RelayPerTest {
  readonly relay: RelayServer;
  /** A stateful share that a receiver has opened. */
  opened(options?: TransferOptions): Promise<{ share: SentShare; received: ReceivedShare }>;
}

/** Sets up a relay on a SQLite file before each test of the file, and takes it down after it. */
export function useRelayPerTest(): RelayPerTest {
  let relay: RelayServer;
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'relay-client-'));
    const file = join(folder, 'relay.db');
    relay = await startRelay({ keys: [KEY] }, () => sqliteStore(file));
  });
  afterEach(async () => {
    await relay?.close();
    await rm(folder, { recursive: true, force: true });
  });

  return {
    get relay() {
      return relay;
    },
    async opened(options = {}) {
      const share = await hastySender(relay.url, options).share(words('invitation'), DISPLAY, { accessRights: 'RWD' });
      const received = hastyReceiver(options).open(share.url);
      expect(readText(await received.next())).toBe('invitation');
      return { share, received };
    },
  };
}
