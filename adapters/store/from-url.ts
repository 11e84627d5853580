import type { MailboxStore } from '../../src/relay/store/contract.js';
import { memoryStore } from './memory/index.js';
import { postgresStore } from './postgres/index.js';
import { redisStore } from './redis/index.js';
import { sqliteStore } from './sqlite/index.js';

const FACTORIES_BY_SCHEME: Readonly<Record<string, (url: string) => MailboxStore>> = {
  'memory:': createMemoryStore,
  'sqlite:': sqliteStore,
  'file:': sqliteStore,
  'redis:': redisStore,
  'rediss:': redisStore,
  'redis+sentinel:': redisStore,
  'rediss+sentinel:': redisStore,
  'redis+cluster:': redisStore,
  'redis+unix:': redisStore,
  'redis+socket:': redisStore,
  'unix:': redisStore,
  'rediss+cluster:': redisStore,
  'valkey:': redisStore,
  'valkeys:': redisStore,
  'valkey+sentinel:': redisStore,
  'valkeys+sentinel:': redisStore,
  'valkey+cluster:': redisStore,
  'valkey+unix:': redisStore,
  'valkeys+cluster:': redisStore,
  'postgres:': postgresStore,
  'postgresql:': postgresStore,
};

/** The schemes that a message names: one of each kind. */
const FORMS = 'memory: sqlite: redis: rediss: redis+sentinel: redis+cluster: redis+unix: valkey: postgres:';

/** Texts of other tools for the same stores, and the form to write. The first pattern that matches decides. */
const FORMS_ELSEWHERE: ReadonlyArray<readonly [pattern: RegExp, form: string]> = [
  [/^(?:better-)?sqlite3?[+:-]/, 'sqlite:./relay.db'],
  [/^(?:redis-)?sentinel:/, 'redis+sentinel://host:26379/masterName'],
  [/^redis-cluster:/, 'redis+cluster://host:6379'],
  [/^redis-socket:|\.sock$/, 'redis+unix:///run/redis/redis.sock'],
  [/^(?:redis\+ssl|redis\+tls|tls):/, 'rediss://user:password@host:6379'],
  [/^[\w.-]+:\d+,/, 'rediss://:password@host:6380, or redis://:password@host:6379 without TLS'],
  [/^(?:keydb|dragonfly):/, 'redis://host:6379'],
  [/^prisma(?:\+postgres)?:/, 'the postgres:// URL of the database itself, since Prisma Accelerate is no Postgres'],
  [/^socket:/, 'postgres:///database?host=/folder/of/the/socket'],
  [/^(?:pg|pgsql|psql|postgis|ecto|jdbc|postgres(?:ql)?\+\w+):/, 'postgres://user:password@host/database'],
  [/(?:^|[\s;])(?:host|server|dbname)\s*=/i, 'postgres://user:password@host/database'],
];

/**
 * Creates the store for a URL, so that one setting selects the store from a laptop to production. The store connects at
 * its first call, and loads its optional package then. Close the store after the relay. The case of the scheme, and
 * white space around the URL, do not count.
 *
 * @param url - `memory:`, `sqlite:./relay.db`, `redis://`, `rediss://`, `redis+sentinel://host:port,host:port/name`,
 *   `redis+cluster://host:port,host:port`, `redis+unix:///path` (`valkey` in place of `redis` means the same) or
 *   `postgres://`.
 * @throws TypeError that names the part at fault, without repeating the URL, which may hold a password
 * @example
 * ```ts
 * const store = storeFromUrl(process.env.RELAY_STORE ?? 'memory:');
 * ```
 */
export function storeFromUrl(url: string | URL): MailboxStore {
  const text = toText(url);
  const scheme = /^[a-z][a-z0-9+.-]*:/i.exec(text)?.[0].toLowerCase() ?? '';
  const create = Object.hasOwn(FACTORIES_BY_SCHEME, scheme) ? FACTORIES_BY_SCHEME[scheme] : undefined;
  if (create === undefined) throw wrong(`the URL must begin with one of ${FORMS}${hint(text, scheme)}`);
  return create(`${scheme}${text.slice(scheme.length)}`);
}

/** @throws TypeError if the value is no text */
function toText(url: unknown): string {
  if (url === undefined || url === null) {
    throw wrong(`the URL is ${String(url)}; if it comes from an environment variable, set the variable`);
  }
  if (typeof url !== 'string' && !(url instanceof URL)) {
    throw wrong(
      'storeFromUrl takes a URL as text; pass an object to the option store, or to redisStore or postgresStore',
    );
  }
  const text = String(url).trim();
  if (text === '') throw wrong('the URL is empty; if it comes from an environment variable, set the variable');
  return text;
}

/** Names the likely form of a URL whose scheme is unknown. Repeats nothing of it. */
function hint(text: string, scheme: string): string {
  if (/^["'`]/.test(text)) return '; remove the quotation marks around the URL';
  if (/^(?:undefined|null|\$\{\w*\}|\$\w+|%\w+%)$/.test(text))
    return '; set the environment variable that should hold it';
  if (/[\s="'](?:redis|valkey|postgres|sqlite)\w*:/i.test(text)) return '; remove the text before the URL';
  const known = FORMS_ELSEWHERE.find(([pattern]) =>
    pattern.test(scheme === '' ? text : scheme + text.slice(scheme.length)),
  );
  if (known !== undefined) return `; write ${known[1]}`;
  if (/^[\w.-]+:\d+(?:\/\d*)?$/.test(text)) return '; for Redis on this host, write redis://host:port';
  if (/^memory$/i.test(text)) return '; write memory: with its colon';
  if (/^(?:[./~]|[a-z]:\\)|\.(?:db|sqlite3?)$/i.test(text)) return '; for a file, write sqlite:./relay.db';
  if (/^(?:https?|libsql|wss?):/.test(scheme)) return '; the relay speaks to no store over HTTP';
  return scheme === '' ? '' : '; for another database, write an adapter (docs/stores.md)';
}

/** `memory:` with anything behind it would lose that without a word. */
function createMemoryStore(url: string): MailboxStore {
  if (!/^memory:(?:\/\/)?$/.test(url)) throw wrong('memory: takes nothing behind its colon');
  return memoryStore();
}

function wrong(message: string): TypeError {
  return new TypeError(`store: ${message}`);
}
