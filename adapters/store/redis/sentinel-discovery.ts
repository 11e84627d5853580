import { withTimeout } from '../../../src/relay/time.js';
import type { Client } from './client.js';
import { ignoreErrors } from './connections.js';
import { RedisStoreError, timeoutError } from './errors.js';
import { tryEach } from './subscribers.js';

/** Passes the address of the master to `use`. */
export type UseMaster = <Result>(use: (master: object) => Promise<Result>) => Promise<Result>;

/** Queries one sentinel after another for the master, until `use` accepts an address. */
export function createMasterDiscovery(
  sentinels: readonly (() => Promise<Client>)[],
  masterName: string,
  connectTimeoutMs: number,
): UseMaster {
  let first = 0;
  return async (use) => {
    const order = [...sentinels.slice(first), ...sentinels.slice(0, first)];
    try {
      return await tryEach(order, async (createSentinel) =>
        use(await queryMaster(await createSentinel(), masterName, connectTimeoutMs)),
      );
    } catch (cause) {
      // The next attempt begins with another sentinel: an isolated sentinel may still name the previous master.
      first = (first + 1) % sentinels.length;
      throw cause;
    }
  };
}

/** @see https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/ "Sentinel commands" */
async function queryMaster(
  sentinel: Client,
  masterName: string,
  connectTimeoutMs: number,
): Promise<{ host: string; port: number }> {
  sentinel.on('error', () => {});
  const query = async (): Promise<unknown> => {
    await sentinel.connect();
    return sentinel.sendCommand(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', masterName]);
  };
  try {
    const reply = await withTimeout(connectTimeoutMs, query, () => timeoutError(connectTimeoutMs));
    if (!Array.isArray(reply)) throw unknownMasterError();
    return { host: String(reply[0]), port: Number(reply[1]) };
  } finally {
    ignoreErrors(() => sentinel.destroy());
  }
}

function unknownMasterError(): RedisStoreError {
  return new RedisStoreError(
    'redis_unknown_master',
    'The sentinels know no master of the name in the URL; correct the name behind the hosts (SENTINEL ' +
      'MASTERS lists all).',
  );
}
