import type { ConnectionOptions } from 'node:tls';
import {
  type MailboxStore,
  REVISION_CHARACTERS,
  type StoredEntry,
  type StoredValue,
  StoreFullError,
} from '../../../src/relay/store/contract.js';
import { listenToRedis } from './changes.js';
import type { KeyvRedisAdapter, NodeRedisClient } from './client.js';
import { keepConnection, type RedisConnection } from './connection-manager.js';
import { RedisStoreError } from './errors.js';
import { type Credentials, readSource } from './resolve-source.js';
import {
  CREATE,
  DEADLINE_CHARACTERS,
  REPLACE,
  REPLACE_AND_TELL,
  REVISION_AND_DEADLINE,
  type Script,
} from './scripts.js';

export { isKeyvRedis, type KeyvRedisAdapter, type NodeRedisClient } from './client.js';
export { RedisStoreError } from './errors.js';

/** The Redis store's further options. */
export interface RedisStoreOptions {
  /** Longest time for one call, in ms; after it the call rejects and the connection is replaced. Default 2000. */
  readonly timeoutMs?: number;
  /** Longest time to connect, in ms. Default 2000. */
  readonly connectTimeoutMs?: number;
  /** Options of TLS (`ca`, `cert`, `key`…) for a `rediss` URL; other sources carry theirs. */
  readonly tls?: ConnectionOptions;
  /** Credentials of the sentinels of a `redis+sentinel` URL; those in the URL are the data nodes'. Default none. */
  readonly sentinelCredentials?: Credentials;
  /**
   * Whether a replace tells of itself on the channel `credential-relay:changes`, and `changes` of the store listens
   * there, so that long polls at other processes learn of it at once. False where the user of Redis has no right to
   * the channel, or something in between knows no pub/sub: nothing is published, and long polls look now and then.
   * The same at all processes of a relay. Default true.
   */
  readonly changes?: boolean | undefined;
}

/** A mailbox store on Redis. */
export interface RedisStore extends MailboxStore {
  /**
   * Resolves if Redis answers. `evictionPolicy` is its `maxmemory-policy`, where the connection may read that: with
   * anything but `noeviction` a Redis that is short of memory drops live mailboxes, so a caller should warn of it.
   */
  ping(): Promise<{ readonly clockSkewMs: number; readonly evictionPolicy?: string }>;
}

/**
 * A mailbox store on Redis ≥ 6.2 or Valkey: standalone, TLS, Sentinel or Cluster. `source` is a `KeyvRedis` of
 * @keyv/redis 5, a node-redis client, cluster client or sentinel client, or a URL: `redis://`, `rediss://`,
 * `redis+sentinel://host,host/masterName/database`, `redis+cluster://host,host`.
 *
 * A source gives its configuration: the store opens a connection of its own, at its first call, and closes only that.
 * The exception is a sentinel client, which cannot be duplicated: it is used as it is, connected if it is not, and left
 * open; prefer the URL. Keys are used as they are given; a namespace of the KeyvRedis does not apply.
 *
 * A replace publishes its key, in the same round trip. To hear of it, `changes.subscribe` opens one more connection of
 * its own; of a sentinel client, to the master with the same options. It is checked every 3 s.
 *
 * What is kept is the value with its deadline, 16 digits, after the revision: a read is a plain GET. Each call is one
 * round trip, to the master; replicas are never read. While Redis is away calls reject with a
 * {@link RedisStoreError}, and the connection is sought until it is found, a quarter of a second apart at most. A fail-over can lose
 * the last writes that were acknowledged, as replication is asynchronous. Calls that wait for a Redis that has fallen
 * silent are bounded: beyond 10,000 of them, or 64 MiB, further ones reject at once with `redis_overloaded`.
 *
 * A Redis that has reached its `maxmemory` with the policy `noeviction` rejects writes with a {@link StoreFullError}.
 * From Redis 7 on, a replace whose value does not grow (a deletion, for one) is made all the same, by a second round
 * trip. Any other policy drops live mailboxes instead, as each of them has a time to live: see `ping`.
 *
 * Throws a TypeError for what is no source, and an Error if a URL is given and @keyv/redis is not installed.
 */
export function redisStore(
  source: string | KeyvRedisAdapter | NodeRedisClient,
  options: RedisStoreOptions = {},
): RedisStore {
  const { timeoutMs = 2000, connectTimeoutMs = 2000, tls, sentinelCredentials, changes = true } = options;
  const { open, listen } = readSource(source, { connectTimeoutMs, tls, sentinelCredentials });
  const redis = keepConnection(open, timeoutMs);
  const listening = changes && listen !== undefined ? listenToRedis(listen, connectTimeoutMs) : undefined;
  const replacement = changes ? REPLACE_AND_TELL : REPLACE;

  return {
    ...(listening === undefined ? {} : { changes: { subscribe: listening.subscribe } }),
    capabilities: { atomic: 'distributed', nativeExpiry: true, durable: true },
    async get(key) {
      const kept = await redis.send(key, ['GET', key]);
      return kept === null ? undefined : entryOf(kept);
    },
    async revision(key) {
      const revision = await redis.send(key, ['GETRANGE', key, '0', String(REVISION_CHARACTERS - 1)]);
      if (revision === '') return undefined;
      if (typeof revision !== 'string' || revision.length !== REVISION_CHARACTERS) throw foreignValue();
      return revision;
    },
    async create(key, value, expiresAt) {
      demandDeadline(expiresAt);
      const put = await run(redis, CREATE, key, [keptText(value, expiresAt), String(expiresAt)]).catch((cause) => {
        throw isOutOfMemory(cause) ? fullError(cause) : cause;
      });
      if (put === -1) throw new RangeError('The deadline of a new entry has passed.');
      return put === 1;
    },
    async replace(key, revision, value, expiresAt) {
      if (expiresAt !== undefined) demandDeadline(expiresAt);
      const args = [revision, keptText(value, expiresAt ?? 0), expiresAt?.toString() ?? ''];
      const put = await run(redis, replacement.usual, key, args).catch((cause) => {
        if (!isOutOfMemory(cause)) throw cause;
        // Nothing was written. A value that does not grow needs no room; where that cannot be had, the first error tells.
        return run(redis, replacement.inPlace, key, args).catch(() => {
          throw fullError(cause);
        });
      });
      return put === 1 ? 'ok' : put === -1 ? 'conflict' : 'missing';
    },
    async ping() {
      const asked = Date.now();
      const [time, policy] = await Promise.all([
        redis.send(undefined, ['TIME']),
        redis.send(undefined, ['CONFIG', 'GET', 'maxmemory-policy']).catch(() => undefined), // Often not permitted.
      ]);
      const now = Array.isArray(time) ? Number(time[0]) * 1000 + Number(time[1]) / 1000 : Number.NaN;
      if (Number.isNaN(now)) throw new RedisStoreError('redis_foreign_value', 'Redis told no time.');
      const clockSkewMs = Math.round(now - (asked + Date.now()) / 2);
      const evictionPolicy: unknown = Array.isArray(policy) ? policy[1] : undefined;
      return typeof evictionPolicy === 'string' ? { clockSkewMs, evictionPolicy } : { clockSkewMs };
    },
    async close() {
      await Promise.all([listening?.close(), redis.close()]);
    },
  };
}

/** Runs a script by its digest; by its text where the server does not have it: after a restart, a fail-over, a flush. */
async function run(
  redis: RedisConnection,
  { sha, text }: Script,
  key: string,
  args: readonly string[],
): Promise<1 | 0 | -1> {
  let answer: unknown;
  try {
    answer = await redis.send(key, ['EVALSHA', sha, '1', key, ...args]);
  } catch (cause) {
    if (!(cause instanceof RedisStoreError) || cause.code !== 'NOSCRIPT') throw cause;
    answer = await redis.send(key, ['EVAL', text, '1', key, ...args]);
  }
  if (answer === 1 || answer === 0 || answer === -1) return answer;
  throw foreignValue();
}

function isOutOfMemory(error: unknown): boolean {
  return error instanceof RedisStoreError && error.code === 'OOM';
}

function fullError(cause: unknown): StoreFullError {
  return new StoreFullError('Redis has no memory left.', { cause });
}

/** The value as it is kept, with its deadline in it. Throws a TypeError for what is no text. */
function keptText(value: StoredValue, expiresAt: number): string {
  if (typeof value !== 'string') throw new TypeError('The Redis store keeps text only.');
  const deadline = String(expiresAt).padStart(DEADLINE_CHARACTERS, '0');
  return `${value.slice(0, REVISION_CHARACTERS)}${deadline}${value.slice(REVISION_CHARACTERS)}`;
}

/** What is kept, as an entry. */
function entryOf(kept: unknown): StoredEntry {
  if (typeof kept !== 'string') throw foreignValue();
  const revision = kept.slice(0, REVISION_CHARACTERS);
  const deadline = kept.slice(REVISION_CHARACTERS, REVISION_AND_DEADLINE);
  if (!/^\d{16}$/.test(deadline)) throw foreignValue();
  return { value: `${revision}${kept.slice(REVISION_AND_DEADLINE)}`, revision, expiresAt: Number(deadline) };
}

function demandDeadline(expiresAt: number): void {
  if (!Number.isSafeInteger(expiresAt)) throw new RangeError('A deadline is a safe integer of milliseconds.');
}

function foreignValue(): RedisStoreError {
  return new RedisStoreError('redis_foreign_value', 'What is stored under the key is not a mailbox.');
}
