import { describeCause } from '../events.js';
import { isStoreError } from './contract.js';

/** The cause of a failed call for the event `store.failed`, and the sentence of the store if it gives one. */
export function describeFailure(error: unknown): { readonly cause: string; readonly reason?: string } {
  const cause = describeCause(error);
  return isStoreError(error) ? { cause, reason: error.message } : { cause };
}
