import { createRequire } from 'node:module';

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

/** What we use of a node-redis client. */
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

/** One node as a cluster client knows it, with the client of its connection if there is one. */
export interface ClusterNode {
  readonly client?: Client;
}

/** What we use of a node-redis cluster client. `_options` is where `duplicate` takes them from. */
export interface Cluster {
  readonly _options?: { readonly defaults?: { readonly socket?: object } };
  readonly isOpen: boolean;
  readonly masters: readonly ClusterNode[];
  nodeClient(node: ClusterNode): Promise<Client>;
  duplicate(overrides: object): Cluster;
  connect(): Promise<unknown>;
  sendCommand(key: string | undefined, isReadonly: boolean, command: readonly string[]): Promise<unknown>;
  on(event: string, listener: () => void): unknown;
  close(): Promise<void>;
}

/** What we use of a node-redis sentinel client. */
export interface Sentinel {
  readonly isOpen: boolean;
  connect(): Promise<unknown>;
  /** Runs something on the client of the master. */
  _execute?<Answer>(isReadonly: boolean, run: (master: Client) => Promise<Answer>): Promise<Answer>;
  sendCommand(isReadonly: boolean, command: readonly string[], options: object): Promise<unknown>;
  on(event: string, listener: () => void): unknown;
}

/** The two functions of @keyv/redis that a URL needs. */
export interface Library {
  createClient(options: object): Client;
  createCluster(options: object): Cluster;
}

/** True for a `KeyvRedis`, of whatever copy of the package. */
export function isKeyvRedis(value: unknown): value is KeyvRedisAdapter {
  return (
    isObject(value) &&
    typeof value.getClient === 'function' &&
    typeof value.createKeyPrefix === 'function' &&
    isNodeRedis(value.client)
  );
}

/** True for a client, cluster client or sentinel client of node-redis, of whatever copy of the package. */
export function isNodeRedis(value: unknown): value is NodeRedisClient {
  return (
    isObject(value) &&
    typeof value.isOpen === 'boolean' &&
    typeof value.connect === 'function' &&
    typeof value.sendCommand === 'function' &&
    // `destroy` came with node-redis 5; older clients could not be taken down.
    ((typeof value.duplicate === 'function' && typeof value.destroy === 'function') ||
      typeof value.getSentinelNode === 'function')
  );
}

/** Loads @keyv/redis, at once, so that a relay can be made without waiting. Throws an Error that says how to install it. */
export function loadLibrary(require: (name: string) => unknown = createRequire(import.meta.url)): Library {
  try {
    return require('@keyv/redis') as Library;
  } catch (cause) {
    throw new Error('A Redis URL needs the package @keyv/redis: npm install @keyv/redis', { cause });
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
