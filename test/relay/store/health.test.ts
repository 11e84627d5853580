import { describe, expect, it } from 'vitest';
import { memoryStore } from '../../../adapters/store/memory/index.js';
import { createEvents, type RelayEvent } from '../../../src/relay/events.js';
import type { MailboxStore, StoreHealth } from '../../../src/relay/store/contract.js';
import { StoreError } from '../../../src/relay/store/contract.js';
import { createHealthCheck, startHealthChecks } from '../../../src/relay/store/health.js';

/** A store of another process whose health the test sets. */
function storeWithHealth() {
  const keys: (string | undefined)[] = [];
  const state = { health: (): StoreHealth => ({ clockSkewMs: 0, evictionPolicy: 'noeviction' }) };
  const store: MailboxStore = {
    ...memoryStore(),
    capabilities: { atomic: 'distributed', nativeExpiry: true, durable: true },
    async ping(key) {
      keys.push(key);
      return state.health();
    },
  };
  const heard: RelayEvent[] = [];
  const events = createEvents((event) => void heard.push(event));
  const check = createHealthCheck(store, 'tenant:ping', 1000, events);
  const warnings = () => heard.flatMap((event) => (event.type === 'relay.warned' ? [event.warning] : []));
  return { store, state, keys, heard, events, check, warnings };
}

describe('health checks of the store', () => {
  it('the check passes its key to the store, and warns once for as long as a state lasts, and again after it', async () => {
    const { state, keys, check, warnings } = storeWithHealth();
    await check();
    expect([keys, warnings()]).toEqual([['tenant:ping'], []]);
    state.health = () => ({ clockSkewMs: 0, evictionPolicy: 'allkeys-lru' });
    await check();
    await check();
    expect(warnings()).toEqual(['store_evicts']);
    state.health = () => ({ clockSkewMs: 0 });
    await check();
    state.health = () => ({ clockSkewMs: 5000, evictionPolicy: 'volatile-ttl' });
    await check();
    expect(warnings()).toEqual(['store_evicts', 'store_clock_skew', 'store_evicts']);
  });

  it('the relay checks again and again, warns of a setting that changes later, and stops', async () => {
    const { store, state, keys, heard, events, check, warnings } = storeWithHealth();
    const stop = startHealthChecks(store, check, events, 20);
    await expect.poll(() => keys.length).toBeGreaterThan(1);
    expect(warnings()).toEqual([]);
    state.health = () => ({ clockSkewMs: 0, evictionPolicy: 'allkeys-lru' });
    await expect.poll(warnings).toEqual(['store_evicts']);
    state.health = () => {
      throw new StoreError('no_rights', 'The user has no rights; grant them.');
    };
    await expect
      .poll(() => heard.find((event) => event.type === 'store.failed'))
      .toMatchObject({ call: 'ping', cause: 'no_rights', reason: 'The user has no rights; grant them.' });
    stop();
    const count = keys.length;
    await new Promise((resolve) => setTimeout(resolve, 80));
    expect(keys.length).toBe(count);
  });
});
