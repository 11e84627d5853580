import { StoreError } from '../../../src/relay/store/contract.js';
import { PackageError } from '../../shared/import-package.js';
import { type Explanation, explainReply, explainSystemError } from './explain.js';

/**
 * A failed call to Redis. `code` is the error prefix of the Redis reply (`OOM`, `READONLY`, `CLUSTERDOWN`, `NOAUTH`),
 * the code of a system error (`ECONNREFUSED`), `package_missing` or `package_unusable`, or one of
 * `redis_clients_exhausted`, `redis_closed`, `redis_command_missing`, `redis_database_missing`, `redis_foreign_value`,
 * `redis_is_cluster`, `redis_is_no_cluster`, `redis_is_sentinel`, `redis_overloaded`, `redis_password_unexpected`,
 * `redis_script_denied`, `redis_timeout`, `redis_too_old`, `redis_unknown_master`, `redis_unreachable`. `message` names
 * the cause and the remedy. An error with the code `OOM` is the cause of a `StoreFullError`.
 *
 * The error carries neither the message of the original error nor the original as `cause`: Redis quotes arguments,
 * hence keys and values, in some messages, and the error for an invalid URL holds the password.
 *
 * @see https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors for the error prefix
 */
export class RedisStoreError extends StoreError {
  override readonly name = 'RedisStoreError';
}

/** After a time-out the outcome of a write is unknown. */
export function timeoutError(ms: number): RedisStoreError {
  return new RedisStoreError(
    'redis_timeout',
    `Redis did not answer within ${ms} ms; check the network, the firewall and the load of Redis. With rediss://, the ` +
      'port must be the one for TLS.',
  );
}

export function overloadedError(): RedisStoreError {
  return new RedisStoreError('redis_overloaded', 'Too many calls wait for Redis; check why Redis answers slowly.');
}

export function unreachableError(): RedisStoreError {
  return new RedisStoreError(
    'redis_unreachable',
    'The connection to Redis closed; check that Redis runs. If this repeats, the port may expect TLS: use rediss://.',
  );
}

export function closedError(): RedisStoreError {
  return new RedisStoreError('redis_closed', 'This Redis store is closed.');
}

/** Reads the error prefix of a Redis reply; `undefined` for an error of the client or the system. */
export function readReplyCode(error: unknown): string | undefined {
  const { code, message } = readError(error);
  if (code !== undefined) return undefined;
  // Before Redis 7 a script wraps the reply of its command: "ERR Error running script (…): @user_script:1: -OOM …".
  const inScript = /@user_script: ?\d+: -?([A-Z]{2,})(?= )/.exec(message);
  return (inScript ?? /^([A-Z]{2,}[A-Z0-9]*)(?= |$)/.exec(message))?.[1];
}

/** Converts any failure to a RedisStoreError, without the message of the original. */
export function toStoreError(cause: unknown): RedisStoreError {
  if (cause instanceof RedisStoreError) return cause;
  if (cause instanceof PackageError) return new RedisStoreError(cause.code, cause.message, { cause });
  const prefix = readReplyCode(cause);
  const { code, message } = readError(cause);
  if (prefix !== undefined) return createError(explainReply(prefix, message));
  if (code !== undefined && /^[A-Z][A-Z0-9_]{2,63}$/.test(code)) return createError(explainSystemError(code));
  return unreachableError();
}

/** Without `instanceof`: Jest runs this module and Node's errors in two realms. */
function readError(error: unknown): { readonly code: string | undefined; readonly message: string } {
  if (typeof error !== 'object' || error === null) return { code: undefined, message: '' };
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  return {
    code: typeof code === 'string' ? code : undefined,
    message: typeof message === 'string' ? message : '',
  };
}

function createError({ code, message }: Explanation): RedisStoreError {
  return new RedisStoreError(code, message);
}
