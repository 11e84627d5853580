import { type Connection, openConnection } from './connection.js';
import type { Sample } from './sample.js';
import type { ServerProcess } from './server-process.js';
import { transfer } from './transfer.js';

/** Keep-alive connections at once: enough that the server never waits for a request. */
const CONNECTIONS = 32;

/** Every round begins with some unmeasured load, since its server stood idle while the others had their turns. */
const LEAD_IN_MS = 250;

/** What one round of one server came to. */
export interface Round {
  /** CPU of the server, user and system, in µs for each transfer. The figure of merit. */
  readonly cpu: number;
  readonly perSecond: number;
  /** Time of a whole transfer in ms: at saturation a length of queues, so it is reported and judges nothing. */
  readonly p50: number;
  readonly p99: number;
}

/** Loads a server until it has served `transfers`, so that its code is compiled and its heap has grown. */
export async function warmUp(server: ServerProcess, sample: Sample, transfers: number): Promise<void> {
  const connections = await openConnections(server.port);
  let started = 0;
  await loadWhile(connections, sample, () => {
    started += 1;
    return started <= transfers;
  });
  closeAll(connections);
}

/** Loads a server for `ms` and measures it between two marks, both taken when nothing is in flight. */
export async function measure(server: ServerProcess, sample: Sample, ms: number): Promise<Round> {
  const connections = await openConnections(server.port);
  await loadWhile(connections, sample, until(LEAD_IN_MS));

  const before = await server.cpu();
  const started = performance.now();
  const times = await loadWhile(connections, sample, until(ms));
  const seconds = (performance.now() - started) / 1000;
  const cpu = (await server.cpu()) - before;
  closeAll(connections);

  times.sort((left, right) => left - right);
  const at = (share: number): number => times[Math.floor(share * times.length)] ?? Number.NaN;
  return { cpu: cpu / times.length, perSecond: times.length / seconds, p50: at(0.5), p99: at(0.99) };
}

/**
 * Keeps this process from sleeping until the function returned is called. A client that waits for answers makes each
 * write of the server wake another core, and the kernel charges that to the server: a third of a fast server's figure.
 */
export function keepAwake(): () => void {
  let awake = true;
  const spin = (): void => {
    if (awake) setImmediate(spin);
  };
  spin();
  return () => {
    awake = false;
  };
}

/** Starts transfers on every connection as long as `more` says so; the times of all of them, in ms. */
async function loadWhile(connections: readonly Connection[], sample: Sample, more: () => boolean): Promise<number[]> {
  const times: number[] = [];
  const work = async (connection: Connection): Promise<void> => {
    while (more()) {
      const started = performance.now();
      await transfer(connection, sample);
      times.push(performance.now() - started);
    }
  };
  await Promise.all(connections.map(work));
  return times;
}

function until(ms: number): () => boolean {
  const end = performance.now() + ms;
  return () => performance.now() < end;
}

function openConnections(port: number): Promise<Connection[]> {
  return Promise.all(Array.from({ length: CONNECTIONS }, () => openConnection(port)));
}

function closeAll(connections: readonly Connection[]): void {
  for (const connection of connections) connection.close();
}
