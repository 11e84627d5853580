import { randomUUID } from 'node:crypto';
import { chmodSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sqliteStore } from '../../../../adapters/store/sqlite/index.js';
import { farDeadline, hostDatabase, newValue, readRevision, testFolder } from '../../../support/sqlite/stores.js';

const folder = testFolder();
const newFile = (): string => join(folder, `${randomUUID()}.db`);
const ROW_BYTES = 256;

/** The content of the file, counted over another connection. */
function recount(file: string) {
  const sql = 'SELECT count(*) AS mailboxes, coalesce(sum(length(CAST(value AS BLOB))), 0) AS bytes FROM ';
  const database = hostDatabase(file);
  const [row] = database.prepare(`${sql} credential_relay_mailbox`).all() as { mailboxes: number; bytes: number }[];
  database.close();
  return { mailboxes: Number(row?.mailboxes), bytes: Number(row?.bytes) + Number(row?.mailboxes) * ROW_BYTES };
}

describe('bounds of the SQLite store', () => {
  it('the SQLite store rejects a mailbox beyond its bound, from any process, and changes nothing', async () => {
    const file = newFile();
    const [one, two] = [sqliteStore(file, { maximumMailboxes: 3 }), sqliteStore(file, { maximumMailboxes: 3 })];
    for (const store of [one, two, one]) expect(await store.create(randomUUID(), newValue(), farDeadline())).toBe(true);
    for (const store of [one, two]) {
      await expect(store.create('d', newValue(), farDeadline())).rejects.toMatchObject({ code: 'store_full' });
    }
    expect(recount(file).mailboxes).toBe(3);
  });

  it('a full SQLite store recognizes a retried create, and reads, binds and deletes', async () => {
    const put = newValue('x'.repeat(500));
    const bytes = put.length + ROW_BYTES;
    const store = sqliteStore(newFile(), { maximumBytes: Math.ceil((bytes * 8) / 7) });
    await store.create('k', put, farDeadline());
    await expect(store.create('j', newValue(), farDeadline())).rejects.toMatchObject({ code: 'store_full' });
    expect(await store.create('k', newValue(), farDeadline())).toBe(false);
    expect((await store.get('k'))?.value).toBe(put);
    const bound = newValue('x'.repeat(900));
    expect(await store.replace('k', readRevision(put), bound)).toBe('ok');
    const tooLarge = newValue('x'.repeat(9000));
    await expect(store.replace('k', readRevision(bound), tooLarge)).rejects.toMatchObject({ code: 'store_full' });
    expect(await store.replace('k', readRevision(put), tooLarge)).toBe('conflict');
    expect(await store.replace('none', readRevision(put), tooLarge)).toBe('missing');
    expect(await store.replace('k', readRevision(bound), newValue(''))).toBe('ok');
  });

  it('a change without room fails alone, and the other changes of its transaction succeed', async () => {
    const store = sqliteStore(newFile(), { maximumMailboxes: 2 });
    const created = await Promise.allSettled(
      ['a', 'b', 'c'].map((key) => store.create(key, newValue(), farDeadline())),
    );
    expect(created).toMatchObject([{ value: true }, { value: true }, { reason: { code: 'store_full' } }]);
    expect(await store.get('b')).toBeDefined();
  });

  it('a full SQLite store erases expired entries to make room', async () => {
    const clock = { now: 1_900_000_000_000 };
    const store = sqliteStore(newFile(), { maximumMailboxes: 2, clock: () => clock.now });
    await store.create('old', newValue(), clock.now + 1000);
    await store.create('live', newValue(), clock.now + 60_000);
    await expect(store.create('new', newValue(), clock.now + 60_000)).rejects.toMatchObject({ code: 'store_full' });
    clock.now += 1000;
    expect(await store.create('new', newValue(), clock.now + 60_000)).toBe(true);
    expect(await store.get('live')).toBeDefined();
  });

  it('the SQLite store counts the entries of a file of an earlier release', async () => {
    const file = newFile();
    const database = hostDatabase(file);
    database.exec(
      'CREATE TABLE credential_relay_mailbox (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL, expires_at INTEGER NOT NULL)',
    );
    const insert = database.prepare('INSERT INTO credential_relay_mailbox VALUES (?, ?, ?)');
    for (const key of ['a', 'b']) insert.run(key, newValue(), farDeadline());
    const store = sqliteStore(file);
    expect((await store.ping()).usage).toMatchObject(recount(file));
    // The earlier release may still write to the file.
    insert.run('c', newValue('é'), farDeadline());
    expect((await store.ping()).usage).toMatchObject({ ...recount(file), mailboxes: 3 });
  });

  it('the SQLite store has default bounds for a file and for memory, and rejects invalid bounds', async () => {
    const usage = { maximumMailboxes: 1_000_000, maximumBytes: 1_073_741_824 };
    expect((await sqliteStore(newFile()).ping()).usage).toMatchObject(usage);
    expect((await sqliteStore(':memory:').ping()).usage).toMatchObject({ maximumBytes: 67_108_864 });
    expect(() => sqliteStore(newFile(), { maximumMailboxes: 0 })).toThrow(/^sqliteStore.maximumMailboxes: must be/);
    expect(() => sqliteStore(newFile(), { maximumBytes: 0.5 })).toThrow(/^sqliteStore.maximumBytes: must be/);
  });

  it('the SQLite store counts exactly after any sequence of changes', async () => {
    const key = fc.integer({ min: 0, max: 9 }).map((index) => `k${index}`);
    const rest = fc
      .tuple(fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 500, max: 9000 })), fc.constantFrom('x', '漢'))
      .map(([characters, letter]) => letter.repeat(characters));
    const life = fc.integer({ min: -500, max: 9000 });
    const step = fc.oneof(
      fc.record({ call: fc.constant('create' as const), key, rest, life }),
      fc.record({ call: fc.constant('replace' as const), key, rest, life: fc.option(life) }),
      fc.record({ call: fc.constant('sweep' as const), limit: fc.integer({ min: 1, max: 5 }) }),
      fc.record({ call: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 4000 }) }),
    );
    const bounds = { maximumMailboxes: 6, maximumBytes: 40_000 };
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
        const file = newFile();
        const clock = { now: 1_900_000_000_000 };
        const stores = [1, 2].map(() => sqliteStore(file, { ...bounds, clock: () => clock.now }));
        for (const [index, one] of steps.entries()) {
          const store = stores[index % 2] ?? sqliteStore(file);
          if (one.call === 'wait') clock.now += one.ms;
          if (one.call === 'sweep') await store.sweep?.(one.limit);
          if (one.call === 'create') {
            const created = await store.create(one.key, newValue(one.rest), clock.now + one.life).catch(() => false);
            if (created) {
              expect(recount(file).mailboxes).toBeLessThanOrEqual(bounds.maximumMailboxes);
              expect(recount(file).bytes).toBeLessThanOrEqual((bounds.maximumBytes * 7) / 8);
            }
          }
          if (one.call === 'replace') {
            const revision = (await store.revision?.(one.key)) ?? newValue().slice(0, 16);
            const expiresAt = one.life === null ? undefined : clock.now + one.life;
            await store.replace(one.key, revision, newValue(one.rest), expiresAt).catch(() => {});
          }
        }
        expect((await stores[0]?.ping())?.usage).toEqual({ ...recount(file), ...bounds });
        for (const store of stores) await store.close();
      }),
      { numRuns: 20 },
    );
  });
});

describe('files of the SQLite store', () => {
  const modeOf = (file: string): string => (statSync(file).mode & 0o777).toString(8);

  it('new SQLite files (database, write-ahead log, shared memory) are for their owner only', async () => {
    const before = process.umask(0o000);
    try {
      const file = newFile();
      await sqliteStore(file).create('k', newValue(), farDeadline());
      const modes = [file, `${file}-wal`, `${file}-shm`].map(modeOf);
      expect(modes).toEqual(['600', '600', '600']);
      const target = newFile();
      const link = newFile();
      symlinkSync(target, link);
      await sqliteStore(link).create('k', newValue(), farDeadline());
      expect(modeOf(target)).toBe('600');
    } finally {
      process.umask(before);
    }
  });

  it('an existing SQLite file keeps its mode, and its -wal and -shm files get the same mode', async () => {
    const file = newFile();
    writeFileSync(file, '');
    chmodSync(file, 0o640);
    await sqliteStore(file).create('k', newValue(), farDeadline());
    expect([file, `${file}-wal`, `${file}-shm`].map(modeOf)).toEqual(['640', '640', '640']);
  });

  it('the SQLite store creates no file before the first call', () => {
    const before = readdirSync(folder).length;
    sqliteStore(newFile());
    expect(readdirSync(folder)).toHaveLength(before);
  });
});
