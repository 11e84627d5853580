import type { ConnectionOptions } from 'node:tls';
import { parseOptions } from '../../../src/relay/parse-options.js';
import {
  assertDeadline,
  DEFAULT_PING_KEY,
  type MailboxStore,
  REVISION_CHARACTERS,
} from '../../../src/relay/store/contract.js';
import { createRedisSubscriber } from './changes.js';
import type { KeyvRedisAdapter, NodeRedisClient } from './client.js';
import type { ConnectionSettings, RedisCredentials } from './client-options.js';
import { ConnectionManager } from './connection-manager.js';
import type { IoredisClient, KeyvValkeyAdapter } from './ioredis.js';
import { optionsSchema } from './options-schema.js';
import { pingRedis } from './ping.js';
import { resolveAddress, resolveSource } from './resolve-source.js';
import { fullError, isOutOfMemory, runReplace, runScript } from './run-script.js';
import { CREATE, REPLACE, REPLACE_AND_PUBLISH } from './scripts.js';
import { decodeRevision, decodeStoredValue, encodeStoredValue } from './stored-value.js';
import { parseRedisUrl } from './url.js';

export {
  isKeyvRedis,
  isNodeRedis,
  type KeyvRedisAdapter,
  type NodeRedisClient,
} from './client.js';
export type { RedisCredentials } from './client-options.js';
export { RedisStoreError } from './errors.js';
export { type IoredisClient, isIoredis, isKeyvValkey, type KeyvValkeyAdapter } from './ioredis.js';
export { isOutdatedKeyvRedis, isOutdatedNodeRedis } from './outdated.js';

const DEFAULT_TIMEOUT_MS = 2000;

/** Options of {@link redisStore}. */
export interface RedisStoreOptions {
  /**
   * Longest time of a call, in ms, from 50 to 600,000. A call that takes longer rejects, and the store replaces the
   * connection. Default: the parameter `timeout` of the URL, else 2000.
   */
  readonly timeoutMs?: number | undefined;
  /**
   * Longest time to connect, in ms, from 50 to 600,000. Default: the parameter `connect_timeout` of the URL, else 2000.
   */
  readonly connectTimeoutMs?: number | undefined;
  /**
   * TLS options (`ca`, `cert`, `key`, …) of a `rediss` URL. Default: the parameters of the URL, and those of Node. Any
   * other source carries its own.
   *
   * @see https://nodejs.org/api/tls.html#tlsconnectoptions-callback
   */
  readonly tls?: ConnectionOptions | undefined;
  /** Credentials of the sentinels of a `redis+sentinel` URL; the URL holds those of the data nodes. Default none. */
  readonly sentinelCredentials?: RedisCredentials | undefined;
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
   * Resolves if Redis answers and does the work of the relay: the store runs its scripts and reads on a new key, `key`
   * with a random ending, in a cluster on each master. The key ends after a millisecond, at the latest after 5 s. Two
   * round trips. `evictionPolicy` is the `maxmemory-policy` of Redis, if the connection may read the
   * setting: with any policy but `noeviction`, a Redis that is short of memory drops live mailboxes. `clockSkewMs` is
   * the clock of Redis minus the clock of this machine, in ms.
   *
   * @param key - The relay passes its namespace and `:ping`. Default `relay:ping`.
   * @throws RedisStoreError if Redis does not answer in time, or refuses the work; `message` names the cause and the
   * remedy
   * @see https://redis.io/docs/latest/develop/reference/eviction/
   */
  ping(key?: string): Promise<{ readonly clockSkewMs: number; readonly evictionPolicy?: string }>;
}

/** Parses the options and the source, of which the URL may hold settings as well. An option overrides the URL. */
function resolve(source: unknown, options: RedisStoreOptions) {
  const given = parseOptions('redisStore', optionsSchema, options);
  const isUrl = typeof source === 'string' || source instanceof URL;
  const address = isUrl ? parseRedisUrl(String(source)) : undefined;
  if (given.tls !== undefined && address?.tls !== true) throw new TypeError(`redisStore.tls: ${NEEDS_TLS_URL}`);
  if (given.sentinelCredentials !== undefined && address?.kind !== 'sentinel') {
    throw new TypeError('redisStore.sentinelCredentials: needs a redis+sentinel:// URL as the source');
  }
  const inUrl = address?.settings;
  const tls = given.tls ?? inUrl?.tls;
  const settings: ConnectionSettings = {
    connectTimeoutMs: given.connectTimeoutMs ?? inUrl?.connectTimeoutMs ?? DEFAULT_TIMEOUT_MS,
    tls: tls && { ...inUrl?.tls, ...tls },
    sentinelCredentials: given.sentinelCredentials ?? inUrl?.sentinelCredentials,
  };
  return {
    timeoutMs: given.timeoutMs ?? inUrl?.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    changes: given.changes ?? true,
    settings,
    ...(address === undefined ? resolveSource(source, settings) : resolveAddress(address, settings)),
  };
}

const NEEDS_TLS_URL = 'needs a rediss:// URL as the source; a client or a Keyv adapter carries its own TLS options';

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
 * **Packages.** For a URL the store imports the package `@keyv/redis` at the first call. Without it, calls reject with
 * the code `package_missing`.
 *
 * @param source - A URL (`redis://`, `rediss://`, `redis+sentinel://host,host/masterName/database`,
 *   `redis+cluster://host,host`, `redis+unix:///path`; `valkey` in place of `redis` means the same; docs/stores.md lists
 *   the parameters), a
 *   `KeyvRedis` of @keyv/redis 5, a `KeyvValkey` of @keyv/valkey, a client, cluster client or sentinel client of
 *   node-redis 5, or a client or cluster client of ioredis 5 or 6, or iovalkey
 * @throws TypeError for an invalid source or option; the message names the part at fault and does not repeat the URL
 * @example
 * ```ts
 * const store = redisStore('rediss://relay:secret@cache.example:6380', { timeoutMs: 1000 });
 * const relay = createRelay({ publicUrl: 'https://example.com/relay', store, keys });
 * ```
 * @see https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/ and
 *   https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/ for fail-over and lost writes
 */
export function redisStore(
  source: string | URL | KeyvRedisAdapter | KeyvValkeyAdapter | NodeRedisClient | IoredisClient,
  options: RedisStoreOptions = {},
): RedisStore {
  const { timeoutMs, changes, settings, openConnection, useSubscriber } = resolve(source, options);
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
    // Without PUBLISH: nobody waits for the key of a ping.
    ping: (key = DEFAULT_PING_KEY) => pingRedis(redis, REPLACE, key),
    async close() {
      await Promise.all([subscriber?.close(), redis.close()]);
    },
  };
}
