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
import {
  duplicateIoredis,
  duplicateIoredisCluster,
  type IoredisClient,
  isIoredis,
  isIoredisCluster,
  isKeyvValkey,
} from './ioredis.js';
import { isOutdatedKeyvRedis, isOutdatedNodeRedis } from './outdated.js';
import { createMasterDiscovery } from './sentinel-discovery.js';
import { clusterSubscriber, sentinelSubscriber, type UseSubscriber } from './subscribers.js';
import type { RedisAddress } from './url.js';

/** Opens the connections of a store. */
export interface ConnectionSource {
  /** Opens a connection for commands. */
  readonly openConnection: OpenRedisConnection;
  /** Creates clients for subscriptions. Absent if the source offers no such client. */
  readonly useSubscriber?: UseSubscriber;
}

/** Creates a client; for a URL after the package was loaded. */
type CreateClient = (buildOptions: BuildClientOptions) => Promise<Client>;

/**
 * Resolves the source of a store. Opens nothing.
 *
 * @throws TypeError for any other value, without repeating it
 */
export function resolveSource(source: unknown, settings: ConnectionSettings): ConnectionSource {
  const keyv = isKeyvRedis(source) ? source : undefined;
  const client: unknown = keyv?.client ?? (isKeyvValkey(source) ? source.redis : source);
  if (isIoredis(client)) return resolveIoredis(client, settings);
  if (!isNodeRedis(client)) throw new TypeError(`redisStore: ${describeWrongSource(source)}`);
  if ('getSentinelNode' in client) {
    const connect = (): Promise<unknown> => (keyv ?? { getClient: () => client.connect() }).getClient();
    return resolveSentinel(client as unknown as Sentinel, connect, settings);
  }
  if ('slots' in client) {
    const cluster = client as unknown as Cluster;
    const defaults = cluster._options?.defaults;
    return resolveCluster(async () => cluster.duplicate(clusterOptions(defaults, settings)), settings);
  }
  const single = client as Client;
  return resolveSingle(
    async (buildOptions) => single.duplicate(buildOptions(single.options?.socket, settings)),
    settings,
  );
}

function describeWrongSource(source: unknown): string {
  if (isOutdatedKeyvRedis(source)) return OUTDATED_KEYV_REDIS;
  if (isOutdatedNodeRedis(source)) return 'this client is of an older node-redis; update redis to 5, or pass the URL';
  if (source === undefined)
    return 'the source is undefined; if it comes from an environment variable, set the variable';
  return 'the source must be a URL, a KeyvRedis, a KeyvValkey, or a client of node-redis 5, ioredis or iovalkey';
}

/** The message for a `KeyvRedis` of @keyv/redis 2 to 4. */
const OUTDATED_KEYV_REDIS =
  'this KeyvRedis is too old; it needs @keyv/redis 5.1.6 or later (npm install @keyv/redis@latest), or pass the URL of ' +
  'Redis to redisStore or storeFromUrl';

function resolveIoredis(client: IoredisClient, settings: ConnectionSettings): ConnectionSource {
  return isIoredisCluster(client)
    ? resolveCluster(async () => duplicateIoredisCluster(client, settings), settings)
    : resolveSingle(async () => duplicateIoredis(client, settings), settings);
}

function resolveSingle(createClient: CreateClient, settings: ConnectionSettings): ConnectionSource {
  return {
    openConnection: async (onLost) => openSingleConnection(await createClient(commandOptions), settings, onLost),
    useSubscriber: async (use) => use(await createClient(subscriberOptions)),
  };
}

function resolveCluster(createCluster: () => Promise<Cluster>, settings: ConnectionSettings): ConnectionSource {
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

/** Resolves the address in a URL. */
export function resolveAddress(address: RedisAddress, settings: ConnectionSettings): ConnectionSource {
  const { hosts, credentials, database, clientName, family } = address;
  const socket = {
    ...(family === undefined ? {} : { family }),
    ...(address.tls ? { ...settings.tls, tls: true } : {}),
  };
  const access = { ...credentials, ...(clientName === undefined ? {} : { name: clientName }) };
  const createClient = async (host: object, buildOptions: BuildClientOptions, options: object): Promise<Client> =>
    (await loadLibrary()).createClient({ ...options, ...buildOptions({ ...host, ...socket }, settings) });

  switch (address.kind) {
    case 'single':
      return resolveSingle((buildOptions) => createClient(hosts[0], buildOptions, { ...access, database }), settings);
    case 'cluster': {
      const options = clusterOptions({ ...access, socket }, settings);
      const rootNodes = hosts.map((host) => ({ socket: host }));
      return resolveCluster(async () => (await loadLibrary()).createCluster({ rootNodes, ...options }), settings);
    }
    case 'sentinel': {
      const sentinelAccess = { ...settings.sentinelCredentials, database: 0 };
      const sentinels = hosts.map((host) => () => createClient(host, commandOptions, sentinelAccess));
      const useMaster = createMasterDiscovery(sentinels, address.master, settings.connectTimeoutMs);
      const connectTo =
        (master: object): CreateClient =>
        (buildOptions) =>
          createClient(master, buildOptions, { ...access, database });
      return {
        openConnection: (onLost) =>
          useMaster(async (master) => openSingleConnection(await connectTo(master)(commandOptions), settings, onLost)),
        useSubscriber: (use) => useMaster(async (master) => use(await connectTo(master)(subscriberOptions))),
      };
    }
  }
}
