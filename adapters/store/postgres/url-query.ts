import {
  booleanParameter,
  numberParameter,
  textParameter,
  type UrlParameter,
  type UrlParameters,
  wordParameter,
} from '../url-parameters.js';
import { SSL_MODES, type SslMode } from './tls.js';

/** Other tools write the words of `sslmode` here. */
const sslParameter: UrlParameter<boolean | SslMode> = {
  form: `true, false or one of ${SSL_MODES.join(', ')}`,
  parse: (text) => SSL_MODES.find((mode) => mode === text) ?? booleanParameter.parse(text),
};

/** Of Prisma: `accept_invalid_certs` checks nothing. */
const sslAcceptParameter: UrlParameter<'strict' | 'accept_invalid_certs'> = wordParameter(
  'strict',
  'accept_invalid_certs',
);

const utf8Parameter: UrlParameter<'UTF8'> = {
  form: 'UTF8',
  parse: (text) => (/^(?:utf-?8|unicode|auto)$/i.test(text) ? 'UTF8' : undefined),
};

/** Other values would select a server that accepts no writes. */
const targetParameter: UrlParameter<'any' | 'read-write' | 'primary'> = {
  form: 'read-write, primary or any, since the relay writes',
  parse: (text) => (['any', 'read-write', 'primary'] as const).find((word) => word === text),
};

const connections = numberParameter(1, 1_000);
const seconds = numberParameter(0, 86_400);

/**
 * The parameters of a URL: those of libpq and `pg`, of Prisma (`schema`, `pgbouncer`, `connection_limit`…), of JDBC
 * (`currentSchema`, `prepareThreshold`), of pgx, Rails and Doctrine, and of hosters (`supa`, `workaround`), so that one
 * DATABASE_URL serves all.
 */
export const PARAMETERS = {
  // The place of the mailboxes.
  table: textParameter,
  schema: textParameter,
  currentSchema: textParameter,
  search_path: textParameter,
  // Poolers.
  pgbouncer: booleanParameter,
  prepare: booleanParameter,
  prepared_statements: booleanParameter,
  statement_cache_size: numberParameter(0, 1_000_000),
  statement_cache_capacity: numberParameter(0, 1_000_000),
  prepareThreshold: numberParameter(0, 1_000_000),
  changes: booleanParameter,
  // Connections.
  pool_size: connections,
  connection_limit: connections,
  max: connections,
  pool: connections,
  pool_max_conns: connections,
  connect_timeout: seconds,
  loginTimeout: seconds,
  statement_timeout: numberParameter(1, 86_400_000),
  lock_timeout: numberParameter(1, 86_400_000),
  idle_in_transaction_session_timeout: numberParameter(1, 86_400_000),
  keepalives: booleanParameter,
  keepalives_idle: seconds,
  target_session_attrs: targetParameter,
  targetServerType: wordParameter('any', 'primary', 'master'),
  // TLS.
  sslmode: wordParameter(...SSL_MODES),
  ssl: sslParameter,
  sslaccept: sslAcceptParameter,
  ssl_min_protocol_version: wordParameter('TLSv1.2', 'TLSv1.3'),
  sslrootcert: textParameter,
  sslcert: textParameter,
  sslkey: textParameter,
  sslpassword: textParameter,
  sslnegotiation: wordParameter('postgres', 'direct'),
  channel_binding: wordParameter('disable', 'prefer', 'require'),
  uselibpqcompat: booleanParameter,
  // The login.
  host: textParameter,
  port: textParameter,
  user: textParameter,
  username: textParameter,
  password: textParameter,
  dbname: textParameter,
  database: textParameter,
  db: textParameter,
  application_name: textParameter,
  ApplicationName: textParameter,
  fallback_application_name: textParameter,
  options: textParameter,
  client_encoding: utf8Parameter,
  encoding: utf8Parameter,
  charset: utf8Parameter,
  // Accepted, since the store does so anyway: it waits for 2 s at most, finds dead connections itself, sends the name
  // of the host in TLS, and uses neither Kerberos nor a region.
  pool_timeout: seconds,
  socket_timeout: seconds,
  socketTimeout: seconds,
  tcp_user_timeout: numberParameter(0, 86_400_000),
  keepalives_interval: seconds,
  keepalives_count: numberParameter(0, 1_000),
  tcpKeepAlive: booleanParameter,
  sslsni: wordParameter('1'),
  sslcompression: wordParameter('0'),
  gssencmode: wordParameter('disable', 'prefer'),
  supa: textParameter,
  workaround: textParameter,
} as const;

export type PostgresUrlParameters = UrlParameters<typeof PARAMETERS>;
