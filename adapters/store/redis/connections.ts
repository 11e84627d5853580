import type { ConnectionOptions } from 'node:tls';
import { createCallLimit } from '../../../src/relay/store/call-limit.js';
import { withTimeout } from '../../../src/relay/time.js';
import type { Client, Cluster, Sentinel } from './client.js';
import { type OpenLink, type RedisLink, sizeOf } from './connection-manager.js';
import { overloaded, replyCode, timedOut } from './errors.js';

/** Times and secrets that a source does not carry itself. */
export interface LinkSettings {
  /** Longest time to connect, in ms. */
  readonly connectTimeoutMs: number;
  /** Options of TLS, for URLs that ask for it. */
  readonly tls?: ConnectionOptions | undefined;
  /** Credentials of the sentinels, where they have their own. */
  readonly sentinelCredentials?: Credentials | undefined;
}

/** A user of Redis. */
export interface Credentials {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

/**
 * Runs `use` on a client for listening, not connected yet, of one server; if that fails, on one of the next server as
 * long as there is one. Rejects with the last failure. Who uses a client ends it, if it comes to nothing.
 */
export type ListenAtServer = <Result>(use: (client: Client) => Promise<Result>) => Promise<Result>;

/** An idle connection is tried this often, in ms, and given up after twice the time without a sign of life. */
const PING_INTERVAL = 5000;

/** Options that make a client fail at once instead of queueing, and never read from a cache or a replica. */
export function commandOptions(socket: object | undefined, settings: LinkSettings): object {
  return {
    socket: {
      ...socket,
      connectTimeout: settings.connectTimeoutMs,
      socketTimeout: 2 * PING_INTERVAL,
      reconnectStrategy: false, // We open a new link instead; see keepConnection.
    },
    disableOfflineQueue: true,
    pingInterval: PING_INTERVAL,
    readonly: false,
    clientSideCache: undefined,
    emitInvalidate: false,
    commandOptions: undefined,
    maintNotifications: 'disabled',
    RESP: 2,
  };
}

/** The same for a client that listens: it is checked by us, as the library's timer would keep the process alive. */
export function listeningOptions(socket: object | undefined, settings: LinkSettings): object {
  const options = { ...socket, connectTimeout: settings.connectTimeoutMs, reconnectStrategy: false };
  return { ...commandOptions(socket, settings), socket: { ...options, socketTimeout: undefined }, pingInterval: 0 };
}

/** The same for all clients of a cluster. */
export function clusterOptions(defaults: { readonly socket?: object } | undefined, settings: LinkSettings): object {
  return {
    defaults: { ...defaults, ...commandOptions(defaults?.socket, settings) },
    useReplicas: false,
    minimizeConnections: true, // Else one node that is down keeps the whole cluster from being used.
    clientSideCache: undefined,
    commandOptions: undefined,
    RESP: 2,
  };
}

/** Opens a link to one server, over a client that is not connected yet. */
export async function openClient(client: Client, settings: LinkSettings, lost: () => void): Promise<RedisLink> {
  client.on('error', () => {
    if (!client.isReady) lost();
  });
  await connectToMaster(client, settings.connectTimeoutMs);
  return {
    send: (_key, command) => client.sendCommand(command),
    isUp: () => client.isReady,
    destroy: () => quietly(() => client.destroy()),
    partial: false,
  };
}

/** Connects a client, and then does `further`, all in `ms`; or destroys it. Rejects if the server is a replica. */
export async function connectToMaster(client: Client, ms: number, further?: () => Promise<unknown>): Promise<void> {
  const connect = async (): Promise<void> => {
    await client.connect();
    await demandMaster(client);
    await further?.();
  };
  try {
    await withTimeout(ms, connect, () => timedOut(ms));
  } catch (cause) {
    quietly(() => client.destroy());
    throw cause;
  }
}

/** A replica answers reads, with what may be stale. Where ROLE is not permitted, the first write finds out. */
async function demandMaster(client: Client): Promise<void> {
  let role: unknown;
  try {
    role = await client.sendCommand(['ROLE']);
  } catch (cause) {
    if (replyCode(cause) === 'NOPERM' || replyCode(cause) === 'ERR') return;
    throw cause;
  }
  if (Array.isArray(role) && role[0] !== 'master') throw new Error('READONLY The server is a replica.');
}

/** Opens links to all nodes of a cluster. */
export function openCluster(make: () => Cluster, settings: LinkSettings): OpenLink {
  return async (lost) => {
    const cluster = make();
    cluster.on('node-error', lost);
    await connectCluster(cluster, settings.connectTimeoutMs);
    return {
      send: (key, command) => cluster.sendCommand(key, false, command),
      isUp: () => cluster.isOpen,
      destroy: () => endCluster(cluster),
      partial: true,
    };
  };
}

/** What is published at one node of a cluster is heard at all. Which one is left to chance, so that the load is spread. */
export function listenAtCluster(make: () => Cluster, settings: LinkSettings): ListenAtServer {
  return async (use) => {
    const cluster = make();
    await connectCluster(cluster, settings.connectTimeoutMs);
    try {
      return await firstThatWorks(shuffled(cluster.masters), async (master) => {
        const node = await withTimeout(
          settings.connectTimeoutMs,
          () => cluster.nodeClient(master),
          () => timedOut(settings.connectTimeoutMs),
        );
        return use(node.duplicate(listeningOptions(node.options?.socket, settings)));
      });
    } finally {
      endCluster(cluster);
    }
  };
}

async function connectCluster(cluster: Cluster, ms: number): Promise<void> {
  cluster.on('error', () => {}); // Each failed attempt to discover; the calls tell.
  try {
    await withTimeout(
      ms,
      () => cluster.connect(),
      () => timedOut(ms),
    );
  } catch (cause) {
    endCluster(cluster);
    throw cause;
  }
}

function endCluster(cluster: Cluster): void {
  // The cluster's own destroy() stops at the first node that is closed already, and leaves the rest open.
  for (const { client } of cluster.masters) quietly(() => client?.destroy());
  cluster.close().catch(() => {});
}

/**
 * A sentinel client keeps its options to itself, so it cannot be duplicated: the host's own is used, and never closed.
 * It keeps calls that were given up until it has a master again. So they count here until they have settled there.
 */
export function openShared(client: Sentinel, connect: () => Promise<unknown>, settings: LinkSettings): OpenLink {
  client.on('error', () => {});
  const limit = createCallLimit();
  return async () => {
    await connectShared(client, connect, settings.connectTimeoutMs);
    return {
      send: (_key, command) =>
        limit.run(sizeOf(command), () => client.sendCommand(false, command, { typeMapping: {} }), overloaded),
      isUp: () => client.isOpen,
      destroy: () => {},
      partial: true,
    };
  };
}

/**
 * A client of the master as a sentinel client sees it now, with the same options. The sentinel client's own `subscribe`
 * would not do: it does not tell when it lost its connection and found another.
 */
export function listenAtShared(
  sentinel: Required<Sentinel>,
  connect: () => Promise<unknown>,
  settings: LinkSettings,
): ListenAtServer {
  const ms = settings.connectTimeoutMs;
  return async (use) => {
    await connectShared(sentinel, connect, ms);
    const master = await withTimeout(
      ms,
      () => sentinel._execute(false, async (client) => client),
      () => timedOut(ms),
    );
    return use(master.duplicate(listeningOptions(master.options?.socket, settings)));
  };
}

/** The client of a host may seek a connection for ever: who waits for it is let go in time, and asks again. */
async function connectShared(client: Sentinel, connect: () => Promise<unknown>, ms: number): Promise<void> {
  if (client.isOpen) return;
  await withTimeout(ms, connect, () => timedOut(ms));
}

/** What `attempt` gives for the first of the things for which it does not reject. */
export async function firstThatWorks<Thing, Result>(
  things: Iterable<Thing>,
  attempt: (thing: Thing) => Promise<Result>,
): Promise<Result> {
  let failure: unknown = new Error('There is no server to connect to.');
  for (const thing of things) {
    try {
      return await attempt(thing);
    } catch (cause) {
      failure = cause;
    }
  }
  throw failure;
}

/** Does what may throw because it was done already, such as the end of a client. */
export function quietly(act: () => void): void {
  try {
    act();
  } catch {
    // It is closed already.
  }
}

function shuffled<Thing>(things: Iterable<Thing>): Thing[] {
  return [...things]
    .map((thing) => ({ thing, rank: Math.random() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ thing }) => thing);
}
