import type { ConnectionOptions } from 'node:tls';
import { z } from 'zod';
import { parseOptions } from '../../../src/relay/parse-options.js';
import {
  assertDeadline,
  type MailboxStore,
  REVISION_CHARACTERS,
  StoreFullError,
} from '../../../src/relay/store/contract.js';
import { createRedisSubscriber } from './changes.js';
import type { KeyvRedisAdapter, NodeRedisClient } from './client.js';
import type { RedisCredentials } from './client-options.js';
import { ConnectionManager } from './connection-manager.js';
import { RedisStoreError } from './errors.js';
import { resolveSource } from './resolve-source.js';
import { CREATE, REPLACE, REPLACE_AND_PUBLISH, type ReplaceScripts, type Script } from './scripts.js';
import { decodeRevision, decodeStoredValue, encodeStoredValue, foreignValueError } from './stored-value.js';

export { isKeyvRedis, type KeyvRedisAdapter, type NodeRedisClient } from './client.js';
export type { RedisCredentials } from './client-options.js';
export { RedisStoreError } from './errors.js';

/** Options of {@link redisStore}. */
export interface RedisStoreOptions {
  /**
   * Longest time of a call, in ms. A call that takes longer rejects, and the store replaces the connection. Default
   * 2000.
   */
  readonly timeoutMs?: number;
  /** Longest time to connect, in ms. Default 2000. */
  readonly connectTimeoutMs?: number;
  /**
   * TLS options (`ca`, `cert`, `key`, …) of a `rediss` URL. Default: those of Node. Any other source carries its own.
   *
   * @see https://nodejs.org/api/tls.html#tlsconnectoptions-callback
   */
  readonly tls?: ConnectionOptions;
  /** Credentials of the sentinels of a `redis+sentinel` URL; the URL holds those of the data nodes. Default none. */
  readonly sentinelCredentials?: RedisCredentials;
  /**
   * True: a replace publishes its key on the channel `credential-relay:changes`, and `store.changes` subscribes there,
   * so that long polls at other processes return at once. False: nothing is published, and long polls poll the store;
   * set this where the Redis user has no right to the channel, or where a proxy does not support pub/sub. Use the same
   * value in all processes of a relay. Default true.
   *
   * @see https://redis.io/docs/latest/develop/pubsub/
   */
  readonly changes?: boolean | undefined;
}

/** A mailbox store in Redis. */
export interface RedisStore extends MailboxStore {
  /**
   * Resolves if Redis answers. `evictionPolicy` is the `maxmemory-policy` of Redis, if the connection may read the
   * setting: with any policy but `noeviction`, a Redis that is short of memory drops live mailboxes. `clockSkewMs` is
   * the clock of Redis minus the clock of this machine, in ms.
   *
   * @throws RedisStoreError if Redis does not answer in time
   * @see https://redis.io/docs/latest/develop/reference/eviction/
   */
  ping(): Promise<{ readonly clockSkewMs: number; readonly evictionPolicy?: string }>;
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;

const optionsSchema = z.strictObject({
  timeoutMs: z.number().default(2000),
  connectTimeoutMs: z.number().default(2000),
  tls: z.custom<ConnectionOptions>(isObject, 'must be an object').optional(),
  sentinelCredentials: z.custom<RedisCredentials>(isObject, 'must be an object').optional(),
  changes: z.boolean().default(true),
});

/**
 * Creates a mailbox store in Redis 6.2 or later, or in Valkey: standalone, with TLS, Sentinel or Cluster.
 *
 * **Connections.** The store takes the configuration of its source and opens a separate connection at the first call;
 * `close` closes only that connection. The exception is a sentinel client, which cannot be duplicated: the store uses
 * the client itself, connects the client if necessary, and leaves it open. Prefer a URL for Sentinel.
 * `changes.subscribe` opens one more connection (with a sentinel client: to the master, with the same options) and
 * checks it every 3 s. The store uses keys as given: a namespace of the KeyvRedis does not apply.
 *
 * **Calls.** A read or change takes one round trip to the master; the store never reads from replicas. The stored text
 * holds the deadline after the revision, so a read is a plain GET. A replace publishes its key in the same round trip.
 *
 * **Outages.** While Redis is unreachable, calls reject with a {@link RedisStoreError}, and the store tries to connect
 * every quarter of a second. Replication is asynchronous, so a fail-over can lose the last acknowledged writes. The
 * store bounds the calls that wait for a silent Redis: beyond 10,000 calls, or 64 MiB, further calls reject at once
 * with `redis_overloaded`.
 *
 * **Memory.** A Redis at its `maxmemory`, with the policy `noeviction`, rejects writes with a `StoreFullError`.
 * In Redis 7 and later a replace by a value that is not longer (such as a deletion) still succeeds, by a second round
 * trip. With any other policy Redis drops live mailboxes instead, since each has a time to live: see {@link
 * RedisStore.ping}.
 *
 * @param source - A URL (`redis://`, `rediss://`, `redis+sentinel://host,host/masterName/database`,
 *   `redis+cluster://host,host`), a `KeyvRedis` of @keyv/redis 5, or a client, cluster client or sentinel client of
 *   node-redis 5
 * @throws TypeError for an invalid source or option; the message does not repeat the URL
 * @throws Error for a URL, if the package `@keyv/redis` is not installed
 * @example
 * ```ts
 * const store = redisStore('rediss://relay:secret@cache.example:6380', { timeoutMs: 1000 });
 * const relay = createRelay({ publicUrl: 'https://example.com/relay', store, keys });
 * ```
 * @see https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/ and
 *   https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/ for fail-over and lost writes
 */
export function redisStore(
  source: string | KeyvRedisAdapter | NodeRedisClient,
  options: RedisStoreOptions = {},
): RedisStore {
  const { timeoutMs, changes, ...settings } = parseOptions('redisStore', optionsSchema, options);
  const { openConnection, useSubscriber } = resolveSource(source, settings);
  const redis = new ConnectionManager(openConnection, timeoutMs);
  const subscriber =
    changes && useSubscriber !== undefined
      ? createRedisSubscriber(useSubscriber, settings.connectTimeoutMs)
      : undefined;
  const replaceScripts = changes ? REPLACE_AND_PUBLISH : REPLACE;

  return {
    ...(subscriber === undefined ? {} : { changes: { subscribe: subscriber.subscribe } }),
    capabilities: { atomic: 'distributed', nativeExpiry: true, durable: true },
    async get(key) {
      const stored = await redis.send(key, ['GET', key]);
      return stored === null ? undefined : decodeStoredValue(stored);
    },
    async revision(key) {
      return decodeRevision(await redis.send(key, ['GETRANGE', key, '0', String(REVISION_CHARACTERS - 1)]));
    },
    async create(key, value, expiresAt) {
      assertDeadline(expiresAt);
      const args = [encodeStoredValue(value, expiresAt), String(expiresAt)];
      const created = await runScript(redis, CREATE, key, args).catch((cause) => {
        throw isOutOfMemory(cause) ? fullError(cause) : cause;
      });
      if (created === -1) throw new RangeError('The deadline of a new entry has passed.');
      return created === 1;
    },
    async replace(key, revision, value, expiresAt) {
      if (expiresAt !== undefined) assertDeadline(expiresAt);
      const args = [revision, encodeStoredValue(value, expiresAt ?? 0), expiresAt?.toString() ?? ''];
      const replaced = await runReplace(redis, replaceScripts, key, args);
      return replaced === 1 ? 'ok' : replaced === -1 ? 'conflict' : 'missing';
    },
    ping: () => ping(redis),
    async close() {
      await Promise.all([subscriber?.close(), redis.close()]);
    },
  };
}

async function ping(redis: ConnectionManager): Promise<{ clockSkewMs: number; evictionPolicy?: string }> {
  const startedAt = Date.now();
  const [time, policy] = await Promise.all([
    redis.send(undefined, ['TIME']),
    redis.send(undefined, ['CONFIG', 'GET', 'maxmemory-policy']).catch(() => undefined), // Often not permitted.
  ]);
  const now = Array.isArray(time) ? Number(time[0]) * 1000 + Number(time[1]) / 1000 : Number.NaN;
  if (Number.isNaN(now)) throw new RedisStoreError('redis_foreign_value', 'Redis returned no time.');
  const clockSkewMs = Math.round(now - (startedAt + Date.now()) / 2);
  const evictionPolicy: unknown = Array.isArray(policy) ? policy[1] : undefined;
  return typeof evictionPolicy === 'string' ? { clockSkewMs, evictionPolicy } : { clockSkewMs };
}

type ScriptResult = 1 | 0 | -1;

/**
 * Runs a script by its digest, or by its text where the server has not cached it (restart, fail-over, SCRIPT FLUSH).
 */
async function runScript(
  redis: ConnectionManager,
  { sha1, text }: Script,
  key: string,
  args: readonly string[],
): Promise<ScriptResult> {
  let reply: unknown;
  try {
    reply = await redis.send(key, ['EVALSHA', sha1, '1', key, ...args]);
  } catch (cause) {
    if (!(cause instanceof RedisStoreError) || cause.code !== 'NOSCRIPT') throw cause;
    reply = await redis.send(key, ['EVAL', text, '1', key, ...args]);
  }
  if (reply === 1 || reply === 0 || reply === -1) return reply;
  throw foreignValueError();
}

async function runReplace(
  redis: ConnectionManager,
  scripts: ReplaceScripts,
  key: string,
  args: readonly string[],
): Promise<ScriptResult> {
  try {
    return await runScript(redis, scripts.usual, key, args);
  } catch (cause) {
    if (!isOutOfMemory(cause)) throw cause;
    // The script wrote nothing. A value that is not longer needs no memory; the first error says more than the second.
    return runScript(redis, scripts.inPlace, key, args).catch(() => {
      throw fullError(cause);
    });
  }
}

function isOutOfMemory(error: unknown): boolean {
  return error instanceof RedisStoreError && error.code === 'OOM';
}

function fullError(cause: unknown): StoreFullError {
  return new StoreFullError('Redis has no memory left.', { cause });
}
