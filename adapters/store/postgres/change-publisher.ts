import { createCallLimit } from '../../../src/relay/store/call-limit.js';
import { delay } from '../../../src/relay/time.js';
import type { Liveness } from './liveness.js';
import { runQuery } from './run-query.js';

/** Longest payload in bytes: Postgres accepts fewer than 8000. Keys are ASCII, so bytes equal characters. */
const MAXIMUM_PAYLOAD = 7_900;

/** Separates the keys of a payload. No key contains it. */
export const SEPARATOR = ',';

/** Shortest pause between two statements, in ms. */
const PAUSE_MS = 10;

/** Pause after a failed statement, in ms: the failure cost a connection of the pool. */
const FAILURE_PAUSE_MS = 1_000;

/** Most keys that wait; the publisher drops further keys. At most some 2 MB. */
const MAXIMUM_PENDING = 16_384;

/**
 * Publishes the keys of changed entries by NOTIFY, many keys per statement. The statement is separate from the replace
 * and from its transaction, since commits with a NOTIFY wait for each other, which costs two thirds of the throughput.
 * A key goes out at once unless the last statement is less than 10 ms old; keys that arrive in the meantime share the
 * next one.
 *
 * @see https://www.postgresql.org/docs/current/sql-notify.html
 */
export class ChangePublisher {
  readonly #channel: string;
  readonly #liveness: Liveness;
  readonly #limit = createCallLimit();
  readonly #closing = new AbortController();
  readonly #pending = new Set<string>();
  #publishing: Promise<void> | undefined;

  constructor(channel: string, liveness: Liveness) {
    this.#channel = channel;
    this.#liveness = liveness;
  }

  publish(key: string): void {
    if (this.#closing.signal.aborted || this.#pending.size >= MAXIMUM_PENDING) return;
    this.#pending.add(key);
    // In a microtask, so that the keys of one turn share a statement.
    this.#publishing ??= Promise.resolve().then(() => this.#publishPending());
  }

  /** Publishes the pending keys and stops. Never rejects. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#publishing;
  }

  async #publishPending(): Promise<void> {
    while (this.#pending.size > 0) {
      const values = [this.#channel, buildPayloads(this.#pending)];
      this.#pending.clear();
      const text = 'select pg_notify($1::text, payload) from unnest($2::text[]) as payload';
      // A lost notification only delays a long poll until its next poll of the store.
      const pause = await runQuery(this.#liveness, { text, values, isRepeatable: true }, this.#limit).then(
        () => PAUSE_MS,
        () => FAILURE_PAUSE_MS,
      );
      await delay(pause, { unref: true, signal: this.#closing.signal });
    }
    this.#publishing = undefined;
  }
}

/** Joins keys to as few payloads as possible. */
export function buildPayloads(keys: Iterable<string>): string[] {
  const payloads: string[] = [];
  let payload = '';
  for (const key of keys) {
    if (payload !== '' && payload.length + SEPARATOR.length + key.length > MAXIMUM_PAYLOAD) {
      payloads.push(payload);
      payload = '';
    }
    payload = payload === '' ? key : `${payload}${SEPARATOR}${key}`;
  }
  if (payload !== '') payloads.push(payload);
  return payloads;
}
