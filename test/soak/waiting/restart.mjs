/** Proof: a relay process that is told to stop while reads are held and others go on fails nobody. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { startBalancer } from './balancer.mjs';
import { inLanes, newAgent, newMailbox, pause, read, timesOf, until, update, wait } from './devices.mjs';

const MAIN = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
/** Lanes of the load that goes on beside the waits. */
const LANES = 16;
/** A process that was told to stop has so long. */
const STOP_MS = 5_000;

/**
 * Starts `credential-relay serve`.
 * @param {string} store
 * @param {string} keys
 */
async function serve(store, keys) {
  const child = spawn(process.execPath, [MAIN, 'serve', '--port', '0', '--store', store], {
    env: { ...process.env, RELAY_KEYS: keys },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  process.on('exit', () => child.kill('SIGKILL'));
  const [line] = await once(createInterface(child.stdout), 'line', { signal: AbortSignal.timeout(20_000) });
  return { child, url: JSON.parse(line).url };
}

/**
 * Devices that wait, each again as soon as it is answered, and others that write and read without pause.
 * @param {string} base
 */
function startLoad(base) {
  const [waiting, busy] = [newAgent(), newAgent()];
  /** @type {Record<string, number>} */
  const outcomes = {};
  /** @type {number[]} */
  const times = [];
  let running = true;

  /** @param {string} what @param {() => Promise<import('./devices.mjs').Answer>} call */
  async function counted(what, call) {
    const answer = await call().catch(() => ({ status: 0, version: '' }));
    outcomes[`${what} ${answer.status}`] = (outcomes[`${what} ${answer.status}`] ?? 0) + 1;
    return answer;
  }

  /** @param {import('./devices.mjs').Mailbox} mailbox */
  async function keepWaiting(mailbox) {
    for (;;) {
      const { status, version } = await counted('wait', () => wait(waiting, base, mailbox, 50));
      if (status !== 204 || version !== mailbox.version) return;
    }
  }

  async function keepBusy() {
    const mailbox = await newMailbox(busy, base);
    while (running) {
      const began = performance.now();
      await counted('update', () => update(busy, base, mailbox));
      await counted('read', () => read(busy, base, mailbox.path, mailbox.sender));
      times.push((performance.now() - began) / 2);
    }
  }

  return {
    outcomes,
    times,
    keepWaiting,
    busy: Promise.all(Array.from({ length: LANES }, keepBusy)),
    stop() {
      running = false;
    },
    close() {
      waiting.destroy();
      busy.destroy();
    },
  };
}

/**
 * @param {{ url: string, origin: string }} backend a Redis
 * @param {{ held: number }} sizes
 */
export async function proveRestart(backend, { held }) {
  const keys = randomBytes(32).toString('base64url');
  const [one, two] = await Promise.all([serve(backend.url, keys), serve(backend.url, keys)]);
  const balancer = await startBalancer([one.url]);
  const agent = newAgent();
  /** @type {import('./devices.mjs').Mailbox[]} */
  const mailboxes = [];
  await inLanes(held, LANES, async () => void mailboxes.push(await newMailbox(agent, balancer.origin)));

  const load = startLoad(balancer.origin);
  const waits = mailboxes.map(load.keepWaiting);
  await until('the balancer has all', async () => balancer.figures.waits >= held);
  balancer.use([one.url, two.url]);
  await pause(2_000); // The balancer has them; the relay may be behind by some that it has not accepted yet.

  const began = performance.now();
  const ended = once(one.child, 'exit');
  one.child.kill('SIGTERM');
  const [code, signal] = await ended;
  const ms = performance.now() - began;
  await pause(1_000);
  // Those who waited there wait here now, and are woken.
  await inLanes(held, LANES, async (index) => {
    const mailbox = /** @type {import('./devices.mjs').Mailbox} */ (mailboxes[index]);
    const { status } = await update(agent, balancer.origin, mailbox);
    if (status !== 200) throw new Error(`update: ${status}`);
  });
  await Promise.all(waits);
  load.stop();
  await load.busy;
  load.close();
  agent.destroy();
  balancer.close();
  const stopped = once(two.child, 'exit');
  two.child.kill('SIGTERM');
  const [lastCode] = await stopped;

  const list = Object.entries(load.outcomes).sort();
  console.log(
    `SIGTERM to one of two processes on Redis (${backend.origin}), ${held} reads held there, ${LANES} lanes of load`,
  );
  console.log(`  ended after ${ms.toFixed(0)} ms with ${code ?? signal}; the other, at the end, with ${lastCode}`);
  console.log(`  ${list.map(([what, count]) => `${what}: ${count}`).join(', ')}; load ${timesOf(load.times)}`);
  const { requests, retries, failures } = balancer.figures;
  console.log(`  balancer: ${requests} requests, ${retries} sent again, ${failures} failed`);
  const failed = list.filter(([what]) => !/ (200|201|204)$/.test(what));
  const woken = load.outcomes['wait 200'] === held;
  return failed.length === 0 && failures === 0 && woken && code === 0 && lastCode === 0 && ms < STOP_MS;
}
