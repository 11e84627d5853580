import { StoreError } from '../../../src/relay/store/contract.js';

/** An error of this adapter, with a `code` for events. */
export class SqliteStoreError extends StoreError {
  override readonly name = 'SqliteStoreError';
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
