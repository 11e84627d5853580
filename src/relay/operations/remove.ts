import { parseMailboxIdentifier } from '../../protocol/mailbox-url.js';
import { isRelayError } from '../errors.js';
import { removeTransition } from '../mailbox/transitions.js';
import { startBudget } from '../store/guarded-store.js';
import { commit } from './commit.js';
import type { RelayContext } from './context.js';

/**
 * Removes a mailbox for the operator, after an abuse report. The operator has no list of mailboxes, so the report must
 * contain the share URL. True if a mailbox was removed, false if there was no mailbox. Throws a TypeError for a URL
 * that is not a share URL of this relay, `store_unavailable` or `contention` if the store call fails.
 */
export async function removeMailbox(shareUrl: string | URL, context: RelayContext): Promise<boolean> {
  const identifier = parseMailboxIdentifier(String(shareUrl), context.base);
  if (identifier === undefined) throw new TypeError('remove: this is not a share URL of this relay');
  try {
    const options = { budget: startBudget(context.storeBudgetMs), authorize: undefined };
    await commit(context, context.toAddress(identifier), removeTransition, options);
    return true;
  } catch (error) {
    if (isRelayError(error) && error.code === 'mailbox_not_found') return false;
    throw error;
  }
}
