import type { NotificationToken } from '../../protocol/bodies.js';
import type { Events } from '../events.js';
import { waitAtMost } from '../time.js';
import type { Notifier, PushDestination } from './contract.js';
import { createDeclinedTokenReporter } from './declined-tokens.js';
import { DeviceQueues, type PushJob } from './device-queues.js';
import { PUSH_SETTINGS, type PushSettings } from './settings.js';
import { NotifierWorker, type WorkerParts } from './worker.js';

export interface PushQueueParts {
  /** No two notifiers may have a type in common. */
  readonly notifiers: readonly Notifier[];
  readonly settings?: Partial<PushSettings>;
  /** Unix time in ms. */
  readonly clock: () => number;
  readonly events: Events;
}

/** A notifier, with one worker per service: a service that hangs delays only its own pushes. */
interface Route {
  readonly notifier: Notifier;
  readonly workers: Map<string, NotifierWorker>;
}

/** Services of one notifier with their own worker. All further services share one worker. */
const MAXIMUM_SERVICES = 64;

/** The pushes of one relay that wait or are in flight. Pushes are hints: kept in memory, and lost with the process. */
export class PushQueue {
  readonly #notifiers: readonly Notifier[];
  readonly #parts: WorkerParts;
  readonly #devices: DeviceQueues;
  readonly #routes = new Map<string, Route>();
  readonly #workers: NotifierWorker[] = [];
  readonly #reportDeclined: ReturnType<typeof createDeclinedTokenReporter>;
  #closing: Promise<void> | undefined;
  #onIdle: (() => void) | undefined;

  constructor({ notifiers, settings, clock, events }: PushQueueParts) {
    this.#notifiers = notifiers;
    this.#reportDeclined = createDeclinedTokenReporter(events);
    this.#parts = {
      settings: { ...PUSH_SETTINGS, ...settings },
      clock,
      events,
      onEnqueued: () => this.#enforceLimit(),
      onIdle: () => {
        if (this.size === 0) this.#onIdle?.();
      },
    };
    this.#devices = new DeviceQueues(this.#parts.settings.maximumDevices);
    for (const notifier of notifiers) {
      const route = { notifier, workers: new Map() };
      for (const type of notifier.types) this.#routes.set(type, route);
    }
  }

  /** Pushes that wait or are in flight. */
  get size(): number {
    return this.#workers.reduce((sum, worker) => sum + worker.size, 0);
  }

  /**
   * True if a notifier handles the token's type, and accepts the token; false without a token. A token that a notifier
   * declines causes `token.declined`.
   */
  handles(token: NotificationToken | undefined): boolean {
    if (token === undefined) return false;
    const notifier = this.#routes.get(token.type)?.notifier;
    if (notifier === undefined) return false;
    const isValid = validate(notifier, token.tokenData);
    if (!isValid) this.#reportDeclined(notifier, token.type, token.tokenData);
    return isValid;
  }

  /** Adds a job whose token is handled. Never throws, and sends nothing yet: a request waits for this call. */
  enqueue(job: PushJob): void {
    const { type, tokenData } = job.token;
    const { settings, clock, events } = this.#parts;
    const route = this.#routes.get(type);
    if (this.#closing !== undefined || route === undefined) {
      events.emit('push.dropped', { tokenType: type, reason: 'closed' });
      return;
    }
    const { service = '', host = '', device = tokenData } = getDestination(route.notifier, tokenData);
    const queue = this.#devices.get(type, device, host);
    const dropAt = Math.min(clock() + settings.lifetimeMs, job.expiresAt);
    this.#getWorker(route, service).enqueue(queue, { job, dropAt, failedAttempts: 0 });
  }

  /** Accepts no more jobs, sends pushes for `graceMs` at most, drops the rest, and closes the notifiers. */
  close(graceMs = 2_000): Promise<void> {
    this.#closing ??= this.#shutDown(graceMs);
    return this.#closing;
  }

  async #shutDown(graceMs: number): Promise<void> {
    for (const worker of this.#workers) worker.drain();
    await waitAtMost(graceMs, this.#whenIdle());
    for (const worker of this.#workers) worker.stop();
    await waitAtMost(graceMs, Promise.allSettled(this.#notifiers.map(async (notifier) => notifier.close?.())));
  }

  #whenIdle(): Promise<void> {
    return new Promise((resolve) => {
      this.#onIdle = resolve;
      if (this.size === 0) resolve();
    });
  }

  #getWorker({ notifier, workers }: Route, service: string): NotifierWorker {
    const name = workers.size < MAXIMUM_SERVICES || workers.has(service) ? service : '';
    let worker = workers.get(name);
    if (worker === undefined) {
      worker = new NotifierWorker(notifier, this.#parts);
      workers.set(name, worker);
      this.#workers.push(worker);
    }
    return worker;
  }

  /** Drops a push of the service with the most pushes, so that no service fills the queue at the expense of others. */
  #enforceLimit(): void {
    const waiting = this.#workers.reduce((sum, worker) => sum + worker.waiting, 0);
    if (waiting <= this.#parts.settings.maximumWaiting) return;
    this.#workers.reduce((longest, worker) => (worker.waiting > longest.waiting ? worker : longest)).dropOldest();
  }
}

function validate(notifier: Notifier, tokenData: string): boolean {
  try {
    return notifier.validate?.(tokenData) !== false;
  } catch {
    return false;
  }
}

function getDestination(notifier: Notifier, tokenData: string): PushDestination {
  try {
    return notifier.destination?.(tokenData) ?? {};
  } catch {
    return {};
  }
}
