import { randomBytes } from 'node:crypto';
import type { MailboxStore, Relay } from 'credential-relay';
import { storeFromUrl } from 'credential-relay';
import { describe, expect, it } from 'vitest';
import { startTcpProxy } from '../support/network/tcp-proxy.js';
import { startOwnPostgres } from '../support/postgres/server.js';
import { pause } from '../support/protocol/flow.js';
import { startLoad } from '../support/redis/relay.js';
import { startRedis } from '../support/redis/server.js';
import { sharedMailbox, testRelay } from '../support/relay/relay.js';

/*
 * Outages of a real Redis and a real Postgres under load: killed and started again, suspended for 10 s, cut off by the
 * network. Every answer must be correct or 503, within the deadline. The relay must answer within 2 s after the backend.
 */

const FROZEN_MS = 10_000;
const DOWN_MS = 3_000;
/** The store budget of a request, and a margin for a busy machine. */
const MAXIMUM_ANSWER_MS = 3_500;
const MAXIMUM_RECOVERY_MS = 2_000;

/** Puts load on a relay during an outage and prints and checks the result. */
async function expectOutageToEnd(
  title: string,
  store: MailboxStore,
  begin: () => Promise<unknown> | unknown,
  ms: number,
  end: () => Promise<unknown> | unknown,
): Promise<void> {
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
  await pause(500);
  await begin();
  await pause(ms);
  await end();
  const back = performance.now();
  while ((await sender.read(url)).status !== 200) {
    if (performance.now() - back > 10_000) throw new Error('not back after 10 s');
    await pause(5);
  }
  const recovery = performance.now() - back;
  await pause(500);
  const { answered, unavailable, wrong } = await load.stop();
  await inner.close();
  await store.close();
  console.log(
    `${title}: ${answered} correct, ${unavailable} × 503, ${wrong.length} wrong; slowest ${slowest.toFixed(0)} ms, ` +
      `back after ${recovery.toFixed(0)} ms`,
  );
  expect(wrong).toEqual([]);
  expect(unavailable).toBeGreaterThan(0);
  expect(slowest).toBeLessThan(MAXIMUM_ANSWER_MS);
  expect(recovery).toBeLessThan(MAXIMUM_RECOVERY_MS);
}

describe('Redis under load', () => {
  it('killed, down for 3 s, started again', async () => {
    const redis = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
    const kill = () => redis.stop('SIGKILL');
    await expectOutageToEnd('Redis killed and restarted', storeFromUrl(redis.url), kill, DOWN_MS, redis.start);
    await redis.close();
  });

  it('suspended for 10 s', async () => {
    const redis = await startRedis();
    const store = storeFromUrl(redis.url);
    await expectOutageToEnd('Redis under SIGSTOP for 10 s', store, redis.freeze, FROZEN_MS, redis.thaw);
    await redis.close();
  });

  it('answers dropped by the network for 3 s', async () => {
    const redis = await startRedis();
    const proxy = await startTcpProxy(redis);
    const store = storeFromUrl(`redis://127.0.0.1:${proxy.port}`);
    await expectOutageToEnd('Redis with dropped answers', store, proxy.dropAnswers, DOWN_MS, proxy.mend);
    await proxy.close();
    await redis.close();
  });
});

describe('Postgres under load', () => {
  it('killed, down for 3 s, started again', async () => {
    const postgres = await startOwnPostgres();
    const [kill, start] = [() => postgres.kill(), () => postgres.start()];
    await expectOutageToEnd('Postgres killed and restarted', storeFromUrl(postgres.url), kill, DOWN_MS, start);
    await postgres.close();
  });

  it('suspended for 10 s', async () => {
    const postgres = await startOwnPostgres();
    const [suspend, resume] = [() => postgres.pause(), () => postgres.resume()];
    await expectOutageToEnd('Postgres under SIGSTOP for 10 s', storeFromUrl(postgres.url), suspend, FROZEN_MS, resume);
    await postgres.close();
  });
});
