import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RelayEvent } from 'credential-relay';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFailure } from '../../../../adapters/store/sqlite/errors.js';
import { sqliteStore } from '../../../../adapters/store/sqlite/index.js';
import { buildChildProgram, type ChildProgram } from '../../../support/process/child-program.js';
import { device, testRelay } from '../../../support/relay/relay.js';
import { farDeadline, hostDatabase, newValue, testFolder } from '../../../support/sqlite/stores.js';

const folder = testFolder();
const newFile = (): string => join(folder, `${randomUUID()}.db`);
let program: ChildProgram;
const children: ChildProcess[] = [];

beforeAll(async () => {
  program = await buildChildProgram('test/support/store/sqlite-child.ts');
  chmodSync(folder, 0o755);
});
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  program?.remove();
});

/** The failure of a ping by a user who is not root. */
function pingAsUser(file: string): { type: string; code: string; message: string } {
  const { stdout, stderr } = spawnSync(process.execPath, [program.path, 'ping', file], { encoding: 'utf8' });
  expect(stdout, stderr).not.toBe('');
  return JSON.parse(stdout);
}

/** A new folder with a database that the user may write. */
async function prepare(mode: { readonly folder: number; readonly file: number }): Promise<string> {
  const own = join(folder, randomUUID());
  mkdirSync(own);
  const file = join(own, 'relay.db');
  const store = sqliteStore(file);
  await store.ping();
  await store.close();
  for (const suffix of ['-wal', '-shm']) rmSync(file + suffix, { force: true });
  chmodSync(file, mode.file);
  chmodSync(own, mode.folder);
  return file;
}

describe('failures of SQLite, in words', () => {
  it('a read-only folder is named, also if the file is writable', async () => {
    const failure = pingAsUser(await prepare({ folder: 0o555, file: 0o666 }));
    expect(failure).toMatchObject({ type: 'SqliteStoreError', code: 'SQLITE_READONLY' });
    expect(failure.message).toMatch(/folder of the database file is read-only for this process; SQLite needs write/);
    const empty = join(folder, randomUUID());
    mkdirSync(empty, { mode: 0o555 });
    expect(pingAsUser(join(empty, 'relay.db')).message).toMatch(/folder of the database file is read-only/);
  });

  it('a read-only file is named', async () => {
    const file = await prepare({ folder: 0o777, file: 0o444 });
    const failure = pingAsUser(file);
    expect(failure.code).toMatch(/^SQLITE_(?:READONLY|CANTOPEN)/);
    expect(failure.message).toMatch(/may not read and write the database file; change the owner or the mode/);
  });

  it('ping and store.failed name a path that is a folder, a missing folder, a foreign file and a damaged file', async () => {
    const junk = newFile();
    writeFileSync(junk, 'not a database'.repeat(300));
    const damaged = newFile();
    const first = sqliteStore(damaged);
    for (let count = 0; count < 50; count += 1) await first.create(`k${count}`, newValue(), farDeadline());
    await first.close();
    hostDatabase(damaged).exec('PRAGMA wal_checkpoint(TRUNCATE)');
    const bytes = readFileSync(damaged);
    bytes.fill(0xff, 100, 4096);
    writeFileSync(damaged, bytes);
    const cases: readonly (readonly [string, string, RegExp])[] = [
      [folder, 'SQLITE_CANTOPEN', /path of the database names a folder; add the name of the file/],
      [
        join(folder, 'none', 'relay.db'),
        'SQLITE_CANTOPEN',
        /folder of the database file does not exist; create the folder/,
      ],
      [junk, 'SQLITE_NOTADB', /is no SQLite database, or is encrypted/],
      [damaged, 'SQLITE_CORRUPT', /is damaged; end all processes, and restore a backup/],
    ];
    for (const [file, code, says] of cases) {
      const events: RelayEvent[] = [];
      const store = sqliteStore(file);
      const relay = testRelay({ store, keys: [randomBytes(32)], onEvent: (event) => events.push(event) });
      await expect(relay.ping()).rejects.toMatchObject({ name: 'SqliteStoreError', code });
      expect((await device(relay).create()).status).toBe(503);
      const reasons = events.flatMap((event) => (event.type === 'store.failed' ? [event.reason] : []));
      expect(reasons.length).toBeGreaterThan(1);
      for (const reason of reasons) {
        expect(reason).toMatch(says);
        expect(reason).not.toContain(folder);
      }
      await relay.close();
      await store.close();
    }
  });

  it('a lock of another program is named, and a transaction of the host', async () => {
    const file = newFile();
    const store = sqliteStore(file, { busyTimeoutMs: 20 });
    await store.ping();
    const other = hostDatabase(file);
    other.exec('BEGIN IMMEDIATE');
    await expect(store.ping()).rejects.toMatchObject({ name: 'SqliteStoreError', code: 'SQLITE_BUSY' });
    await expect(store.ping()).rejects.toThrow(/held the lock of the database for longer than busyTimeoutMs/);
    await expect(sqliteStore(other, { busyTimeoutMs: 20 }).ping()).rejects.toThrow(/transaction of the host is open/);
  });

  it('createFailure reads each form in which libsql and better-sqlite3 give a code', () => {
    const forms: readonly (readonly [object, string])[] = [
      [{ code: 'UNKNOWN_SQLITE_ERROR_1544', message: 'attempt to write a readonly database' }, 'SQLITE_READONLY'],
      [
        { code: '', message: 'ConnectionFailed("Unable to open connection to local database /x: 14")' },
        'SQLITE_CANTOPEN',
      ],
      [{ code: 'SQLITE_IOERR_FSYNC', message: 'disk I/O error' }, 'SQLITE_IOERR_FSYNC'],
      [{ code: 'ENOSPC', message: 'no space' }, 'SQLITE_FULL'],
      [{ code: 'EROFS', message: 'read-only' }, 'SQLITE_CANTOPEN'],
      [{ message: 'hunter2' }, 'SQLITE_ERROR'],
    ];
    for (const [error, code] of forms) {
      const failure = createFailure(Object.assign(new Error(), error));
      expect(failure.code).toBe(code);
      expect(failure.message).toMatch(/^(?:The|SQLite|This|Another) .*[.]$/);
      expect(failure.message).not.toMatch(/hunter2|\/x/);
    }
  });
});

describe('the -wal and -shm files of SQLite', () => {
  async function ask(child: ChildProcess, key: string): Promise<{ code?: string; message?: string }> {
    const answer = once(child, 'message');
    child.send(key);
    const [failure] = (await answer) as [{ code?: string; message?: string }];
    return failure;
  }

  it.each([['-wal'], ['-shm'], ['-wal', '-shm']])(
    'the SQLite store refuses writes after %s%s were removed, and loses no acknowledged mailbox by kill -9',
    async (...suffixes: (string | undefined)[]) => {
      const file = newFile();
      const child = fork(program.path, ['serve', file], {
        execArgv: [],
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      });
      children.push(child);
      await once(child, 'message');
      for (const key of ['a', 'b', 'c']) expect(await ask(child, key)).toEqual({});
      for (const suffix of suffixes) if (suffix !== undefined) rmSync(file + suffix);
      for (const key of ['d', 'e']) {
        const failure = await ask(child, key);
        expect(failure.code).toBe('SQLITE_READONLY_DBMOVED');
        expect(failure.message).toMatch(/-wal or -shm file beside the database was moved, removed or replaced/);
      }
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
      const after = sqliteStore(file);
      for (const key of ['a', 'b', 'c']) expect(await after.get(key), key).toBeDefined();
      expect(await after.create('f', newValue(), farDeadline())).toBe(true);
      await after.close();
    },
  );

  it('ping fails on a full database, as creates do, and leaves no row', async () => {
    const database = hostDatabase(newFile());
    const store = sqliteStore(database);
    await store.ping();
    expect(database.prepare('SELECT count(*) AS rows FROM credential_relay_mailbox').all()).toEqual([{ rows: 0 }]);
    const [{ page_count: pages } = { page_count: 0 }] = database.prepare('PRAGMA page_count').all() as {
      page_count: number;
    }[];
    database.exec(`PRAGMA max_page_count = ${pages + 1}`);
    const create = () => store.create(randomUUID(), newValue(), farDeadline());
    await expect(
      (async () => {
        for (let count = 0; count < 1000; count += 1) await create();
      })(),
    ).rejects.toThrow(/full/);
    await expect(store.ping()).rejects.toMatchObject({
      code: 'SQLITE_FULL',
      message: 'The database, or its disk, is full; free space there.',
    });
    database.exec('PRAGMA max_page_count = 1000');
    await store.ping();
    await store.close();
  });

  it('a removed -wal file is noticed by ping and by reads', async () => {
    const file = newFile();
    const store = sqliteStore(file);
    await store.create('k', newValue(), farDeadline());
    rmSync(`${file}-wal`);
    await expect(store.ping()).rejects.toMatchObject({ code: 'SQLITE_READONLY_DBMOVED' });
    await expect(store.get('k')).rejects.toMatchObject({ code: 'SQLITE_READONLY_DBMOVED' });
    await store.close();
  });
});
