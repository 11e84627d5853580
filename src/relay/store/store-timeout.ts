import { withTimeout } from '../time.js';
import { StoreError } from './contract.js';

/** A call of the store did not settle in time. The caller does not know whether a write was made. */
export class StoreTimeoutError extends StoreError {
  override readonly name = 'StoreTimeoutError';
  constructor() {
    super(
      'store_timeout',
      'The store did not answer in time (storeTimeoutMs); check the network, and the load of the store.',
    );
  }
}

/** Runs a call of the store; rejects with a {@link StoreTimeoutError} if the call has not settled after `ms`. */
export function withStoreTimeout<Answer>(ms: number, call: () => Promise<Answer>): Promise<Answer> {
  return withTimeout(ms, call, createStoreTimeoutError);
}

function createStoreTimeoutError(): StoreTimeoutError {
  return new StoreTimeoutError();
}
