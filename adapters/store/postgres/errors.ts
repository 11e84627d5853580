import { StoreError } from '../../../src/relay/store/contract.js';

/**
 * A failed call to Postgres. `code` is the SQLSTATE, the code of a system error, or one of `POSTGRES_TIMEOUT`,
 * `POSTGRES_CONNECTION_LOST`, `POSTGRES_OVERLOADED`, `POSTGRES_CLOSED`. The error does not carry the error of the
 * driver, whose fields may hold keys, values and connections.
 *
 * @see https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export class PostgresFailure extends StoreError {
  override readonly name = 'PostgresFailure';
  constructor(code: string) {
    super(code, `Postgres: ${REASONS[code] ?? 'the statement failed'} (${code}).`);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  POSTGRES_TIMEOUT: 'no answer in time',
  POSTGRES_CLOSED: 'the store is closed',
  POSTGRES_OVERLOADED: 'too many calls wait for the server',
  POSTGRES_CONNECTION_LOST: 'the connection was lost',
  ECONNREFUSED: 'no server listens at this address',
  ECONNRESET: 'the connection was lost',
  EPIPE: 'the connection was lost',
  ENOTFOUND: 'the host name is not known',
  '08P01': 'the pooler refused the connection',
  '0A000': 'the table was changed under a prepared statement',
  '25006': 'the server is read-only',
  '26000': 'a prepared statement does not exist; a transaction-mode pooler needs prepare: false',
  '28000': 'the server rejects this user',
  '28P01': 'the server rejects this user',
  '3D000': 'there is no such database',
  '3F000': 'there is no such schema',
  '42501': 'the role lacks a privilege',
  '42703': 'the table is not one of the relay',
  '42P01': 'the table is missing',
  '42P05': 'a prepared statement exists already; a transaction-mode pooler needs prepare: false',
  '53100': 'the disk of the server is full',
  '53200': 'the server is out of memory',
  '53300': 'the server has too many connections',
  '57014': 'the statement was cancelled, it took too long',
  '57P01': 'the server is shutting down',
  '57P02': 'the server has crashed',
  '57P03': 'the server is starting up or shutting down',
};

/** Converts an error of the driver to a failure without secrets. */
export function toPostgresFailure(error: unknown): PostgresFailure {
  if (error instanceof PostgresFailure) return error;
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  if (typeof code === 'string' && /^[A-Za-z0-9_]{1,64}$/.test(code)) return new PostgresFailure(code);
  // The driver sets no code for a time-out of the pool, nor for a lost connection.
  const isTimeout = error instanceof Error && /timeout/i.test(error.message);
  return new PostgresFailure(isTimeout ? 'POSTGRES_TIMEOUT' : 'POSTGRES_CONNECTION_LOST');
}
