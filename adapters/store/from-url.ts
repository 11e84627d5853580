import type { MailboxStore } from '../../src/relay/store/contract.js';
import { memoryStore } from './memory/index.js';
import { postgresStore } from './postgres/index.js';
import { redisStore } from './redis/index.js';
import { sqliteStore } from './sqlite/index.js';

const FACTORIES_BY_SCHEME: Readonly<Record<string, (url: string) => MailboxStore>> = {
  'memory:': () => memoryStore(),
  'sqlite:': sqliteStore,
  'redis:': redisStore,
  'rediss:': redisStore,
  'redis+sentinel:': redisStore,
  'rediss+sentinel:': redisStore,
  'redis+cluster:': redisStore,
  'rediss+cluster:': redisStore,
  'postgres:': postgresStore,
  'postgresql:': postgresStore,
};

/**
 * Creates the store for a URL, so that one setting selects the store from a laptop to production. The store connects at
 * its first call. Close the store after the relay.
 *
 * @param url - `memory:`, `sqlite:./relay.db`, `redis://`, `rediss://`, `redis+sentinel://host:port,host:port/name`,
 *   `redis+cluster://host:port,host:port` or `postgres://`.
 * @throws TypeError for another scheme, without repeating the URL, which may hold a password
 * @throws Error that names the package to install, if an optional package is missing
 * @example
 * ```ts
 * const store = storeFromUrl(process.env.RELAY_STORE ?? 'memory:');
 * ```
 */
export function storeFromUrl(url: string): MailboxStore {
  const scheme = /^[a-z+]+:/i.exec(url)?.[0].toLowerCase() ?? '';
  const create = FACTORIES_BY_SCHEME[scheme];
  if (create === undefined) {
    throw new TypeError(`store: the URL must begin with one of ${Object.keys(FACTORIES_BY_SCHEME).join(' ')}`);
  }
  return create(url);
}
