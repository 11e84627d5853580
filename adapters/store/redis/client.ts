import { toPackageError } from '../../shared/import-package.js';

/** A client, cluster client or sentinel client of node-redis 5 (`redis`, `@redis/client`). */
export interface NodeRedisClient {
  readonly isOpen: boolean;
  connect(): Promise<unknown>;
  sendCommand(...args: never[]): Promise<unknown>;
}

/** A `KeyvRedis` of @keyv/redis 5. */
export interface KeyvRedisAdapter {
  readonly client: NodeRedisClient;
  getClient(): Promise<unknown>;
  createKeyPrefix(key: string, namespace?: string): string;
}

/** The members of a node-redis client that the store uses. */
export interface Client extends NodeRedisClient {
  readonly isReady: boolean;
  readonly options?: { readonly socket?: object };
  duplicate(overrides: object): Client;
  connect(): Promise<unknown>;
  sendCommand(command: readonly string[]): Promise<unknown>;
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown>;
  on(event: string, listener: () => void): unknown;
  unref(): void;
  destroy(): void;
}

/** A node of a cluster client; `client` is absent until the node is connected. */
export interface ClusterNode {
  readonly client?: Client;
}

/** The members of a node-redis cluster client that the store uses. `duplicate` reads `_options`. */
export interface Cluster {
  readonly _options?: { readonly defaults?: { readonly socket?: object } };
  readonly isOpen: boolean;
  readonly masters: readonly ClusterNode[];
  /** The master per slot; undefined for a slot that no node serves. */
  readonly slots: readonly ({ readonly master: unknown } | undefined)[];
  nodeClient(node: ClusterNode): Promise<Client>;
  duplicate(overrides: object): Cluster;
  connect(): Promise<unknown>;
  sendCommand(key: string | undefined, isReadonly: boolean, command: readonly string[]): Promise<unknown>;
  on(event: string, listener: (error?: unknown) => void): unknown;
  close(): Promise<void>;
}

/** The members of a node-redis sentinel client that the store uses. */
export interface Sentinel {
  readonly isOpen: boolean;
  connect(): Promise<unknown>;
  /** Calls `run` with the client of the master. */
  _execute?<Result>(isReadonly: boolean, run: (master: Client) => Promise<Result>): Promise<Result>;
  sendCommand(isReadonly: boolean, command: readonly string[], options: object): Promise<unknown>;
  on(event: string, listener: () => void): unknown;
}

/** The functions of @keyv/redis that the store uses for a URL. */
export interface RedisLibrary {
  createClient(options: object): Client;
  createCluster(options: object): Cluster;
}

/** True for a `KeyvRedis`. Checks its members, since the host may have another copy of the package. */
export function isKeyvRedis(value: unknown): value is KeyvRedisAdapter {
  return (
    isObject(value) &&
    typeof value.getClient === 'function' &&
    typeof value.createKeyPrefix === 'function' &&
    isNodeRedis(value.client)
  );
}

/** True for a client, cluster client or sentinel client of node-redis, of any copy of the package. */
export function isNodeRedis(value: unknown): value is NodeRedisClient {
  return (
    isObject(value) &&
    typeof value.isOpen === 'boolean' &&
    typeof value.connect === 'function' &&
    typeof value.sendCommand === 'function' &&
    // node-redis 5 added `destroy`; the store could not close an older client at once.
    ((typeof value.duplicate === 'function' && typeof value.destroy === 'function') ||
      typeof value.getSentinelNode === 'function')
  );
}

/**
 * Loads @keyv/redis.
 *
 * @throws PackageError if the package is missing or cannot be loaded
 */
export async function loadLibrary(): Promise<RedisLibrary> {
  try {
    const { createClient, createCluster } = await import('@keyv/redis');
    return { createClient, createCluster } as unknown as RedisLibrary;
  } catch (cause) {
    throw toPackageError('redisStore', '@keyv/redis', cause);
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
