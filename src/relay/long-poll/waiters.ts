import type { Role } from '../mailbox/roles.js';
import type { ChangeBus } from './contract.js';
import { RevisionPoller } from './poller.js';
import { WaitLimiter, type WaitLimits } from './wait-limiter.js';
import { type KnownVersion, Waiter, type WaiterOwner, type WakeReason } from './waiter.js';

/** How the relay finds changes without a notification of the change bus. */
export interface PollOptions {
  readonly periodMs: number;
  /** Resolves to the stored revision, `undefined` if the mailbox is gone. A rejection wakes no waiter. */
  readRevision(key: string): Promise<string | undefined>;
}

/** Waiters that one turn of the event loop wakes. */
const WAKE_BATCH = 500;

/** The waiters of one mailbox. */
interface WaitGroup {
  readonly waiters: Set<Waiter>;
  /** Polls the mailbox, once a request is held. */
  timer?: NodeJS.Timeout;
}

/** The waiters of this process, by the store key of the mailbox. Subscribes to the bus at the first waiter. */
export class Waiters {
  readonly #groups = new Map<string, WaitGroup>();
  readonly #limiter: WaitLimiter;
  readonly #poller: RevisionPoller;
  readonly #pollPeriodMs: number;
  readonly #bus: ChangeBus | undefined;
  readonly #owner: WaiterOwner;
  #unsubscribe: (() => Promise<void>) | undefined;
  #isDraining = false;
  #onDrained: (() => void)[] = [];

  constructor(limits: WaitLimits, { periodMs, readRevision }: PollOptions, bus: ChangeBus | undefined) {
    this.#pollPeriodMs = periodMs;
    this.#bus = bus;
    this.#limiter = new WaitLimiter(limits, () => this.#resolveDrained());
    this.#poller = new RevisionPoller({
      readRevision,
      onRevision: (key, revision) => this.#wakeOutdated(key, revision),
    });
    this.#owner = {
      hold: (waiter, role, known) => this.#hold(waiter, role, known),
      remove: (waiter) => this.#remove(waiter),
    };
  }

  /** Held requests. */
  get size(): number {
    return this.#limiter.used;
  }

  get draining(): boolean {
    return this.#isDraining;
  }

  /**
   * Adds a waiter. Call this method before reading the mailbox, so that no change is missed in between. The waiter
   * takes no slot before `startWaiting`, so that a refused request takes no slot from others. `connection` is the
   * socket or HTTP/2 session of the request, if the host exposes it.
   */
  open(key: string, connection: object | undefined): Waiter {
    this.#unsubscribe ??= this.#bus?.subscribe({
      changed: (changed) => this.wake(changed),
      resync: () => this.#pollAll(),
    });
    const waiter = new Waiter(key, connection, this.#owner);
    const group = this.#groups.get(key);
    if (group === undefined) this.#groups.set(key, { waiters: new Set([waiter]) });
    else group.waiters.add(waiter);
    return waiter;
  }

  /** Wakes all waiters of a mailbox that has, or may have, changed. */
  wake(key: string): void {
    const group = this.#groups.get(key);
    if (group === undefined) return;
    for (const waiter of group.waiters) waiter.wake('changed');
  }

  /** Ends all waits, and holds no more requests. Resolves when no request is held. */
  drain(): Promise<void> {
    this.#isDraining = true;
    if (this.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onDrained.push(resolve);
      this.#wakeAll('draining');
    });
  }

  /** Drains, and unsubscribes from the bus. */
  async close(): Promise<void> {
    await this.drain();
    await this.#unsubscribe?.();
  }

  #hold(waiter: Waiter, role: Role, known: KnownVersion): boolean {
    const group = this.#groups.get(waiter.key);
    for (const other of group?.waiters ?? []) supersede(other, role, known);
    waiter.releaseSlot = this.#isDraining ? undefined : this.#limiter.acquire(waiter.connection);
    if (waiter.releaseSlot === undefined) return false;
    waiter.role = role;
    waiter.known = known;
    if (group !== undefined) group.timer ??= this.#startPolling(waiter.key);
    return true;
  }

  #remove(waiter: Waiter): void {
    waiter.releaseSlot?.();
    const group = this.#groups.get(waiter.key);
    if (group?.waiters.delete(waiter) !== true || group.waiters.size > 0) return;
    clearInterval(group.timer);
    this.#poller.cancel(waiter.key);
    this.#groups.delete(waiter.key);
  }

  /** Polls a mailbox once per period, plus or minus a tenth, for all its waiters together. */
  #startPolling(key: string): NodeJS.Timeout {
    const periodMs = this.#pollPeriodMs * (0.9 + 0.2 * Math.random());
    return setInterval(() => this.#poller.poll(key), periodMs).unref();
  }

  /** Notifications may have been lost. Polls instead of waking all waiters, so that not all read at the same time. */
  #pollAll(): void {
    for (const key of this.#groups.keys()) this.#poller.poll(key);
  }

  /** Wakes waiters that are still reading, too: a read may return the state before the polled revision. */
  #wakeOutdated(key: string, revision: string | undefined): void {
    for (const waiter of this.#groups.get(key)?.waiters ?? []) {
      if (waiter.known?.revision !== revision) waiter.wake('changed');
    }
  }

  /** Wakes in batches, so that other work gets turns of the event loop. */
  #wakeAll(reason: WakeReason): void {
    const waiters = [...this.#groups.values()].flatMap((group) => [...group.waiters]);
    const wakeFrom = (start: number): void => {
      for (const waiter of waiters.slice(start, start + WAKE_BATCH)) waiter.wake(reason);
      if (start + WAKE_BATCH < waiters.length) setImmediate(wakeFrom, start + WAKE_BATCH);
    };
    wakeFrom(0);
  }

  #resolveDrained(): void {
    const resolvers = this.#onDrained;
    this.#onDrained = [];
    for (const resolve of resolvers) resolve();
  }
}

/** Wakes a held request for a newer request of the same mailbox. */
function supersede(older: Waiter, role: Role, { version }: KnownVersion): void {
  if (older.role === undefined) return;
  // With another version the older request may belong to another device, released by a change that it has not seen.
  if (older.known?.version !== version) older.wake('changed');
  else if (older.role === role) {
    older.wake('superseded');
    older.releaseSlot?.(); // The newer request takes the slot.
  }
}
