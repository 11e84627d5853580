import type { NotificationToken } from '../../protocol/bodies.js';
import type { Events } from '../events.js';
import { waitAtMost } from '../time.js';
import type { Notifier, PushDestination } from './contract.js';
import { DeviceQueues, type PushJob } from './device-queues.js';
import { PUSH_SETTINGS, type PushSettings } from './settings.js';
import { NotifierWorker } from './worker.js';

/** Pushes that wait or are being sent. A hint each: kept in memory, sent at most once, lost with the process. */
export interface PushQueue {
  /** True if a notifier handles the token's type and could have issued it; false without a token. */
  handles(token: NotificationToken | undefined): boolean;
  /** Takes a job whose token is handled. Never throws, never waits, and sends nothing: a request is on its way. */
  enqueue(job: PushJob): void;
  /** Pushes that wait or are being sent. */
  readonly size: number;
  /** Takes no more, sends what can be sent within `graceMs` (default 2,000), drops the rest, closes the notifiers. */
  close(graceMs?: number): Promise<void>;
}

/** The parts of a queue. */
export interface PushParts {
  readonly notifiers: readonly Notifier[];
  readonly settings?: Partial<PushSettings>;
  /** Unix time in ms. */
  readonly clock: () => number;
  readonly events: Events;
}

/** One notifier, and a sender for each of its services. A service that hangs holds up its own pushes only. */
interface Route {
  readonly notifier: Notifier;
  readonly senders: Map<string, NotifierWorker>;
}

/** Services of one notifier that have a sender of their own; any others share one. */
const SERVICES = 64;

/** Makes the queue of one relay. No two notifiers may handle one type. */
export function createPushQueue({ notifiers, settings, clock, events }: PushParts): PushQueue {
  const bounds = { ...PUSH_SETTINGS, ...settings };
  const lanes = new DeviceQueues(bounds.tokens);
  const routes = new Map<string, Route>();
  const senders: NotifierWorker[] = [];
  let closing: Promise<void> | undefined;
  let idle: (() => void) | undefined;
  for (const notifier of notifiers) {
    const route = { notifier, senders: new Map() };
    for (const type of notifier.types) routes.set(type, route);
  }
  const parts = { bounds, clock, events, onWaiting: keepBound, onIdle: () => size() === 0 && idle?.() };

  function senderOf({ notifier, senders: known }: Route, service: string): NotifierWorker {
    const name = known.size < SERVICES || known.has(service) ? service : '';
    let sender = known.get(name);
    if (sender === undefined) {
      sender = new NotifierWorker(notifier, parts);
      known.set(name, sender);
      senders.push(sender);
    }
    return sender;
  }

  function waiting(): number {
    return senders.reduce((sum, sender) => sum + sender.waiting, 0);
  }

  function size(): number {
    return senders.reduce((sum, sender) => sum + sender.size, 0);
  }

  /** The service with the most pushes gives one up: nobody fills the queue at the cost of another service. */
  function keepBound(): void {
    if (waiting() <= bounds.waiting) return;
    senders.reduce((longest, sender) => (sender.waiting > longest.waiting ? sender : longest)).dropOldest();
  }

  async function shutDown(graceMs: number): Promise<void> {
    for (const sender of senders) sender.drain();
    await waitAtMost(
      graceMs,
      new Promise<void>((resolve) => {
        idle = resolve;
        if (size() === 0) resolve();
      }),
    );
    for (const sender of senders) sender.stop();
    await waitAtMost(graceMs, Promise.allSettled(notifiers.map(async (notifier) => notifier.close?.())));
  }

  return {
    handles(token) {
      if (token === undefined) return false;
      const notifier = routes.get(token.type)?.notifier;
      try {
        return notifier !== undefined && notifier.validate?.(token.tokenData) !== false;
      } catch {
        return false;
      }
    },
    enqueue(job) {
      const route = routes.get(job.token.type);
      if (closing !== undefined || route === undefined) {
        events.emit('push.dropped', { tokenType: job.token.type, reason: 'closed' });
        return;
      }
      const { type, tokenData } = job.token;
      const { service = '', host = '', device = tokenData } = resolveDestination(route.notifier, tokenData);
      const lane = lanes.of(type, device, host);
      const until = Math.min(clock() + bounds.lifetimeMs, job.expiresAt);
      senderOf(route, service).put(lane, { job, until, tries: 0 });
    },
    get size() {
      return size();
    },
    close(graceMs = 2_000) {
      closing ??= shutDown(graceMs);
      return closing;
    },
  };
}

function resolveDestination(notifier: Notifier, tokenData: string): PushDestination {
  try {
    return notifier.destination?.(tokenData) ?? {};
  } catch {
    return {};
  }
}
