const POOLER = 'a pooler in transaction mode needs ?pgbouncer=true in the URL, or the option prepare: false';

const GRANT = 'grant USAGE on the schema, and SELECT, INSERT, UPDATE and DELETE on the table';

const SHAPE = 'the table is not one of the relay; set another table, or drop this one and let the relay create it';

const UNTRUSTED =
  'no known authority signed the certificate of the server; name its CA file in the URL: ' +
  '?sslmode=verify-full&sslrootcert=FILE (sslmode=no-verify does not check the certificate)';

const LOGIN = 'the server rejects this user or password; correct them in the URL';

/** The cause and the remedy of each code: the event `store.failed` and the command print them. */
export const REASONS: Readonly<Record<string, string>> = {
  POSTGRES_TIMEOUT: 'no answer in time; check the load of the server, and the network',
  POSTGRES_CLOSED: 'the store is closed',
  POSTGRES_OVERLOADED: 'too many calls wait for the server; check its load, or raise poolSize',
  POSTGRES_CONNECTION_LOST: 'the connection was lost; check the server and its log',
  POSTGRES_NO_TLS: 'the server does not offer TLS; switch TLS on there, or set sslmode=disable in the URL',
  POSTGRES_TLS_REQUIRED: 'the server requires TLS for this user and database; set sslmode=require in the URL',
  POSTGRES_TLS_FAILED: 'TLS could not be established; check that the port is the one of Postgres, or its pooler',
  POSTGRES_NO_PASSWORD: 'the server asks for a password, and there is none; set one in the URL, or PGPASSWORD',
  POSTGRES_ROW_CHANGED:
    'the server does not return the row that the relay wrote; remove row-level security, rules and triggers from the ' +
    'table, and check the types of its columns',

  ECONNREFUSED: 'no server listens at this address; check host and port, and start the server',
  ECONNRESET: 'the connection was lost; check the server and its log',
  EPIPE: 'the connection was lost; check the server and its log',
  ETIMEDOUT: 'the address does not answer; check host, port and firewall',
  EHOSTUNREACH: 'no route leads to the address; a host that has IPv6 only needs a network with IPv6, or its pooler',
  ENETUNREACH: 'no route leads to the address; a host that has IPv6 only needs a network with IPv6, or its pooler',
  ENOTFOUND: 'the host name is not known; check the host',
  EAI_AGAIN: 'the host name cannot be looked up at the moment; check the DNS of this machine',
  ENOENT: 'there is no socket of a server in this folder; check host and port',
  EACCES: 'this process may not open the socket of the server; check the rights of the folder',
  EPROTO: 'TLS could not be established; check that the port is the one of Postgres, or its pooler',

  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  CERT_UNTRUSTED: UNTRUSTED,
  CERT_SIGNATURE_FAILURE: UNTRUSTED,
  CERT_HAS_EXPIRED: 'the certificate of the server, or of its CA, has expired; renew it, and check the clock here',
  CERT_NOT_YET_VALID: 'the certificate of the server is not valid yet; check the clock of this machine',
  ERR_TLS_CERT_ALTNAME_INVALID:
    'the certificate of the server is for another host name; use that name in the URL, or sslmode=verify-ca with ' +
    'sslrootcert, which checks the authority only',
  ERR_OSSL_X509_KEY_VALUES_MISMATCH: 'sslkey does not belong to sslcert; name the two files of one certificate',

  '08P01': `the pooler refused the connection; check user, database and password; ${POOLER}`,
  '0A000': 'the table was changed under a prepared statement; this mends itself with a new connection',
  '22001': SHAPE,
  '22003': SHAPE,
  '22P02': SHAPE,
  '23502': SHAPE,
  '23503': SHAPE,
  '23514': SHAPE,
  '25006':
    'the server or the role is read-only; connect to the primary (several hosts: target_session_attrs=read-write), ' +
    'or set default_transaction_read_only to off',
  '25P02': `a transaction had failed already; ${POOLER}`,
  '26000': `a prepared statement does not exist; ${POOLER}`,
  '28000': 'the server rejects this user, database or address; check the URL, and pg_hba.conf of the server',
  '28P01': LOGIN,
  '34000': `a statement lost its session; ${POOLER}`,
  '3D000': 'there is no such database; create it, or name another one in the URL: postgres://host/DATABASE',
  '3F000': 'there is no such schema; create it, or set another schema',
  '42501': `the role lacks a right; ${GRANT}`,
  '42703': SHAPE,
  '42704': SHAPE,
  '42804': SHAPE,
  '42809': SHAPE,
  '42883': SHAPE,
  '42P01': 'the table is missing; start the relay with a role that may create it',
  '42P05': `a prepared statement exists already; ${POOLER}`,
  '42P10': 'the table has another primary key; it must be the column key; drop the table and let the relay create it',
  '53000': 'the server lacks resources; check memory and disk of the server',
  '53100': 'the disk of the server is full; free space there',
  '53200': 'the server is out of memory; check memory of the server',
  '53300': 'the server has too many connections; raise max_connections, or lower poolSize',
  '53400': 'the server has reached a limit of its configuration; check its log',
  '54000': 'the server has reached a limit of its file system; check its log',
  '55000': `the table is a view, or the database accepts no connections; ${SHAPE}`,
  '55P03': 'another session locks the table; end it, and check lock_timeout',
  '57014': 'the statement was cancelled, it took too long; check the load of the server, and raise statement_timeout',
  '57P01': 'the server is shutting down; the relay connects again by itself',
  '57P02': 'the server has crashed; the relay connects again by itself',
  '57P03': 'the server is starting up or shutting down; the relay connects again by itself',
  '57P05': 'the server closed an idle connection; the relay connects again by itself',
  '58030': 'the server cannot read or write its disk; check the log of the server',
  P0001: 'a trigger of the table refuses the row; remove triggers of other programs from the table',
  XX000: 'the server or its pooler reports an internal error; check user, database and its log',
  XX001: 'the server reports corrupted data; check its log',
  XX002: 'the server reports a corrupted index; run REINDEX on the table',
};

/** What a driver or a pooler says in its message only. */
const MESSAGES: readonly (readonly [code: RegExp, message: RegExp, result: string, reason?: string])[] = [
  // The driver sets no code for its own errors.
  [/^$/, /does not support SSL/i, 'POSTGRES_NO_TLS'],
  [/^$/, /establishing an SSL connection/i, 'POSTGRES_TLS_FAILED'],
  [/^$/, /password must be a (?:non-empty )?string/i, 'POSTGRES_NO_PASSWORD'],
  [/^$/, /timeout/i, 'POSTGRES_TIMEOUT'],
  [/^28/, /empty password/i, 'POSTGRES_NO_PASSWORD'],
  [/^42501$/, /row-level security/i, '42501', 'row-level security refuses the row; disable it on the table'],
  [/^42501$/, /for database/i, '42501', 'the role may not use the database; grant CONNECT on the database to it'],
  [/^0A000$/, /RETURNING/, '0A000', 'the table has rules; remove the rules of other programs from the table'],
  [/^28000$/, /no encryption|SSL off/i, 'POSTGRES_TLS_REQUIRED'],
  [/^08P01$/, /startup parameter/i, '08P01', `the pooler does not accept the settings of the session; ${POOLER}`],
  [/^08P01$/, /no more connections/i, '53300'],
  [/^08P01$/, /no such database/i, '3D000'],
  [/^08P01$/, /(?:auth|password|user)/i, '28P01'],
  [/^08P01$/, /SSL required/i, 'POSTGRES_TLS_REQUIRED'],
  [/^XX000$/, /tenant or user/i, 'XX000', 'the pooler does not know this user; a shared pooler needs USER.PROJECT'],
  [/^XX000$/, /max client/i, '53300'],
];

/** Finds the cause in the message of an error. The message itself is never repeated: it may name users and values. */
export function classifyDriverMessage(
  code: string | undefined,
  message: string,
): { readonly code: string; readonly reason: string | undefined } | undefined {
  const found = MESSAGES.find(([codes, text]) => codes.test(code ?? '') && text.test(message));
  return found && { code: found[2], reason: found[3] };
}
