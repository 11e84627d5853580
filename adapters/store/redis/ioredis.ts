import type { Client, Cluster, ClusterNode } from './client.js';
import type { ConnectionSettings } from './client-options.js';

/** A client or cluster client of ioredis 5 or iovalkey 0.3. */
export interface IoredisClient {
  readonly status: string;
  connect(): Promise<unknown>;
  call(...args: never[]): Promise<unknown>;
  duplicate(...args: never[]): unknown;
  disconnect(...args: never[]): void;
}

/** A `KeyvValkey` of @keyv/valkey 1. */
export interface KeyvValkeyAdapter {
  /** The client. @keyv/valkey declares `any`. */
  readonly redis: unknown;
  readonly opts: object;
}

/** The members of a client of one server that the store uses. */
interface Ioredis {
  readonly status: string;
  readonly stream?: { unref(): void };
  connect(): Promise<unknown>;
  call(command: string, ...args: string[]): Promise<unknown>;
  duplicate(overrides: object): Ioredis;
  subscribe(channel: string): Promise<unknown>;
  disconnect(): void;
  on(event: string, listener: (...args: unknown[]) => void): unknown;
}

/** The members of a cluster client that the store uses. */
interface IoredisCluster extends Omit<Ioredis, 'duplicate' | 'stream'> {
  readonly options: { readonly redisOptions?: object };
  /** The addresses per slot, the master first. */
  readonly slots: readonly (readonly string[] | undefined)[];
  nodes(role: 'master'): Ioredis[];
  duplicate(startupNodes: readonly [], overrides: object): IoredisCluster;
}

/** True for a client or cluster client of ioredis or iovalkey, of any copy of the package. */
export function isIoredis(value: unknown): value is IoredisClient {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof Reflect.get(value, 'status') === 'string' &&
    ['call', 'connect', 'duplicate', 'disconnect'].every((name) => typeof Reflect.get(value, name) === 'function')
  );
}

/** True for a `KeyvValkey`, whose client is one of iovalkey. False for the older `KeyvRedis`, which looks alike. */
export function isKeyvValkey(value: unknown): value is KeyvValkeyAdapter {
  return holdsIoredis(value) && value.constructor.name !== 'KeyvRedis';
}

/** True for a `KeyvRedis` of @keyv/redis 2 or 3, which hold a client of ioredis. */
export function isIoredisKeyvRedis(value: unknown): boolean {
  return holdsIoredis(value) && value.constructor.name === 'KeyvRedis';
}

function holdsIoredis(value: unknown): value is KeyvValkeyAdapter {
  return typeof value === 'object' && value !== null && 'opts' in value && 'redis' in value && isIoredis(value.redis);
}

export function isIoredisCluster(client: IoredisClient): boolean {
  return Reflect.get(client, 'isCluster') === true;
}

/** Duplicates a client of the host as a `Client`: with its address and credentials, and the settings of the store. */
export function duplicateIoredis(client: IoredisClient, settings: ConnectionSettings): Client {
  return new ClientOfIoredis((client as unknown as Ioredis).duplicate(buildOptions(settings)));
}

export function duplicateIoredisCluster(client: IoredisClient, settings: ConnectionSettings): Cluster {
  const cluster = client as unknown as IoredisCluster;
  return new ClusterOfIoredis(
    cluster.duplicate([], {
      ...COMMON_OPTIONS,
      clusterRetryStrategy: () => null,
      scaleReads: 'master',
      // ConnectionManager and the relay decide about another attempt; ioredis would spend seconds on its own.
      retryDelayOnClusterDown: 0,
      retryDelayOnFailover: 0,
      slotsRefreshTimeout: settings.connectTimeoutMs,
      redisOptions: { ...cluster.options.redisOptions, ...buildOptions(settings) },
    }),
    settings,
  );
}

const COMMON_OPTIONS = {
  lazyConnect: true,
  enableOfflineQueue: false,
  enableReadyCheck: false, // It calls INFO, for which the user may have no right; ROLE reports a server that loads.
  enableAutoPipelining: false,
  keyPrefix: '',
};

function buildOptions(settings: ConnectionSettings): object {
  return {
    ...COMMON_OPTIONS,
    connectTimeout: settings.connectTimeoutMs,
    commandTimeout: undefined,
    retryStrategy: () => null, // ConnectionManager opens a new connection instead.
    sentinelRetryStrategy: () => null,
    reconnectOnError: null,
    maxRetriesPerRequest: 0,
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
    role: 'master',
    readOnly: false,
    stringNumbers: false,
    protocol: 2,
  };
}

class ClientOfIoredis implements Client {
  readonly #client: Ioredis;
  #failure: unknown;

  constructor(client: Ioredis) {
    this.#client = client;
    // `connect` rejects with "Connection is closed", and only the event holds the reason.
    client.on('error', (error) => {
      this.#failure = error;
    });
  }

  get isOpen(): boolean {
    return !['wait', 'end'].includes(this.#client.status);
  }

  get isReady(): boolean {
    return this.#client.status === 'ready';
  }

  duplicate(overrides: { readonly ioredis?: object }): Client {
    return new ClientOfIoredis(this.#client.duplicate(overrides.ioredis ?? {}));
  }

  async connect(): Promise<void> {
    try {
      await this.#client.connect();
    } catch (cause) {
      throw this.#failure ?? cause;
    }
  }

  async sendCommand([name = '', ...args]: readonly string[]): Promise<unknown> {
    let reply: unknown;
    try {
      reply = await this.#client.call(name, ...args);
    } catch (cause) {
      throw this.isReady ? cause : (this.#failure ?? cause);
    }
    // ioredis sends AUTH and SELECT without waiting. After a refusal the server answers as the default user.
    if (this.#failure !== undefined) throw this.#failure;
    return reply;
  }

  async subscribe(channel: string, listener: (message: string) => void): Promise<void> {
    this.#client.on('message', (_channel, message) => listener(String(message)));
    await this.#client.subscribe(channel);
  }

  on(event: string, listener: () => void): void {
    this.#client.on(event, listener);
    // ioredis emits no error when the server ends the connection.
    if (event === 'error') this.#client.on('end', listener);
  }

  unref(): void {
    this.#client.on('connect', () => this.#client.stream?.unref());
  }

  destroy(): void {
    this.#client.disconnect();
  }
}

class ClusterOfIoredis implements Cluster {
  readonly #cluster: IoredisCluster;
  readonly #settings: ConnectionSettings;
  #failure: unknown;

  constructor(cluster: IoredisCluster, settings: ConnectionSettings) {
    this.#cluster = cluster;
    this.#settings = settings;
    cluster.on('node error', (error) => {
      this.#failure = error;
    });
  }

  get isOpen(): boolean {
    return this.#cluster.status === 'ready';
  }

  get masters(): ClusterNode[] {
    return this.#cluster.nodes('master').map((client) => ({ client: new ClientOfIoredis(client) }));
  }

  get slots(): ({ readonly master: unknown } | undefined)[] {
    return this.#cluster.slots.map((addresses) => addresses && { master: addresses[0] });
  }

  async nodeClient(node: ClusterNode): Promise<Client> {
    const client = node.client?.duplicate({ ioredis: buildOptions(this.#settings) });
    if (client === undefined) throw new Error('The cluster has no such node.');
    return client;
  }

  duplicate(): Cluster {
    throw new Error('The store duplicates the client of the host instead.');
  }

  async connect(): Promise<void> {
    try {
      await this.#cluster.connect();
    } catch (cause) {
      // The last of the nodes that were asked for the slots.
      const asked =
        typeof cause === 'object' && cause !== null && 'lastNodeError' in cause ? cause.lastNodeError : undefined;
      throw asked ?? this.#failure ?? cause;
    }
  }

  sendCommand(
    _key: string | undefined,
    _isReadonly: boolean,
    [name = '', ...args]: readonly string[],
  ): Promise<unknown> {
    return this.#cluster.call(name, ...args);
  }

  on(event: string, listener: (error?: unknown) => void): void {
    this.#cluster.on(event === 'node-error' ? 'node error' : event, listener);
  }

  async close(): Promise<void> {
    this.#cluster.disconnect();
  }
}
