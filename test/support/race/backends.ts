import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '../postgres/server.js';
import { startRedis } from '../redis/server.js';

/** The stores that several processes can share. */
export const STORE_KINDS = ['redis', 'postgres', 'sqlite'] as const;

/** One of {@link STORE_KINDS}. */
export type StoreKind = (typeof STORE_KINDS)[number];

/** Where the processes of a race meet. */
export interface Backend {
  readonly kind: StoreKind;
  readonly url: string;
  /** Schema of the tables, on Postgres. */
  readonly schema?: string;
}

/** How a relay process uses the backend: as it should, or, for contrast, by plain get and set, or hastily. */
export type How = 'soundly' | 'plainly' | 'hastily';

/** What a relay process is told, in one message. */
export interface RelayProcessSettings {
  readonly backend: Backend;
  readonly how: How;
  /** The server key, as base64url: one for all. */
  readonly key: string;
  readonly namespace: string;
}

/** Settings for relays that share what nobody else sees. */
export function settingsFor(backend: Backend, how: How = 'soundly'): RelayProcessSettings {
  const key = randomBytes(32).toString('base64url');
  return { backend, how, key, namespace: `race-${randomBytes(6).toString('hex')}` };
}

/** A backend with its end. */
export interface OpenBackend extends Backend {
  /** Where it comes from, in words. */
  readonly origin: string;
  close(): Promise<void>;
}

/**
 * A backend of that kind: the one of TEST_REDIS_URL or TEST_POSTGRES_URL if set, else started here; a new file for
 * SQLite. Rejects with the reason if there is none to be had.
 */
export async function openBackend(kind: StoreKind): Promise<OpenBackend> {
  if (kind === 'sqlite') {
    const folder = await mkdtemp(join(tmpdir(), 'relay-race-'));
    const close = () => rm(folder, { recursive: true, force: true });
    return { kind, url: `sqlite:${join(folder, 'relay.db')}`, origin: 'one file', close };
  }
  if (kind === 'postgres') {
    const server = await startPostgres();
    return {
      kind,
      url: server.url,
      schema: server.freshSchema(),
      origin: server.kind,
      close: () => server.close(),
    };
  }
  const given = process.env.TEST_REDIS_URL;
  if (given !== undefined && given !== '') {
    return { kind, url: given, origin: 'TEST_REDIS_URL', close: async () => {} };
  }
  const server = await startRedis();
  return { kind, url: server.url, origin: 'a server started here', close: () => server.close() };
}
