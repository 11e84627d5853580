import {
  type ChangeSubscriber,
  type ConnectionEvents,
  createChangeSubscriber,
  type SubscriptionConnection,
  type SubscriptionTimes,
} from '../../../src/relay/store/subscription.js';
import type { Client } from './client.js';
import { LONGEST_PAUSE, SHORTEST_PAUSE } from './connection-manager.js';
import { connectToMaster, type ListenAtServer, quietly } from './connections.js';
import { replyCode } from './errors.js';

/**
 * The one channel of all stores on a Redis: pub/sub knows neither databases nor namespaces, and what is told are keys,
 * which mean nothing to whoever does not wait for them. A user of Redis needs the right to it (`&credential-relay:changes`
 * in its ACL), and to the commands PUBLISH and SUBSCRIBE.
 */
export const CHANNEL = 'credential-relay:changes';

/** Times of the connection that listens, in ms. */
const TIMES: SubscriptionTimes = {
  checkIntervalMs: 3000,
  checkTimeoutMs: 2000,
  minimumPauseMs: SHORTEST_PAUSE,
  maximumPauseMs: LONGEST_PAUSE,
  refusedPauseMs: 30_000,
  isRefusal: (cause) => ['NOPERM', 'ERR'].includes(replyCode(cause) ?? ''),
};

/**
 * The listening half of the bus; the script that replaces does the telling. Whoever may not listen asks again twice a
 * minute and hears nothing, which costs wake-ups and nothing else.
 */
export function listenToRedis(
  listenAtServer: ListenAtServer,
  connectTimeoutMs: number,
  times: Partial<SubscriptionTimes> = {},
): ChangeSubscriber {
  const open = (events: ConnectionEvents): Promise<SubscriptionConnection> =>
    listenAtServer((client) => subscribe(client, connectTimeoutMs, events));
  return createChangeSubscriber(open, { ...TIMES, ...times });
}

async function subscribe(
  client: Client,
  connectTimeoutMs: number,
  events: ConnectionEvents,
): Promise<SubscriptionConnection> {
  client.on('error', () => {
    if (!client.isReady) events.lost();
  });
  client.unref();
  await connectToMaster(client, connectTimeoutMs, () => client.subscribe(CHANNEL, (key) => events.changed(key)));
  if (!client.isReady) events.lost(); // Between its last answer and now.
  return {
    check: () => client.sendCommand(['PING']),
    close: async () => quietly(() => client.destroy()),
  };
}
