import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import { createBalancer } from '../../../examples/cluster/balancer.js';
import { BIN } from '../../support/process/built.js';
import { type BoundPair, createBoundPair } from '../../support/protocol/device.js';
import { pause, runConcurrently, waitUntil } from '../../support/protocol/flow.js';
import type { Answer } from '../../support/protocol/http.js';
import { formatTimes } from '../figures.js';
import { withBackend } from '../processes.js';
import { createAgent, createPairs } from './devices.js';
import { parts, sizes } from './parts.js';

/* SIGTERM to one of two `credential-relay serve` processes while it holds reads: no client gets an error. */

/** Devices that write and read without pause. */
const BUSY_DEVICES = 16;
/** Limit of the time to stop. */
const MAXIMUM_STOP_MS = 5_000;

interface Target {
  readonly name: string;
  readonly url: string;
  readonly child: ChildProcess;
}

/** Starts `credential-relay serve`. */
async function serve(name: string, store: string, keys: string): Promise<Target> {
  const child = spawn(process.execPath, [BIN, 'serve', '--port', '0', '--store', store], {
    env: { ...process.env, RELAY_KEYS: keys },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  process.on('exit', () => child.kill('SIGKILL'));
  const [line] = await once(createInterface(child.stdout), 'line', { signal: AbortSignal.timeout(20_000) });
  return { name, child, url: JSON.parse(line).url };
}

async function stop({ child }: Target): Promise<{ exit: number | string; ms: number }> {
  const began = performance.now();
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const [code, signal] = await ended;
  return { exit: code ?? signal, ms: performance.now() - began };
}

/** A balancer over the targets. `figures` counts its requests, waits, and retries at the other target. */
async function startBalancer(targets: readonly Target[]) {
  const figures = { requests: 0, waits: 0, retries: 0 };
  const server = createBalancer(
    () => targets,
    ({ type }) => {
      if (type === 'lost') figures.retries += 1;
    },
  );
  server.prependListener('request', ({ headers }) => {
    figures.requests += 1;
    if (headers.prefer !== undefined) figures.waits += 1;
  });
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 });
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    figures,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Devices that wait again after each 204, and devices that write and read without pause. */
class Load {
  readonly outcomes: Record<string, number> = {};
  readonly times: number[] = [];
  #isRunning = true;
  readonly #base: string;
  readonly #agent = createAgent();
  readonly #busy: Promise<unknown>;

  constructor(base: string) {
    this.#base = base;
    this.#busy = Promise.all(Array.from({ length: BUSY_DEVICES }, () => this.#writeAndRead()));
  }

  async keepWaiting({ sender, url, version }: BoundPair): Promise<void> {
    for (;;) {
      const answer = await this.#count('wait', sender.wait(url, version, 50).answer);
      if (answer?.status !== 204 || answer.version !== version) return;
    }
  }

  async #writeAndRead(): Promise<void> {
    const { sender, receiver, url } = await createBoundPair(this.#base, undefined, this.#agent);
    while (this.#isRunning) {
      const began = performance.now();
      await this.#count('update', receiver.update(url));
      await this.#count('read', sender.read(url));
      this.times.push((performance.now() - began) / 2);
    }
  }

  async #count(what: string, sent: Promise<Answer>): Promise<Answer | undefined> {
    const answer = await sent.catch(() => undefined);
    const outcome = `${what} ${answer?.status ?? 'lost'}`;
    this.outcomes[outcome] = (this.outcomes[outcome] ?? 0) + 1;
    return answer;
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    await this.#busy;
    this.#agent.destroy();
  }
}

describe.runIf(parts.includes('restart'))('a restart under load', () => {
  it('gives no client an error and keeps every wait', () =>
    withBackend('redis', async (backend) => {
      const held = sizes.restart;
      const keys = randomBytes(32).toString('base64url');
      const [one, two] = await Promise.all([serve('one', backend.url, keys), serve('two', backend.url, keys)]);
      const targets = [one];
      const balancer = await startBalancer(targets);
      const agent = createAgent();
      const pairs = await createPairs(balancer.origin, held, { agent });

      const load = new Load(balancer.origin);
      const waits = pairs.map((pair) => load.keepWaiting(pair));
      await waitUntil('the balancer has all waits', () => balancer.figures.waits >= held);
      targets.push(two);
      await pause(2_000); // The relay may not have accepted all requests that the balancer has.

      const stopped = await stop(one);
      await pause(1_000);
      // The reads wait at the other process now. An update ends each of them.
      await runConcurrently(held, BUSY_DEVICES, async (index) => {
        const { receiver, url } = pairs[index] as BoundPair;
        expect((await receiver.update(url)).status).toBe(200);
      });
      await Promise.all(waits);
      await load.stop();
      agent.destroy();
      balancer.close();
      const last = await stop(two);

      const outcomes = Object.entries(load.outcomes).sort();
      const { requests, retries } = balancer.figures;
      console.log(
        `SIGTERM to one of two processes on Redis (${backend.origin}), ${held} reads held, ${BUSY_DEVICES} busy devices\n` +
          `  ended after ${stopped.ms.toFixed(0)} ms with ${stopped.exit}; the other, at the end, with ${last.exit}\n` +
          `  ${outcomes.map(([what, count]) => `${what}: ${count}`).join(', ')}; load ${formatTimes(load.times)}\n` +
          `  balancer: ${requests} requests, ${retries} sent again`,
      );
      expect(outcomes.filter(([what]) => !/ (200|201|204)$/.test(what))).toEqual([]);
      expect(load.outcomes['wait 200']).toBe(held);
      expect([stopped.exit, last.exit]).toEqual([0, 0]);
      expect(stopped.ms).toBeLessThan(MAXIMUM_STOP_MS);
    }));
});
