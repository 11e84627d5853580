import { withTimeout } from '../../../src/relay/time.js';
import type { Client, Cluster, Sentinel } from './client.js';
import { type ConnectionSettings, subscriberOptions } from './client-options.js';
import { connectCluster, connectSentinel, destroyCluster } from './connections.js';
import { timeoutError } from './errors.js';

/**
 * Passes an unconnected client to `use`. If `use` rejects, tries a client of the next server, as long as there is one,
 * and rejects with the last failure. `use` closes a client that it could not connect.
 */
export type UseSubscriber = <Result>(use: (client: Client) => Promise<Result>) => Promise<Result>;

/** A cluster passes each notification to all of its nodes. The store picks a node at random to spread the load. */
export function clusterSubscriber(createCluster: () => Promise<Cluster>, settings: ConnectionSettings): UseSubscriber {
  const ms = settings.connectTimeoutMs;
  return async (use) => {
    const cluster = await createCluster();
    await connectCluster(cluster, ms);
    try {
      return await tryEach(shuffle(cluster.masters), async (master) => {
        const node = await withTimeout(
          ms,
          () => cluster.nodeClient(master),
          () => timeoutError(ms),
        );
        return use(node.duplicate(subscriberOptions(node.options?.socket, settings)));
      });
    } finally {
      destroyCluster(cluster);
    }
  };
}

/**
 * Duplicates the client of the current master. The sentinel client's own `subscribe` does not suffice: it does not
 * report that it lost its connection and opened another.
 */
export function sentinelSubscriber(
  sentinel: Required<Sentinel>,
  connect: () => Promise<unknown>,
  settings: ConnectionSettings,
): UseSubscriber {
  const ms = settings.connectTimeoutMs;
  return async (use) => {
    await connectSentinel(sentinel, connect, ms);
    const master = await withTimeout(
      ms,
      () => sentinel._execute(false, async (client) => client),
      () => timeoutError(ms),
    );
    return use(master.duplicate(subscriberOptions(master.options?.socket, settings)));
  };
}

/** Returns the first result of `attempt`; rejects with the last failure. */
export async function tryEach<Item, Result>(
  items: Iterable<Item>,
  attempt: (item: Item) => Promise<Result>,
): Promise<Result> {
  let failure: unknown = new Error('There is no server to connect to.');
  for (const item of items) {
    try {
      return await attempt(item);
    } catch (cause) {
      failure = cause;
    }
  }
  throw failure;
}

function shuffle<Item>(items: Iterable<Item>): Item[] {
  return [...items]
    .map((item) => ({ item, rank: Math.random() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ item }) => item);
}
