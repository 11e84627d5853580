import type { Events } from '../events.js';
import type { NotificationToken } from '../protocol/bodies.js';
import { type Attempt, attempt } from './attempt.js';
import { type Breaker, createBreaker } from './breaker.js';
import type { Notifier } from './contract.js';
import { createLanes, type Lane, type Pending, type PushJob } from './lanes.js';
import { PUSH_SETTINGS, type PushSettings } from './settings.js';

/** Pushes that wait or are being sent. A hint each: kept in memory, sent at most once, lost with the process. */
export interface PushQueue {
  /** True if a notifier handles the token's type and could have issued it; false without a token. */
  handles(token: NotificationToken | undefined): boolean;
  /** Takes a job whose token is handled. Never throws, never waits, and calls no notifier: a request is on its way. */
  enqueue(job: PushJob): void;
  /** Pushes that wait or are being sent. */
  readonly size: number;
  /** Takes no more, sends what can be sent within `graceMs` (default 2,000), drops the rest, closes the notifiers. */
  close(graceMs?: number): Promise<void>;
}

/** What a queue is made of. */
export interface PushParts {
  readonly notifiers: readonly Notifier[];
  readonly settings?: Partial<PushSettings>;
  /** Unix time in ms. */
  readonly clock: () => number;
  readonly events: Events;
}

/** One notifier, and the lanes that are ready for it. A provider that hangs holds up its own pushes only. */
interface Sender {
  readonly notifier: Notifier;
  readonly breaker: Breaker;
  readonly ready: Set<Lane>;
  running: number;
  timer?: NodeJS.Timeout | undefined;
  pumping: boolean;
}

/** Makes the queue of one relay. No two notifiers may handle one type. */
export function createPushQueue({ notifiers, settings, clock, events }: PushParts): PushQueue {
  const bounds = { ...PUSH_SETTINGS, ...settings };
  const senders = new Map<string, Sender>();
  for (const notifier of notifiers) {
    const sender: Sender = { notifier, breaker: createBreaker(), ready: new Set(), running: 0, pumping: false };
    for (const type of notifier.types) senders.set(type, sender);
  }
  const lanes = createLanes();
  const underWay = new Set<AbortController>();
  let closing: Promise<void> | undefined;
  let idle: (() => void) | undefined;

  function put(lane: Lane, pending: Pending): void {
    if (lane.pending === undefined && lanes.waiting >= bounds.waiting) dropOldest();
    lanes.put(lane, pending);
  }

  /** Takes the push that waits out of its lane. */
  function take(lane: Lane): Pending | undefined {
    const pending = lanes.take(lane);
    if (pending !== undefined) senders.get(pending.job.token.type)?.ready.delete(lane);
    return pending;
  }

  function drop({ job: { token } }: Pick<Pending, 'job'>, reason: 'full' | 'expired' | 'retries' | 'closed'): void {
    events.emit('push.dropped', { tokenType: token.type, reason });
  }

  function dropOldest(): void {
    const { oldest } = lanes;
    const dropped = oldest && take(oldest);
    if (dropped === undefined || oldest === undefined) return;
    drop(dropped, 'full');
    schedule(oldest);
  }

  /** What a lane does next: be ready, wait for its time, or be forgotten. */
  function schedule(lane: Lane): void {
    clearTimeout(lane.timer);
    if (lane.running) return;
    const now = performance.now();
    const { pending } = lane;
    const wait = (pending === undefined ? lane.restsUntil : Math.max(lane.restsUntil, lane.pausedUntil)) - now;
    if (wait > 0) lane.timer = setTimeout(schedule, wait, lane).unref();
    else if (pending === undefined) lanes.forget(lane);
    else {
      const sender = senders.get(pending.job.token.type);
      sender?.ready.add(lane);
      if (sender !== undefined && sender.running < bounds.concurrency) pumpSoon(sender);
    }
  }

  /** Not at once: a notifier's own work is none of the request's. */
  function pumpSoon(sender: Sender): void {
    if (sender.pumping) return;
    sender.pumping = true;
    setImmediate(() => {
      sender.pumping = false;
      pump(sender);
    });
  }

  function pump(sender: Sender): void {
    for (const lane of sender.ready) {
      if (sender.running >= bounds.concurrency) return;
      if (dropExpired(lane)) continue;
      const wait = sender.breaker.begin(performance.now());
      if (wait > 0) {
        clearTimeout(sender.timer);
        sender.timer = setTimeout(pump, wait, sender).unref();
        return;
      }
      void send(lane, sender);
    }
  }

  function dropExpired(lane: Lane): boolean {
    if (lane.pending === undefined || lane.pending.until > clock()) return false;
    drop(lane.pending, 'expired');
    take(lane);
    schedule(lane);
    return true;
  }

  async function send(lane: Lane, sender: Sender): Promise<void> {
    const pending = take(lane);
    if (pending === undefined) return;
    const begunAt = performance.now();
    const controller = new AbortController();
    lane.running = true;
    lane.restsUntil = begunAt + bounds.intervalMs;
    sender.running += 1;
    underWay.add(controller);
    const { token, expiresAt } = pending.job;
    const push = { type: token.type, tokenData: token.tokenData, expiresAt };
    const result = await attempt(sender.notifier, push, bounds.timeoutMs, controller);
    const now = performance.now();
    underWay.delete(controller);
    sender.running -= 1;
    lane.running = false;
    if (result.code !== 'closed' && sender.breaker.report(result.outcome !== 'retry', begunAt, now)) {
      events.emit('push.paused', { tokenType: token.type });
    }
    report(pending, result, now - begunAt);
    conclude(lane, pending, result, now);
    schedule(lane);
    pumpSoon(sender);
    if (lanes.waiting + underWay.size === 0) idle?.();
  }

  function report({ job: { token }, tries }: Pending, { outcome, code }: Attempt, ms: number): void {
    const common = { tokenType: token.type, attempt: tries + 1, ms };
    if (outcome === 'sent') events.emit('push.sent', common);
    else events.emit('push.failed', { ...common, outcome, ...(code === undefined ? {} : { code }) });
  }

  function conclude(lane: Lane, pending: Pending, { outcome, retryAfterMs = 0 }: Attempt, now: number): void {
    if (outcome === 'retry') {
      const [first, longest] = bounds.pauseMs;
      const pause = Math.max(retryAfterMs, Math.random() * Math.min(longest, first * 4 ** lane.failures));
      lane.failures += 1;
      lane.pausedUntil = now + pause;
      // A change that came in the meantime takes its place.
      if (lane.pending === undefined) retryOrDrop(lane, pending, pause);
      return;
    }
    lane.failures = 0;
    lane.pausedUntil = 0;
    if (outcome !== 'gone') return;
    // The mailbox may be gone; or the store is away, and says so itself, and the token goes with the next push.
    new Promise<void>((done) => done(pending.job.forget())).catch(() => {});
    if (lane.pending?.job.token.tokenData === pending.job.token.tokenData) take(lane);
  }

  function retryOrDrop(lane: Lane, pending: Pending, pause: number): void {
    const { job, until, tries } = pending;
    if (closing !== undefined) drop(pending, 'closed');
    else if (tries >= bounds.retries) drop(pending, 'retries');
    else if (clock() + pause >= until) drop(pending, 'expired');
    else put(lane, { job, until, tries: tries + 1 });
  }

  async function shutDown(graceMs: number): Promise<void> {
    for (const lane of lanes) {
      // Nobody waits for the end of an interval any more; for that of a pause there is no time.
      lane.restsUntil = 0;
      if (lane.pausedUntil > performance.now()) dropPending(lane);
      schedule(lane);
    }
    await within(
      graceMs,
      new Promise<void>((resolve) => {
        idle = resolve;
        if (lanes.waiting + underWay.size === 0) resolve();
      }),
    );
    for (const lane of lanes) dropPending(lane);
    for (const controller of underWay) controller.abort();
    for (const { timer } of senders.values()) clearTimeout(timer);
    for (const { timer } of lanes) clearTimeout(timer);
    await within(graceMs, Promise.allSettled(notifiers.map(async (notifier) => notifier.close?.())));
  }

  function dropPending(lane: Lane): void {
    const pending = take(lane);
    if (pending !== undefined) drop(pending, 'closed');
  }

  return {
    handles(token) {
      if (token === undefined) return false;
      const notifier = senders.get(token.type)?.notifier;
      try {
        return notifier !== undefined && notifier.validate?.(token.tokenData) !== false;
      } catch {
        return false;
      }
    },
    enqueue(job) {
      if (closing !== undefined) {
        drop({ job }, 'closed');
        return;
      }
      const pending = { job, until: Math.min(clock() + bounds.lifetimeMs, job.expiresAt), tries: 0 };
      if (lanes.replace(pending)) return;
      const lane = lanes.of(job);
      take(lane);
      put(lane, pending);
      schedule(lane);
    },
    get size() {
      return lanes.waiting + underWay.size;
    },
    close(graceMs = 2_000) {
      closing ??= shutDown(graceMs);
      return closing;
    },
  };
}

async function within(ms: number, settled: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([settled, late]);
  clearTimeout(timer);
}
