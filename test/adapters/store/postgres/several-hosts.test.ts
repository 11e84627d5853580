import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { MailboxStore } from 'credential-relay';
import { postgresStore } from 'credential-relay/adapters/store/postgres';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { startBlackHoleProxy } from '../../../support/network/black-hole.js';
import { startTcpProxy } from '../../../support/network/tcp-proxy.js';
import { type OwnPostgresServer, startOwnPostgres } from '../../../support/postgres/server.js';
import { describeOnOwnPostgres } from '../../../support/postgres/suite.js';
import { eventually, subscribeAndWait } from '../../../support/store/changes.js';

const READ_WRITE = 'target_session_attrs=read-write';

await describeOnOwnPostgres('several hosts in the URL of a Postgres store', (primary) => {
  let standby: OwnPostgresServer;
  const cleanUps: (() => unknown)[] = [];
  const later = (cleanUp: () => unknown): void => void cleanUps.push(cleanUp);
  let keys = 0;

  beforeAll(async () => {
    standby = await startOwnPostgres();
    for (const server of [primary, standby]) await server.admin(`create role app superuser login password 'app'`);
    const [row] = await standby.admin('show data_directory');
    await standby.stop();
    await writeFile(join(row?.data_directory as string, 'standby.signal'), '');
    await standby.start();
  }, 60_000);
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  });
  afterAll(() => standby.close());

  function open(hosts: string, query = READ_WRITE): MailboxStore {
    const store = postgresStore(`postgres://app:app@${hosts}/postgres?${query}`);
    later(() => store.close());
    return store;
  }

  async function create(store: MailboxStore): Promise<boolean> {
    keys += 1;
    return store.create(`relay:${keys}`, `${'a'.repeat(16)}.x`, Date.now() + 60_000);
  }

  it('the store writes to the primary, in any order of the hosts, beside a host that is down', async () => {
    const [good, readOnly] = [`127.0.0.1:${primary.port}`, `127.0.0.1:${standby.port}`];
    for (const hosts of [`${good},${readOnly}`, `${readOnly},${good}`, `127.0.0.1:1,${readOnly},${good}`]) {
      const store = open(hosts);
      expect(await Promise.all(Array.from({ length: 20 }, () => create(store)))).toEqual(Array(20).fill(true));
      await store.ping();
    }
    expect(await create(open(`127.0.0.1:1,${good}`, ''))).toBe(true);
  });

  it('the store finds the primary behind a host that does not answer, within the deadline of a call', async () => {
    const silent = await startTcpProxy(primary);
    later(() => silent.close());
    silent.pause();
    expect(await create(open(`127.0.0.1:${silent.port},127.0.0.1:${primary.port}`))).toBe(true);
  });

  it('the store leaves a host that has died without a word: at most one call fails', async () => {
    const dying = await startBlackHoleProxy(primary.port);
    later(() => dying.close());
    const store = open(`127.0.0.1:${dying.port},127.0.0.1:${primary.port}`);
    await Promise.all(Array.from({ length: 40 }, () => create(store)));
    dying.blackHole();
    dying.ignoreNew();
    const started = performance.now();
    await create(store).catch(() => false);
    expect(await create(store)).toBe(true);
    expect(performance.now() - started).toBeLessThan(2_500);
    expect(await Promise.all(Array.from({ length: 20 }, () => create(store)))).toEqual(Array(20).fill(true));
  });

  it('ping names the cause if no host accepts writes', async () => {
    const store = open(`127.0.0.1:${standby.port},127.0.0.1:${standby.port}`);
    await expect(store.ping()).rejects.toMatchObject({ code: '25006' });
  });

  it('the store follows a fail-over to the promoted standby', async () => {
    const store = open(`127.0.0.1:${primary.port},127.0.0.1:${standby.port}`);
    await Promise.all(Array.from({ length: 10 }, () => create(store)));
    const listener = await subscribeAndWait(store);
    await primary.stop();
    await standby.admin('select pg_promote()');
    const started = performance.now();
    while (!(await create(store).catch(() => false))) {
      if (performance.now() - started > 10_000) throw new Error('The store did not recover.');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(performance.now() - started).toBeLessThan(2_000);
    await store.ping();
    await eventually(() => listener.resyncCount()).toBe(2);
  });
});
