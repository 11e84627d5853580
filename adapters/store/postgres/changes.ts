import type { ChangeBus } from '../../../src/relay/long-poll/contract.js';
import {
  type ConnectionEvents,
  createChangeSubscriber,
  type SubscriptionConnection,
  type SubscriptionTimes,
} from '../../../src/relay/store/subscription.js';
import { withTimeout } from '../../../src/relay/time.js';
import { ChangePublisher, SEPARATOR } from './change-publisher.js';
import { CALL_TIMEOUT_MS } from './connections.js';
import { destroySocket, type PostgresSubscriber } from './driver.js';
import { PostgresFailure, toPostgresFailure } from './errors.js';
import { type Liveness, SILENCE_MS } from './liveness.js';

/** Times of the subscription, in ms. Connections to Postgres are expensive, so the pauses are longer than for Redis. */
const TIMES: SubscriptionTimes = {
  checkIntervalMs: 3_000,
  checkTimeoutMs: CALL_TIMEOUT_MS,
  minimumPauseMs: 50,
  maximumPauseMs: 1_000,
  refusedPauseMs: 30_000,
  // Invalid authorization (28), unknown database or missing right (3D, 42), or too many connections (53).
  isRefusal: (cause) => /^(28|53|3D|42)/.test(toPostgresFailure(cause).code),
};

/** Time for the server to end the subscription in an orderly way, in ms. */
const CLOSE_TIMEOUT_MS = 500;

/** The change bus of a store. */
export interface PostgresChanges {
  readonly bus: ChangeBus;
  /** Publishes the pending keys and ends all subscriptions. Never rejects. */
  close(): Promise<void>;
}

/** Publishes through the pool and subscribes over a separate connection. */
export function createPostgresChanges(
  channel: string,
  liveness: Liveness,
  createClient: () => Promise<PostgresSubscriber>,
): PostgresChanges {
  const publisher = new ChangePublisher(channel, liveness);
  const subscriber = createChangeSubscriber(async (events) => {
    const client = await createClient().catch((cause: unknown) => Promise.reject(toPostgresFailure(cause)));
    return subscribe(channel, client, liveness, events);
  }, TIMES);
  return {
    bus: { publish: (key) => publisher.publish(key), subscribe: subscriber.subscribe },
    async close() {
      await Promise.all([publisher.close(), subscriber.close()]);
    },
  };
}

/** @see https://www.postgresql.org/docs/current/sql-listen.html */
async function subscribe(
  channel: string,
  client: PostgresSubscriber,
  liveness: Liveness,
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
      client.unref?.(); // Once more: with TLS the client has another socket now.
      await client.query({ text: `listen "${channel}"` });
    });
  } catch (cause) {
    await closeClient(client);
    throw toPostgresFailure(cause);
  }
  async function check(): Promise<void> {
    // Not only `select 1`: a pooler may have assigned another session, which does not listen.
    const result = await client.query({
      text: 'select 1 from pg_listening_channels() as listening where listening = $1::text',
      values: [channel],
    });
    if ((result as { rows: unknown[] }).rows.length === 0) throw new PostgresFailure('POSTGRES_CONNECTION_LOST');
  }
  // A connection of the pool may be dead, so this one may be, too: the next check would be seconds away.
  const forget = liveness.onSuspicion(() => {
    withTimeout(SILENCE_MS, check).catch(() => events.lost());
  });
  return {
    check,
    close() {
      forget();
      return closeClient(client);
    },
  };
}

async function closeClient(client: PostgresSubscriber): Promise<void> {
  client.ref?.();
  await withTimeout(CLOSE_TIMEOUT_MS, () => client.end()).catch(() => {
    client.unref?.();
    destroySocket(client);
  });
}
