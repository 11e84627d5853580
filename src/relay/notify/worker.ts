import type { Events } from '../events.js';
import { type Attempt, attemptPush } from './attempt.js';
import { Breakers } from './breaker.js';
import { ConcurrencyLimiter } from './concurrency.js';
import type { Notifier } from './contract.js';
import { type DeviceQueue, join, type PendingPush } from './device-queues.js';
import type { PushSettings } from './settings.js';

/** The parts that all senders of a queue share. */
export interface WorkerParts {
  readonly bounds: PushSettings;
  /** Unix time in ms. */
  readonly clock: () => number;
  readonly events: Events;
  /** Called when a push has come to those that wait, new or after a failure: drops one if they are too many. */
  readonly onWaiting: () => void;
  /** Called when a sender has nothing left to do. */
  readonly onIdle: () => void;
}

/** Why a push was given up. */
export type DropReason = 'full' | 'expired' | 'retries' | 'closed';

const HOUR_MS = 3_600_000;

/**
 * Sends the pushes of one notifier to one of its services. The newest push goes first, so pushes that hang do not hold up
 * a later one. Tokens whose last push failed come after all others, also for the test of a host that kept failing.
 */
export class NotifierWorker {
  readonly #notifier: Notifier;
  readonly #parts: WorkerParts;
  readonly #slots: ConcurrencyLimiter;
  readonly #breakers = new Breakers();
  /** Lanes with a push that waits, oldest first: those that did not fail, and those that did. */
  readonly #fresh = new Set<DeviceQueue>();
  readonly #failed = new Set<DeviceQueue>();
  readonly #underWay = new Set<AbortController>();
  #timer: NodeJS.Timeout | undefined;
  #pumping = false;
  #closing = false;

  constructor(notifier: Notifier, parts: WorkerParts) {
    this.#notifier = notifier;
    this.#parts = parts;
    this.#slots = new ConcurrencyLimiter(parts.bounds, () => this.#pumpSoon());
  }

  /** Pushes that wait. */
  get waiting(): number {
    return this.#fresh.size + this.#failed.size;
  }

  /** Pushes that wait or are being sent. */
  get size(): number {
    return this.waiting + this.#underWay.size;
  }

  /** Takes a push; one that waits already in the lane is joined with it. */
  put(lane: DeviceQueue, pending: PendingPush): void {
    const joined = join(pending, this.#take(lane));
    lane.pending = joined;
    (lane.failures > 0 ? this.#failed : this.#fresh).add(lane);
    this.#parts.onWaiting();
    this.#pumpSoon();
  }

  /** Gives up the push that has waited longest, of a token that failed if there is one. */
  dropOldest(): void {
    const [oldest] = this.#failed.size > 0 ? this.#failed : this.#fresh;
    if (oldest !== undefined) this.#drop(oldest, 'full');
  }

  /** Sends pushes that rest at once, and gives up pushes that wait for the end of a pause. */
  drain(): void {
    this.#closing = true;
    for (const lane of this.#lanes()) {
      lane.restsUntil = 0;
      if (lane.pausedUntil > performance.now()) this.#drop(lane, 'closed');
    }
    this.#pumpSoon();
  }

  /** Gives up everything. */
  stop(): void {
    clearTimeout(this.#timer);
    for (const lane of this.#lanes()) this.#drop(lane, 'closed');
    for (const controller of this.#underWay) controller.abort();
  }

  #lanes(): DeviceQueue[] {
    return [...this.#fresh, ...this.#failed];
  }

  #take(lane: DeviceQueue): PendingPush | undefined {
    const { pending } = lane;
    lane.pending = undefined;
    this.#fresh.delete(lane);
    this.#failed.delete(lane);
    return pending;
  }

  #drop(lane: DeviceQueue, reason: DropReason): void {
    const pending = this.#take(lane);
    if (pending !== undefined) this.#reportDrop(pending, reason);
  }

  #reportDrop({ job }: PendingPush, reason: DropReason): void {
    this.#parts.events.emit('push.dropped', { tokenType: job.token.type, reason });
  }

  /** Not at once: a notifier's own work is none of the request's. */
  #pumpSoon(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    setImmediate(() => {
      this.#pumping = false;
      this.#pump();
    });
  }

  #pump(): void {
    clearTimeout(this.#timer);
    const wait = Math.min(this.#begin(this.#fresh, false), this.#begin(this.#failed, true));
    if (wait < Number.POSITIVE_INFINITY) this.#timer = setTimeout(() => this.#pump(), wait).unref();
    if (this.size === 0) this.#parts.onIdle();
  }

  /** Begins the pushes that can begin now; the result is the ms until another can, for all that is known now. */
  #begin(lanes: ReadonlySet<DeviceQueue>, isRetry: boolean): number {
    let shortest = Number.POSITIVE_INFINITY;
    if (!this.#slots.isFree(isRetry)) return shortest;
    for (const lane of [...lanes].reverse()) {
      if (!this.#slots.isFree(isRetry)) break;
      if (lane.pending === undefined || lane.running) continue;
      const wait = this.#waitOf(lane, lane.pending);
      if (wait === 0) void this.#send(lane, lane.pending, isRetry);
      else if (wait === undefined) this.#drop(lane, 'expired');
      else shortest = Math.min(shortest, wait);
    }
    return shortest;
  }

  /** Milliseconds until a push may begin; undefined if it is of no use by then. */
  #waitOf(lane: DeviceQueue, { until }: PendingPush): number | undefined {
    const now = performance.now();
    const wait = Math.max(0, lane.restsUntil - now, lane.pausedUntil - now);
    if (this.#parts.clock() + wait >= until) return undefined;
    return wait > 0 ? wait : this.#breakers.begin(lane.host, now);
  }

  async #send(lane: DeviceQueue, pending: PendingPush, isRetry: boolean): Promise<void> {
    const { bounds, clock } = this.#parts;
    const begunAt = performance.now();
    const isTest = this.#breakers.isOpen(lane.host);
    const controller = new AbortController();
    const release = this.#slots.take(isRetry);
    this.#take(lane);
    this.#underWay.add(controller);
    lane.running = true;
    lane.restsUntil = begunAt + bounds.intervalMs;
    const { type, tokenData } = pending.job.token;
    const expiresAt = Math.floor(clock() / HOUR_MS) * HOUR_MS + 24 * HOUR_MS;
    const result = await attemptPush(this.#notifier, { type, tokenData, expiresAt }, bounds.timeoutMs, controller);
    lane.running = false;
    this.#underWay.delete(controller);
    release();
    this.#report(lane, pending, result, performance.now() - begunAt);
    // While a host is tested, its failures are no fault of the push.
    this.#conclude(lane, isTest ? { ...pending, tries: pending.tries - 1 } : pending, result);
    this.#pumpSoon();
  }

  #report(
    lane: DeviceQueue,
    { job: { token }, tries }: PendingPush,
    { outcome, code, fault }: Attempt,
    ms: number,
  ): void {
    const { events } = this.#parts;
    const ok = outcome !== 'retry' || fault === 'token';
    if (code !== 'closed' && this.#breakers.report(lane.host, ok, performance.now())) {
      events.emit('push.paused', { tokenType: token.type });
    }
    const common = { tokenType: token.type, attempt: tries + 1, ms };
    if (outcome === 'sent') events.emit('push.sent', common);
    else events.emit('push.failed', { ...common, outcome, ...(code === undefined ? {} : { code }) });
  }

  #conclude(lane: DeviceQueue, pending: PendingPush, { outcome, retryAfterMs = 0 }: Attempt): void {
    if (outcome === 'retry') {
      const [first, longest] = this.#parts.bounds.pauseMs;
      const pause = Math.max(retryAfterMs, Math.random() * Math.min(longest, first * 4 ** lane.failures));
      lane.failures += 1;
      lane.pausedUntil = performance.now() + pause;
      this.#retry(lane, pending);
      return;
    }
    lane.failures = 0;
    lane.pausedUntil = 0;
    if (outcome === 'gone') for (const { job } of [pending, this.#take(lane)].filter(isPending)) forget(job.forget);
  }

  #retry(lane: DeviceQueue, pending: PendingPush): void {
    // A change that came in the meantime takes its place, and has all its tries.
    const later = this.#take(lane);
    if (this.#closing) this.#reportDrop(pending, 'closed');
    else if (later !== undefined) this.put(lane, join(later, pending));
    else if (pending.tries >= this.#parts.bounds.retries) this.#reportDrop(pending, 'retries');
    else this.put(lane, { ...pending, tries: pending.tries + 1 });
  }
}

function isPending(pending: PendingPush | undefined): pending is PendingPush {
  return pending !== undefined;
}

/** The mailbox may be gone; or the store is away, and says so itself, and the token goes with the next push. */
function forget(take: () => Promise<void>): void {
  new Promise<void>((done) => done(take())).catch(() => {});
}
