import { type Client, type Cluster, isKeyvRedis, isNodeRedis, loadLibrary, type Sentinel } from './client.js';
import {
  type BuildClientOptions,
  type ConnectionSettings,
  clusterOptions,
  commandOptions,
  subscriberOptions,
} from './client-options.js';
import type { OpenRedisConnection } from './connection-manager.js';
import { clusterConnection, openSingleConnection, sentinelConnection } from './connections.js';
import { createMasterDiscovery } from './sentinel-discovery.js';
import { clusterSubscriber, sentinelSubscriber, type UseSubscriber } from './subscribers.js';
import { parseRedisUrl, type RedisAddress } from './url.js';

/** Opens the connections of a store. */
export interface ConnectionSource {
  /** Opens a connection for commands. */
  readonly openConnection: OpenRedisConnection;
  /** Creates clients for subscriptions. Absent if the source offers no such client. */
  readonly useSubscriber?: UseSubscriber;
}

type CreateClient = (buildOptions: BuildClientOptions) => Client;

/**
 * Resolves the source of a store. Opens nothing.
 *
 * @throws TypeError for any other value, without repeating it
 */
export function resolveSource(source: unknown, settings: ConnectionSettings): ConnectionSource {
  if (typeof source === 'string') return resolveAddress(parseRedisUrl(source), settings);
  const keyv = isKeyvRedis(source) ? source : undefined;
  const client: unknown = keyv?.client ?? source;
  if (!isNodeRedis(client)) {
    throw new TypeError('redisStore: the source must be a KeyvRedis, a node-redis client or a URL');
  }
  if ('getSentinelNode' in client) {
    const connect = (): Promise<unknown> => (keyv ?? { getClient: () => client.connect() }).getClient();
    return resolveSentinel(client as unknown as Sentinel, connect, settings);
  }
  if ('slots' in client) {
    const cluster = client as unknown as Cluster;
    const defaults = cluster._options?.defaults;
    return resolveCluster(() => cluster.duplicate(clusterOptions(defaults, settings)), settings);
  }
  const single = client as Client;
  return resolveSingle((buildOptions) => single.duplicate(buildOptions(single.options?.socket, settings)), settings);
}

function resolveSingle(createClient: CreateClient, settings: ConnectionSettings): ConnectionSource {
  return {
    openConnection: (onLost) => openSingleConnection(createClient(commandOptions), settings, onLost),
    useSubscriber: (use) => use(createClient(subscriberOptions)),
  };
}

function resolveCluster(createCluster: () => Cluster, settings: ConnectionSettings): ConnectionSource {
  return {
    openConnection: clusterConnection(createCluster, settings),
    useSubscriber: clusterSubscriber(createCluster, settings),
  };
}

function resolveSentinel(
  client: Sentinel,
  connect: () => Promise<unknown>,
  settings: ConnectionSettings,
): ConnectionSource {
  const openConnection = sentinelConnection(client, connect, settings);
  // node-redis does not document `_execute`. In a release without it, the relay polls instead of subscribing.
  return canReachMaster(client)
    ? { openConnection, useSubscriber: sentinelSubscriber(client, connect, settings) }
    : { openConnection };
}

function canReachMaster(sentinel: Sentinel): sentinel is Required<Sentinel> {
  return typeof sentinel._execute === 'function';
}

function resolveAddress(address: RedisAddress, settings: ConnectionSettings): ConnectionSource {
  const { hosts, credentials, database } = address;
  const library = loadLibrary();
  const tls = address.tls ? { ...settings.tls, tls: true } : {};
  const createClient = (host: object, buildOptions: BuildClientOptions, access: object): Client =>
    library.createClient({ ...access, ...buildOptions({ ...host, ...tls }, settings) });

  switch (address.kind) {
    case 'single':
      return resolveSingle(
        (buildOptions) => createClient(hosts[0], buildOptions, { ...credentials, database }),
        settings,
      );
    case 'cluster': {
      const options = clusterOptions({ ...credentials, socket: tls }, settings);
      const createCluster = (): Cluster =>
        library.createCluster({ rootNodes: hosts.map((host) => ({ socket: host })), ...options });
      return resolveCluster(createCluster, settings);
    }
    case 'sentinel': {
      const access = { ...settings.sentinelCredentials, database: 0 };
      const sentinels = hosts.map((host) => () => createClient(host, commandOptions, access));
      const useMaster = createMasterDiscovery(sentinels, address.master, settings.connectTimeoutMs);
      const connectTo =
        (master: object): CreateClient =>
        (buildOptions) =>
          createClient(master, buildOptions, { ...credentials, database });
      return {
        openConnection: (onLost) =>
          useMaster((master) => openSingleConnection(connectTo(master)(commandOptions), settings, onLost)),
        useSubscriber: (use) => useMaster((master) => use(connectTo(master)(subscriberOptions))),
      };
    }
  }
}
