import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type BalancerEvent, createBalancer } from './balancer.js';
import { createFleet, type Fleet } from './fleet.js';
import { pause } from './phone.js';
import { createStats, type Stats } from './stats.js';
import { transfer } from './transfer.js';

/** What {@link runScenario} needs. */
export interface ScenarioOptions {
  /** URL of the store. */
  readonly storeUrl: string;
  /** The program that a relay process runs ({@link createFleet}). */
  readonly program: string;
  readonly print: (line: string) => void;
}

/** Pairs of phones that share at one time. */
const PAIRS = 6;
/** Milliseconds between two of the things that happen to the processes. */
const EVENT_PAUSE_MS = 1600;

/**
 * Three relay processes, of which one is killed and one restarted, while phones share through the balancer. Resolves to
 * whether all went well: each transfer finished, and no client saw a request fail.
 */
export async function runScenario({ storeUrl, program, print }: ScenarioOptions): Promise<boolean> {
  const started = performance.now();
  const say = (line: string): void => print(`${formatSeconds(performance.now() - started).padStart(6)}  ${line}`);
  const tally = createStats();

  const balancer = createBalancer(
    () => fleet.members,
    (told) => {
      tally.record(told);
      const { type: what, target, status } = told;
      if (what === 'lost')
        say(`          ${target.name} did not answer ${describeRequest(told)}: another one is asked`);
      if (status === 204) say(`          ${target.name} has ended a long poll with 204: its phone asks again`);
    },
  );
  balancer.listen(0, '127.0.0.1');
  await once(balancer, 'listening');
  const publicUrl = `http://127.0.0.1:${(balancer.address() as AddressInfo).port}/relay`;
  const keys = [randomBytes(32).toString('base64url')];
  const fleet = createFleet(program, { publicUrl, storeUrl, keys });

  try {
    await Promise.all(['A', 'B', 'C'].map((name) => fleet.start(name)));
    say(`A, B and C answer, at one Redis and behind ${publicUrl}`);
    const phones = startPhones(publicUrl, tally, say);
    const fates = await runEvents(fleet, tally, say);
    const transfers = await phones.finish();
    const isWell = transfers.failed === 0 && tally.failures.length === 0;
    for (const line of summary(tally, fates, transfers)) print(line);
    return isWell;
  } finally {
    await fleet.close();
    balancer.close();
    balancer.closeAllConnections();
  }
}

interface Transfers {
  finished: number;
  failed: number;
}

/** Pairs of phones, each of which shares again and again until it is told to finish. */
function startPhones(relay: string, tally: Stats, say: (line: string) => void): { finish(): Promise<Transfers> } {
  const transfers = { finished: 0, failed: 0 };
  let isOver = false;
  let count = 0;

  async function pair(): Promise<void> {
    while (!isOver) {
      count += 1;
      const [number, began, servedBy] = [count, performance.now(), new Set<string>()];
      try {
        await transfer(relay, tally.countingFetch(servedBy));
        transfers.finished += 1;
        const names = [...servedBy].sort().join(' ');
        say(
          `transfer ${String(number).padStart(2)} finished in ${formatSeconds(performance.now() - began)}, served by ${names}`,
        );
      } catch (error) {
        transfers.failed += 1;
        say(`transfer ${number} FAILED: ${error instanceof Error ? error.message : 'an unknown error'}`);
      }
    }
  }

  const pairs = Array.from({ length: PAIRS }, pair);
  return {
    async finish() {
      isOver = true;
      await Promise.all(pairs);
      return transfers;
    },
  };
}

/** What happens to the processes. Resolves to what became of each. */
async function runEvents(fleet: Fleet, tally: Stats, say: (line: string) => void): Promise<Map<string, string>> {
  const held = (name: string): number => tally.processes.get(name)?.held ?? 0;
  const fates = new Map<string, string>();

  await pause(EVENT_PAUSE_MS);
  while (held('B') < 2) await pause(1); // It is to be killed in the midst of something.
  say(`kill -9   B, which holds ${held('B')} of the long polls`);
  await fleet.end('B', 'SIGKILL');
  fates.set('B', 'killed');
  await pause(EVENT_PAUSE_MS / 2);
  await fleet.start('D', 'B');
  say('          D answers, in the place of B');

  await pause(EVENT_PAUSE_MS);
  while (held('C') < 2) await pause(1);
  say(`SIGTERM   C, which holds ${held('C')} of the long polls`);
  const code = await fleet.end('C', 'SIGTERM');
  fates.set('C', `stopped, exit ${code}`);
  say(`          C has ended with ${code}`);
  await fleet.start('E', 'C');
  say('          E answers, in the place of C');

  await pause(EVENT_PAUSE_MS);
  return fates;
}

function* summary(tally: Stats, fates: ReadonlyMap<string, string>, transfers: Transfers): Generator<string> {
  yield '';
  yield 'process  answered  long polls  taken over by others';
  for (const [name, { answered, longPolls, lost }] of [...tally.processes].sort()) {
    const [first, second, third] = [answered, longPolls, lost].map(String);
    yield `${name.padEnd(7)} ${first?.padStart(9)} ${second?.padStart(11)} ${third?.padStart(21)}  ${fates.get(name) ?? ''}`.trimEnd();
  }
  yield '';
  yield `transfers finished: ${transfers.finished} of ${transfers.finished + transfers.failed}`;
  yield `requests of clients: ${tally.requests}, failed: ${tally.failures.length}`;
  yield* tally.failures.slice(0, 10).map((failure) => `  ${failure}`);
}

/** A request in words: a path would tell of the mailbox. */
function describeRequest({ request }: BalancerEvent): string {
  if (request.headers.prefer !== undefined) return 'a long poll';
  const names: Readonly<Record<string, string>> = { PUT: 'an update', DELETE: 'a delete' };
  const post = request.headers['content-type'] === undefined ? 'a read' : 'a create';
  return names[request.method ?? ''] ?? post;
}

function formatSeconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
