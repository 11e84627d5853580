import type { Events } from '../events.js';
import type { NotificationToken } from '../protocol/bodies.js';
import { type Attempt, attempt } from './attempt.js';
import { type Breaker, createBreaker } from './breaker.js';
import type { Notifier } from './contract.js';
import { DEFAULTS, type PushSettings } from './settings.js';

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
  /** Takes a job, whose token must be handled. Never throws and never waits: it is called on the path of a request. */
  enqueue(job: PushJob): void;
  /** Lanes with a push that waits or is being sent. */
  readonly size: number;
  /** Takes no more, sends what can be sent within `graceMs`, drops the rest, and closes the notifiers. */
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

/** A job, and the time (ms) until which it is of use. */
type Pending = PushJob & { readonly until: number };

/**
 * What goes on in a lane: its push waits to be sent (`ready`), waits for another try (`paused`), is under way (`running`),
 * or was sent a moment ago (`resting`). A change in the meantime becomes the one push after it.
 */
interface Lane {
  readonly name: string;
  state: 'ready' | 'paused' | 'running' | 'resting';
  job: Pending;
  next?: Pending | undefined;
  failures: number;
  startedAt: number;
  timer?: NodeJS.Timeout;
}

/** One notifier with the lanes that are ready for it. A provider that hangs holds up its own type only. */
interface Sender {
  readonly notifier: Notifier;
  readonly breaker: Breaker;
  readonly ready: Set<Lane>;
  running: number;
  timer?: NodeJS.Timeout | undefined;
}

/** Makes the queue of one relay. No two notifiers may handle one type. */
export function createPushQueue({ notifiers, settings, clock, events }: PushParts): PushQueue {
  const {
    lanes: most,
    concurrency,
    timeoutMs,
    intervalMs,
    retries,
    pauseMs,
    lifetimeMs,
  } = { ...DEFAULTS, ...settings };
  const senders = sendersByType(notifiers);
  const lanes = new Map<string, Lane>();
  const stop = new AbortController();
  let closed = false;
  let emptied: (() => void) | undefined;
  let size = 0;

  function drop(job: PushJob, reason: 'full' | 'expired' | 'retries' | 'closed'): void {
    events.emit('push.dropped', { tokenType: job.token.type, reason });
  }

  function senderOf({ token }: PushJob): Sender | undefined {
    return senders.get(token.type);
  }

  function makeReady(lane: Lane): void {
    const sender = senderOf(lane.job);
    if (sender === undefined) return;
    lane.state = 'ready';
    sender.ready.add(lane);
    pump(sender);
  }

  /** The oldest push that is not under way makes room. */
  function makeRoom(): void {
    for (const lane of lanes.values()) {
      if (lane.state === 'running' || !isPending(lane)) continue;
      remove(lane);
      drop(lane.next ?? lane.job, 'full');
      return;
    }
  }

  function remove(lane: Lane): void {
    clearTimeout(lane.timer);
    senderOf(lane.job)?.ready.delete(lane);
    lanes.delete(lane.name);
    if (isPending(lane)) size -= 1;
    if (size === 0) emptied?.();
  }

  function pump(sender: Sender): void {
    for (const lane of sender.ready) {
      if (sender.running >= concurrency) return;
      const pause = sender.breaker.pause(clock(), sender.running);
      if (pause > 0) {
        pumpIn(sender, pause);
        return;
      }
      sender.ready.delete(lane);
      void send(lane, sender);
    }
  }

  function pumpIn(sender: Sender, ms: number): void {
    if (sender.timer !== undefined) return;
    sender.timer = setTimeout(() => {
      sender.timer = undefined;
      pump(sender);
    }, ms).unref();
  }

  async function send(lane: Lane, sender: Sender): Promise<void> {
    const { job } = lane;
    const now = clock();
    if (job.until <= now) {
      drop(job, 'expired');
      rest(lane);
      return;
    }
    lane.state = 'running';
    lane.startedAt = now;
    sender.running += 1;
    const started = performance.now();
    const { type, tokenData } = job.token;
    const result = await attempt(sender.notifier, { type, tokenData, expiresAt: job.until }, timeoutMs, stop.signal);
    sender.running -= 1;
    if (sender.breaker.report(result.outcome !== 'retry', clock())) events.emit('push.paused', { tokenType: type });
    conclude(lane, result, performance.now() - started);
    pump(sender);
  }

  function conclude(lane: Lane, { outcome, code, retryAfterMs }: Attempt, ms: number): void {
    if (lanes.get(lane.name) !== lane) return; // Dropped on close.
    const tokenType = lane.job.token.type;
    const attempts = lane.failures + 1;
    if (outcome === 'sent') events.emit('push.sent', { tokenType, attempt: attempts, ms });
    else
      events.emit('push.failed', {
        tokenType,
        outcome,
        ...(code === undefined ? {} : { code }),
        attempt: attempts,
        ms,
      });
    if (outcome === 'retry' && !stop.signal.aborted) {
      retryOrDrop(lane, retryAfterMs);
      return;
    }
    // The mailbox may be gone; or the store is away, and says so itself, and the token goes at the next push.
    if (outcome === 'gone') lane.job.forget().catch(() => {});
    rest(lane);
  }

  function retryOrDrop(lane: Lane, retryAfterMs: number | undefined): void {
    if (lane.next !== undefined) {
      // A newer change, with a life and tries of its own; the pause is kept.
      lane.job = lane.next;
      lane.next = undefined;
      lane.failures = 0;
    }
    const [first, longest] = pauseMs;
    const pause = Math.max(retryAfterMs ?? 0, Math.random() * Math.min(longest, first * 2 ** lane.failures));
    lane.failures += 1;
    if (closed || lane.failures > retries || clock() + pause >= lane.job.until) {
      drop(lane.job, closed ? 'closed' : lane.failures > retries ? 'retries' : 'expired');
      rest(lane);
      return;
    }
    lane.state = 'paused';
    lane.timer = setTimeout(() => makeReady(lane), pause).unref();
  }

  /** Keeps the lane for the rest of its interval, so that what comes meanwhile is joined and sent at its end. */
  function rest(lane: Lane): void {
    if (lane.next === undefined) size -= 1;
    lane.state = 'resting';
    lane.failures = 0;
    if (size === 0) emptied?.();
    if (closed) {
      endRest(lane);
      return;
    }
    lane.timer = setTimeout(() => endRest(lane), Math.max(0, lane.startedAt + intervalMs - clock())).unref();
  }

  function endRest(lane: Lane): void {
    if (lane.next === undefined) {
      lanes.delete(lane.name);
      return;
    }
    lane.job = lane.next;
    lane.next = undefined;
    makeReady(lane);
  }

  function enqueue(job: PushJob): void {
    if (closed) {
      drop(job, 'closed');
      return;
    }
    const pending = { ...job, until: Math.min(clock() + lifetimeMs, job.expiresAt) };
    const lane = lanes.get(job.lane);
    if (lane === undefined) open(pending);
    else if (lane.state === 'running' || lane.state === 'resting') {
      if (!isPending(lane)) size += 1;
      lane.next = pending;
    } else {
      // It has not been sent yet: the newest token takes its place, and its turn if the provider is the same.
      if (lane.job.token.type === job.token.type) Object.assign(lane, { job: pending, failures: 0 });
      else {
        remove(lane);
        open(pending);
      }
    }
  }

  function open(job: Pending): void {
    if (size >= most) makeRoom();
    const lane: Lane = { name: job.lane, state: 'ready', job, failures: 0, startedAt: 0 };
    lanes.set(lane.name, lane);
    size += 1;
    makeReady(lane);
  }

  return {
    handles(token) {
      const notifier = token === undefined ? undefined : senders.get(token.type)?.notifier;
      if (token === undefined || notifier === undefined) return false;
      try {
        return notifier.validate?.(token.tokenData) !== false;
      } catch {
        return false;
      }
    },
    enqueue,
    get size() {
      return size;
    },
    async close(graceMs = 2_000) {
      closed = true;
      for (const lane of [...lanes.values()]) {
        clearTimeout(lane.timer);
        if (lane.state === 'paused') {
          remove(lane);
          drop(lane.job, 'closed');
        } else if (lane.state === 'resting') endRest(lane);
      }
      await settledWithin(graceMs);
      stop.abort();
      for (const lane of [...lanes.values()]) {
        remove(lane);
        drop(lane.job, 'closed');
      }
      for (const sender of new Set(senders.values())) clearTimeout(sender.timer);
      await Promise.allSettled(notifiers.map(async (notifier) => notifier.close?.()));
    },
  };

  function settledWithin(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      emptied = () => {
        clearTimeout(timer);
        resolve();
      };
      if (size === 0) emptied();
    });
  }
}

/** True if a push of the lane waits or is under way. */
function isPending(lane: Lane): boolean {
  return lane.state !== 'resting' || lane.next !== undefined;
}

function sendersByType(notifiers: readonly Notifier[]): Map<string, Sender> {
  const senders = new Map<string, Sender>();
  for (const notifier of notifiers) {
    const sender: Sender = { notifier, breaker: createBreaker(), ready: new Set(), running: 0 };
    for (const type of notifier.types) {
      senders.set(type, sender);
    }
  }
  return senders;
}
