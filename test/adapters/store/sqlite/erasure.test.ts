import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sqliteStore } from '../../../../adapters/store/sqlite/index.js';
import { hostDatabase, newValue, testFolder } from '../../../support/sqlite/stores.js';

/* The traces of expired entries in the bytes of the files. */

const NOW = 1_900_000_000_000;
const LIFE_MS = 1000;
const folder = testFolder();

/** The bytes of the database, its log and the index of the log. */
function bytesOn(file: string): string {
  const names = readdirSync(folder).filter((name) => name.startsWith(basename(file)));
  expect(names).toContain(basename(file));
  return names.map((name) => readFileSync(join(folder, name), 'latin1')).join('\n');
}

/** Unique text of about the size of a sealed mailbox. */
const sealed = (): string => newValue(randomBytes(100 + Math.floor(Math.random() * 900)).toString('base64'));

/** Creates entries, of which one half expires, and replaces some. Returns each stored text. */
async function fill(store: ReturnType<typeof sqliteStore>, count: number) {
  const dead: string[] = [];
  const live: [string, string][] = [];
  await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const key = randomBytes(24).toString('base64url');
      const values = [sealed(), sealed()] as const;
      await store.create(key, values[0], NOW + LIFE_MS * (1 + (index % 2)));
      if (index % 3 === 0) await store.replace(key, values[0].slice(0, 16), values[1]);
      const stored = index % 3 === 0 ? values[1] : values[0];
      if (index % 2 === 0) dead.push(key, values[0], stored);
      else live.push([key, stored]);
    }),
  );
  return { dead, live };
}

describe('erasure in SQLite files', () => {
  it('a sweep erases each byte of expired entries from all files, while another store writes', async () => {
    const file = join(folder, 'own.db');
    const clock = { now: NOW };
    const store = sqliteStore(file, { clock: () => clock.now });
    const other = sqliteStore(file, { clock: () => clock.now });
    const { dead, live } = await fill(store, 1500);
    const traces = (): number => {
      const bytes = bytesOn(file);
      // The first bytes of each, as a whole value may span several pages.
      return dead.filter((text) => bytes.includes(text.slice(0, 24))).length;
    };
    expect(traces()).toBeGreaterThan(1000);
    clock.now += LIFE_MS;
    expect(await store.sweep?.(1000)).toBe(750);
    expect(traces()).toBe(0);
    for (const [key, value] of live) expect((await other.get(key))?.value).toBe(value);
  });

  it('the next sweep cleans up after a reader has used the log', async () => {
    const file = join(folder, 'read.db');
    const clock = { now: NOW };
    const store = sqliteStore(file, { clock: () => clock.now, busyTimeoutMs: 50 });
    const { dead } = await fill(store, 40);
    const reader = hostDatabase(file);
    reader.exec('BEGIN');
    reader.prepare('SELECT count(*) FROM credential_relay_mailbox').all();
    clock.now += LIFE_MS;
    expect(await store.sweep?.(1000)).toBe(20);
    const traces = (): number => dead.filter((text) => bytesOn(file).includes(text.slice(0, 24))).length;
    expect(traces()).toBeGreaterThan(0);
    reader.exec('COMMIT');
    expect(await store.sweep?.(1000)).toBe(0);
    expect(traces()).toBe(0);
  });

  it('a sweep overwrites erased rows in a database of the host, and empties the log', async () => {
    const file = join(folder, 'host.db');
    const clock = { now: NOW };
    const database = hostDatabase(file);
    database.exec('PRAGMA journal_mode = WAL');
    const store = sqliteStore(database, { clock: () => clock.now });
    const texts = [newValue(), newValue()] as const;
    for (const text of texts) await store.create(text.slice(17), text, NOW + LIFE_MS);
    clock.now += LIFE_MS;
    expect(await store.sweep?.(10)).toBe(2);
    for (const text of texts) expect(bytesOn(file)).not.toContain(text.slice(0, 16));
  });
});
