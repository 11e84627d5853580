/** An error of this adapter, with a `code` for events. */
export class SqliteStoreError extends Error {
  override readonly name = 'SqliteStoreError';
  constructor(
    readonly code: string,
    message: string,
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
  }
}

/** True if another connection holds a lock: the caller may try again. */
export function isBusy(error: unknown): boolean {
  return /^SQLITE_(BUSY|LOCKED)/.test(getErrorCode(error));
}

/** Returns the `code` of an error, or ''. */
export function getErrorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

export function closedError(): SqliteStoreError {
  return new SqliteStoreError('store_closed', 'The store is closed.');
}
