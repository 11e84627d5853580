import { parseShareUrl } from '../../protocol/share-url.js';
import { isRelayError } from '../errors.js';
import { removeTransition } from '../mailbox/transitions.js';
import { startBudget } from '../store/guarded-store.js';
import { commit } from './commit.js';
import type { RelayContext } from './context.js';

/**
 * Ends a mailbox on the operator's behalf, for abuse reports. The operator has no list of mailboxes, so the report
 * must bring the share URL. True if a live mailbox was ended, false if there was none.
 * Throws a TypeError if the URL is not a share URL of this relay, `store_unavailable` or `contention` if the store
 * does not answer or is not to be had.
 */
export async function removeMailbox(shareUrl: string | URL, context: RelayContext): Promise<boolean> {
  const identifier = parseShareUrl(String(shareUrl), context.base);
  if (identifier === undefined) throw new TypeError('remove: this is not a share URL of this relay');
  try {
    const operator = { budget: startBudget(context.storeBudgetMs), authorize: undefined };
    await commit(context, context.toAddress(identifier), removeTransition, operator);
    return true;
  } catch (error) {
    if (isRelayError(error) && error.code === 'mailbox_not_found') return false;
    throw error;
  }
}
