import { type BusySessions, CALL_TIMEOUT_MS, type Connections, readBusySessions, tryClient } from './connections.js';
import {
  getConnectingClients,
  ignoreErrorEvents,
  loadPg,
  type PgModule,
  type PostgresClient,
  type PostgresPool,
  type PostgresSubscriber,
} from './driver.js';
import { PostgresFailure, toPostgresFailure } from './errors.js';
import type { PostgresAddress } from './url.js';

/** The server cancels a longer statement, in ms, and undoes it: its outcome is then known. */
const STATEMENT_TIMEOUT_MS = 1_500;

/** Time in ms to find the right one of several servers. */
const SEARCH_TIMEOUT_MS = 1_800;

/** Time without traffic after which the kernel probes a connection, in ms: ten probes, one per second. */
const KEEP_ALIVE_DELAY_MS = 10_000;

/** The configuration of a pool that the store opens. */
export interface ConnectionSettings {
  readonly addresses: readonly PostgresAddress[];
  /** Options of `pg`. */
  readonly client: Readonly<Record<string, unknown>>;
  readonly poolSize: number;
  /** False behind a transaction-mode pooler, which rejects start-up parameters such as `statement_timeout`. */
  readonly prepare: boolean;
  readonly connectTimeoutMs: number | undefined;
  /** True: TLS is used if the server offers it. */
  readonly isTlsOptional: boolean;
  /** True: a new connection to a server that accepts no writes is closed, and the next server tried. */
  readonly requiresWrites: boolean;
}

/** Opens an own pool at the first call: creating a store is cheap, and never fails for a missing package. */
export class OwnConnections implements Connections {
  readonly #settings: ConnectionSettings;
  readonly #listeners: ((client: PostgresClient) => void)[] = [];
  #addressIndex = 0;
  #isTlsRefused = false;
  #module: Promise<PgModule> | undefined;
  #pool: PostgresPool | undefined;
  #isEnded = false;

  constructor(settings: ConnectionSettings) {
    this.#settings = settings;
  }

  /** Tries each server once, beginning with the one that worked last. */
  async connect(): Promise<PostgresClient> {
    const pool = this.#pool ?? (await this.#openPool());
    const attempts = this.#settings.addresses.length + (this.#settings.isTlsOptional ? 1 : 0);
    for (let attempt = 1; ; attempt += 1) {
      const index = this.#addressIndex;
      try {
        return await pool.connect();
      } catch (error) {
        if (attempt >= attempts || !this.#prepareNextAttempt(toPostgresFailure(error), error, index)) throw error;
      }
    }
  }

  readonly createClient = async (): Promise<PostgresSubscriber> => {
    const { Client } = await this.#load();
    return new Client(this.#getClientOptions());
  };

  /** Tries each server, and selects the one that answers. */
  async tryServer(): Promise<BusySessions | undefined> {
    const { addresses } = this.#settings;
    for (let attempt = 1; ; attempt += 1) {
      const index = this.#addressIndex;
      try {
        const result = await tryClient(this.createClient);
        if (this.#needsWritable && !isWritable(result)) throw new PostgresFailure('25006');
        return readBusySessions(result);
      } catch (error) {
        if (attempt >= addresses.length || !this.#prepareNextAttempt(toPostgresFailure(error), error, index))
          return undefined;
      }
    }
  }

  get #needsWritable(): boolean {
    return this.#settings.requiresWrites && this.#settings.addresses.length > 1;
  }

  getConnecting(): readonly object[] {
    return this.#pool === undefined ? [] : getConnectingClients(this.#pool);
  }

  onConnect(listener: (client: PostgresClient) => void): void {
    this.#listeners.push(listener);
  }

  async end(): Promise<void> {
    this.#isEnded = true;
    await this.#pool?.end();
  }

  /** Returns false if another attempt would fail the same way. `index` is the server that failed. */
  #prepareNextAttempt({ code }: PostgresFailure, error: unknown, index: number): boolean {
    if (code === 'POSTGRES_NO_TLS' && this.#settings.isTlsOptional) {
      this.#isTlsRefused = true;
      return true;
    }
    const { length } = this.#settings.addresses;
    // A full pool says nothing about the server.
    if (length === 1 || isPoolTimeout(error) || !OTHER_SERVER_CODES.test(code)) return false;
    if (this.#addressIndex === index) this.#addressIndex = (index + 1) % length;
    return true;
  }

  #load(): Promise<PgModule> {
    this.#module ??= loadPg().catch((error: unknown) => {
      this.#module = undefined; // The next call tries again.
      throw error;
    });
    return this.#module;
  }

  async #openPool(): Promise<PostgresPool> {
    const { Pool, Client } = await this.#load();
    if (this.#isEnded) throw new PostgresFailure('POSTGRES_CLOSED');
    if (this.#pool !== undefined) return this.#pool;
    const { client, poolSize } = this.#settings;
    const getOptions = (): object => this.#getClientOptions();
    const pool = new Pool({
      idleTimeoutMillis: 30_000,
      allowExitOnIdle: true, // Idle connections do not keep the process alive.
      ...client,
      connectionTimeoutMillis: CALL_TIMEOUT_MS,
      max: poolSize,
      // The pool constructs its clients with options of its own; the server may be another one each time.
      Client: function createClient() {
        return new Client(getOptions());
      },
      ...(this.#needsWritable ? { verify: assertWritable } : {}),
    });
    const emitter = ignoreErrorEvents(pool) as unknown as NodeJS.EventEmitter;
    emitter.on('connect', (connected: PostgresClient) => {
      for (const listener of this.#listeners) listener(connected);
    });
    this.#pool = pool;
    return pool;
  }

  #getClientOptions(): object {
    const { addresses, client, prepare, connectTimeoutMs } = this.#settings;
    const longest = addresses.length === 1 ? CALL_TIMEOUT_MS : SEARCH_TIMEOUT_MS / addresses.length;
    return {
      ...(prepare ? { statement_timeout: STATEMENT_TIMEOUT_MS } : {}),
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MS,
      fallback_application_name: 'credential-relay',
      ...client,
      ...addresses[this.#addressIndex],
      ...(this.#isTlsRefused ? { ssl: false } : {}),
      connectionTimeoutMillis: Math.min(connectTimeoutMs ?? longest, longest),
    };
  }
}

/** Failures of one server that say nothing about the others: no connection, a standby, starting, stopping or full. */
const OTHER_SERVER_CODES =
  /^(?:E[A-Z_]+|CERT_.*|ERR_.*|57P0[123]|25006|53300|POSTGRES_TIMEOUT|POSTGRES_CONNECTION_LOST)$/;

function isPoolTimeout(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('timeout exceeded when trying to connect');
}

type Verified = (error?: Error) => void;

/** A hook of `pg-pool` for new connections. */
function assertWritable(client: PostgresClient, callback: Verified): void {
  client.query({ text: READ_ONLY_QUERY }).then(
    (rows) => callback(isWritable(rows) ? undefined : new PostgresFailure('25006')),
    (error: unknown) => callback(toPostgresFailure(error)),
  );
}

/** On on a standby. */
const READ_ONLY_QUERY = 'show transaction_read_only';

function isWritable(result: unknown): boolean {
  const { rows } = result as { readonly rows: readonly { readonly transaction_read_only: string }[] };
  return rows[0]?.transaction_read_only === 'off';
}
