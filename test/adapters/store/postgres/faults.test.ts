import { randomBytes } from 'node:crypto';
import type { Relay } from 'credential-relay';
import { postgresStore } from 'credential-relay/adapters/store/postgres';
import { expect, it } from 'vitest';
import type { OwnPostgresServer } from '../../../support/postgres/server.js';
import { describeOnOwnPostgres } from '../../../support/postgres/suite.js';
import { type Answer, createBody, device, sharedMailbox, testRelay } from '../../../support/relay/relay.js';

/** Longest time, in ms, until the relay works again after the server has recovered. */
const RECOVERY_MS = 2_000;

/** Longest response time in an outage, in ms: two call deadlines (one retry) and a margin for a busy machine. */
const ANSWER_MS = 4_500;

await describeOnOwnPostgres('outages of Postgres', (server) => {
  it('the relay survives the loss of its idle connections to Postgres', async () => {
    const { relay, close } = await open(server, 'idle');
    const { url, sender } = await sharedMailbox(relay);
    await Promise.all(Array.from({ length: 8 }, () => sender.preview(url)));
    const ended = await server.admin(
      "select pg_terminate_backend(pid, 5000) as ended from pg_stat_activity where application_name = 'idle'",
    );
    expect(ended.length).toBeGreaterThan(1);
    await recovered(() => sender.preview(url));
    const answers = await Promise.all(Array.from({ length: 8 }, () => sender.preview(url)));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    await close();
  });

  it('the process survives a connection that the server ends in the moment of the login', async () => {
    const role = `ending_${randomBytes(4).toString('hex')}`;
    await server.admin(
      `create role ${role} login superuser password 'p'; alter role ${role} set idle_session_timeout = 1`,
    );
    const url = Object.assign(new URL(server.url), { username: role, password: 'p' });
    const store = postgresStore(url.href, { schema: server.freshSchema(), changes: false });
    // A busy event loop reads the end of the login and the end of the session as one packet.
    const busy = setInterval(() => {
      for (const end = performance.now() + 8; performance.now() < end; );
    }, 1);
    const outcomes = await Promise.all(
      Array.from({ length: 40 }, () => store.get('relay:none').then(String, (error: Error) => error.name)),
    );
    clearInterval(busy);
    // An event `error` without a listener would fail this run.
    expect(outcomes.filter((outcome) => !['undefined', 'PostgresFailure'].includes(outcome))).toEqual([]);
    await store.close();
    await server.admin(`drop owned by ${role} cascade; drop role ${role}`);
  });

  it.each(['stop', 'kill'] as const)(
    'the relay answers correctly or with 503 through a %s and a restart of Postgres under load',
    async (how) => {
      const { relay, close } = await open(server, how);
      const load = await startLoad(relay);
      await load.served(50);
      await server[how]();
      await load.refused(50);
      await server.start();
      const back = performance.now();
      await recovered(() => device(relay).create());
      const recovery = performance.now() - back;
      await load.served(50);
      const { wrong, slowest, created } = await load.stop();
      expect(wrong).toEqual([]);
      expect(slowest).toBeLessThan(ANSWER_MS);
      expect(recovery).toBeLessThan(RECOVERY_MS);
      for (const url of created) expect((await device(relay).preview(url)).status).toBe(200);
      await close();
    },
  );

  it('the relay answers 503 within the deadline while Postgres hangs, and recovers', async () => {
    const { relay, close } = await open(server, 'hang');
    const { url, sender } = await sharedMailbox(relay);
    await sender.preview(url);
    server.pause();
    try {
      const started = performance.now();
      // More than the pool has connections: some calls hang, others wait for a free or for a new connection.
      const answers = await Promise.all([
        ...Array.from({ length: 15 }, () => sender.preview(url)),
        ...Array.from({ length: 5 }, () => device(relay).create()),
      ]);
      expect(performance.now() - started).toBeLessThan(ANSWER_MS);
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 503));
    } finally {
      server.resume();
    }
    const back = performance.now();
    await recovered(() => sender.preview(url));
    expect(performance.now() - back).toBeLessThan(RECOVERY_MS);
    await close();
  });

  it('the relay starts while Postgres is down, and recovers with Postgres', async () => {
    await server.stop();
    const { relay, close } = await open(server, 'boot');
    try {
      const answer = await device(relay).create();
      expect(answer.status).toBe(503);
      expect(answer.headers.get('Retry-After')).toMatch(/^\d+$/);
      await expect(relay.ping()).rejects.toThrow();
    } finally {
      await server.start();
    }
    const back = performance.now();
    await recovered(() => device(relay).create());
    expect(performance.now() - back).toBeLessThan(RECOVERY_MS);
    expect(await relay.ping()).toBeDefined();
    await close();
  });

  it('the Postgres store stops waiting for a connection of a Pool without a time-out', async () => {
    const { default: pg } = await import('pg');
    const pool = new pg.Pool({ connectionString: server.url, max: 1 });
    const store = postgresStore(pool, { schema: server.freshSchema() });
    await store.ping();
    const client = await pool.connect();
    await expect(store.create('late', `${'a'.repeat(16)}.x`, Date.now() + 60_000)).rejects.toMatchObject({
      code: 'POSTGRES_TIMEOUT',
    });
    client.release();
    // The timed-out statement does not run later, and the connection is free again.
    expect(await store.get('late')).toBeUndefined();
    await pool.end();
  });
});

async function open(server: OwnPostgresServer, name: string): Promise<{ relay: Relay; close(): Promise<void> }> {
  const url = new URL(server.url);
  url.searchParams.set('application_name', name);
  const store = postgresStore(url.href, { schema: server.freshSchema() });
  const relay = testRelay({ store, keys: [randomBytes(32)] });
  return {
    relay,
    async close() {
      await relay.close();
      await store.close();
    },
  };
}

/** Repeats the request until the status is not 503, for at most twice the allowed time. */
async function recovered(run: () => Promise<Answer>): Promise<void> {
  const end = performance.now() + 2 * RECOVERY_MS;
  for (;;) {
    const { status } = await run();
    if (status !== 503) {
      expect(status).toBe(200);
      return;
    }
    if (performance.now() > end) throw new Error('The relay did not recover.');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

interface Load {
  /** Resolves after `count` further successful responses. */
  served(count: number): Promise<void>;
  /** Resolves after `count` further responses with 503. */
  refused(count: number): Promise<void>;
  /** Returns wrong responses, the slowest response in ms, and the links of all successful creates. */
  stop(): Promise<{ wrong: string[]; slowest: number; created: string[] }>;
}

/** Six concurrent loops of requests with known responses. */
async function startLoad(relay: Relay): Promise<Load> {
  const { url } = await sharedMailbox(relay);
  expect((await device(relay).read(url)).status).toBe(200); // Bound: another device gets 401, and 503 in an outage.
  const tally = { served: 0, refused: 0, slowest: 0, wrong: [] as string[], created: [] as string[] };
  let running = true;
  const requests: [right: number, send: () => Promise<Answer>][] = [
    [200, () => device(relay).create(createBody())],
    [200, () => device(relay).preview(url)],
    [401, () => device(relay).read(url)],
  ];
  async function lane(index: number): Promise<void> {
    for (let turn = index; running; turn += 1) {
      const [right, send] = requests[turn % requests.length] as (typeof requests)[number];
      const started = performance.now();
      const { status, json, headers } = await send();
      tally.slowest = Math.max(tally.slowest, performance.now() - started);
      if (status === right) {
        tally.served += 1;
        if (turn % requests.length === 0) tally.created.push(json.urlLink);
      } else if (status === 503 && headers.has('Retry-After')) tally.refused += 1;
      else tally.wrong.push(`${status} instead of ${right}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
  const lanes = Array.from({ length: 6 }, (_, index) => lane(index));
  const grows = async (counter: 'served' | 'refused', count: number): Promise<void> => {
    const goal = tally[counter] + count;
    await expect.poll(() => tally[counter], { timeout: 10_000, interval: 10 }).toBeGreaterThanOrEqual(goal);
  };
  return {
    served: (count) => grows('served', count),
    refused: (count) => grows('refused', count),
    async stop() {
      running = false;
      await Promise.all(lanes);
      return tally;
    },
  };
}
