import type { Waiter } from '../long-poll/waiter.js';
import { claimDigest } from '../mailbox/digests.js';
import { boundRole, findMembership } from '../mailbox/roles.js';
import { assertRight, type Transition } from '../mailbox/transitions.js';
import { startBudget } from '../store/guarded-store.js';
import { type Committed, commit } from './commit.js';
import type { Command, RelayContext, WaitRequest } from './context.js';

/** How a wait came out. */
export interface Waited {
  /** The mailbox as it is now; without content if the device has seen that. */
  readonly current: Committed;
  /** `changed`: the device has not seen it; `unchanged`: it has; `declined`: it has, and the relay cannot wait. */
  readonly result: 'changed' | 'unchanged' | 'declined';
}

/**
 * A long poll (PROTOCOL: waiting): reads and binds as any read, then holds the answer while the version that the device
 * knows is current. Listens before it reads, so that no change falls in between; holds no lock, no connection and no
 * turn meanwhile. Throws what a read throws: `mailbox_not_found` once the mailbox is deleted or expired, 401 once the
 * device is not bound any more.
 */
export async function waitForChange(
  read: () => Promise<Committed>,
  command: Command<unknown>,
  wait: WaitRequest,
  context: RelayContext,
): Promise<Waited> {
  // A look that takes no time waits for nothing, and must not end a wait of the same device.
  if (wait.seconds === 0) return readOnce(await read(), wait, 'unchanged');
  if (!wait.isHoldable) return readOnce(await read(), wait, 'declined');
  const waiter = context.waiters.open(command.address.key, wait.connection);
  const stopWatching = wait.whenGone(waiter.leave);
  try {
    let first = await read();
    if (first.revision !== wait.knownVersion) return { current: first, result: 'changed' };
    first = outlineOf(first); // Assigned, as this function's own variable would keep the whole as long as it waits.
    if (!waiter.startWaiting(first.role, first.revision)) return { current: first, result: 'declined' };
    return await waitUntilChanged(waiter, first, command, wait, context);
  } finally {
    stopWatching();
    waiter.close();
  }
}

function readOnce(current: Committed, { knownVersion }: WaitRequest, otherwise: Waited['result']): Waited {
  return { current, result: current.revision === knownVersion ? otherwise : 'changed' };
}

/** What the answer to a wait in vain needs. Thousands may wait, and the content that they have seen may be large. */
function outlineOf(whole: Committed): Committed {
  const { receiver, ...mailbox } = whole.mailbox;
  const device = { claim: '', updates: [] };
  const payload = { type: '', data: '' };
  const display = { title: '', description: '', imageURL: '' };
  const outline = { ...mailbox, payload, display, sender: device, released: [] };
  return { ...whole, mailbox: receiver === undefined ? outline : { ...outline, receiver: device } };
}

async function waitUntilChanged(
  waiter: Waiter,
  first: Committed,
  command: Command<unknown>,
  wait: WaitRequest,
  context: RelayContext,
): Promise<Waited> {
  const end = performance.now() + wait.seconds * 1000;
  for (;;) {
    const untilExpiry = first.mailbox.expiresAt - context.clock();
    const why = await waiter.next(Math.max(0, Math.min(end - performance.now(), untilExpiry)));
    const expired = first.mailbox.expiresAt <= context.clock();
    if (why === 'time' && !expired && performance.now() < end) continue; // A timer may be early, by either clock.
    if (why !== 'changed' && !expired) return { current: first, result: 'unchanged' };
    // Read without binding: a device that was let go in the meantime must not take the place back.
    const asker = { budget: startBudget(context.storeBudgetMs), authorize: undefined };
    const transition = rereadTransition(claimDigest(command.address.identifier, command.claim));
    const current = await commit(context, command.address, transition, asker);
    if (current.revision !== first.revision) return { current, result: 'changed' };
  }
}

function rereadTransition(claim: string): Transition {
  return {
    admit: (mailbox) => ({ role: boundRole(findMembership(mailbox, claim)), duplicate: false }),
    apply(mailbox, role) {
      if (role === 'receiver') assertRight(mailbox, 'R');
      return undefined;
    },
  };
}
