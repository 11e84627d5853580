import { describe, expect, it } from 'vitest';
import { startTcpProxy } from '../../support/network/tcp-proxy.js';
import { createSettings } from '../../support/process/backends.js';
import { startRelayProcess } from '../../support/process/fleet.js';
import { pause } from '../../support/protocol/flow.js';
import { formatTimes, quantile } from '../figures.js';
import { buildInTests, withBackend } from '../processes.js';
import { startDevices } from './devices.js';
import { parts, sizes } from './parts.js';

/*
 * Devices that know a share URL but are not bound must not slow down the two bound devices: thousands of such devices,
 * and one connection with thousands of waits for its own mailboxes.
 */

const MEASURE_MS = 8_000;
/** A round trip to the store. */
const LINK_MS = 2;
/** Limit of the p99 during an attack, as a multiple of the p99 without one. */
const MAXIMUM_GROWTH = 2;
const CHARACTERS = 2_000;

const relayProgram = buildInTests();
const devicesProgram = buildInTests('test/soak/long-poll/devices-process.ts');

describe.runIf(parts.includes('unbound'))('unbound devices', () => {
  it('do not slow down the bound devices of a mailbox', () =>
    withBackend('redis', async (backend) => {
      const { hostname, port } = new URL(backend.url);
      const link = await startTcpProxy({ host: hostname, port: Number(port) });
      link.delay(LINK_MS / 2);
      const settings = createSettings({ backend: { kind: 'redis', url: `redis://127.0.0.1:${link.port}` } });
      const relay = await startRelayProcess(relayProgram(), settings);
      const devices = { base: relay.ready.base, mailboxes: 2, characters: CHARACTERS };
      const bound = await startDevices(devicesProgram(), devices);
      const unbound = await startDevices(devicesProgram(), { ...devices, mailboxes: 0 });
      try {
        const targets = { ...(await bound.ask('open')), size: sizes.unbound };
        console.log(`${sizes.unbound} unbound devices, Redis behind a link of ${LINK_MS} ms`);
        await bound.ask('useMailboxes', { ms: 2_000 }); // Compiles the code.
        const calm = await bound.ask('useMailboxes', { ms: MEASURE_MS });
        console.log(`  calm: a read ${formatTimes(calm.reads)}; a wait, from the update on ${formatTimes(calm.waits)}`);
        for (const attack of ['flood', 'repeat', 'burst'] as const) {
          await unbound.ask(attack, targets);
          await pause(attack === 'repeat' ? 6_000 : 0);
          const { waiters } = await relay.ask('stats');
          const { reads, waits, wrong } = await bound.ask('useMailboxes', {
            ms: attack === 'burst' ? 2_000 : MEASURE_MS,
          });
          const statuses = await unbound.ask('stop');
          const { failures } = await relay.ask('stats');
          const growth = Math.max(
            quantile(reads, 0.99) / quantile(calm.reads, 0.99),
            quantile(waits, 0.99) / quantile(calm.waits, 0.99),
          );
          console.log(
            `  ${attack}: a read ${formatTimes(reads)}; a wait ${formatTimes(waits)}; p99 × ${growth.toFixed(2)}; ` +
              `${wrong.length} wrong; unbound devices got ${JSON.stringify(statuses)}; ${waiters} held; ${failures} store failures`,
          );
          expect(wrong).toEqual([]);
          expect(failures).toBe(0);
          // A burst of thousands of requests costs its own work once, so its growth has no limit.
          if (attack !== 'burst') expect(growth).toBeLessThan(MAXIMUM_GROWTH);
        }
      } finally {
        await Promise.all([relay, bound, unbound].map((child) => child.kill()));
        await link.close();
      }
    }));
});
