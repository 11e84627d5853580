import type { NotificationToken } from '../../protocol/bodies.js';
import { RelayError, storeUnavailable } from '../errors.js';
import { describeCause, type RelayEventType } from '../events.js';
import { isMailbox, type Mailbox, type MailboxRecord } from '../mailbox/record.js';
import type { Role } from '../mailbox/roles.js';
import {
  createForgetTransition,
  type MailboxChange,
  type Transition,
  type TransitionResult,
} from '../mailbox/transitions.js';
import type { Address } from '../store/codec.js';
import type { StoredEntry } from '../store/contract.js';
import { type StoreBudget, startBudget } from '../store/guarded-store.js';
import type { RelayContext } from './context.js';

/** A mailbox as it was read. */
export interface Loaded {
  readonly mailbox: Mailbox;
  readonly revision: string;
}

/** A mailbox after an operation on it. */
export interface Committed<Actor extends Role | undefined = Role> {
  /** As it is now; as it was, if it was deleted. */
  readonly mailbox: Mailbox;
  readonly revision: string;
  readonly role: Actor;
  readonly duplicate: boolean;
}

/** Most that one back-off between two tries may take, in ms. */
const MAXIMUM_PAUSE_MS = 50;

/** The record in a stored entry. What cannot be read is an outage, not an absence: 503. */
function openRecord(context: RelayContext, address: Address, entry: StoredEntry): MailboxRecord {
  try {
    return context.codec.decode(entry.value, address);
  } catch (error) {
    context.events.emit('store.failed', { call: 'decode', cause: describeCause(error), ms: 0 });
    throw storeUnavailable(error);
  }
}

/** The live record under an address, judged by the record's own deadline; `undefined` if there is none. */
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

/** The mailbox at an address; throws `mailbox_not_found` if there is none, or it is expired or deleted. */
export async function loadMailbox(context: RelayContext, address: Address, budget: StoreBudget): Promise<Loaded> {
  const found = await findRecord(context, address, budget);
  if (found === undefined || !isMailbox(found.record)) throw new RelayError('mailbox_not_found');
  return { mailbox: found.record, revision: found.revision };
}

interface CommitOptions<Actor extends Role | undefined> {
  readonly budget: StoreBudget;
  /** Calls the host's authorize hook, for a request of a device. */
  readonly authorize: ((role: Actor) => Promise<void>) | undefined;
}

/** What a transition makes of a mailbox as it was loaded. */
interface Plan<Actor extends Role | undefined> extends Loaded {
  readonly role: Actor;
  readonly duplicate: boolean;
  /** Absent if there is nothing to write. */
  readonly step: TransitionResult | undefined;
}

/**
 * Applies a transition to a mailbox, atomically: read, transition, compare-and-set. A race lost to another process is
 * tried again on a fresh read until the request's store budget is spent, then 503 `contention`.
 *
 * Writes of this process to one mailbox take turns. A refusal, or a read that writes nothing, needs no turn: strangers
 * who know a share URL cannot make its devices wait.
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
    const moment = { now: context.clock(), revision: loaded.revision };
    return { ...loaded, role, duplicate, step: duplicate ? undefined : transition.apply(loaded.mailbox, role, moment) };
  }

  let mayStepBack = true;

  /** Writes in its turn. `undefined` if the plan has to be made anew outside the queue. */
  async function write(made: Plan<Actor>, hasWaited: boolean): Promise<Committed<Actor> | undefined> {
    let plan = made;
    if (hasWaited) {
      budget.noteWait();
      // The first of many who would be bound has been: the others are refused, and need no turn for that. Once only, so
      // that one who is not refused comes to its turn.
      if (plan.step?.change === 'bound' && mayStepBack) {
        mayStepBack = false;
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

  // The hook is asked before it is this commit's turn, so that a slow one holds nobody else up. Once is enough: a
  // device's role never changes, it can only be lost, and then the transition itself refuses.
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

/** Writes the step of a plan, and does what follows; `undefined` if the race was lost. */
async function tryPlan<Actor extends Role | undefined>(
  context: RelayContext,
  address: Address,
  { mailbox, revision, role, duplicate }: Plan<Actor>,
  { next, change }: TransitionResult,
  budget: StoreBudget,
): Promise<Committed<Actor> | undefined> {
  const written = await writeRecord(context, address, revision, next, mailbox.expiresAt, budget);
  if (written === undefined) return undefined;
  afterCommit(context, address, { change, role, before: mailbox });
  return { mailbox: isMailbox(next) ? next : mailbox, revision: written, role, duplicate };
}

/** Replaces a record if it still has `revision`; the new revision, or `undefined` if the race was lost. */
async function writeRecord(
  context: RelayContext,
  address: Address,
  revision: string,
  next: MailboxRecord,
  deadline: number,
  budget: StoreBudget,
): Promise<string | undefined> {
  const written = context.random.revision();
  const value = context.codec.encode(next, address, written, context.random.iv);
  const moved = next.expiresAt === deadline ? undefined : next.expiresAt;
  const result = await context.store.replace(address.key, revision, value, moved, budget);
  // A mailbox that went missing since the read is found so by the next try's read.
  return result === 'ok' ? written : undefined;
}

/** The event that reports a change of a mailbox. */
const EVENT_OF_CHANGE = {
  bound: 'mailbox.bound',
  updated: 'mailbox.updated',
  relinquished: 'mailbox.relinquished',
  deleted: 'mailbox.deleted',
  removed: 'mailbox.removed',
  token_forgotten: 'token.forgotten',
} as const satisfies Record<MailboxChange, RelayEventType>;

/** What follows a change. It can neither fail nor delay the answer. */
function afterCommit(context: RelayContext, address: Address, { change, role, before }: Effect): void {
  context.waiters.wake(address.key);
  context.changes?.publish?.(address.key);
  if (role !== undefined && (change === 'updated' || change === 'deleted')) notifyOther(context, address, role, before);
  const type = EVENT_OF_CHANGE[change];
  if (context.events.hasListeners(type)) context.events.emit(type, { mailbox: context.hashMailbox(address) });
}

/** A change that was made: by whom, and of what. */
interface Effect {
  readonly change: MailboxChange;
  /** The role of the device that acted; `undefined` if the operator or the relay acted. */
  readonly role: Role | undefined;
  /** The mailbox before it. */
  readonly before: Mailbox;
}

/** Tells the other device that something changed, if it left a token (PROTOCOL: notification). */
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

/** Takes a token that will never work again out of the mailbox, unless the device has left another since. */
async function forgetToken(
  context: RelayContext,
  address: Address,
  role: Role,
  token: NotificationToken,
): Promise<void> {
  const asker = { budget: startBudget(context.storeBudgetMs), authorize: undefined };
  await commit(context, address, createForgetTransition(role, token), asker);
}

/** Waits a random time that grows with each try; throws `contention` once the budget is spent. */
export async function pauseBeforeRetry(attempt: number, budget: StoreBudget): Promise<void> {
  const pause = Math.random() * Math.min(MAXIMUM_PAUSE_MS, 2 ** attempt);
  if (budget.remaining() <= pause) throw new RelayError('contention');
  budget.noteWait();
  await new Promise((resolve) => setTimeout(resolve, pause));
}
