import { randomBytes } from 'node:crypto';
import type { MailboxStore, Relay } from 'credential-relay';
import { storeFromUrl } from 'credential-relay';
import { describe, expect, it } from 'vitest';
import { startTcpProxy } from '../support/network/tcp-proxy.js';
import { startOwnPostgres } from '../support/postgres/server.js';
import { startLoad } from '../support/redis/relay.js';
import { startRedis } from '../support/redis/server.js';
import { sharedMailbox, testRelay } from '../support/relay/relay.js';

/*
 * Outages of a real Redis and a real Postgres in mid-load, at the length that hurts: killed and started again, stopped
 * for 10 s, cut off and slowed down by the network. Every answer must be right or 503, within the deadline, and the
 * relay must be back within 2 s of the backend.
 */

const FROZEN_MS = 10_000;
const DOWN_MS = 3_000;
/** The budget of a request for the store, and some for a busy machine. */
const SLOWEST_MS = 3_500;
const RECOVERY_MS = 2_000;

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Runs load through an outage: what came of it, how long the slowest answer took, and how soon the relay was back. */
async function through(
  store: MailboxStore,
  begin: () => Promise<unknown> | unknown,
  ms: number,
  end: () => Promise<unknown> | unknown,
) {
  let slowest = 0;
  const inner = testRelay({ store, keys: [randomBytes(32)] });
  const relay: Relay = {
    ...inner,
    async fetch(request) {
      const started = performance.now();
      const response = await inner.fetch(request);
      slowest = Math.max(slowest, performance.now() - started);
      return response;
    },
  };
  const load = await startLoad(relay, 16);
  const { sender, url } = await sharedMailbox(relay);
  await wait(500);
  await begin();
  await wait(ms);
  await end();
  const back = performance.now();
  while ((await sender.read(url)).status !== 200) {
    if (performance.now() - back > 10_000) throw new Error('not back after 10 s');
    await wait(5);
  }
  const recovery = performance.now() - back;
  await wait(500);
  const { answered, unavailable, wrong } = await load.stop();
  await inner.close();
  await store.close();
  return { answered, unavailable, wrong, slowest: Math.round(slowest), recovery: Math.round(recovery) };
}

function hold(name: string, report: Awaited<ReturnType<typeof through>>): void {
  const { answered, unavailable, wrong, slowest, recovery } = report;
  console.log(
    `${name}: ${answered} right, ${unavailable} × 503, ${wrong.length} wrong; slowest ${slowest} ms, back after ${recovery} ms`,
  );
  expect(wrong).toEqual([]);
  expect(unavailable).toBeGreaterThan(0);
  expect(slowest).toBeLessThan(SLOWEST_MS);
  expect(recovery).toBeLessThan(RECOVERY_MS);
}

describe('outages of Redis in mid-load', () => {
  it('killed, down for 3 s, started again', async () => {
    const redis = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
    const report = await through(
      storeFromUrl(redis.url),
      () => redis.stop('SIGKILL'),
      DOWN_MS,
      () => redis.start(),
    );
    await redis.close();
    hold('Redis killed and restarted', report);
  });

  it('stopped for 10 s', async () => {
    const redis = await startRedis();
    const report = await through(storeFromUrl(redis.url), redis.freeze, FROZEN_MS, redis.thaw);
    await redis.close();
    hold('Redis under SIGSTOP for 10 s', report);
  });

  it('answers dropped by the network for 3 s', async () => {
    const redis = await startRedis();
    const proxy = await startTcpProxy(redis);
    const store = storeFromUrl(`redis://127.0.0.1:${proxy.port}`);
    const report = await through(store, proxy.dropAnswers, DOWN_MS, proxy.mend);
    await proxy.close();
    await redis.close();
    hold('Redis behind a network that drops answers', report);
  });
});

describe('outages of Postgres in mid-load', () => {
  it('killed, down for 3 s, started again', async () => {
    const postgres = await startOwnPostgres();
    const report = await through(
      storeFromUrl(postgres.url),
      () => postgres.kill(),
      DOWN_MS,
      () => postgres.start(),
    );
    await postgres.close();
    hold('Postgres killed and restarted', report);
  });

  it('stopped for 10 s', async () => {
    const postgres = await startOwnPostgres();
    const report = await through(
      storeFromUrl(postgres.url),
      () => postgres.pause(),
      FROZEN_MS,
      () => postgres.resume(),
    );
    await postgres.close();
    hold('Postgres under SIGSTOP for 10 s', report);
  });
});
