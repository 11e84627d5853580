import { randomBytes } from 'node:crypto';
import { REVISION_CHARACTERS } from '../../../src/relay/store/contract.js';
import type { ConnectionManager } from './connection-manager.js';
import { RedisStoreError } from './errors.js';
import { runScript } from './run-script.js';
import { CREATE, type ReplaceScripts } from './scripts.js';
import { findSlot } from './slot.js';
import { encodeStoredValue } from './stored-value.js';

/** The health that `ping` reports. */
export interface RedisHealth {
  readonly clockSkewMs: number;
  readonly evictionPolicy?: string;
}

/** Time to live of the entry that a ping creates, in ms, if its second script does not end the entry at once. */
const ENTRY_MS = 5000;

/**
 * Tries what the relay does: both scripts and both reads, on a new key beside `key`, and in a cluster on a key of each
 * master. Two round trips; the second script ends the entry after a millisecond.
 */
export async function pingRedis(redis: ConnectionManager, scripts: ReplaceScripts, key: string): Promise<RedisHealth> {
  const startedAt = Date.now();
  const [time, policy] = await Promise.all([
    redis.send(undefined, ['TIME']),
    redis.send(undefined, ['CONFIG', 'GET', 'maxmemory-policy']).catch(() => undefined), // Often not permitted.
  ]);
  const now = Array.isArray(time) ? Number(time[0]) * 1000 + Number(time[1]) / 1000 : Number.NaN;
  if (Number.isNaN(now)) throw new RedisStoreError('redis_foreign_value', 'Redis returned no time.');
  const clockSkewMs = Math.round(now - (startedAt + Date.now()) / 2);

  const keys = buildKeys(`${key}-${randomBytes(9).toString('base64url')}`, redis.getMasters());
  await Promise.all(keys.map((each) => tryOperations(redis, scripts, each, Math.floor(now))));
  const evictionPolicy: unknown = Array.isArray(policy) ? policy[1] : undefined;
  return typeof evictionPolicy === 'string' ? { clockSkewMs, evictionPolicy } : { clockSkewMs };
}

async function tryOperations(
  redis: ConnectionManager,
  scripts: ReplaceScripts,
  key: string,
  now: number,
): Promise<void> {
  const value = '0'.repeat(REVISION_CHARACTERS);
  const [until, end] = [now + ENTRY_MS, now + 1];
  // Sent in one turn, so that the commands share a round trip. Their order on the server does not matter.
  const outcomes = await Promise.allSettled([
    runScript(redis, CREATE, key, [encodeStoredValue(value, until), String(until)]),
    runScript(redis, scripts.usual, key, [value, encodeStoredValue(value, end), String(end)]),
    redis.send(key, ['GET', key]),
    redis.send(key, ['GETRANGE', key, '0', String(REVISION_CHARACTERS - 1)]),
  ]);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

/** One key without a cluster; else a key for each master. */
function buildKeys(prefix: string, masters: ReturnType<ConnectionManager['getMasters']>): string[] {
  if (masters === undefined) return [prefix];
  const missing = new Set<unknown>();
  for (let slot = 0; slot < masters.length; slot += 1) {
    const shard = masters[slot];
    if (shard === undefined) throw slotsError();
    missing.add(shard.master);
  }
  const keys: string[] = [];
  // A master with one slot of 16,384 takes about as many attempts, of a microsecond each.
  for (let count = 0; missing.size > 0 && count < 100_000; count += 1) {
    const key = `${prefix}-${count}`;
    if (missing.delete(masters[findSlot(key)]?.master)) keys.push(key);
  }
  return keys;
}

function slotsError(): RedisStoreError {
  return new RedisStoreError(
    'CLUSTERDOWN',
    'The Redis cluster does not serve all of its slots; bring its failed masters back, or promote their replicas.',
  );
}
