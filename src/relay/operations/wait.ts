import type { KnownVersion, Waiter } from '../long-poll/waiter.js';
import { digestClaim } from '../mailbox/digests.js';
import { findMembership, type Role, resolveBoundRole } from '../mailbox/roles.js';
import { assertRight, type Transition } from '../mailbox/transitions.js';
import { startBudget } from '../store/guarded-store.js';
import { type Committed, commit } from './commit.js';
import type { MailboxCommand, RelayContext, WaitRequest, WaitResult } from './context.js';

/** The result of a wait: the mailbox with its content if it changed, otherwise its state without content. */
export type Waited =
  | { readonly result: Extract<WaitResult, 'changed'>; readonly current: Committed }
  | (KnownState & { readonly result: Exclude<WaitResult, 'changed'> });

/**
 * State of a mailbox whose content the device has. Thousands of requests may be held, and a payload may be large, so a
 * held request keeps no content in memory.
 */
interface KnownState extends KnownVersion {
  readonly role: Role;
  readonly receiverBound: boolean;
  /** Unix time in ms. */
  readonly expiresAt: number;
}

/**
 * A long poll (docs/protocol.md §8): reads and binds like any read, then holds the answer while the known version is
 * current. It registers the waiter before the read, so that it misses no change. During the wait it holds no lock, no
 * store connection and no place in the queue. Throws the errors of a read: `mailbox_not_found` when the mailbox is
 * deleted or expires, 401 when the device is unbound.
 */
export async function waitForChange(
  read: () => Promise<Committed>,
  command: MailboxCommand<unknown>,
  wait: WaitRequest,
  context: RelayContext,
): Promise<Waited> {
  // A wait of 0 seconds must not supersede a longer wait of the same device.
  if (wait.seconds === 0) return readOnce(read, wait, 'unchanged');
  if (!wait.isHoldable) return readOnce(read, wait, 'declined');
  const waiter = context.waiters.open(command.address.key, wait.connection);
  if (wait.signal.aborted) waiter.leave();
  else wait.signal.addEventListener('abort', waiter.leave, { once: true });
  try {
    const first = await readOnce(read, wait, 'declined');
    if (first.result === 'changed' || !waiter.startWaiting(first.role, first)) return first;
    return await waitUntilChanged(waiter, first, command, wait, context);
  } finally {
    wait.signal.removeEventListener('abort', waiter.leave);
    waiter.close();
  }
}

/** Reads once. `otherwise` is the result if the mailbox has the known version. */
async function readOnce(
  read: () => Promise<Committed>,
  { knownVersion }: WaitRequest,
  otherwise: 'unchanged' | 'declined',
): Promise<Waited> {
  const current = await read();
  const { mailbox, version, revision, role } = current;
  if (version !== knownVersion) return { result: 'changed', current };
  const receiverBound = mailbox.receiver !== undefined;
  return { result: otherwise, version, revision, role, receiverBound, expiresAt: mailbox.expiresAt };
}

async function waitUntilChanged(
  waiter: Waiter,
  known: KnownState,
  command: MailboxCommand<unknown>,
  wait: WaitRequest,
  context: RelayContext,
): Promise<Waited> {
  const end = performance.now() + wait.seconds * 1000;
  for (;;) {
    const untilExpiry = known.expiresAt - context.clock();
    const reason = await waiter.next(Math.max(0, Math.min(end - performance.now(), untilExpiry)));
    const isExpired = known.expiresAt <= context.clock();
    // A timer may fire early by either clock.
    if (reason === 'time' && !isExpired && performance.now() < end) continue;
    if (reason !== 'changed' && !isExpired) return { ...known, result: 'unchanged' };
    const current = await reread(command, context);
    if (current.version !== known.version) return { result: 'changed', current };
    waiter.known = { revision: current.revision, version: known.version };
  }
}

/** Reads without binding: a device that was unbound during the wait must not become the receiver again. */
function reread({ address, claim }: MailboxCommand<unknown>, context: RelayContext): Promise<Committed> {
  const options = { budget: startBudget(context.storeBudgetMs), authorize: undefined };
  return commit(context, address, createRereadTransition(digestClaim(address.identifier, claim)), options);
}

function createRereadTransition(claim: string): Transition {
  return {
    admit: (mailbox) => ({ role: resolveBoundRole(findMembership(mailbox, claim)), duplicate: false }),
    apply(mailbox, role) {
      if (role === 'receiver') assertRight(mailbox, 'R');
      return undefined;
    },
  };
}
