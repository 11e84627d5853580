import { StoreError } from '../../../src/relay/store/contract.js';
import { PackageError } from '../../shared/import-package.js';
import { classifyDriverMessage, REASONS } from './reasons.js';

/**
 * A failed call to Postgres. `code` is the SQLSTATE, the code of a system or TLS error, `package_missing`,
 * `package_unusable`, or one of the `POSTGRES_` codes in `reasons.ts`. `message` names the cause and the remedy. The
 * error does not carry the error of the driver, whose fields may hold keys, values and connections.
 *
 * @see https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export class PostgresFailure extends StoreError {
  override readonly name = 'PostgresFailure';
  /** @param reason - The cause and the remedy, if the code alone does not tell them. */
  constructor(code: string, reason = REASONS[code] ?? 'the statement failed') {
    super(code, `Postgres: ${reason} (${code}).`);
  }
}

/** Converts an error of the driver to a failure without secrets. */
export function toPostgresFailure(error: unknown): PostgresFailure {
  if (error instanceof PostgresFailure) return error;
  if (error instanceof PackageError)
    return new PostgresFailure(error.code, error.message.replace('postgresStore: ', ''));
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  const message = error instanceof Error ? error.message : '';
  const known = typeof code === 'string' && /^[A-Za-z0-9_]{1,64}$/.test(code) ? code : undefined;
  const special = classifyDriverMessage(known, message);
  if (special !== undefined) return new PostgresFailure(special.code, special.reason);
  return new PostgresFailure(known ?? 'POSTGRES_CONNECTION_LOST');
}
