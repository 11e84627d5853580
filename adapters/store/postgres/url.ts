import { assertNoPlaceholder, parseUrlParameters } from '../url-parameters.js';
import { resolveTls, type TlsSettings } from './tls.js';
import { PARAMETERS, type PostgresUrlParameters } from './url-query.js';

/** The host of a server. An absent member has the value of the environment (PGHOST, PGPORT), or the default. */
export interface PostgresAddress {
  /** A name, an address, or the folder of a Unix socket. */
  readonly host?: string;
  readonly port?: number;
}

/** The contents of a URL. An absent member was not in the URL. */
export interface PostgresUrl {
  /** One or more, in the order in which the store tries them. */
  readonly addresses: readonly PostgresAddress[];
  /** Options of a `pg` client: user, password, database and more. */
  readonly client: Readonly<Record<string, unknown>>;
  readonly tls: TlsSettings;
  /** Longest time to connect, in ms. */
  readonly connectTimeoutMs: number | undefined;
  /** True: any of several servers will do. False: the store looks for the one that accepts writes. */
  readonly acceptsReadOnly: boolean;
  readonly table: string | undefined;
  readonly schema: string | undefined;
  readonly prepare: boolean | undefined;
  readonly changes: boolean | undefined;
  readonly poolSize: number | undefined;
}

const ENCODE =
  'write reserved characters of the user and the password percent-encoded: ' +
  '@ as %40, : as %3A, / as %2F, ? as %3F, # as %23, % as %25, [ as %5B, ] as %5D';

const SHAPE = /^postgres(?:ql)?:\/\/(?:([^/?#]*)@)?([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?(#.*)?$/is;

/**
 * Parses the URL of a Postgres, as libpq and `pg` do, with the parameters of their users. Unknown parameters are
 * refused by name.
 *
 * @throws TypeError without any part of the URL but the names of parameters
 * @see https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
 */
export function parsePostgresUrl(url: string): PostgresUrl {
  assertNoPlaceholder('postgresStore', url);
  const match = SHAPE.exec(url.trim());
  if (match === null) {
    throw new TypeError('postgresStore: source must be a URL of the form postgres://user:password@host:port/database');
  }
  const [, credentials, hostList = '', path = '', query = '', fragment] = match;
  if (fragment !== undefined) throw new TypeError(`postgresStore: the URL has a #; ${ENCODE}`);
  // Before the query: a `/` or `?` in the password makes the rest of the password and the host a part of the query.
  const written = parseHosts(hostList);
  if (credentials === undefined && path.includes('@')) throw new TypeError(UNREADABLE);
  const parameters = parseUrlParameters('postgresStore', query, PARAMETERS);
  const addresses = selectAddresses(written, parameters);
  const [user, password] = splitCredentials(credentials);
  if (path.includes('/')) {
    throw new TypeError('postgresStore: the URL has a / behind the database; remove it, or write it as %2F');
  }
  const { dbname, database: named, db, username } = parameters;
  const database = [dbname, named, db].reduce((one, other) => single('database', one, other), decode(path));
  return {
    addresses,
    client: withoutUndefined({
      user: single('user', user, single('user', parameters.user, username)),
      password: single('password', password, parameters.password),
      database,
      ...getClientOptions(parameters),
    }),
    tls: resolveTls(parameters),
    connectTimeoutMs: getConnectTimeout(single('connect_timeout', parameters.connect_timeout, parameters.loginTimeout)),
    acceptsReadOnly: (parameters.target_session_attrs ?? parameters.targetServerType) === 'any',
    ...getStoreOptions(parameters),
  };
}

function splitCredentials(credentials: string | undefined): readonly (string | undefined)[] {
  if (credentials === undefined) return [];
  const colon = credentials.indexOf(':');
  if (colon === -1) return [decode(credentials)];
  return [decode(credentials.slice(0, colon)), decode(credentials.slice(colon + 1))];
}

/** An empty part counts as absent. */
function decode(text: string): string | undefined {
  try {
    return text === '' ? undefined : decodeURIComponent(text);
  } catch {
    throw new TypeError(`postgresStore: the URL has a % without two hexadecimal digits; ${ENCODE}`);
  }
}

const HOST = /^(?:\[([0-9a-f:.%a-z]+)\]|([^:[\]\s"'<>\\^`{|}]*))(?::(\d*))?$/i;

function parseHosts(list: string): PostgresAddress[] {
  if (list === '') return [];
  return list.split(',').map((entry) => {
    const [, v6, name = '', port] = HOST.exec(entry) ?? [];
    if (/^:\d*$/.test(entry)) throw new TypeError('postgresStore: the URL has a port without a host');
    if (v6 === undefined && name === '') throw new TypeError(UNREADABLE);
    return toAddress(v6 ?? decode(name), port);
  });
}

const UNREADABLE =
  'postgresStore: the URL cannot be read; each host must be a name or an address, with a port from 1 to 65535 behind ' +
  `a colon; ${ENCODE}`;

function toAddress(host: string | undefined, port: string | undefined): PostgresAddress {
  const number = port === undefined || port === '' ? undefined : Number(port);
  if (number !== undefined && !(Number.isInteger(number) && number >= 1 && number <= 65_535)) {
    throw new TypeError('postgresStore: the port in the URL must be a whole number from 1 to 65535');
  }
  return { ...(host === undefined ? {} : { host }), ...(number === undefined ? {} : { port: number }) };
}

/** `?host=` and `?port=` stand for the hosts of the URL, as for Unix sockets: `postgres:///app?host=/run/postgresql`. */
function selectAddresses(
  written: readonly PostgresAddress[],
  { host, port }: PostgresUrlParameters,
): PostgresAddress[] {
  const ports = port?.split(',') ?? [];
  const hosts = host?.split(',') ?? written.map((address) => address.host);
  if (ports.length > 1 && ports.length !== hosts.length) {
    throw new TypeError('postgresStore: the URL parameter port must have one port, or one per host');
  }
  if (hosts.length === 0) {
    if ((process.env.PGHOST ?? '') === '') {
      throw new TypeError(
        'postgresStore: the URL names no host; write postgres://localhost/database, or set PGHOST in the environment',
      );
    }
    return [toAddress(undefined, ports[0])];
  }
  return hosts.map((name, index) => {
    if (name === '')
      throw new TypeError('postgresStore: the URL parameter host must name a host, or several with commas');
    // A list of hosts in the query has no ports of its own.
    const own = host === undefined ? written[index]?.port?.toString() : undefined;
    return toAddress(name, ports[index] ?? ports[0] ?? own);
  });
}

function getClientOptions(parameters: PostgresUrlParameters): Record<string, unknown> {
  const { options, search_path: path } = parameters;
  const settings = [options, path && `-c search_path=${path.replaceAll(/[\\ ]/g, '\\$&')}`];
  return {
    application_name: single('application_name', parameters.application_name, parameters.ApplicationName),
    fallback_application_name: parameters.fallback_application_name,
    client_encoding: parameters.client_encoding ?? parameters.encoding ?? parameters.charset,
    options: settings.filter((part) => part !== undefined).join(' ') || undefined,
    statement_timeout: parameters.statement_timeout,
    lock_timeout: parameters.lock_timeout,
    idle_in_transaction_session_timeout: parameters.idle_in_transaction_session_timeout,
    sslnegotiation: parameters.sslnegotiation,
    enableChannelBinding: parameters.channel_binding && parameters.channel_binding !== 'disable',
    keepAlive: parameters.keepalives,
    keepAliveInitialDelayMillis: parameters.keepalives_idle && parameters.keepalives_idle * 1_000,
  };
}

/** 0 means for libpq and Prisma that there is no limit. */
function getConnectTimeout(seconds: number | undefined): number | undefined {
  return seconds === undefined || seconds === 0 ? undefined : seconds * 1_000;
}

const SIZES = ['connection_limit', 'pool_size', 'max', 'pool', 'pool_max_conns'] as const;

type StoreOptions = Pick<PostgresUrl, 'table' | 'schema' | 'prepare' | 'changes' | 'poolSize'>;

function getStoreOptions(parameters: PostgresUrlParameters): StoreOptions {
  const { pgbouncer, statement_cache_size: cache, statement_cache_capacity: capacity } = parameters;
  const size = SIZES.map((name) => parameters[name]);
  const unprepared =
    pgbouncer === true || [cache, capacity, parameters.prepareThreshold].includes(0) ? false : undefined;
  return {
    table: parameters.table,
    schema: single('schema', parameters.schema, parameters.currentSchema),
    prepare: single('prepare', parameters.prepare, single('prepare', parameters.prepared_statements, unprepared)),
    changes: parameters.changes,
    poolSize: size.reduce((one, other) => single('poolSize', one, other)),
  };
}

/** Two names of one setting must not contradict each other. */
function single<Value>(setting: string, one: Value | undefined, other: Value | undefined): Value | undefined {
  if (one !== undefined && other !== undefined && one !== other) {
    throw new TypeError(`postgresStore: the URL sets ${setting} twice, to different values`);
  }
  return one ?? other;
}

function withoutUndefined(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
