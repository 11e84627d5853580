import {
  type ChangeSubscriber,
  type ConnectionEvents,
  createChangeSubscriber,
  type SubscriptionConnection,
  type SubscriptionTimes,
} from '../../../src/relay/store/subscription.js';
import { PackageError } from '../../shared/import-package.js';
import type { Client } from './client.js';
import { MAXIMUM_PAUSE_MS, MINIMUM_PAUSE_MS } from './connection-manager.js';
import { connectToMaster, ignoreErrors } from './connections.js';
import { readReplyCode } from './errors.js';
import type { UseSubscriber } from './subscribers.js';

/**
 * All stores on a Redis share one channel: pub/sub knows neither databases nor namespaces, and a listener ignores the
 * keys for which no request waits. A user of Redis needs the right to the channel (`&credential-relay:changes` in the
 * ACL), and to the commands PUBLISH and SUBSCRIBE.
 *
 * @see https://redis.io/docs/latest/develop/pubsub/
 */
export const CHANNEL = 'credential-relay:changes';

/** Times of the subscription, in ms. */
const TIMES: SubscriptionTimes = {
  checkIntervalMs: 3000,
  checkTimeoutMs: 2000,
  minimumPauseMs: MINIMUM_PAUSE_MS,
  maximumPauseMs: MAXIMUM_PAUSE_MS,
  refusedPauseMs: 30_000,
  isRefusal: (cause) => cause instanceof PackageError || ['NOPERM', 'ERR'].includes(readReplyCode(cause) ?? ''),
};

/**
 * Subscribes to the notifications that the replace script publishes. A user without the right to subscribe tries again
 * twice a minute and receives no notifications; then long polls find changes by polling.
 */
export function createRedisSubscriber(useSubscriber: UseSubscriber, connectTimeoutMs: number): ChangeSubscriber {
  const open = (events: ConnectionEvents): Promise<SubscriptionConnection> =>
    useSubscriber((client) => subscribe(client, connectTimeoutMs, events));
  return createChangeSubscriber(open, TIMES);
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
  if (!client.isReady) events.lost(); // The connection ended after the reply to SUBSCRIBE.
  return {
    check: () => client.sendCommand(['PING']),
    close: async () => ignoreErrors(() => client.destroy()),
  };
}
