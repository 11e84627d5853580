/**
 * `npm run soak -- waiting [redis|postgres|crowd|strangers|restart …] [--wakes 1000] [--races 10000] [--waiters 10000]
 * [--held 1000] [--strangers 2000]`:
 * long polls at full size, on loopback.
 *
 * - redis, postgres: readers wait at one process, writers write at another, with the bus, and with its connections cut
 *   again and again; and waits and updates that begin at the same moment.
 * - crowd: many readers at one process, by the node and the Koa door: memory, time to wake all, and what is left once
 *   all of them have vanished.
 * - strangers: what thousands of strangers with the share URL, and one connection that asks for thousands of waits, cost
 *   the two devices that are bound.
 * - restart: SIGTERM to `credential-relay serve` while reads are held and others go on, behind a balancer.
 *
 * Servers: TEST_REDIS_URL and TEST_POSTGRES_URL, else started here. Ends by itself; exit 0 only if all of it held.
 */
import { argumentsOf, loadParts, proveAll } from './race/proof.mjs';
import { proveCrowd } from './waiting/crowd.mjs';
import { proveRestart } from './waiting/restart.mjs';
import { proveStrangers } from './waiting/strangers.mjs';
import { proveWakes } from './waiting/wakes.mjs';

const { parts, remove } = await loadParts('prove-waiting');

/**
 * @param {string} kind
 * @param {(backend: any) => Promise<boolean>} prove
 */
async function withBackend(kind, prove) {
  const backend = await parts.openBackend(kind);
  try {
    return await prove(backend);
  } finally {
    await backend.close();
  }
}

try {
  const { stores: proofs, sizes } = argumentsOf(['redis', 'postgres', 'crowd', 'strangers', 'restart'], {
    wakes: 1_000,
    races: 10_000,
    waiters: 10_000,
    held: 1_000,
    strangers: 2_000,
  });
  await proveAll(proofs, 8, (proof) => {
    if (proof === 'crowd') return withBackend('redis', (backend) => proveCrowd(backend, sizes));
    if (proof === 'strangers') {
      return withBackend('redis', (backend) => proveStrangers(backend, parts, sizes));
    }
    if (proof === 'restart') return withBackend('redis', (backend) => proveRestart(backend, sizes));
    return withBackend(proof, (backend) => proveWakes(backend, sizes));
  });
} finally {
  await remove();
}
