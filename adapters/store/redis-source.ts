import type { ConnectionOptions } from 'node:tls';
import {
  type Client,
  type Cluster,
  isKeyvRedis,
  isNodeRedis,
  type Library,
  loadLibrary,
  type Sentinel,
} from './redis-client.js';
import { replyCode } from './redis-errors.js';
import { type OpenLink, within } from './redis-link.js';
import { parseRedisUrl, type RedisAddress } from './redis-url.js';

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

/** An idle connection is tried this often, in ms, and given up after twice the time without a sign of life. */
const PING_INTERVAL = 5000;

/** How to open a link to what `source` names. Opens nothing. Throws a TypeError for what is no source. */
export function linkOpener(source: unknown, settings: LinkSettings): OpenLink {
  if (typeof source === 'string') return openerOfUrl(parseRedisUrl(source), loadLibrary(), settings);
  const keyv = isKeyvRedis(source) ? source : undefined;
  const client: unknown = keyv?.client ?? source;
  if (!isNodeRedis(client)) {
    throw new TypeError('redisStore: the source must be a KeyvRedis, a node-redis client or a URL');
  }
  if ('getSentinelNode' in client) {
    return openShared(client as unknown as Sentinel, () => (keyv ?? { getClient: () => client.connect() }).getClient());
  }
  if ('slots' in client) {
    const cluster = client as unknown as Cluster;
    const defaults = cluster._options?.defaults;
    return openCluster(() => cluster.duplicate(clusterOptions(defaults, settings)), settings);
  }
  const single = client as Client;
  return openSingle(() => single.duplicate(clientOptions(single.options?.socket, settings)), settings);
}

/** Options that make a client fail at once instead of queueing, and never read from a cache or a replica. */
function clientOptions(socket: object | undefined, settings: LinkSettings): object {
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

function clusterOptions(defaults: { readonly socket?: object } | undefined, settings: LinkSettings): object {
  return {
    defaults: { ...defaults, ...clientOptions(defaults?.socket, settings) },
    useReplicas: false,
    minimizeConnections: true, // Else one node that is down keeps the whole cluster from being used.
    clientSideCache: undefined,
    commandOptions: undefined,
    RESP: 2,
  };
}

function openSingle(make: () => Client, settings: LinkSettings): OpenLink {
  return async (lost) => {
    const client = make();
    const destroy = (): void => quietly(() => client.destroy());
    client.on('error', () => {
      if (!client.isReady) lost();
    });
    try {
      await within(
        settings.connectTimeoutMs,
        client.connect().then(() => demandMaster(client)),
      );
    } catch (cause) {
      destroy();
      throw cause;
    }
    return {
      send: (_key, command) => client.sendCommand(command),
      isUp: () => client.isReady,
      destroy,
      partial: false,
    };
  };
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

function openCluster(make: () => Cluster, settings: LinkSettings): OpenLink {
  return async (lost) => {
    const cluster = make();
    const destroy = (): void => {
      // The cluster's own destroy() stops at the first node that is closed already, and leaves the rest open.
      for (const { client } of cluster.masters) quietly(() => client?.destroy());
      cluster.close().catch(() => {});
    };
    cluster.on('error', () => {}); // Each failed attempt to discover; the calls tell.
    cluster.on('node-error', lost);
    try {
      await within(settings.connectTimeoutMs, cluster.connect());
    } catch (cause) {
      destroy();
      throw cause;
    }
    return {
      send: (key, command) => cluster.sendCommand(key, false, command),
      isUp: () => cluster.isOpen,
      destroy,
      partial: true,
    };
  };
}

/** A sentinel client keeps its options to itself, so it cannot be duplicated: the host's own is used, and never closed. */
function openShared(client: Sentinel, connect: () => Promise<unknown>): OpenLink {
  client.on('error', () => {});
  return async () => {
    if (!client.isOpen) await connect();
    return {
      send: (_key, command) => client.sendCommand(false, command, { typeMapping: {} }),
      isUp: () => client.isOpen,
      destroy: () => {},
      partial: true,
    };
  };
}

function openerOfUrl(address: RedisAddress, library: Library, settings: LinkSettings): OpenLink {
  const { hosts, credentials, database } = address;
  const tls = address.tls ? { ...settings.tls, tls: true } : {};
  const node = (host: object, user: Credentials = credentials, db = database): Client =>
    library.createClient({
      ...user,
      database: db,
      ...clientOptions({ ...host, ...tls }, settings),
    });
  const [first] = hosts;
  switch (address.kind) {
    case 'single':
      return openSingle(() => node(first), settings);
    case 'cluster': {
      const options = clusterOptions({ ...credentials, socket: tls }, settings);
      return openCluster(
        () => library.createCluster({ rootNodes: hosts.map((host) => ({ socket: host })), ...options }),
        settings,
      );
    }
    case 'sentinel': {
      let turn = 0;
      return async (lost) => {
        let failure: unknown;
        for (const [index] of hosts.entries()) {
          // Another sentinel begins each time: one that is cut off may still name the master of yesterday.
          const host = hosts[(turn + index) % hosts.length] ?? first;
          try {
            const master = await askSentinel(
              node(host, settings.sentinelCredentials ?? {}, 0),
              address.master,
              settings,
            );
            return await openSingle(() => node(master), settings)(lost);
          } catch (cause) {
            failure = cause;
          }
        }
        turn += 1;
        throw failure;
      };
    }
  }
}

/** Where the master is, by one sentinel. */
async function askSentinel(
  sentinel: Client,
  master: string,
  settings: LinkSettings,
): Promise<{ host: string; port: number }> {
  sentinel.on('error', () => {});
  try {
    const asked = sentinel.connect().then(() => sentinel.sendCommand(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', master]));
    const answer = await within(settings.connectTimeoutMs, asked);
    if (!Array.isArray(answer)) throw new Error('The sentinel knows no master of this name.');
    return { host: String(answer[0]), port: Number(answer[1]) };
  } finally {
    quietly(() => sentinel.destroy());
  }
}

function quietly(act: () => void): void {
  try {
    act();
  } catch {
    // It is closed already.
  }
}
