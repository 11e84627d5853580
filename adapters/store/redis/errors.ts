/**
 * Why a call to Redis failed. `code` is the code word of Redis' own answer (`OOM`, `READONLY`, `CLUSTERDOWN`, `NOAUTH`),
 * else the system's (`ECONNREFUSED`), else one of `redis_timeout`, `redis_unreachable`, `redis_overloaded`,
 * `redis_closed`, `redis_foreign_value`. With the code `OOM` it is the cause of a `StoreFullError`.
 *
 * The message is our own. Redis quotes arguments in some of its messages, hence keys and values, and an invalid URL
 * carries its password: neither the message nor a `cause` of the original is passed on.
 */
export class RedisStoreError extends Error {
  override readonly name = 'RedisStoreError';
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** Nothing came back in time; whether a write was made is unknown. */
export function timedOut(ms: number): RedisStoreError {
  return new RedisStoreError('redis_timeout', `Redis did not answer within ${ms} ms.`);
}

/** More calls wait for Redis than are worth keeping. */
export function overloaded(): RedisStoreError {
  return new RedisStoreError('redis_overloaded', 'Too many calls wait for Redis.');
}

/** There is no connection. */
export function unreachable(): RedisStoreError {
  return new RedisStoreError('redis_unreachable', 'Redis is not reachable.');
}

/** The store was closed. */
export function closedError(): RedisStoreError {
  return new RedisStoreError('redis_closed', 'This Redis store is closed.');
}

/** The code word of an error that Redis answered, or `undefined` for an error of the client or the system. */
export function replyCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || ('code' in error && typeof error.code === 'string')) return undefined;
  // Before Redis 7 what a command in a script answers is wrapped: "ERR Error running script (…): @user_script:1: -OOM …".
  const inScript = /@user_script: ?\d+: -?([A-Z]{2,})(?= )/.exec(error.message);
  return (inScript ?? /^([A-Z]{2,}[A-Z0-9]*)(?= |$)/.exec(error.message))?.[1];
}

/** Any failure as the one error of this store. */
export function storeError(cause: unknown): RedisStoreError {
  if (cause instanceof RedisStoreError) return cause;
  const answered = replyCode(cause);
  if (answered !== undefined) return new RedisStoreError(answered, `Redis answered with the error ${answered}.`);
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (typeof code === 'string' && /^[A-Z][A-Z0-9_]{2,63}$/.test(code)) {
    return new RedisStoreError(code, `Redis is not reachable: ${code}.`);
  }
  return unreachable();
}
