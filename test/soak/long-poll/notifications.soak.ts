import { createClient } from '@keyv/redis';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { type Backend, createSettings, type RelayProcessSettings } from '../../support/process/backends.js';
import { startRelayProcess } from '../../support/process/fleet.js';
import { atOrigin, type BoundPair } from '../../support/protocol/device.js';
import { pause } from '../../support/protocol/flow.js';
import { formatTimes } from '../figures.js';
import { buildInTests, toBackend, withBackend } from '../processes.js';
import { createAgent, createPairs } from './devices.js';
import { parts, sizes } from './parts.js';

/* Two relay processes on one store: readers wait at the first process, writers write at the second process. */

/** Poll interval without change notifications; the relay adds up to a tenth. */
const POLL_MS = 1_000;
/** Limit of the time from an update to the answer of a wait without notifications. */
const MAXIMUM_POLL_MS = POLL_MS * 1.1 + 500;
/** Time between two cuts of the subscriptions. */
const CUT_MS = 40;
/** Mailboxes in use at once: enough for both processes, and few enough to measure no queues. */
const FEW = 8;
const MANY = 50;

const program = buildInTests();

/** A function that ends all subscriptions at the backend and returns their number. */
async function connectCutter({ kind, url }: Backend): Promise<{ cut(): Promise<number>; close(): Promise<unknown> }> {
  if (kind === 'redis') {
    const client = createClient({ url });
    await client.connect();
    const cut = async () => Number(await client.sendCommand(['CLIENT', 'KILL', 'TYPE', 'pubsub']));
    return { cut, close: async () => client.destroy() };
  }
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const statement = `select pg_terminate_backend(pid) from pg_stat_activity
    where query ~ '^listen |pg_listening_channels' and pid <> pg_backend_pid()`;
  return { cut: async () => (await client.query(statement)).rowCount ?? 0, close: () => client.end() };
}

/** Cuts all subscriptions again and again. Returns a function that stops and returns the number of cuts. */
async function keepCutting(backend: Backend): Promise<() => Promise<number>> {
  const { cut, close } = await connectCutter(backend);
  let isCutting = true;
  let cuts = 0;
  const cutting = (async () => {
    for (; isCutting; await pause(CUT_MS)) cuts += await cut();
  })();
  return async () => {
    isCutting = false;
    await cutting;
    await close();
    return cuts;
  };
}

interface Rounds {
  /** Times from the update to the answer of the wait, and to the answer of the update. */
  readonly waits: number[];
  readonly updates: number[];
  /** Waits that ended without the change, and waits with another answer or version. */
  lost: number;
  wrong: number;
}

/** Updates at `there`, each while a device waits at `here`. `delayMs`: the time from the wait to the update. */
async function runRounds(here: string, there: string, count: number, concurrency: number, delayMs: () => number) {
  const agent = createAgent();
  const figures: Rounds = { waits: [], updates: [], lost: 0, wrong: 0 };

  async function runRound({ sender, receiver, url }: BoundPair, known: string): Promise<string> {
    const waiting = sender.wait(atOrigin(url, here), known, 5);
    const ms = delayMs();
    if (ms > 0) await pause(ms);
    const began = performance.now();
    const updating = receiver.update(url).then((answer) => {
      figures.updates.push(performance.now() - began);
      return answer;
    });
    const answer = await waiting.answer;
    const took = performance.now() - began;
    const { status, version } = await updating;
    if (answer.status === 204) figures.lost += 1;
    else if (answer.status !== 200 || status !== 200 || answer.version !== version) figures.wrong += 1;
    else figures.waits.push(took);
    return version;
  }

  const pairs = await createPairs(there, concurrency, { agent });
  const share = Math.ceil(count / concurrency);
  const running = pairs.map(async (pair) => {
    let { version } = pair;
    for (let round = 0; round < share; round += 1) version = await runRound(pair, version);
  });
  await Promise.all(running);
  agent.destroy();
  return figures;
}

/** Prints the figures. True if every wait ended with its change, within the limit. */
function report(title: string, { waits, updates, lost, wrong }: Rounds, count: number, maximumMs = Infinity): boolean {
  const late = waits.filter((ms) => ms > maximumMs).length;
  const limit = maximumMs === Infinity ? '' : `, ${late} after more than ${maximumMs} ms`;
  console.log(`  ${title}: ${waits.length} notified, ${lost} lost, ${wrong} wrong${limit}`);
  console.log(
    `    from the update to the answer of the wait: ${formatTimes(waits)}; of the update: ${formatTimes(updates)}`,
  );
  return lost + wrong + late === 0 && waits.length >= count;
}

describe.each(['redis', 'postgres'] as const)('%s', (kind) => {
  it.runIf(parts.includes(kind))('every change at one process ends the waits at the other process', () =>
    withBackend(kind, async (backend) => {
      console.log(`${kind} (${backend.origin}), two relay processes`);
      const settings = createSettings({ backend: toBackend(backend) });
      const start = (more: Partial<RelayProcessSettings>) => startRelayProcess(program(), { ...settings, ...more });
      const [withoutPolls, withPolls] = [{ longPoll: { pollMs: 600_000 } }, { longPoll: { pollMs: POLL_MS } }];
      const children = await Promise.all(
        [withoutPolls, withoutPolls, withPolls, withPolls, { publishes: false }].map(start),
      );
      const [one, two, three, four, silent] = children.map(({ ready }) => ready.base) as [
        string,
        string,
        string,
        string,
        string,
      ];
      const { waits, races } = sizes;
      const few = Math.ceil(waits / 5);
      try {
        // Both processes subscribe when they first hold a read.
        await runRounds(one, two, FEW, FEW, () => 200);
        await runRounds(two, one, FEW, FEW, () => 200);
        const held = [
          report('with notifications, without polls', await runRounds(one, two, waits, FEW, () => 20), waits),
          report('wait and update at once', await runRounds(one, two, races, MANY, () => Math.random() * 3 - 1), races),
        ];
        const stopCutting = await keepCutting(backend);
        const cut = await runRounds(three, four, waits, MANY, () => 20 + Math.random() * 100);
        held.push(report(`subscriptions cut ${await stopCutting()} times`, cut, waits, MAXIMUM_POLL_MS));
        const polled = await runRounds(three, silent, few, MANY, () => 20);
        held.push(report('with polls only', polled, few, MAXIMUM_POLL_MS));
        expect(held).toEqual([true, true, true, true]);
      } finally {
        await Promise.all(children.map((child) => child.kill()));
      }
    }),
  );
});
