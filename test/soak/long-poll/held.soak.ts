import { createClient } from '@keyv/redis';
import { describe, expect, it } from 'vitest';
import { createSettings, type RelayProcessSettings } from '../../support/process/backends.js';
import { type RelayChild, startRelayProcess } from '../../support/process/fleet.js';
import { pause, waitUntil } from '../../support/protocol/flow.js';
import { formatTimes } from '../figures.js';
import { buildInTests, toBackend, withBackend } from '../processes.js';
import { type DeviceChild, nowShared, startDevices } from './devices.js';
import { parts, sizes } from './parts.js';

/* Many waiting reads at one process: their memory, the time to end all of them, and the rest after all clients left. */

/** Client processes; each read has one connection. */
const CLIENTS = 2;
/** The wait of a read: longer than the run. */
const SECONDS = 600;
/** Characters of a payload, as in practice. */
const CHARACTERS = 2_000;
/** Limits of the memory per waiting read with its connection, and of the rest per read after all clients left. */
const MAXIMUM_BYTES = 40 * 1024;
const MAXIMUM_REST_BYTES = 1024;
/** Reads that start at once at each client: fewer than the connection queue of the server holds. */
const BATCH = 500;

const relayProgram = buildInTests();
const devicesProgram = buildInTests('test/soak/long-poll/devices-process.ts');

const toKib = (bytes: number): string => `${(bytes / 1024).toFixed(1)} KiB`;

/** One relay process with client processes and their mailboxes. */
class HeldReads {
  readonly size: number;
  readonly #share: number;

  private constructor(
    readonly relay: RelayChild,
    readonly clients: readonly DeviceChild[],
    share: number,
  ) {
    this.#share = share;
    this.size = share * clients.length;
  }

  static async open(settings: Partial<RelayProcessSettings>): Promise<HeldReads> {
    const longPoll = { maximumWaiters: sizes.held + 1_000, maximumSeconds: SECONDS };
    const relay = await startRelayProcess(relayProgram(), createSettings({ ...settings, longPoll }));
    const share = Math.ceil(sizes.held / CLIENTS);
    const devices = { base: relay.ready.base, mailboxes: share, characters: CHARACTERS };
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => startDevices(devicesProgram(), devices)));
    await Promise.all(clients.map((client) => client.ask('open')));
    return new HeldReads(relay, clients, share);
  }

  countWaiters = async (): Promise<number> => (await this.relay.ask('stats')).waiters;

  waitersReach(count: number): Promise<void> {
    return waitUntil(`${count} reads wait`, async () => (await this.countWaiters()) === count);
  }

  /** All senders start to wait; resolves when the relay holds all reads. */
  async hold(): Promise<void> {
    for (let from = 0; from < this.#share; from += BATCH) {
      const range = { seconds: SECONDS, from, to: Math.min(from + BATCH, this.#share) };
      await Promise.all(this.clients.map((client) => client.ask('hold', range)));
      await this.waitersReach(range.to * CLIENTS);
    }
  }

  async updateAll(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.ask('updateAll')));
    await this.waitersReach(0);
  }

  /** The number of ended waits with this status, their times, and the time of the last answer, once all have ended. */
  async readEnded(status: number): Promise<{ count: number; times: number[]; lastAnswer: number }> {
    const ask = () => Promise.all(this.clients.map((client) => client.ask('ended')));
    await waitUntil('all waits have ended', async () => {
      return (await ask()).reduce((sum, { count }) => sum + count, 0) === this.size;
    });
    const ended = await ask();
    return {
      count: ended.reduce((sum, { outcomes }) => sum + (outcomes[status] ?? 0), 0),
      times: ended.flatMap(({ times }) => times),
      lastAnswer: Math.max(...ended.map(({ lastAnswer }) => lastAnswer)),
    };
  }

  /** Runs `act`. Returns its time and the delays of the relay's event loop, as text. */
  async measure(act: () => Promise<unknown>): Promise<string> {
    await this.relay.ask('resetDelay');
    const began = performance.now();
    await act();
    const ms = performance.now() - began;
    const { p99, max } = await this.relay.ask('delay');
    return `${ms.toFixed(0)} ms, event loop late by p99 ${p99.toFixed(1)} ms, at most ${max.toFixed(0)} ms`;
  }

  killClients = (): Promise<unknown> => Promise.all(this.clients.map((client) => client.kill()));

  async close(): Promise<void> {
    await Promise.all([this.relay.kill(), this.killClients()]);
  }
}

/** Runs `use` with open reads. */
async function withReads(
  settings: Partial<RelayProcessSettings>,
  use: (reads: HeldReads) => Promise<void>,
): Promise<void> {
  const reads = await HeldReads.open(settings);
  try {
    await use(reads);
  } finally {
    await reads.close();
  }
}

describe.runIf(parts.includes('held'))(`${sizes.held} waiting reads at one process`, () => {
  it.each(['node', 'koa'] as const)('cost little memory and leave nothing behind, %s handler', async (handler) => {
    await withReads({ handler }, async (reads) => {
      const { relay, size } = reads;
      const fresh = await relay.ask('memory');
      await reads.hold(); // The first round compiles the code and fills caches.
      await reads.updateAll();
      const before = await relay.ask('memory');

      console.log(`${handler} handler: ${size} reads held after ${await reads.measure(() => reads.hold())}`);
      const during = await relay.ask('memory');
      const bytes = (during.rss - fresh.rss) / size;
      const heapBytes = (during.heapUsed - before.heapUsed) / size;
      console.log(
        `  each ${toKib(bytes)} resident with its connection, ${toKib(heapBytes)} of heap above an idle connection`,
      );
      const idle = await relay.ask('cpu');
      await pause(2_000);
      const later = await relay.ask('cpu');
      const percent = (later.user + later.system - idle.user - idle.system) / 1000 / 20;
      console.log(`  all waiting: ${percent.toFixed(1)} % of a processor`);

      const updating = await reads.measure(() => reads.updateAll());
      const { count, times } = await reads.readEnded(200);
      console.log(`  ${size} updates, each ending a wait: ${updating}; ${formatTimes(times)}`);

      await reads.hold();
      const leaving = await reads.measure(async () => {
        await reads.killClients();
        await reads.waitersReach(0);
      });
      await pause(500);
      const after = await relay.ask('memory');
      const restBytes = (after.heapUsed - fresh.heapUsed) / size;
      console.log(
        `  all clients killed: no read left after ${leaving}; timers ${before.timers} before, ${during.timers} with all, ` +
          `${after.timers} after; heap ${toKib(restBytes)} per read above the start`,
      );
      expect(count).toBe(size);
      expect(bytes).toBeLessThan(MAXIMUM_BYTES);
      expect(restBytes).toBeLessThan(MAXIMUM_REST_BYTES);
      expect(after.timers).toBeLessThanOrEqual(before.timers);
    });
  });

  it('end with 204 by relay.drain', async () => {
    await withReads({}, async (reads) => {
      await reads.hold();
      const began = nowShared();
      const draining = await reads.measure(() => reads.relay.ask('drain'));
      const { count, lastAnswer } = await reads.readEnded(204);
      console.log(`drain: ${reads.size} ended in ${draining}; answered after ${(lastAnswer - began).toFixed(0)} ms`);
      expect(count).toBe(reads.size);
    });
  });

  describe('on Redis', () => {
    let client: ReturnType<typeof createClient>;

    /** The number of reads that Redis has answered. */
    async function countGets(): Promise<number> {
      const stats = String(await client.sendCommand(['INFO', 'commandstats']));
      const calls = [...stats.matchAll(/cmdstat_(?:get|getrange|evalsha|eval|mget|evalsha_ro):calls=(\d+)/g)];
      return calls.reduce((sum, [, count]) => sum + Number(count), 0);
    }

    async function reconnect(reads: HeldReads): Promise<void> {
      await reads.hold();
      await pause(500);
      const before = await countGets();
      const checking = await reads.measure(async () => {
        await client.sendCommand(['CLIENT', 'KILL', 'TYPE', 'pubsub']);
        await waitUntil('the relay has checked all mailboxes', async () => (await countGets()) - before >= reads.size);
      });
      await pause(200);
      const left = await reads.countWaiters();
      console.log(
        `subscription lost and restored: ${(await countGets()) - before} checks of ${reads.size} mailboxes in ` +
          `${checking}; ${reads.size - left} waits ended`,
      );
      expect(left).toBe(reads.size);
    }

    it('are all checked after a lost subscription, and none ends without a change', () =>
      withBackend('redis', async (backend) => {
        client = createClient({ url: backend.url });
        await client.connect();
        try {
          await withReads({ backend: toBackend(backend) }, reconnect);
        } finally {
          client.destroy(); // Before the server stops.
        }
      }));
  });
});
