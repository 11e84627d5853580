import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '../postgres/server.js';
import { startRedis } from '../redis/server.js';

/** The stores that several processes can share. */
export const STORE_KINDS = ['redis', 'postgres', 'sqlite'] as const;

export type StoreKind = (typeof STORE_KINDS)[number];

/** The backend that relay processes share. */
export interface Backend {
  readonly kind: StoreKind;
  readonly url: string;
  /** Schema of the tables, on Postgres. */
  readonly schema?: string;
}

export interface OpenBackend extends Backend {
  /** The server, in words. */
  readonly origin: string;
  close(): Promise<void>;
}

/**
 * Opens a backend: the server at TEST_REDIS_URL or TEST_POSTGRES_URL if set, else a new one; a new file for SQLite.
 * Rejects with the reason if no server can be started.
 */
export async function openBackend(kind: StoreKind): Promise<OpenBackend> {
  if (kind === 'sqlite') {
    const folder = await mkdtemp(join(tmpdir(), 'relay-race-'));
    const close = () => rm(folder, { recursive: true, force: true });
    return { kind, url: `sqlite:${join(folder, 'relay.db')}`, origin: 'one file', close };
  }
  if (kind === 'postgres') {
    const server = await startPostgres();
    const close = () => server.close();
    return { kind, url: server.url, schema: server.freshSchema(), origin: server.kind, close };
  }
  const given = process.env.TEST_REDIS_URL;
  if (given !== undefined && given !== '') {
    return { kind, url: given, origin: 'TEST_REDIS_URL', close: async () => {} };
  }
  const server = await startRedis();
  return { kind, url: server.url, origin: 'a new server', close: () => server.close() };
}

/** How a relay process writes: as it should, or wrongly, as a contrast that the checks must find. */
export type WriteMode = 'compare-and-set' | 'get-then-set' | 'acknowledge-first';

/** The settings of a relay process, as JSON. */
export interface RelayProcessSettings {
  /** The server key, as base64url: one for all processes. */
  readonly key: string;
  readonly namespace: string;
  /** Default: the memory of the process. */
  readonly backend?: Backend;
  /** Default: `compare-and-set`. */
  readonly writeMode?: WriteMode;
  /** False: the process publishes no change notifications. Default: true. */
  readonly publishes?: boolean;
  /** Default: `node`. */
  readonly handler?: 'node' | 'koa';
  /** The option of createRelay. */
  readonly longPoll?: { readonly pollMs?: number; readonly maximumWaiters?: number; readonly maximumSeconds?: number };
}

/** Settings for relay processes with a new key and namespace. */
export function createSettings(more: Partial<RelayProcessSettings> = {}): RelayProcessSettings {
  const key = randomBytes(32).toString('base64url');
  return { key, namespace: `race-${randomBytes(6).toString('hex')}`, ...more };
}
