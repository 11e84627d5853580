import type { MailboxStore } from '../../src/relay/store/contract.js';
import { memoryStore } from './memory/index.js';
import { postgresStore } from './postgres/index.js';
import { redisStore } from './redis/index.js';
import { sqliteStore } from './sqlite/index.js';

/** The stores by the scheme of their URL. */
const STORES: Readonly<Record<string, (url: string) => MailboxStore>> = {
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
 * The store for a URL, so that one setting swaps it from laptop to production: `memory:`, `sqlite:./relay.db`,
 * `redis://`, `rediss://`, `redis+sentinel://host:port,host:port/name`, `redis+cluster://host:port,host:port`,
 * `postgres://`. It connects on first use; close it
 * when the relay is closed. Throws a TypeError for another scheme, and an Error that names the package to install if an
 * optional one is missing. No error repeats the URL, which may hold a password.
 */
export function storeFromUrl(url: string): MailboxStore {
  const scheme = /^[a-z+]+:/i.exec(url)?.[0].toLowerCase() ?? '';
  const make = STORES[scheme];
  if (make === undefined) throw new TypeError(`store: the URL must begin with one of ${Object.keys(STORES).join(' ')}`);
  return make(url);
}
