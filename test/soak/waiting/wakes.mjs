/** Proof: two relay processes on one store wake each other's readers. */
import { randomBytes } from 'node:crypto';
import { createClient } from '@keyv/redis';
import pg from 'pg';
import { inLanes, newAgent, newMailbox, pause, timesOf, update, wait } from './devices.mjs';
import { startProcess } from './processes.mjs';

/** Period of the slow look where the bus is cut or silent, in ms; a tenth comes on top. */
const PERIOD_MS = 1_000;
/** What answering may take on top of it, in ms. */
const SLACK_MS = 500;
/** Milliseconds between two cuts of the bus. */
const CUT_EVERY_MS = 40;
/** Mailboxes at the same time: enough to have both processes busy, few enough to measure waits and not queues. */
const LANES = 8;

/**
 * Cuts every connection that listens, again and again, until the function that it resolves to is called.
 * @param {{ kind: string, url: string }} backend
 */
async function keepCutting({ kind, url }) {
  let cutting = true;
  let cuts = 0;
  /** @type {() => Promise<number>} */
  let cut;
  /** @type {() => Promise<unknown>} */
  let end;
  if (kind === 'redis') {
    const client = createClient({ url });
    await client.connect();
    cut = async () => Number(await client.sendCommand(['CLIENT', 'KILL', 'TYPE', 'pubsub']));
    end = async () => client.destroy();
  } else {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    cut = async () => {
      const text =
        "select pg_terminate_backend(pid) from pg_stat_activity where query ~ '^listen |pg_listening_channels'";
      return (await client.query(`${text} and pid <> pg_backend_pid()`)).rowCount ?? 0;
    };
    end = () => client.end();
  }
  const run = (async () => {
    while (cutting) {
      cuts += await cut();
      await pause(CUT_EVERY_MS);
    }
  })();
  return async () => {
    cutting = false;
    await run;
    await end();
    return cuts;
  };
}

/**
 * So many updates at one process, each while a reader of the mailbox waits at the other. `apart` is the time from the
 * request of the reader to that of the writer, in ms.
 * @param {string} here
 * @param {string} there
 * @param {number} count
 * @param {number} lanes
 * @param {() => number} apart
 */
async function rounds(here, there, count, lanes, apart) {
  const [readers, writers] = [newAgent(), newAgent()];
  const mailboxes = await Promise.all(Array.from({ length: lanes }, () => newMailbox(writers, there)));
  /** @type {number[]} */
  const woken = [];
  /** @type {number[]} */
  const updates = [];
  let lost = 0;
  let wrong = 0;
  const share = Math.ceil(count / lanes);
  await inLanes(lanes, lanes, async (lane) => {
    const mailbox = /** @type {import('./devices.mjs').Mailbox} */ (mailboxes[lane]);
    for (let round = 0; round < share; round += 1) {
      const waiting = wait(readers, here, mailbox, 5);
      const ms = apart();
      if (ms > 0) await pause(ms);
      const began = performance.now();
      const updating = update(writers, there, mailbox).then((answer) => {
        updates.push(performance.now() - began);
        return answer;
      });
      const answer = await waiting;
      const took = performance.now() - began;
      const { status, version } = await updating;
      if (answer.status === 204) lost += 1;
      else if (answer.status !== 200 || status !== 200 || answer.version !== version) wrong += 1;
      else woken.push(took);
      mailbox.version = version;
    }
  });
  readers.destroy();
  writers.destroy();
  return { woken, updates, lost, wrong };
}

/**
 * @param {{ kind: string, url: string, schema?: string, origin: string }} backend
 * @param {{ wakes: number, races: number }} sizes
 */
export async function proveWakes(backend, { wakes, races }) {
  const key = randomBytes(32).toString('base64url');
  /** @param {object} more */
  const start = (more) => startProcess('relay-process.mjs', { door: 'node', backend, key, ...more });
  const told = { longPoll: { pollMs: 600_000 } };
  const watched = { longPoll: { pollMs: PERIOD_MS } };
  console.log(`${backend.kind} (${backend.origin}), two relay processes`);
  const processes = await Promise.all([
    start(told),
    start(told),
    start(watched),
    start(watched),
    start({ tells: false }),
  ]);
  const [one, two, three, four, silent] = processes.map(({ hello }) => hello.url);
  let held = true;

  /**
   * @param {string} what
   * @param {Awaited<ReturnType<typeof rounds>>} figures
   * @param {number} count
   * @param {number} [withinMs]
   */
  function judge(what, { woken, updates, lost, wrong }, count, withinMs = Number.POSITIVE_INFINITY) {
    const late = woken.filter((ms) => ms > withinMs).length;
    const limit = withinMs === Number.POSITIVE_INFINITY ? '' : `, ${late} after more than ${withinMs} ms`;
    console.log(`  ${what}: ${woken.length} woken, ${lost} lost, ${wrong} wrong${limit}`);
    console.log(`    from the update to the reader's answer: ${timesOf(woken)}; to the writer's: ${timesOf(updates)}`);
    if (lost + wrong + late > 0 || woken.length < count) held = false;
  }

  try {
    // Both listen, as both have held something.
    await rounds(one, two, LANES, LANES, () => 200);
    await rounds(two, one, LANES, LANES, () => 200);
    judge('with the bus, without the look', await rounds(one, two, wakes, LANES, () => 20), wakes);
    judge('the wait and the update at once', await rounds(one, two, races, 50, () => Math.random() * 3 - 1), races);
    const few = Math.ceil(wakes / 5);
    const within = PERIOD_MS * 1.1 + SLACK_MS;
    const endCutting = await keepCutting(backend);
    const cut = await rounds(three, four, wakes, 50, () => 20 + Math.random() * 100);
    judge(`with the bus cut ${await endCutting()} times`, cut, wakes, within);
    judge('told by nobody', await rounds(three, silent, few, 50, () => 20), few, within);
    return held;
  } finally {
    await Promise.all(processes.map((process) => process.kill()));
  }
}
