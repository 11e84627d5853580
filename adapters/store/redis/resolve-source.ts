import { withTimeout } from '../../../src/relay/time.js';
import {
  type Client,
  type Cluster,
  isKeyvRedis,
  isNodeRedis,
  type Library,
  loadLibrary,
  type Sentinel,
} from './client.js';
import type { OpenLink } from './connection-manager.js';
import {
  type Credentials,
  clusterOptions,
  commandOptions,
  firstThatWorks,
  type LinkSettings,
  type ListenAtServer,
  listenAtCluster,
  listenAtShared,
  listeningOptions,
  openClient,
  openCluster,
  openShared,
  quietly,
} from './connections.js';
import { timedOut } from './errors.js';
import { parseRedisUrl, type RedisAddress } from './url.js';

export type { Credentials } from './connections.js';

/** What a source gives. */
export interface RedisSource {
  /** Opens a link for commands. */
  readonly open: OpenLink;
  /** Clients for listening. Absent if there is no way to one. */
  readonly listen?: ListenAtServer;
}

/** How to connect to what `source` names. Opens nothing. Throws a TypeError for what is no source. */
export function readSource(source: unknown, settings: LinkSettings): RedisSource {
  if (typeof source === 'string') return sourceOfUrl(parseRedisUrl(source), loadLibrary(), settings);
  const keyv = isKeyvRedis(source) ? source : undefined;
  const client: unknown = keyv?.client ?? source;
  if (!isNodeRedis(client)) {
    throw new TypeError('redisStore: the source must be a KeyvRedis, a node-redis client or a URL');
  }
  if ('getSentinelNode' in client) {
    const sentinel = client as unknown as Sentinel;
    const connect = (): Promise<unknown> => (keyv ?? { getClient: () => client.connect() }).getClient();
    const open = openShared(sentinel, connect, settings);
    // The way to its options is not a documented one; should it be gone, long polls look now and then.
    return hasWayToMaster(sentinel) ? { open, listen: listenAtShared(sentinel, connect, settings) } : { open };
  }
  if ('slots' in client) {
    const cluster = client as unknown as Cluster;
    const defaults = cluster._options?.defaults;
    const make = (): Cluster => cluster.duplicate(clusterOptions(defaults, settings));
    return { open: openCluster(make, settings), listen: listenAtCluster(make, settings) };
  }
  const single = client as Client;
  const like = (options: typeof commandOptions): Client => single.duplicate(options(single.options?.socket, settings));
  return {
    open: (lost) => openClient(like(commandOptions), settings, lost),
    listen: (use) => use(like(listeningOptions)),
  };
}

function hasWayToMaster(sentinel: Sentinel): sentinel is Required<Sentinel> {
  return typeof sentinel._execute === 'function';
}

function sourceOfUrl(address: RedisAddress, library: Library, settings: LinkSettings): RedisSource {
  const { hosts, credentials } = address;
  const tls = address.tls ? { ...settings.tls, tls: true } : {};
  const node = (
    host: object,
    options: typeof commandOptions,
    user: Credentials = credentials,
    database = address.database,
  ): Client => library.createClient({ ...user, database, ...options({ ...host, ...tls }, settings) });

  switch (address.kind) {
    case 'single':
      return {
        open: (lost) => openClient(node(hosts[0], commandOptions), settings, lost),
        listen: (use) => use(node(hosts[0], listeningOptions)),
      };
    case 'cluster': {
      const options = clusterOptions({ ...credentials, socket: tls }, settings);
      const make = (): Cluster =>
        library.createCluster({ rootNodes: hosts.map((host) => ({ socket: host })), ...options });
      return { open: openCluster(make, settings), listen: listenAtCluster(make, settings) };
    }
    case 'sentinel': {
      const sentinel = (host: object): Client => node(host, commandOptions, settings.sentinelCredentials ?? {}, 0);
      return sentinelSource(
        hosts.map((host) => () => sentinel(host)),
        address.master,
        node,
        settings,
      );
    }
  }
}

/** Asks one sentinel after another where the master is, until one leads to a master that can be used. */
function sentinelSource(
  sentinels: readonly (() => Client)[],
  name: string,
  node: (host: object, options: typeof commandOptions) => Client,
  settings: LinkSettings,
): RedisSource {
  let turn = 0;
  async function atMaster<Result>(use: (master: object) => Promise<Result>): Promise<Result> {
    const order = [...sentinels.slice(turn), ...sentinels.slice(0, turn)];
    try {
      return await firstThatWorks(order, async (sentinel) => use(await askSentinel(sentinel(), name, settings)));
    } catch (cause) {
      // Another sentinel begins each time: one that is cut off may still name the master of yesterday.
      turn = (turn + 1) % sentinels.length;
      throw cause;
    }
  }
  return {
    open: (lost) => atMaster((master) => openClient(node(master, commandOptions), settings, lost)),
    listen: (use) => atMaster((master) => use(node(master, listeningOptions))),
  };
}

/** Where the master is, by one sentinel. */
async function askSentinel(
  sentinel: Client,
  master: string,
  settings: LinkSettings,
): Promise<{ host: string; port: number }> {
  const ms = settings.connectTimeoutMs;
  sentinel.on('error', () => {});
  const ask = async (): Promise<unknown> => {
    await sentinel.connect();
    return sentinel.sendCommand(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', master]);
  };
  try {
    const answer = await withTimeout(ms, ask, () => timedOut(ms));
    if (!Array.isArray(answer)) throw new Error('The sentinel knows no master of this name.');
    return { host: String(answer[0]), port: Number(answer[1]) };
  } finally {
    quietly(() => sentinel.destroy());
  }
}
