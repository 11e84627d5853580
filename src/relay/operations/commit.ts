import type { NotificationToken } from '../../protocol/bodies.js';
import { RelayError, storeUnavailable } from '../errors.js';
import type { RelayEventType } from '../events.js';
import { findVersion, isMailbox, type LatestChange, type Mailbox, type MailboxRecord } from '../mailbox/record.js';
import type { Role } from '../mailbox/roles.js';
import {
  createForgetTransition,
  type MailboxChange,
  type Transition,
  type TransitionResult,
} from '../mailbox/transitions.js';

import type { Address } from '../store/codec.js';
import type { StoredEntry } from '../store/contract.js';
import { describeFailure } from '../store/describe-failure.js';
import { type StoreBudget, startBudget } from '../store/guarded-store.js';
import type { RelayContext } from './context.js';

/** A mailbox and its revision. */
export interface Loaded {
  readonly mailbox: Mailbox;
  readonly revision: string;
  /** Mailbox-Version. */
  readonly version: string;
}

/** A mailbox after an operation. */
export interface Committed<Actor extends Role | undefined = Role> {
  /** The current state; the last state before a delete. */
  readonly mailbox: Mailbox;
  readonly revision: string;
  /** Mailbox-Version. */
  readonly version: string;
  readonly role: Actor;
  readonly duplicate: boolean;
}

/** Longest pause in ms between two attempts. */
const MAXIMUM_PAUSE_MS = 50;

/** Decodes a stored entry. An unreadable entry is an outage (503), not an absent mailbox. */
function openRecord(context: RelayContext, address: Address, entry: StoredEntry): MailboxRecord {
  try {
    return context.codec.decode(entry.value, address);
  } catch (error) {
    context.events.emit('store.failed', { call: 'decode', ...describeFailure(error), ms: 0 });
    throw storeUnavailable(error);
  }
}

/** The record at an address; `undefined` if there is no record or its deadline has passed. */
export async function findRecord(
  context: RelayContext,
  address: Address,
  budget: StoreBudget,
): Promise<{ record: MailboxRecord; revision: string } | undefined> {
  const entry = await context.store.get(address.key, budget);
  if (entry === undefined) return undefined;
  const record = openRecord(context, address, entry);
  return record.expiresAt > context.clock() ? { record, revision: entry.revision } : undefined;
}

/** The mailbox at an address; throws `mailbox_not_found` if it does not exist, has expired or was deleted. */
export async function loadMailbox(context: RelayContext, address: Address, budget: StoreBudget): Promise<Loaded> {
  const found = await findRecord(context, address, budget);
  if (found === undefined || !isMailbox(found.record)) throw new RelayError('mailbox_not_found');
  const { record: mailbox, revision } = found;
  return { mailbox, revision, version: findVersion(mailbox, revision).version };
}

interface CommitOptions<Actor extends Role | undefined> {
  readonly budget: StoreBudget;
  /** Calls the host's authorize hook, for a request of a device. */
  readonly authorize: ((role: Actor) => Promise<void>) | undefined;
}

/** The result of a transition on a loaded mailbox. */
interface Plan<Actor extends Role | undefined> extends Loaded {
  readonly role: Actor;
  readonly duplicate: boolean;
  /** `undefined` if there is nothing to write. */
  readonly step: TransitionResult | undefined;
}

/**
 * Applies a transition to a mailbox atomically: read, transition, compare-and-set. After a race lost to another process
 * it reads again, until the store budget of the request is spent; then it throws `contention` (503).
 *
 * Writes of this process to one mailbox are queued. An error, or a read without a write, does not enter the queue:
 * strangers who know a share URL cannot delay its devices.
 */
export async function commit<Actor extends Role | undefined>(
  context: RelayContext,
  address: Address,
  transition: Transition<Actor>,
  { budget, authorize }: CommitOptions<Actor>,
): Promise<Committed<Actor>> {
  async function makePlan(): Promise<Plan<Actor>> {
    const loaded = await loadMailbox(context, address, budget);
    const { role, duplicate } = transition.admit(loaded.mailbox);
    const current = { now: context.clock(), version: loaded.version };
    const step = duplicate ? undefined : transition.apply(loaded.mailbox, role, current);
    return { ...loaded, role, duplicate, step };
  }

  let mayLeaveQueue = true;

  /** Runs in the queue. `undefined` if the plan must be made again outside of the queue. */
  async function write(firstPlan: Plan<Actor>, hasWaited: boolean): Promise<Committed<Actor> | undefined> {
    let plan = firstPlan;
    if (hasWaited) {
      budget.noteWait();
      // Of many devices that try to bind, the first has probably succeeded. The others then fail outside of the queue.
      // A request leaves the queue only once, so that it cannot leave forever.
      if (plan.step?.change === 'bound' && mayLeaveQueue) {
        mayLeaveQueue = false;
        return undefined;
      }
      plan = await makePlan();
    }
    for (let attempt = 0; plan.step !== undefined; attempt += 1) {
      const committed = await tryPlan(context, address, plan, plan.step, budget);
      if (committed !== undefined) return committed;
      await pauseBeforeRetry(attempt, budget);
      plan = await makePlan();
    }
    return plan;
  }

  // The hook runs outside of the queue, so that a slow hook does not delay other requests. One call is enough: a device
  // can lose its role but cannot change it, and the transition fails for a lost role.
  if (authorize !== undefined) {
    const loaded = await loadMailbox(context, address, budget);
    const { role, duplicate } = transition.admit(loaded.mailbox);
    if (duplicate) return { ...loaded, role, duplicate };
    await budget.pausedDuring(() => authorize(role));
  }
  for (;;) {
    const plan = await makePlan();
    if (plan.step === undefined) return plan;
    const committed = await context.queue(address.key, (hasWaited) => write(plan, hasWaited));
    if (committed !== undefined) return committed;
  }
}

/** Writes the result of a plan and reports the change; `undefined` if the race was lost. */
async function tryPlan<Actor extends Role | undefined>(
  context: RelayContext,
  address: Address,
  plan: Plan<Actor>,
  step: TransitionResult,
  budget: StoreBudget,
): Promise<Committed<Actor> | undefined> {
  const { mailbox, revision, role, duplicate } = plan;
  const written = context.random.revision();
  const next = isMailbox(step.next) ? { ...step.next, latest: describeLatest(plan, step, written) } : step.next;
  if (!(await replaceRecord(context, address, revision, written, next, mailbox.expiresAt, budget))) return undefined;
  afterCommit(context, address, { change: step.change, role, before: mailbox });
  const current = isMailbox(next) ? next : mailbox;
  return { mailbox: current, revision: written, version: findVersion(current, written).version, role, duplicate };
}

/** Changes that the other device does not see. They keep the Mailbox-Version. */
function isPrivate(change: MailboxChange): boolean {
  return change === 'token_replaced' || change === 'token_forgotten';
}

/** The latest change of a record with the revision `written`. */
function describeLatest(
  { mailbox, revision, version, role }: Plan<Role | undefined>,
  { change, isRemembered }: TransitionResult,
  written: string,
): LatestChange {
  if (isPrivate(change)) {
    const { by } = findVersion(mailbox, revision);
    return { revision: written, version, ...(by === undefined ? {} : { by }) };
  }
  return { revision: written, ...(isRemembered === true && role !== undefined ? { by: role } : {}) };
}

/** Replaces the record with this revision by one with the revision `written`. False if the race was lost. */
async function replaceRecord(
  context: RelayContext,
  address: Address,
  revision: string,
  written: string,
  next: MailboxRecord,
  deadline: number,
  budget: StoreBudget,
): Promise<boolean> {
  const value = context.codec.encode(next, address, written, context.random.iv);
  const newDeadline = next.expiresAt === deadline ? undefined : next.expiresAt;
  const result = await context.store.replace(address.key, revision, value, newDeadline, budget);
  // If the entry is missing, the next read finds no mailbox.
  return result === 'ok';
}

/** The event that reports a change of a mailbox. A device that replaces its token causes no event. */
const EVENT_OF_CHANGE = {
  bound: 'mailbox.bound',
  updated: 'mailbox.updated',
  relinquished: 'mailbox.relinquished',
  deleted: 'mailbox.deleted',
  removed: 'mailbox.removed',
  token_forgotten: 'token.forgotten',
} as const satisfies Record<Exclude<MailboxChange, 'token_replaced'>, RelayEventType>;

/** Notifies waiters, other processes and the other device. It cannot fail, and does not delay the answer. */
function afterCommit(context: RelayContext, address: Address, { change, role, before }: Effect): void {
  if (!isPrivate(change)) {
    context.waiters.wake(address.key);
    context.changes?.publish?.(address.key);
  }
  if (change === 'token_replaced') return;
  if (role !== undefined && (change === 'updated' || change === 'deleted')) notifyOther(context, address, role, before);
  const type = EVENT_OF_CHANGE[change];
  if (context.events.hasListeners(type)) context.events.emit(type, { mailbox: context.hashMailbox(address) });
}

/** A change that was written. */
interface Effect {
  readonly change: MailboxChange;
  /** The role of the device that acted; `undefined` if the operator or the relay acted. */
  readonly role: Role | undefined;
  /** The mailbox before the change. */
  readonly before: Mailbox;
}

/** Notifies the other device through its token, if it has one (docs/protocol.md §8). */
function notifyOther(context: RelayContext, address: Address, role: Role, before: Mailbox): void {
  const other = role === 'sender' ? 'receiver' : 'sender';
  const token = before[other]?.token;
  if (token === undefined || !context.pushes.handles(token)) return;
  context.pushes.enqueue({
    token,
    expiresAt: before.expiresAt,
    forget: () => forgetToken(context, address, other, token),
  });
}

/** Removes a token that its provider has called invalid, unless the device has replaced the token. */
async function forgetToken(
  context: RelayContext,
  address: Address,
  role: Role,
  token: NotificationToken,
): Promise<void> {
  const options = { budget: startBudget(context.storeBudgetMs), authorize: undefined };
  await commit(context, address, createForgetTransition(role, token), options);
}

/** Waits for a random time that grows with each attempt; throws `contention` if the budget does not suffice. */
export async function pauseBeforeRetry(attempt: number, budget: StoreBudget): Promise<void> {
  const pause = Math.random() * Math.min(MAXIMUM_PAUSE_MS, 2 ** attempt);
  if (budget.remaining() <= pause) throw new RelayError('contention');
  budget.noteWait();
  await new Promise((resolve) => setTimeout(resolve, pause));
}
