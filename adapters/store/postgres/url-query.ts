import {
  booleanParameter,
  numberParameter,
  textParameter,
  type UrlParameter,
  type UrlParameters,
  wordParameter,
} from '../url-parameters.js';
import { SSL_MODES } from './tls.js';

const sslParameter: UrlParameter<boolean | 'no-verify'> = {
  form: 'true, false or no-verify',
  parse: (text) => (text === 'no-verify' ? text : booleanParameter.parse(text)),
};

const utf8Parameter: UrlParameter<'UTF8'> = {
  form: 'UTF8',
  parse: (text) => (/^(?:utf-?8|auto)$/i.test(text) ? 'UTF8' : undefined),
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
 * (`currentSchema`, `prepareThreshold`), and of hosters (`supa`, `workaround`), so that one DATABASE_URL serves all.
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
  prepareThreshold: numberParameter(0, 1_000_000),
  changes: booleanParameter,
  // Connections.
  pool_size: connections,
  connection_limit: connections,
  max: connections,
  pool: connections,
  connect_timeout: seconds,
  statement_timeout: numberParameter(1, 86_400_000),
  keepalives: booleanParameter,
  keepalives_idle: seconds,
  target_session_attrs: targetParameter,
  // TLS.
  sslmode: wordParameter(...SSL_MODES),
  ssl: sslParameter,
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
  password: textParameter,
  dbname: textParameter,
  application_name: textParameter,
  fallback_application_name: textParameter,
  options: textParameter,
  client_encoding: utf8Parameter,
  // Accepted, since the store does so anyway: it waits for 2 s at most, without Kerberos and without a region.
  pool_timeout: seconds,
  socket_timeout: seconds,
  gssencmode: wordParameter('disable', 'prefer'),
  supa: textParameter,
  workaround: textParameter,
} as const;

export type PostgresUrlParameters = UrlParameters<typeof PARAMETERS>;
