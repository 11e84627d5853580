import { StoreError } from '../../../src/relay/store/contract.js';

/**
 * A failed call to Redis. `code` is the error prefix of the Redis reply (`OOM`, `READONLY`, `CLUSTERDOWN`, `NOAUTH`),
 * the code of a system error (`ECONNREFUSED`), or one of `redis_timeout`, `redis_unreachable`, `redis_overloaded`,
 * `redis_closed`, `redis_foreign_value`. An error with the code `OOM` is the cause of a `StoreFullError`.
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
  return new RedisStoreError('redis_timeout', `Redis did not answer within ${ms} ms.`);
}

export function overloadedError(): RedisStoreError {
  return new RedisStoreError('redis_overloaded', 'Too many calls wait for Redis.');
}

export function unreachableError(): RedisStoreError {
  return new RedisStoreError('redis_unreachable', 'Redis is not reachable.');
}

export function closedError(): RedisStoreError {
  return new RedisStoreError('redis_closed', 'This Redis store is closed.');
}

/** Reads the error prefix of a Redis reply; `undefined` for an error of the client or the system. */
export function readReplyCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || ('code' in error && typeof error.code === 'string')) return undefined;
  // Before Redis 7 a script wraps the reply of its command: "ERR Error running script (…): @user_script:1: -OOM …".
  const inScript = /@user_script: ?\d+: -?([A-Z]{2,})(?= )/.exec(error.message);
  return (inScript ?? /^([A-Z]{2,}[A-Z0-9]*)(?= |$)/.exec(error.message))?.[1];
}

/** Converts any failure to a RedisStoreError, without the message of the original. */
export function toStoreError(cause: unknown): RedisStoreError {
  if (cause instanceof RedisStoreError) return cause;
  const reply = readReplyCode(cause);
  if (reply !== undefined) return new RedisStoreError(reply, `Redis answered with the error ${reply}.`);
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (typeof code === 'string' && /^[A-Z][A-Z0-9_]{2,63}$/.test(code)) {
    return new RedisStoreError(code, `Redis is not reachable: ${code}.`);
  }
  return unreachableError();
}
