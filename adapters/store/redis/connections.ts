import { createCallLimit } from '../../../src/relay/store/call-limit.js';
import { withTimeout } from '../../../src/relay/time.js';
import type { Client, Cluster, Sentinel } from './client.js';
import type { ConnectionSettings } from './client-options.js';
import { countCharacters, type OpenRedisConnection, type RedisConnection } from './connection-manager.js';
import { overloadedError, RedisStoreError, readReplyCode, timeoutError } from './errors.js';

/** Connects `client` to one server. */
export async function openSingleConnection(
  client: Client,
  settings: ConnectionSettings,
  onLost: () => void,
): Promise<RedisConnection> {
  client.on('error', () => {
    if (!client.isReady) onLost();
  });
  await connectToMaster(client, settings.connectTimeoutMs);
  return {
    send: (_key, command) => client.sendCommand(command),
    isUp: () => client.isReady,
    destroy: () => ignoreErrors(() => client.destroy()),
    partial: false,
  };
}

/** Connects to all nodes of a cluster. */
export function clusterConnection(
  createCluster: () => Promise<Cluster>,
  settings: ConnectionSettings,
): OpenRedisConnection {
  return async (onLost) => {
    const cluster = await createCluster();
    cluster.on('node-error', onLost);
    await connectCluster(cluster, settings.connectTimeoutMs);
    return {
      send: (key, command) => cluster.sendCommand(key, false, command),
      isUp: () => cluster.isOpen,
      destroy: () => destroyCluster(cluster),
      partial: true,
      getMasters: () => cluster.slots,
    };
  };
}

/**
 * Uses the sentinel client of the host and never closes it: a sentinel client does not expose its options, so the store
 * cannot duplicate it. The client keeps timed-out commands until it has a master again, so the limit counts a command
 * until the client has settled it.
 */
export function sentinelConnection(
  client: Sentinel,
  connect: () => Promise<unknown>,
  settings: ConnectionSettings,
): OpenRedisConnection {
  client.on('error', () => {});
  const limit = createCallLimit();
  return async () => {
    await connectSentinel(client, connect, settings.connectTimeoutMs);
    return {
      send: (_key, command) =>
        limit.run(
          countCharacters(command),
          () => client.sendCommand(false, command, { typeMapping: {} }),
          overloadedError,
        ),
      isUp: () => client.isOpen,
      destroy: () => {},
      partial: true,
    };
  };
}

/**
 * Connects a client and runs `afterwards`, both within `ms`; on failure destroys the client. Rejects if the server is a
 * replica.
 */
export async function connectToMaster(client: Client, ms: number, afterwards?: () => Promise<unknown>): Promise<void> {
  const connect = async (): Promise<void> => {
    await client.connect();
    await assertMaster(client);
    await afterwards?.();
  };
  try {
    await withTimeout(ms, connect, () => timeoutError(ms));
  } catch (cause) {
    ignoreErrors(() => client.destroy());
    throw cause;
  }
}

/**
 * A replica may answer reads with stale data. If the user has no right to ROLE, the first write reports the replica.
 */
async function assertMaster(client: Client): Promise<void> {
  let role: unknown;
  try {
    role = await client.sendCommand(['ROLE']);
  } catch (cause) {
    if (readReplyCode(cause) === 'NOPERM' || readReplyCode(cause) === 'ERR') return;
    throw cause;
  }
  if (Array.isArray(role) && role[0] === 'sentinel') throw sentinelError();
  if (Array.isArray(role) && role[0] !== 'master') throw new Error('READONLY The server is a replica.');
}

function sentinelError(): RedisStoreError {
  return new RedisStoreError(
    'redis_is_sentinel',
    'The server is a sentinel; use redis+sentinel://host:port/masterName.',
  );
}

export async function connectCluster(cluster: Cluster, ms: number): Promise<void> {
  // Each failed discovery emits one. The promise says only that no node could be used.
  let failure: unknown;
  cluster.on('error', (error) => {
    if (failure === undefined || readReplyCode(error) !== undefined) failure = error;
  });
  try {
    await withTimeout(
      ms,
      () => cluster.connect(),
      () => timeoutError(ms),
    );
  } catch (cause) {
    destroyCluster(cluster);
    throw cause instanceof RedisStoreError ? cause : (failure ?? cause);
  }
}

export function destroyCluster(cluster: Cluster): void {
  // The cluster's own destroy() stops at the first closed node and leaves the other nodes open.
  for (const { client } of cluster.masters) ignoreErrors(() => client?.destroy());
  cluster.close().catch(() => {});
}

/** The host's client may try to connect for ever: the caller stops waiting after `ms`, and tries again later. */
export async function connectSentinel(client: Sentinel, connect: () => Promise<unknown>, ms: number): Promise<void> {
  if (client.isOpen) return;
  await withTimeout(ms, connect, () => timeoutError(ms));
}

/** Closing a closed client throws. */
export function ignoreErrors(act: () => void): void {
  try {
    act();
  } catch {
    // The client is closed already.
  }
}
