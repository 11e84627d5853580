import type { ChangeBus } from '../../../src/relay/long-poll/contract.js';
import { createCallLimit } from '../../../src/relay/store/call-limit.js';
import {
  type ConnectionEvents,
  createChangeSubscriber,
  type SubscriptionConnection,
  type SubscriptionTimes,
} from '../../../src/relay/store/subscription.js';
import { withTimeout } from '../../../src/relay/time.js';
import { failureOf, PostgresFailure } from './errors.js';
import { CALL_TIMEOUT_MS, type PostgresListener, type PostgresPool, runQuery } from './pool.js';

/** Bytes of one message at most: Postgres takes fewer than 8000. Keys are ASCII, so these are characters too. */
const LONGEST_PAYLOAD = 7_900;

/** Between the keys of a message; no key has it. */
const SEPARATOR = ',';

/** Milliseconds from one statement that tells to the next, at least. */
const TELL_EVERY_MS = 10;

/** The same after one that failed: it cost a connection of the pool. */
const TELL_AGAIN_MS = 1_000;

/** Keys that wait to be told, at most; those that come on top are not told. Some 2 MB in the worst case. */
const MOST_PENDING = 16_384;

/** Times of the connection that listens, in ms. A connection is dear here, so its pauses are longer than those of Redis. */
const TIMES: SubscriptionTimes = {
  checkIntervalMs: 3_000,
  checkTimeoutMs: CALL_TIMEOUT_MS,
  minimumPauseMs: 50,
  maximumPauseMs: 1_000,
  refusedPauseMs: 30_000,
  // Who may not come in (28), to this database (3D, 42501), or while there are too many connections (53).
  isRefusal: (cause) => /^(28|53|3D|42)/.test(failureOf(cause).code),
};

/** The bus of a store, and its end. */
export interface PostgresChanges {
  readonly bus: ChangeBus;
  /** Tells what is still to be told, and ends all subscriptions. Never rejects. */
  close(): Promise<void>;
}

/** A bus on NOTIFY and LISTEN: told over `pool`, heard over a connection of its own. */
export function changesOf(channel: string, pool: PostgresPool, makeClient: () => PostgresListener): PostgresChanges {
  const telling = createTelling(channel, pool);
  const listening = createChangeSubscriber((events) => listen(channel, makeClient(), events), TIMES);
  return {
    bus: { publish: telling.publish, subscribe: listening.subscribe },
    async close() {
      await Promise.all([telling.close(), listening.close()]);
    },
  };
}

/**
 * Tells of keys, many by one statement. Not in the statement that replaces, nor in a transaction with it: commits that
 * notify wait for each other, which costs two thirds of the throughput. A key is told at once if none was told in the
 * last 10 ms; what comes while a statement is under way, or too soon after, is told together.
 */
function createTelling(channel: string, pool: PostgresPool) {
  const pending = new Set<string>();
  const limit = createCallLimit();
  let telling: Promise<void> | undefined;
  let closed = false;
  let endPause: () => void = () => {};

  function pause(ms: number): Promise<void> | undefined {
    if (closed) return undefined;
    return new Promise((resolve) => {
      endPause = resolve;
      setTimeout(resolve, ms).unref();
    });
  }

  async function tellAll(): Promise<void> {
    while (pending.size > 0) {
      const payloads = payloadsOf(pending);
      pending.clear();
      const text = 'select pg_notify($1::text, payload) from unnest($2::text[]) as payload';
      // A word that is lost costs somebody a wait until the next look.
      const told = runQuery(pool, { text, values: [channel, payloads] }, limit);
      await told.then(
        () => pause(TELL_EVERY_MS),
        () => pause(TELL_AGAIN_MS),
      );
    }
    telling = undefined;
  }

  return {
    publish(key: string): void {
      if (closed || pending.size >= MOST_PENDING) return;
      pending.add(key);
      // In a microtask, so that a caller that has several gets them into one.
      telling ??= Promise.resolve().then(tellAll);
    },
    async close(): Promise<void> {
      closed = true;
      endPause();
      await telling;
    },
  };
}

/** The keys as messages, as few as can be. */
export function payloadsOf(keys: Iterable<string>): string[] {
  const payloads: string[] = [];
  let payload = '';
  for (const key of keys) {
    if (payload !== '' && payload.length + SEPARATOR.length + key.length > LONGEST_PAYLOAD) {
      payloads.push(payload);
      payload = '';
    }
    payload = payload === '' ? key : `${payload}${SEPARATOR}${key}`;
  }
  if (payload !== '') payloads.push(payload);
  return payloads;
}

/** Listens over a client of its own, which is ended if that comes to nothing. */
async function listen(
  channel: string,
  client: PostgresListener,
  events: ConnectionEvents,
): Promise<SubscriptionConnection> {
  client.on('error', events.lost);
  client.on('end', events.lost);
  client.on('notification', (message) => {
    if (message.channel !== channel || message.payload === undefined) return;
    for (const key of message.payload.split(SEPARATOR)) events.changed(key);
  });
  client.unref?.();
  try {
    await withTimeout(CALL_TIMEOUT_MS, async () => {
      await client.connect();
      client.unref?.(); // Again, as with TLS it is another socket now.
      await client.query({ text: `listen "${channel}"` });
    });
  } catch (cause) {
    await end(client);
    throw failureOf(cause);
  }
  return {
    async check() {
      // Asks for more than a sign of life: something in between may have given us another session, which hears nothing.
      const answer = await client.query({
        text: 'select 1 from pg_listening_channels() as listening where listening = $1::text',
        values: [channel],
      });
      if ((answer as { rows: unknown[] }).rows.length === 0) throw new PostgresFailure('POSTGRES_CONNECTION_LOST');
    },
    close: () => end(client),
  };
}

/** Ends a client, in good order if the server plays along. */
async function end(client: PostgresListener): Promise<void> {
  client.ref?.();
  await withTimeout(FAREWELL_MS, () => client.end()).catch(() => {
    client.unref?.();
  });
}

/** Milliseconds that a server has to take its leave. */
const FAREWELL_MS = 500;
