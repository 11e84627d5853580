import { randomUUID } from 'node:crypto';
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type StoreFixture, storeSuite } from 'credential-relay/testing';
import { describe, expect, it } from 'vitest';
import {
  isKeyvSqlite,
  type SqliteSource,
  type SqliteStoreOptions,
  sqliteStore,
} from '../../../../adapters/store/sqlite/index.js';
import {
  farDeadline,
  type HostDatabase,
  hostDatabase,
  newRevision,
  newValue,
  readRevision,
  replaceByFolder,
  testFolder,
} from '../../../support/sqlite/stores.js';

const folder = testFolder();
const newFile = (): string => join(folder, `${randomUUID()}.db`);

/** A new file for each test, so that tests can run concurrently. */
function fileFixture(): StoreFixture {
  const file = newFile();
  return {
    open: async () => sqliteStore(file),
    async breakBackend() {
      const bringBack = replaceByFolder(file);
      return async () => bringBack();
    },
  };
}

/** A file that the host opened. Its backend fails while the host has an open transaction on the connection. */
function hostFixture(): StoreFixture {
  const file = newFile();
  const databases: HostDatabase[] = [];
  let held = false;
  return {
    async open() {
      const database = hostDatabase(file);
      if (held) database.exec('BEGIN');
      databases.push(database);
      return sqliteStore(database, { busyTimeoutMs: 250 });
    },
    async breakBackend() {
      held = true;
      for (const database of databases) database.exec('BEGIN');
      return async () => {
        held = false;
        for (const database of databases) database.exec('ROLLBACK');
      };
    },
  };
}

describe.concurrent('storeSuite, SQLite, a file', () => storeSuite(it, fileFixture));

describe.concurrent('storeSuite, SQLite, a database of the host', () => storeSuite(it, hostFixture));

describe.concurrent('storeSuite, SQLite in memory', () => {
  const database = hostDatabase(':memory:');
  storeSuite(it, { open: async () => sqliteStore(database) });
});

describe('source and options of sqliteStore', () => {
  it('sqliteStore resolves a path and both forms of a sqlite: URL to the same file', async () => {
    const file = newFile();
    const value = newValue();
    await sqliteStore(file).create('k', value, farDeadline());
    for (const source of [`sqlite:${file}`, `sqlite://${file}`]) {
      expect((await sqliteStore(source).get('k'))?.value).toBe(value);
    }
  });

  it('a SQLite store in memory is private, and its capabilities say process', async () => {
    for (const source of ['sqlite::memory:', 'sqlite://:memory:', ':memory:', hostDatabase(':memory:')]) {
      const store = sqliteStore(source);
      expect(store.capabilities).toEqual({ atomic: 'process', nativeExpiry: false, durable: false });
      expect(await store.create('k', newValue(), farDeadline())).toBe(true);
    }
    expect(sqliteStore(newFile()).capabilities).toEqual({ atomic: 'distributed', nativeExpiry: false, durable: true });
  });

  it('sqliteStore uses a file beside that of a Keyv adapter, with the table of the adapter', async () => {
    const file = newFile();
    const adapter = { opts: { dialect: 'sqlite', uri: `sqlite://${file}`, db: file, table: 'mail' } } as const;
    expect(isKeyvSqlite(adapter)).toBe(true);
    await sqliteStore(adapter).create('k', newValue(), farDeadline());
    const database = hostDatabase(`${file}.relay`);
    expect(database.prepare('SELECT count(*) AS count FROM mail').all()[0]).toMatchObject({ count: 1 });
    const byDefault = { opts: { dialect: 'sqlite', uri: `sqlite://${file}`, table: 'keyv' } } as const;
    await sqliteStore(byDefault).create('k', newValue(), farDeadline());
    const counted = database.prepare('SELECT count(*) AS count FROM credential_relay_mailbox').all()[0];
    expect(counted).toMatchObject({ count: 1 });
  });

  it('isKeyvSqlite is true only for a Keyv SQLite adapter', () => {
    const others = [undefined, null, 'sqlite', {}, { opts: null }, { opts: { dialect: 'sqlite' } }];
    for (const value of [...others, { opts: { dialect: 'postgres', uri: 'x' } }, hostDatabase(':memory:')]) {
      expect(isKeyvSqlite(value)).toBe(false);
    }
  });

  it('sqliteStore rejects invalid sources and options without repeating them', () => {
    const bad: unknown[] = ['', 'sqlite:', 'a\0b', 'redis://:hunter2@localhost', 'libsql://hunter2', 7, {}, null];
    for (const source of bad) {
      expect(() => sqliteStore(source as SqliteSource)).toThrow(TypeError);
      expect(() => sqliteStore(source as SqliteSource)).not.toThrow(/hunter2/);
    }
    const options: SqliteStoreOptions[] = [{ table: 'a"b' }, { table: '' }, { table: 'sqlite_x' }, { table: '1' }];
    for (const each of [...options, { busyTimeoutMs: -1 }, { busyTimeoutMs: Number.NaN }]) {
      expect(() => sqliteStore(newFile(), each)).toThrow(TypeError);
    }
    expect(() => sqliteStore(newFile(), { file: 'x' } as object)).toThrow(/^sqliteStore.file: there is no such option/);
  });
});

describe('failures of the SQLite database', () => {
  it('the SQLite store rejects while the folder of its file is missing, and recovers with the folder', async () => {
    const later = join(folder, randomUUID());
    const store = sqliteStore(join(later, 'relay.db'));
    for (const call of [() => store.get('k'), () => store.create('k', newValue(), farDeadline()), () => store.ping()]) {
      await expect(call()).rejects.toMatchObject({ code: 'SQLITE_CANTOPEN' });
    }
    mkdirSync(later);
    expect(await store.create('k', newValue(), farDeadline())).toBe(true);
  });

  it('the SQLite store rejects a foreign file and leaves the file unchanged', async () => {
    const file = newFile();
    writeFileSync(file, 'not a database, but somebody’s file'.repeat(200));
    const store = sqliteStore(file);
    await expect(store.get('k')).rejects.toMatchObject({ code: 'SQLITE_NOTADB' });
    await expect(store.create('k', newValue(), farDeadline())).rejects.toMatchObject({ code: 'SQLITE_NOTADB' });
    await expect(store.sweep?.(10)).rejects.toMatchObject({ code: 'SQLITE_NOTADB' });
  });

  it('the SQLite store does not write to a moved file, and creates no new file', async () => {
    const file = newFile();
    const store = sqliteStore(file);
    await store.create('k', newValue(), farDeadline());
    const bringBack = replaceByFolder(file);
    rmdirSync(file);
    const moved = { code: 'SQLITE_READONLY_DBMOVED' };
    await expect(store.get('k')).rejects.toMatchObject(moved);
    await expect(store.create('j', newValue(), farDeadline())).rejects.toMatchObject(moved);
    mkdirSync(file);
    bringBack();
    expect(await store.get('k')).toBeDefined();
  });

  it('the SQLite store rejects writes with SQLITE_BUSY after busyTimeoutMs, reads, and does not block the event loop', async () => {
    const file = newFile();
    const store = sqliteStore(file, { busyTimeoutMs: 150 });
    const [kept, next] = [newValue(), newValue()];
    await store.create('k', kept, farDeadline());
    const other = hostDatabase(file);
    other.exec('BEGIN IMMEDIATE');
    // Turns of the event loop, not timers: a busy machine has thousands of turns, and a blocked loop a few.
    let turns = 0;
    let immediate = setImmediate(function count() {
      turns += 1;
      immediate = setImmediate(count);
    });
    const started = performance.now();
    const calls = [store.replace('k', readRevision(kept), next), store.create('j', next, farDeadline()), store.ping()];
    for (const call of calls) await expect(call).rejects.toMatchObject({ code: 'SQLITE_BUSY' });
    clearImmediate(immediate);
    expect(performance.now() - started).toBeGreaterThan(140);
    expect(performance.now() - started).toBeLessThan(1000);
    expect(turns).toBeGreaterThan(10);
    expect((await store.get('k'))?.value).toBe(kept);
    // The store reads the changes of the other connection: the failed attempts left no snapshot behind.
    const changed = newValue();
    other.prepare('UPDATE credential_relay_mailbox SET value = ? WHERE key = ?').run(changed, 'k');
    other.exec('COMMIT');
    expect((await store.get('k'))?.value).toBe(changed);
    // The store waits for a lock that ends in time.
    other.exec('BEGIN IMMEDIATE');
    const waiting = store.replace('k', readRevision(changed), next);
    setTimeout(() => other.exec('COMMIT'), 40);
    expect(await waiting).toBe('ok');
    expect((await store.get('k'))?.value).toBe(next);
  });

  it('the SQLite store returns the correct key after a read that met a lock', async () => {
    // In the rollback journal mode, which a host may use, a writer locks readers out.
    const file = newFile();
    const store = sqliteStore(hostDatabase(file), { busyTimeoutMs: 20 });
    const [one, two] = [newValue(), newValue()];
    await store.create('one', one, farDeadline());
    await store.create('two', two, farDeadline());
    const other = hostDatabase(file);
    other.exec('BEGIN EXCLUSIVE');
    await expect(store.get('one')).rejects.toMatchObject({ code: 'SQLITE_BUSY' });
    other.exec('COMMIT');
    expect((await store.get('two'))?.value).toBe(two);
    expect((await store.get('one'))?.value).toBe(one);
    const next = newValue();
    other.prepare('UPDATE credential_relay_mailbox SET value = ? WHERE key = ?').run(next, 'one');
    expect((await store.get('one'))?.value).toBe(next);
  });

  it('a value that does not fit fails alone, and the other changes of its transaction succeed', async () => {
    const database = hostDatabase(newFile());
    const store = sqliteStore(database);
    await store.create('k', newValue(), farDeadline());
    database.exec('PRAGMA max_page_count = 12');
    const big = newValue('x'.repeat(100_000));
    const [small, full] = await Promise.allSettled([
      store.create('small', newValue(), farDeadline()),
      store.create('big', big, farDeadline()),
    ]);
    expect(small).toMatchObject({ value: true });
    expect(full).toMatchObject({ reason: { code: 'store_full', cause: { code: 'SQLITE_FULL' } } });
    expect(await store.get('big')).toBeUndefined();
    expect(await store.get('small')).toBeDefined();
    database.exec('PRAGMA max_page_count = 100000');
    expect(await store.create('big', big, farDeadline())).toBe(true);
  });

  it('the SQLite store acknowledges a write only after the host has ended its transaction', async () => {
    const database = hostDatabase(newFile());
    const store = sqliteStore(database, { busyTimeoutMs: 1000 });
    database.exec('BEGIN');
    const created = store.create('k', newValue(), farDeadline());
    setTimeout(() => database.exec('ROLLBACK'), 30);
    expect(await created).toBe(true);
    expect(database.inTransaction).toBe(false);
    expect(await store.get('k')).toBeDefined();
  });

  it('the SQLite store rejects one call after the host drops the table, then creates the table again', async () => {
    const database = hostDatabase(newFile());
    const store = sqliteStore(database);
    await store.create('k', newValue(), farDeadline());
    database.exec('DROP TABLE credential_relay_mailbox');
    await expect(store.get('k')).rejects.toMatchObject({ code: 'SQLITE_ERROR' });
    expect(await store.create('k', newValue(), farDeadline())).toBe(true);
  });

  it('a database in memory keeps its entries after a failed call', async () => {
    const store = sqliteStore('sqlite::memory:');
    await store.create('k', newValue(), farDeadline());
    const nameless = null as unknown as string;
    await expect(store.create(nameless, newValue(), farDeadline())).rejects.toMatchObject({
      name: 'SqliteStoreError',
      code: 'SQLITE_CONSTRAINT_NOTNULL',
    });
    expect(await store.get('k')).toBeDefined();
  });

  it('the SQLite store rejects calls after close, and leaves the database of the host open', async () => {
    const database = hostDatabase(newFile());
    for (const store of [sqliteStore(database), sqliteStore(newFile())]) {
      await store.create('k', newValue(), farDeadline());
      await store.close();
      await expect(store.get('k')).rejects.toMatchObject({ code: 'store_closed' });
      await expect(store.create('j', newValue(), farDeadline())).rejects.toMatchObject({ code: 'store_closed' });
    }
    expect(database.prepare('SELECT 1 AS one').all()).toHaveLength(1);
  });

  it('the SQLite store rejects values that SQLite would change', async () => {
    const store = sqliteStore(newFile());
    await expect(store.create('k', newValue('a\0b'), farDeadline())).rejects.toThrow(TypeError);
    await expect(store.create('k', { revision: newRevision() }, farDeadline())).rejects.toThrow(TypeError);
  });
});

describe('statements of the SQLite store', () => {
  it('the SQLite store reads by one statement, checks the room before a write, and reads again after a lost replace', async () => {
    const { database, log } = counted(hostDatabase(newFile()));
    const store = sqliteStore(database);
    const value = newValue();
    await store.create('k', value, farDeadline());
    const during = async (call: () => Promise<unknown>): Promise<string[]> => {
      log.length = 0;
      await call();
      return log.splice(0);
    };
    expect(await during(() => store.get('k'))).toEqual(['SELECT']);
    expect(await during(() => store.revision?.('k') ?? Promise.reject())).toEqual(['SELECT']);
    const created = await during(() => store.create('j', newValue(), farDeadline()));
    expect(created).toEqual(['BEGIN', 'SELECT', 'INSERT', 'COMMIT']);
    const replaced = await during(() => store.replace('k', readRevision(value), newValue()));
    expect(replaced).toEqual(['BEGIN', 'SELECT', 'UPDATE', 'COMMIT']);
    const lost = await during(() => store.replace('k', readRevision(value), newValue()));
    expect(lost).toEqual(['BEGIN', 'SELECT', 'UPDATE', 'SELECT', 'COMMIT']);
  });

  it('concurrent changes share one transaction', async () => {
    const { database, log } = counted(hostDatabase(newFile()));
    const store = sqliteStore(database);
    await store.ping();
    log.length = 0;
    await Promise.all(Array.from({ length: 100 }, (_, index) => store.create(`k${index}`, newValue(), farDeadline())));
    expect(log.filter((word) => word === 'COMMIT')).toHaveLength(1);
    expect(log.filter((word) => word === 'INSERT')).toHaveLength(100);
  });
});

/** A database that records the first word of each statement. */
function counted(database: HostDatabase) {
  const log: string[] = [];
  const note = (sql: string): void => {
    log.push(sql.trim().split(/\s/, 1)[0] ?? '');
  };
  return {
    log,
    database: {
      get inTransaction() {
        return database.inTransaction;
      },
      exec(sql: string) {
        note(sql);
        return database.exec(sql);
      },
      prepare(sql: string) {
        const statement = database.prepare(sql);
        return {
          run: (...values: (string | number)[]) => {
            note(sql);
            return statement.run(...values);
          },
          all: (...values: (string | number)[]) => {
            note(sql);
            return statement.all(...values);
          },
        };
      },
    },
  };
}
