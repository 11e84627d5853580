import type { Notifier, Push, PushOutcome } from 'credential-relay';
import { createEvents, type RelayEvent } from '../../../src/relay/events.js';
import type { PushJob } from '../../../src/relay/notify/device-queues.js';
import { PushQueue } from '../../../src/relay/notify/queue.js';
import type { PushSettings } from '../../../src/relay/notify/settings.js';

/** A push that a provider received, and its answer function. */
export interface Received extends Push {
  answer(outcome: unknown): void;
  fail(error: unknown): void;
}

/** A test provider: records its pushes, and answers at once or when the test says so. */
export interface Provider extends Notifier {
  readonly received: Received[];
  closed: number;
}

/** `answer` makes the provider answer at once. */
export function provider(answer?: (push: Push) => unknown, types: readonly string[] = ['one']): Provider {
  const received: Received[] = [];
  return {
    types,
    received,
    closed: 0,
    notify(push) {
      return new Promise<PushOutcome>((resolve, reject) => {
        received.push({ ...push, answer: (outcome) => resolve(outcome as PushOutcome), fail: reject });
        if (answer !== undefined) resolve(answer(push) as PushOutcome);
      });
    },
    async close() {
      this.closed += 1;
    },
  };
}

/** A queue with its emitted events. */
export function watchedQueue(
  notifiers: readonly Notifier[],
  settings: Partial<PushSettings> = {},
): { queue: PushQueue; events: RelayEvent[]; of(type: RelayEvent['type']): RelayEvent[] } {
  const events: RelayEvent[] = [];
  const queue = new PushQueue({
    notifiers,
    settings,
    clock: () => Date.now(),
    events: createEvents((event) => events.push(event)),
  });
  return { queue, events, of: (type) => events.filter((event) => event.type === type) };
}

/** A job for the token of a device. */
export function job(device: string, changes: Partial<PushJob> & { type?: string; tokenData?: string } = {}): PushJob {
  const { type = 'one', tokenData = `token-of-${device}`, ...rest } = changes;
  return {
    token: { type, tokenData },
    expiresAt: Date.now() + 3_600_000,
    forget: async () => {},
    ...rest,
  };
}
