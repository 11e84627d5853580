import { randomBytes } from 'node:crypto';
import type { MailboxStore, Relay, RelayEvent } from 'credential-relay';
import { afterEach, expect } from 'vitest';
import { type Answer, type Device, device, sharedMailbox, somePayload, testRelay } from '../relay/relay.js';

/**
 * Closes what the tests of a file open, after each test, the last opened first. `closed` takes a thing, and gives it
 * back; `later` takes what to do.
 */
export function closeAfterEach(): {
  closed<Thing extends { close(): Promise<unknown> }>(thing: Thing): Thing;
  later(close: () => unknown): void;
} {
  const closing: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });
  return {
    closed(thing) {
      closing.push(() => thing.close());
      return thing;
    },
    later: (close) => void closing.push(close),
  };
}

/** A relay on a store, with the causes of the failed calls of its requests, without those of its check at start. */
export function relayOn(store: MailboxStore): { relay: Relay; causes: string[] } {
  const causes: string[] = [];
  const onEvent = (event: RelayEvent): void => {
    if (event.type === 'store.failed' && event.call !== 'ping') causes.push(event.cause);
  };
  return { relay: testRelay({ store, keys: [randomBytes(32)], onEvent }), causes };
}

/** Holds an answer to what an outage has to look like. */
export function expectUnavailable(answer: Answer): void {
  expect({ status: answer.status, code: answer.json.code }).toEqual({ status: 503, code: 'store_unavailable' });
  expect(Number(answer.headers.get('Retry-After'))).toBeGreaterThan(0);
}

/** Calls until an answer is no 503, and tells it and the ms it took; bounded by `ms`. */
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

/** What load on a relay came to. */
export interface LoadReport {
  readonly answered: number;
  readonly unavailable: number;
  /** Answers that a relay must not give, in words. */
  readonly wrong: readonly string[];
}

/** Load that runs until it is stopped. */
export interface Load {
  /** Answers of success so far. */
  answered(): number;
  stop(): Promise<LoadReport>;
}

/**
 * Updates and reads mailboxes without pause, each by one device at a time, and holds every answer against the history:
 * a read shows the last update that was acknowledged, or one since whose outcome an outage left unknown.
 */
export async function startLoad(relay: Relay, mailboxes = 8): Promise<Load> {
  const wrong: string[] = [];
  let answered = 0;
  let unavailable = 0;
  let running = true;

  function judge(answer: Answer, what: string): boolean {
    if (answer.status === 503 && answer.json.code === 'store_unavailable') unavailable += 1;
    else if (answer.status === 200 || answer.status === 201) answered += 1;
    else wrong.push(`${what}: ${answer.status} ${answer.text}`);
    return answer.status < 300;
  }

  async function exercise(sender: Device, url: string, first: string): Promise<void> {
    let known = first;
    let unknown: string[] = [];
    while (running) {
      const payload = somePayload();
      if (judge(await sender.update(url, payload), 'update')) {
        known = payload.data;
        unknown = [];
      } else unknown.push(payload.data);
      const read = await sender.read(url);
      if (judge(read, 'read') && ![known, ...unknown].includes(read.json.payload?.data)) {
        wrong.push('read: neither the update last acknowledged nor one of unknown outcome');
      }
      // The relay is called without a socket: without a turn of the event loop a refusal at once would starve it.
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
