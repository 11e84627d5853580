import type { Events } from '../events.js';
import type { NotificationToken } from '../protocol/bodies.js';
import { type Attempt, attempt } from './attempt.js';
import { type Breaker, createBreaker } from './breaker.js';
import type { Notifier } from './contract.js';
import { PUSH_SETTINGS, type PushSettings } from './settings.js';

/** One device to be told that its mailbox changed. */
export interface PushJob {
  /** Names the device of the mailbox: pushes of one lane are joined, and spaced. */
  readonly lane: string;
  readonly token: NotificationToken;
  /** When the mailbox ends, Unix time in ms. */
  readonly expiresAt: number;
  /** Takes the token out of the mailbox, if it is still the same. */
  readonly forget: () => Promise<void>;
}

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

/** A push that waits. */
interface Pending extends PushJob {
  /** When it is given up, Unix time in ms. */
  readonly until: number;
  readonly tries: number;
}

/**
 * One device of one mailbox. At most one push of it waits, the newest, and one is under way. Times are of the monotonic
 * clock, in ms: nothing is begun before both have come. A lane is forgotten when it has nothing to do.
 */
interface Lane {
  readonly name: string;
  tokenType: string;
  pending?: Pending | undefined;
  running: boolean;
  /** End of the interval since the last push began. */
  restsUntil: number;
  /** End of the pause after a failure. */
  pausedUntil: number;
  failures: number;
  timer?: NodeJS.Timeout | undefined;
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
  const lanes = new Map<string, Lane>();
  /** Lanes with a push that waits, oldest first. */
  const waiting = new Set<Lane>();
  const underWay = new Set<AbortController>();
  let closing: Promise<void> | undefined;
  let idle: (() => void) | undefined;

  function laneOf({ lane: name, token }: PushJob): Lane {
    const known = lanes.get(name);
    // Another provider knows nothing of the failures of the last one.
    if (known?.tokenType === token.type) return known;
    const fresh = { name, tokenType: token.type, running: false, restsUntil: 0, pausedUntil: 0, failures: 0 };
    const lane =
      known === undefined ? fresh : Object.assign(known, { tokenType: token.type, pausedUntil: 0, failures: 0 });
    lanes.set(name, lane);
    return lane;
  }

  function put(lane: Lane, pending: Pending): void {
    if (lane.pending === undefined && waiting.size >= bounds.waiting) dropOldest();
    lane.pending = pending;
    waiting.add(lane);
  }

  /** Takes the push that waits out of its lane. */
  function take(lane: Lane): Pending | undefined {
    const { pending } = lane;
    lane.pending = undefined;
    waiting.delete(lane);
    if (pending !== undefined) senders.get(pending.token.type)?.ready.delete(lane);
    return pending;
  }

  function drop({ token }: PushJob, reason: 'full' | 'expired' | 'retries' | 'closed'): void {
    events.emit('push.dropped', { tokenType: token.type, reason });
  }

  function dropOldest(): void {
    const [oldest] = waiting;
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
    else if (pending === undefined) lanes.delete(lane.name);
    else {
      const sender = senders.get(pending.token.type);
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
    const job = take(lane);
    if (job === undefined) return;
    const begunAt = performance.now();
    const controller = new AbortController();
    lane.running = true;
    lane.restsUntil = begunAt + bounds.intervalMs;
    sender.running += 1;
    underWay.add(controller);
    const { type, tokenData } = job.token;
    const push = { type, tokenData, expiresAt: job.expiresAt };
    const result = await attempt(sender.notifier, push, bounds.timeoutMs, controller);
    const now = performance.now();
    underWay.delete(controller);
    sender.running -= 1;
    lane.running = false;
    if (result.code !== 'closed' && sender.breaker.report(result.outcome !== 'retry', begunAt, now)) {
      events.emit('push.paused', { tokenType: type });
    }
    report(job, result, now - begunAt);
    conclude(lane, job, result, now);
    schedule(lane);
    pumpSoon(sender);
    if (waiting.size + underWay.size === 0) idle?.();
  }

  function report({ token, tries }: Pending, { outcome, code }: Attempt, ms: number): void {
    const common = { tokenType: token.type, attempt: tries + 1, ms };
    if (outcome === 'sent') events.emit('push.sent', common);
    else events.emit('push.failed', { ...common, outcome, ...(code === undefined ? {} : { code }) });
  }

  function conclude(lane: Lane, job: Pending, { outcome, retryAfterMs = 0 }: Attempt, now: number): void {
    if (outcome === 'retry') {
      const [first, longest] = bounds.pauseMs;
      const pause = Math.max(retryAfterMs, Math.random() * Math.min(longest, first * 4 ** lane.failures));
      lane.failures += 1;
      lane.pausedUntil = now + pause;
      // A change that came in the meantime takes its place.
      if (lane.pending === undefined) retryOrDrop(lane, job, pause);
      return;
    }
    lane.failures = 0;
    lane.pausedUntil = 0;
    if (outcome !== 'gone') return;
    // The mailbox may be gone; or the store is away, and says so itself, and the token goes with the next push.
    new Promise<void>((done) => done(job.forget())).catch(() => {});
    if (lane.pending?.token.tokenData === job.token.tokenData) take(lane);
  }

  function retryOrDrop(lane: Lane, job: Pending, pause: number): void {
    if (closing !== undefined) drop(job, 'closed');
    else if (job.tries >= bounds.retries) drop(job, 'retries');
    else if (clock() + pause >= job.until) drop(job, 'expired');
    else put(lane, { ...job, tries: job.tries + 1 });
  }

  async function shutDown(graceMs: number): Promise<void> {
    for (const lane of lanes.values()) {
      // Nobody waits for the end of an interval any more; for that of a pause there is no time.
      lane.restsUntil = 0;
      if (lane.pausedUntil > performance.now()) dropPending(lane);
      schedule(lane);
    }
    await within(
      graceMs,
      new Promise<void>((resolve) => {
        idle = resolve;
        if (waiting.size + underWay.size === 0) resolve();
      }),
    );
    for (const lane of [...waiting]) dropPending(lane);
    for (const controller of underWay) controller.abort();
    for (const { timer } of senders.values()) clearTimeout(timer);
    for (const { timer } of lanes.values()) clearTimeout(timer);
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
        drop(job, 'closed');
        return;
      }
      const pending = { ...job, until: Math.min(clock() + bounds.lifetimeMs, job.expiresAt), tries: 0 };
      const known = lanes.get(job.lane);
      if (known?.pending !== undefined && known.tokenType === job.token.type) {
        known.pending = pending; // In the place of the one that waited.
        return;
      }
      const lane = laneOf(job);
      take(lane);
      put(lane, pending);
      schedule(lane);
    },
    get size() {
      return waiting.size + underWay.size;
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
