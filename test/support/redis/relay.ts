import { randomBytes } from 'node:crypto';
import type { MailboxStore, Relay, RelayEvent } from 'credential-relay';
import { afterEach, expect } from 'vitest';
import { type Answer, type Device, device, sharedMailbox, somePayload, testRelay } from '../relay/relay.js';

/**
 * Closes stores and relays after each test of a file, in reverse order. `closed` registers an object and returns it;
 * `later` registers a function.
 */
export function closeAfterEach(): {
  closed<Closable extends { close(): Promise<unknown> }>(closable: Closable): Closable;
  later(close: () => unknown): void;
} {
  const closing: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });
  return {
    closed(closable) {
      closing.push(() => closable.close());
      return closable;
    },
    later: (close) => void closing.push(close),
  };
}

/** A relay on a store, with the causes of failed store calls, except those of the check at start. */
export function relayOn(store: MailboxStore): { relay: Relay; causes: string[] } {
  const causes: string[] = [];
  const onEvent = (event: RelayEvent): void => {
    if (event.type === 'store.failed' && event.call !== 'ping') causes.push(event.cause);
  };
  return { relay: testRelay({ store, keys: [randomBytes(32)], onEvent }), causes };
}

/** Asserts the response of an outage. */
export function expectUnavailable(answer: Answer): void {
  expect({ status: answer.status, code: answer.json.code }).toEqual({ status: 503, code: 'store_unavailable' });
  expect(Number(answer.headers.get('Retry-After'))).toBeGreaterThan(0);
}

/** Repeats the call until its status is not 503. Returns the response and the ms that passed; rejects after `ms`. */
export async function waitForRecovery(call: () => Promise<Answer>, ms = 8000): Promise<{ answer: Answer; ms: number }> {
  const started = performance.now();
  for (;;) {
    const answer = await call();
    const took = performance.now() - started;
    if (answer.status !== 503) return { answer, ms: took };
    if (took > ms) throw new Error(`still 503 after ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The result of a load on a relay. */
export interface LoadReport {
  readonly answered: number;
  readonly unavailable: number;
  /** Descriptions of wrong responses. */
  readonly wrong: readonly string[];
}

/** Load that runs until it is stopped. */
export interface Load {
  /** Successful responses so far. */
  answered(): number;
  stop(): Promise<LoadReport>;
}

/**
 * Updates and reads mailboxes, each by one device at a time, and checks each response: a read returns the last
 * acknowledged update, or a later update of unknown outcome.
 */
export async function startLoad(relay: Relay, mailboxes = 8): Promise<Load> {
  const wrong: string[] = [];
  let answered = 0;
  let unavailable = 0;
  let running = true;

  function count(answer: Answer, operation: string): boolean {
    if (answer.status === 503 && answer.json.code === 'store_unavailable') unavailable += 1;
    else if (answer.status === 200 || answer.status === 201) answered += 1;
    else wrong.push(`${operation}: ${answer.status} ${answer.text}`);
    return answer.status < 300;
  }

  async function exercise(sender: Device, url: string, first: string): Promise<void> {
    let acknowledged = first;
    let unconfirmed: string[] = [];
    while (running) {
      const payload = somePayload();
      if (count(await sender.update(url, payload), 'update')) {
        acknowledged = payload.data;
        unconfirmed = [];
      } else unconfirmed.push(payload.data);
      const read = await sender.read(url);
      if (count(read, 'read') && ![acknowledged, ...unconfirmed].includes(read.json.payload?.data)) {
        wrong.push('read: neither the update last acknowledged nor one of unknown outcome');
      }
      // Without a socket and a pause, immediate errors would block the event loop.
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  const shared = await Promise.all(Array.from({ length: mailboxes }, () => sharedMailbox(relay)));
  const workers = shared.map(async ({ sender, url }) => {
    const read = await sender.read(url);
    await exercise(sender, url, read.json.payload.data);
  });
  return {
    answered: () => answered,
    async stop() {
      running = false;
      await Promise.all(workers);
      return { answered, unavailable, wrong };
    },
  };
}

/** A relay with a mailbox whose receiver is bound. */
export async function boundMailbox(relay: Relay): Promise<{ sender: Device; receiver: Device; url: string }> {
  const { sender, url } = await sharedMailbox(relay);
  const receiver = device(relay);
  expect((await receiver.read(url)).status).toBe(200);
  return { sender, receiver, url };
}
