/** Proof: strangers with the share URL, and one connection that asks for everything, do not hold up bound devices. */
import { randomBytes } from 'node:crypto';
import { pause } from './devices.mjs';
import { startProcess } from './processes.mjs';

/** Milliseconds of each measurement, and of a round trip to the store. */
const MEASURED_MS = 8_000;
const LINK_MS = 2;
/** Most times that the p99 may grow while others try. */
const MOST_GROWTH = 2;

/** @param {number[]} times @param {number} share */
const at = (times, share) => [...times].sort((a, b) => a - b)[Math.floor((times.length - 1) * share)] ?? 0;

/** @param {number[]} times */
const textOf = (times) =>
  `p50 ${at(times, 0.5).toFixed(1)}, p99 ${at(times, 0.99).toFixed(1)}, longest ${at(times, 1).toFixed(1)} ms`;

/**
 * @param {{ url: string }} backend a Redis
 * @param {any} parts
 * @param {{ strangers: number }} sizes
 */
export async function proveStrangers(backend, parts, { strangers }) {
  const { hostname, port } = new URL(backend.url);
  const link = await parts.startTcpProxy({ host: hostname, port: Number(port) });
  link.delay(LINK_MS / 2);
  const slow = { kind: 'redis', url: `redis://127.0.0.1:${link.port}` };
  const key = randomBytes(32).toString('base64url');
  const relay = await startProcess('relay-process.mjs', { door: 'node', backend: slow, key });
  const base = relay.hello.url;
  const honest = await startProcess('honest-process.mjs', { base });
  const { path, waited, version } = honest.hello;
  const others = await startProcess('stranger-process.mjs', { base, paths: [path, waited], version, strangers });
  try {
    console.log(`${strangers} strangers, Redis behind a link of ${LINK_MS} ms`);
    await honest.ask('go', { ms: 2_000 }); // Compiled now.
    const calm = await honest.ask('go', { ms: MEASURED_MS });
    console.log(`  calm: a read ${textOf(calm.reads)}; a wait, from the update on ${textOf(calm.wakes)}`);
    const held = [];
    for (const attack of ['flood', 'crowd', 'burst']) {
      await others.ask(attack);
      await pause(attack === 'crowd' ? 6_000 : 0);
      const { waiters } = await relay.ask('load');
      const { reads, wakes, wrong } = await honest.ask('go', { ms: attack === 'burst' ? 2_000 : MEASURED_MS });
      const statuses = await others.ask('stop');
      const failed = (await relay.ask('failures')).count;
      const growth = Math.max(at(reads, 0.99) / at(calm.reads, 0.99), at(wakes, 0.99) / at(calm.wakes, 0.99));
      console.log(
        `  ${attack}: a read ${textOf(reads)}; a wait ${textOf(wakes)}; p99 × ${growth.toFixed(2)}; ` +
          `${wrong.length} wrong; strangers got ${JSON.stringify(statuses)}; ${waiters} held; ${failed} failures of the store`,
      );
      // A burst of thousands costs its own work, once, however it is queued; it is shown, and nothing may go wrong.
      held.push(wrong.length === 0 && failed === 0 && (attack === 'burst' || growth < MOST_GROWTH));
    }
    return held.every(Boolean);
  } finally {
    await Promise.all([relay, honest, others].map((process) => process.kill()));
    await link.close();
  }
}
