import type { ConnectionOptions } from 'node:tls';

/** Settings that the source of a store does not carry. */
export interface ConnectionSettings {
  /** Longest time to connect, in ms. */
  readonly connectTimeoutMs: number;
  /** TLS options of `rediss` URLs. */
  readonly tls?: ConnectionOptions | undefined;
  /** Credentials of the sentinels, if they differ from those of the data nodes. */
  readonly sentinelCredentials?: RedisCredentials | undefined;
}

/** A user of Redis. */
export interface RedisCredentials {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

/** Builds the options of a client from the options of its socket. */
export type BuildClientOptions = (socket: object | undefined, settings: ConnectionSettings) => object;

/** The client pings an idle connection at this interval, in ms, and drops it after twice the time without a reply. */
const PING_INTERVAL_MS = 5000;

/** A client for commands fails at once instead of queueing, and never reads from a cache or a replica. */
export function commandOptions(socket: object | undefined, settings: ConnectionSettings): object {
  return {
    socket: {
      ...socket,
      connectTimeout: settings.connectTimeoutMs,
      socketTimeout: 2 * PING_INTERVAL_MS,
      reconnectStrategy: false, // ConnectionManager opens a new connection instead.
    },
    disableOfflineQueue: true,
    pingInterval: PING_INTERVAL_MS,
    readonly: false,
    clientSideCache: undefined,
    emitInvalidate: false,
    commandOptions: undefined,
    maintNotifications: 'disabled',
    RESP: 2,
  };
}

/** A client that subscribes has no ping timer, which would keep the process alive: the store checks it instead. */
export function subscriberOptions(socket: object | undefined, settings: ConnectionSettings): object {
  const options = { ...socket, connectTimeout: settings.connectTimeoutMs, reconnectStrategy: false };
  return { ...commandOptions(socket, settings), socket: { ...options, socketTimeout: undefined }, pingInterval: 0 };
}

export function clusterOptions(
  defaults: { readonly socket?: object } | undefined,
  settings: ConnectionSettings,
): object {
  return {
    defaults: { ...defaults, ...commandOptions(defaults?.socket, settings) },
    useReplicas: false,
    minimizeConnections: true, // Otherwise one failed node makes the whole cluster unusable.
    clientSideCache: undefined,
    commandOptions: undefined,
    RESP: 2,
  };
}
