import type { Events } from '../events.js';
import { type AttemptResult, attemptPush } from './attempt.js';
import { CircuitBreakers } from './breaker.js';
import { ConcurrencyLimiter } from './concurrency.js';
import type { Notifier } from './contract.js';
import { type DeviceQueue, mergePushes, type PendingPush } from './device-queues.js';
import type { PushSettings } from './settings.js';

/** The parts that all workers of a push queue share. */
export interface WorkerParts {
  readonly settings: PushSettings;
  /** Unix time in ms. */
  readonly clock: () => number;
  readonly events: Events;
  /** Called after a push was added, new or for another attempt. May drop a push. */
  readonly onEnqueued: () => void;
  /** Called when the worker has no push left. */
  readonly onIdle: () => void;
}

export type DropReason = 'full' | 'expired' | 'retries' | 'closed';

const HOUR_MS = 3_600_000;

/**
 * Sends the pushes of one notifier to one service. The newest push starts first, so that pushes that hang do not delay
 * later pushes. Devices whose last push failed come after all others, also for the test push of an open breaker.
 */
export class NotifierWorker {
  readonly #notifier: Notifier;
  readonly #parts: WorkerParts;
  readonly #limiter: ConcurrencyLimiter;
  readonly #breakers = new CircuitBreakers();
  /** Queues with a pending push and without a failure, the oldest push first. */
  readonly #healthy = new Set<DeviceQueue>();
  /** Queues with a pending push and with a failure, the oldest push first. */
  readonly #failed = new Set<DeviceQueue>();
  readonly #inFlight = new Set<AbortController>();
  #timer: NodeJS.Timeout | undefined;
  #isScheduled = false;
  #isClosing = false;

  constructor(notifier: Notifier, parts: WorkerParts) {
    this.#notifier = notifier;
    this.#parts = parts;
    this.#limiter = new ConcurrencyLimiter(parts.settings, () => this.#schedule());
  }

  /** Pushes that wait. */
  get waiting(): number {
    return this.#healthy.size + this.#failed.size;
  }

  /** Pushes that wait or are in flight. */
  get size(): number {
    return this.waiting + this.#inFlight.size;
  }

  /** Adds a push; merges it with a push that already waits for the device. */
  enqueue(queue: DeviceQueue, push: PendingPush): void {
    const merged = mergePushes(push, this.#removePending(queue));
    queue.pending = merged;
    (queue.failures > 0 ? this.#failed : this.#healthy).add(queue);
    this.#parts.onEnqueued();
    this.#schedule();
  }

  /** Drops the oldest push of a device with a failure; without such a device the oldest push. */
  dropOldest(): void {
    const [oldest] = this.#failed.size > 0 ? this.#failed : this.#healthy;
    if (oldest !== undefined) this.#drop(oldest, 'full');
  }

  /** Skips the interval between pushes, and drops pushes that wait for the end of a backoff. */
  drain(): void {
    this.#isClosing = true;
    for (const queue of this.#waitingQueues()) {
      queue.nextAllowedAt = 0;
      if (queue.backoffUntil > performance.now()) this.#drop(queue, 'closed');
    }
    this.#schedule();
  }

  /** Drops all pushes, and aborts those in flight. */
  stop(): void {
    clearTimeout(this.#timer);
    for (const queue of this.#waitingQueues()) this.#drop(queue, 'closed');
    for (const controller of this.#inFlight) controller.abort();
  }

  #waitingQueues(): DeviceQueue[] {
    return [...this.#healthy, ...this.#failed];
  }

  #removePending(queue: DeviceQueue): PendingPush | undefined {
    const { pending } = queue;
    queue.pending = undefined;
    this.#healthy.delete(queue);
    this.#failed.delete(queue);
    return pending;
  }

  #drop(queue: DeviceQueue, reason: DropReason): void {
    const push = this.#removePending(queue);
    if (push !== undefined) this.#reportDrop(push, reason);
  }

  #reportDrop({ job }: PendingPush, reason: DropReason): void {
    this.#parts.events.emit('push.dropped', { tokenType: job.token.type, reason });
  }

  /** Starts pushes in a later turn of the event loop, so that no request waits for synchronous work of a notifier. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#run();
    });
  }

  #run(): void {
    clearTimeout(this.#timer);
    const delayMs = Math.min(this.#startPushes(this.#healthy, false), this.#startPushes(this.#failed, true));
    if (delayMs < Number.POSITIVE_INFINITY) this.#timer = setTimeout(() => this.#run(), delayMs).unref();
    if (this.size === 0) this.#parts.onIdle();
  }

  /** Starts all pushes that may start now. Returns the ms until the next push may start. */
  #startPushes(queues: ReadonlySet<DeviceQueue>, isRetry: boolean): number {
    let shortest = Number.POSITIVE_INFINITY;
    if (!this.#limiter.hasFreeSlot(isRetry)) return shortest;
    for (const queue of [...queues].reverse()) {
      if (!this.#limiter.hasFreeSlot(isRetry)) break;
      if (queue.pending === undefined || queue.isSending) continue;
      const delayMs = this.#getDelay(queue, queue.pending);
      if (delayMs === 0) void this.#send(queue, queue.pending, isRetry);
      else if (delayMs === undefined) this.#drop(queue, 'expired');
      else shortest = Math.min(shortest, delayMs);
    }
    return shortest;
  }

  /** Returns the ms until a push may start; `undefined` if the push expires before. */
  #getDelay(queue: DeviceQueue, { dropAt }: PendingPush): number | undefined {
    const now = performance.now();
    const delayMs = Math.max(0, queue.nextAllowedAt - now, queue.backoffUntil - now);
    if (this.#parts.clock() + delayMs >= dropAt) return undefined;
    return delayMs > 0 ? delayMs : this.#breakers.requestStart(queue.host, now);
  }

  async #send(queue: DeviceQueue, push: PendingPush, isRetry: boolean): Promise<void> {
    const startedAt = performance.now();
    const isTest = this.#breakers.isOpen(queue.host);
    this.#removePending(queue);
    queue.isSending = true;
    queue.nextAllowedAt = startedAt + this.#parts.settings.intervalMs;
    const result = await this.#attempt(push, isRetry);
    queue.isSending = false;
    this.#report(queue, push, result, performance.now() - startedAt);
    // The failure of a test push is a failure of the host, and does not count as an attempt.
    const failedAttempts = push.failedAttempts - Number(isTest);
    this.#handleResult(queue, { ...push, failedAttempts }, result);
    this.#schedule();
  }

  async #attempt({ job }: PendingPush, isRetry: boolean): Promise<AttemptResult> {
    const { settings, clock } = this.#parts;
    const { type, tokenData } = job.token;
    const expiresAt = Math.floor(clock() / HOUR_MS) * HOUR_MS + 24 * HOUR_MS;
    const controller = new AbortController();
    const release = this.#limiter.acquire(isRetry);
    this.#inFlight.add(controller);
    const result = await attemptPush(this.#notifier, { type, tokenData, expiresAt }, settings.timeoutMs, controller);
    this.#inFlight.delete(controller);
    release();
    return result;
  }

  #report(
    queue: DeviceQueue,
    { job: { token }, failedAttempts }: PendingPush,
    { outcome, code, fault }: AttemptResult,
    ms: number,
  ): void {
    const { events } = this.#parts;
    // A fault of the token says nothing about the provider: it neither counts nor ends a row of failures.
    const isNeutral = code === 'closed' || fault === 'token';
    if (!isNeutral && this.#breakers.recordResult(queue.host, outcome !== 'retry', performance.now())) {
      events.emit('push.paused', { tokenType: token.type });
    }
    const common = { tokenType: token.type, attempt: failedAttempts + 1, ms };
    if (outcome === 'sent') events.emit('push.sent', common);
    else events.emit('push.failed', { ...common, outcome, ...(code === undefined ? {} : { code }) });
  }

  #handleResult(queue: DeviceQueue, push: PendingPush, { outcome, retryAfterMs = 0 }: AttemptResult): void {
    if (outcome === 'retry') {
      const [first, longest] = this.#parts.settings.backoffMs;
      const backoffMs = Math.max(retryAfterMs, Math.random() * Math.min(longest, first * 4 ** queue.failures));
      queue.failures += 1;
      queue.backoffUntil = performance.now() + backoffMs;
      this.#retry(queue, push);
      return;
    }
    queue.failures = 0;
    queue.backoffUntil = 0;
    if (outcome === 'gone') {
      forgetToken(push);
      const newer = this.#removePending(queue);
      if (newer !== undefined) forgetToken(newer);
    }
  }

  #retry(queue: DeviceQueue, push: PendingPush): void {
    // A newer push of the device replaces the failed push, and has all its attempts.
    const newer = this.#removePending(queue);
    if (this.#isClosing) this.#reportDrop(push, 'closed');
    else if (newer !== undefined) this.enqueue(queue, mergePushes(newer, push));
    else if (push.failedAttempts >= this.#parts.settings.retries) this.#reportDrop(push, 'retries');
    else this.enqueue(queue, { ...push, failedAttempts: push.failedAttempts + 1 });
  }
}

/** Ignores failures: the store reports its own failures, and the next push finds the token gone again. */
function forgetToken({ job }: PendingPush): void {
  new Promise<void>((resolve) => resolve(job.forget())).catch(() => {});
}
