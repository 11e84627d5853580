import { withTimeout } from '../../../src/relay/time.js';
import {
  destroySocket,
  getConnectingClients,
  ignoreErrorEvents,
  type PgModule,
  type PostgresClient,
  type PostgresPool,
  type PostgresSubscriber,
} from './driver.js';

/** Longest time of a call, in ms, with the wait for a connection. After a time-out the outcome is unknown. */
export const CALL_TIMEOUT_MS = 2_000;

/** Time in ms in which a server must answer on a new connection. */
const TRIAL_TIMEOUT_MS = 1_000;

/** The process ids of the sessions of a server that run a statement. */
export type BusySessions = ReadonlySet<number>;

/** Opens connections to the server: pooled ones for statements, and separate ones for subscriptions. */
export interface Connections {
  connect(): Promise<PostgresClient>;
  /** Creates a client that is not connected. Undefined if a Pool of the host does not expose its options. */
  readonly createClient: (() => Promise<PostgresSubscriber>) | undefined;
  /**
   * Tries the server on a new connection. The connection is not of the pool, whose connections may all be busy with
   * statements that get no answer. Resolves to the process ids of the sessions that run a statement, or to `undefined`
   * if the server does not answer. Resolves to an empty set without a trial if a Pool does not expose its options.
   */
  tryServer(): Promise<BusySessions | undefined>;
  /** The clients of the pool that the server has not accepted yet. */
  getConnecting(): readonly object[];
  /** Calls `listener` with each new client of the pool. */
  onConnect(listener: (client: PostgresClient) => void): void;
  /** Ends the pool, unless the pool is the host's. */
  end(): Promise<void>;
}

/** Uses the pool of a host. */
export function borrowConnections(pool: PostgresPool): Connections {
  ignoreErrorEvents(pool);
  const emitter = pool as unknown as NodeJS.EventEmitter;
  const listeners: ((client: PostgresClient) => void)[] = [];
  const createClient = getClientFactory(pool);
  return {
    connect: () => pool.connect(),
    createClient,
    tryServer: async () =>
      createClient === undefined ? new Set() : tryClient(createClient).then(readBusySessions, () => undefined),
    getConnecting: () => getConnectingClients(pool),
    onConnect(listener) {
      listeners.push(listener);
      emitter.on('connect', listener);
    },
    async end() {
      for (const listener of listeners) emitter.removeListener?.('connect', listener);
    },
  };
}

/**
 * Returns a function that creates a client with the options of the pool, outside of the pool; `undefined` if the pool
 * exposes no options. The store does not borrow a client for good: a pool of size 1 would have no client left, and
 * `end` of the host's pool would wait for the client.
 */
function getClientFactory(pool: PostgresPool): Connections['createClient'] {
  const Client: unknown = Reflect.get(pool, 'Client');
  const options: unknown = Reflect.get(pool, 'options');
  if (typeof Client !== 'function' || typeof options !== 'object' || options === null) return undefined;
  // Pools make the password not enumerable, so a spread would lose it.
  const ownOptions = Object.defineProperties({}, Object.getOwnPropertyDescriptors(options));
  Object.assign(ownOptions, { keepAlive: true, connectionTimeoutMillis: CALL_TIMEOUT_MS });
  return async () => new (Client as PgModule['Client'])(ownOptions);
}

/** Text, since a host may have set another parser for arrays. */
const TRIAL_TEXT = `select current_setting('transaction_read_only') as transaction_read_only,
  (select string_agg(pid::text, ',') from pg_catalog.pg_stat_activity where state = 'active') as busy`;

export function readBusySessions(result: unknown): BusySessions {
  const { rows } = result as { readonly rows: readonly { readonly busy: string }[] };
  return new Set(rows[0]?.busy.split(',').map(Number));
}

/** Asks the server for its state on a connection of its own, and closes the connection. */
export async function tryClient(createClient: () => Promise<PostgresSubscriber>): Promise<unknown> {
  const client = await createClient();
  client.on('error', () => {});
  client.unref?.();
  try {
    return await withTimeout(TRIAL_TIMEOUT_MS, async () => {
      await client.connect();
      client.unref?.(); // Once more: with TLS the client has another socket now.
      return client.query({ text: TRIAL_TEXT });
    });
  } finally {
    void withTimeout(CALL_TIMEOUT_MS, () => client.end()).catch(() => destroySocket(client));
  }
}
