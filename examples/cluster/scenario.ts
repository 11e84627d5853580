import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type BalancerEvent, createBalancer } from './balancer.js';
import { createFleet, type Fleet } from './fleet.js';
import { pause } from './phone.js';
import { createStats, type Stats } from './stats.js';
import { transfer } from './transfer.js';

export interface ScenarioOptions {
  readonly storeUrl: string;
  /** The program of a relay process, see {@link createFleet}. */
  readonly program: string;
  readonly print: (line: string) => void;
}

const PAIRS = 6;
/** Pause between two events of the processes. */
const EVENT_PAUSE_MS = 1600;

/**
 * Runs three relay processes, kills one and restarts one, while phones share keys through the balancer. Resolves to
 * true if every transfer finished and no request failed.
 */
export async function runScenario({ storeUrl, program, print }: ScenarioOptions): Promise<boolean> {
  const started = performance.now();
  const log = (line: string): void => print(`${formatSeconds(performance.now() - started).padStart(6)}  ${line}`);
  const stats = createStats();

  const balancer = createBalancer(
    () => fleet.members,
    (event) => {
      stats.record(event);
      const { type, target, status } = event;
      if (type === 'lost')
        log(`          ${target.name} did not answer ${describeRequest(event)}: the balancer asks another process`);
      if (status === 204) log(`          ${target.name} ended a long poll with 204: the phone polls again`);
    },
  );
  balancer.listen(0, '127.0.0.1');
  await once(balancer, 'listening');
  const publicUrl = `http://127.0.0.1:${(balancer.address() as AddressInfo).port}/relay`;
  const keys = [randomBytes(32).toString('base64url')];
  const fleet = createFleet(program, { publicUrl, storeUrl, keys });

  try {
    await Promise.all(['A', 'B', 'C'].map((name) => fleet.start(name)));
    log(`A, B and C answer, with one Redis, behind ${publicUrl}`);
    const phones = startPhones(publicUrl, stats, log);
    const events = await runEvents(fleet, stats, log);
    const transfers = await phones.finish();
    const isSuccess = transfers.failed === 0 && stats.failures.length === 0;
    for (const line of summary(stats, events, transfers)) print(line);
    return isSuccess;
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

/** Each pair of phones shares one key after another until `finish`. */
function startPhones(relay: string, stats: Stats, log: (line: string) => void): { finish(): Promise<Transfers> } {
  const transfers = { finished: 0, failed: 0 };
  let isFinished = false;
  let count = 0;

  async function pair(): Promise<void> {
    while (!isFinished) {
      count += 1;
      const [number, began, servedBy] = [count, performance.now(), new Set<string>()];
      try {
        await transfer(relay, stats.countingFetch(servedBy));
        transfers.finished += 1;
        const names = [...servedBy].sort().join(' ');
        const duration = formatSeconds(performance.now() - began);
        log(`transfer ${String(number).padStart(2)} finished in ${duration}, served by ${names}`);
      } catch (error) {
        transfers.failed += 1;
        log(`transfer ${number} FAILED: ${error instanceof Error ? error.message : 'unknown error'}`);
      }
    }
  }

  const pairs = Array.from({ length: PAIRS }, pair);
  return {
    async finish() {
      isFinished = true;
      await Promise.all(pairs);
      return transfers;
    },
  };
}

/** Kills process B and stops process C, and replaces both. Resolves to the events by process. */
async function runEvents(fleet: Fleet, stats: Stats, log: (line: string) => void): Promise<Map<string, string>> {
  const held = (name: string): number => stats.processes.get(name)?.held ?? 0;
  const events = new Map<string, string>();

  await pause(EVENT_PAUSE_MS);
  while (held('B') < 2) await pause(1); // The process must hold reads when it is killed.
  log(`kill -9   B, which holds ${held('B')} long polls`);
  await fleet.end('B', 'SIGKILL');
  events.set('B', 'killed');
  await pause(EVENT_PAUSE_MS / 2);
  await fleet.start('D', 'B');
  log('          D answers, and replaces B');

  await pause(EVENT_PAUSE_MS);
  while (held('C') < 2) await pause(1);
  log(`SIGTERM   C, which holds ${held('C')} long polls`);
  const code = await fleet.end('C', 'SIGTERM');
  events.set('C', `stopped, exit ${code}`);
  log(`          C ended with ${code}`);
  await fleet.start('E', 'C');
  log('          E answers, and replaces C');

  await pause(EVENT_PAUSE_MS);
  return events;
}

function* summary(stats: Stats, events: ReadonlyMap<string, string>, transfers: Transfers): Generator<string> {
  yield '';
  yield 'process  answered  long polls  taken over';
  for (const [name, { answered, longPolls, lost }] of [...stats.processes].sort()) {
    const [first, second, third] = [answered, longPolls, lost].map(String);
    const counts = `${first?.padStart(9)} ${second?.padStart(11)} ${third?.padStart(11)}`;
    yield `${name.padEnd(7)} ${counts}  ${events.get(name) ?? ''}`.trimEnd();
  }
  yield '';
  yield `transfers finished: ${transfers.finished} of ${transfers.finished + transfers.failed}`;
  yield `client requests: ${stats.requests}, failed: ${stats.failures.length}`;
  yield* stats.failures.slice(0, 10).map((failure) => `  ${failure}`);
}

/** Not the path, which gives access to the mailbox. */
function describeRequest({ request }: BalancerEvent): string {
  if (request.headers.prefer !== undefined) return 'a long poll';
  const names: Readonly<Record<string, string>> = { PUT: 'an update', DELETE: 'a delete' };
  const post = request.headers['content-type'] === undefined ? 'a read' : 'a create';
  return names[request.method ?? ''] ?? post;
}

function formatSeconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
