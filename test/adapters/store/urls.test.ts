import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { storeFromUrl } from 'credential-relay';
import { afterAll, describe, expect, it } from 'vitest';
import { sqliteStore } from '../../../adapters/store/sqlite/index.js';

const folder = mkdtempSync(join(tmpdir(), 'relay-urls-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('storeFromUrl', () => {
  const faults: readonly (readonly [unknown, RegExp])[] = [
    [undefined, /the URL is undefined; if it comes from an environment variable, set the variable/],
    [null, /the URL is null/],
    ['', /the URL is empty; if it comes from an environment variable/],
    ['  \n', /the URL is empty/],
    [{}, /takes a URL as text; pass an object to the option store/],
    [6379, /takes a URL as text/],
    ['mysql://user:hunter2@host/db', /begin with one of memory: sqlite: .*; for another database, write an adapter/],
    ['host:6379', /; for Redis on this host, write redis:\/\/host:port/],
    ['localhost:6379/0', /; for Redis on this host/],
    ['relay.db', /; for a file, write sqlite:\.\/relay\.db/],
    ['./hunter2', /; for a file, write sqlite:/],
    ['/var/lib/relay', /; for a file, write sqlite:/],
    ['memory', /; write memory: with its colon/],
    ['memory:hunter2', /memory: takes nothing behind its colon/],
    ['"redis://:hunter2@h"', /; remove the quotation marks around the URL/],
    ['redis-sentinel://:hunter2@h', /; write redis\+sentinel:\/\//],
    ['sqlite3:hunter2', /; write sqlite:\.\/relay\.db/],
    ['https://hunter2.upstash.io', /speaks to no store over HTTP/],
    [
      'REDIS',
      /begin with one of memory: sqlite: redis: rediss: redis\+sentinel: redis\+cluster: redis\+unix: valkey: postgres:$/,
    ],
    ['undefined', /; set the environment variable that should hold it/],
    ['$RELAY_STORE', /; set the environment variable that should hold it/],
    ['RELAY_STORE=redis://:hunter2@h', /; remove the text before the URL/],
    ["psql 'postgres://u:hunter2@h/d'", /; remove the text before the URL/],
    ['redis-cli -u redis://:hunter2@h', /; remove the text before the URL/],
    ['c.redis.cache.windows.net:6380,password=hunter2,ssl=True', /; write rediss:\/\//],
    ['host=h user=u password=hunter2', /; write postgres:\/\//],
    ['Server=h;Database=d;Password=hunter2', /; write postgres:\/\//],
    ['postgresql+asyncpg://u:hunter2@h/d', /; write postgres:\/\//],
    ['jdbc:postgresql://h/d?password=hunter2', /; write postgres:\/\//],
    ['prisma+postgres://accelerate/?api_key=hunter2', /Prisma Accelerate is no Postgres/],
    ['tls://default:hunter2@h:25061', /; write rediss:\/\//],
    ['sentinel://:hunter2@h', /; write redis\+sentinel:\/\//],
    ['/run/redis/redis.sock', /; write redis\+unix:\/\/\//],
    ['sqlite+aiosqlite:///hunter2.db', /; write sqlite:/],
    ['socket:/cloudsql/hunter2', /; write postgres:\/\/\/database\?host=/],
    ['constructor:', /begin with one of/],
  ];
  it.each(faults)('storeFromUrl tells how to write %j, and repeats no value', (url, says) => {
    expect(() => storeFromUrl(url as string)).toThrow(TypeError);
    expect(() => storeFromUrl(url as string)).toThrow(says);
    expect(() => storeFromUrl(url as string)).not.toThrow(/hunter2/);
  });

  it('storeFromUrl takes a URL object, any case of the scheme, and a line end', async () => {
    const urls: (string | URL)[] = [
      new URL('redis://localhost:6390/2'),
      'REDISS://localhost\n',
      'Valkey://localhost',
      new URL('memory:'),
      'MEMORY:',
      new URL('sqlite::memory:'),
      'redis+cluster://a,b',
      'unix:/run/redis.sock',
      'valkey+unix:///run/redis.sock',
    ];
    for (const url of urls) await storeFromUrl(url).close();
  });
});

describe('URLs of sqliteStore', () => {
  const faults: readonly (readonly [string, RegExp])[] = [
    ['sqlite:', /^sqliteStore: the name of the file is missing; write sqlite:\.\/relay\.db/],
    ['sqlite://', /the name of the file is missing/],
    ['file:', /the name of the file is missing/],
    ['sqlite:relay.db?mode=ro', /the URL parameter mode is unknown; the known ones are: none/],
    ['sqlite:relay.db?_journal=WAL&cache=shared', /the URL parameter _?\w+.* is unknown|with special characters/],
    ['file:relay.db?cache=shared', /the URL parameter cache is unknown/],
    ['relay.db?mode=rwc', /the URL parameter mode is unknown/],
    ['sqlite:folder/', /the path names a folder/],
    ['file://hunter2/relay.db', /a file: URL names no host/],
    ['sqlite:~/hunter2.db', /begins with ~ or a variable/],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: an unexpanded variable
    ['sqlite:${HOME}/relay.db', /begins with ~ or a variable/],
    ['file:%zz', /% that begins no percent form/],
    ['libsql://hunter2.example', /takes a path or a sqlite: URL, no other URL/],
  ];
  it.each(faults)('sqliteStore names the part at fault of %j, and creates no file', (url, says) => {
    const before = readdirSync('.');
    expect(() => sqliteStore(url)).toThrow(TypeError);
    expect(() => sqliteStore(url)).toThrow(says);
    expect(() => sqliteStore(url)).not.toThrow(/hunter2/);
    expect(readdirSync('.')).toEqual(before);
  });

  it('a sqlite: URL, a file: URL, a URL object and a path lead to the same file', async () => {
    const file = join(folder, `my relay ${randomUUID()}.db`);
    const sources = [
      file,
      `sqlite:${file}`,
      `${file}\n`,
      `file:${file}`,
      pathToFileURL(file),
      pathToFileURL(file).href,
    ];
    const [first, ...others] = sources.map((source) => sqliteStore(source));
    await first?.create('k', 'a'.repeat(16), Date.now() + 60_000);
    for (const store of others) expect((await store.get('k'))?.revision).toBe('a'.repeat(16));
    for (const store of [first, ...others]) await store?.close();
    expect(existsSync(file)).toBe(true);
  });

  const wrong: readonly (readonly [object, RegExp])[] = [
    [{ busyTimeoutMs: 2 }, /^sqliteStore\.busyTimeoutMs: must be 0, or milliseconds from 10 to 60000/],
    [{ busyTimeoutMs: '5' }, /^sqliteStore\.busyTimeoutMs: must be 0, or milliseconds/],
    [{ busyTimeoutMs: Number.NaN }, /^sqliteStore\.busyTimeoutMs: must be 0, or milliseconds/],
    [{ busytimeoutMs: 1000 }, /^sqliteStore\.busytimeoutMs: there is no such option/],
    [{ maximumMailboxes: 0 }, /^sqliteStore\.maximumMailboxes: must be a whole number from 1/],
    [{ clock: 5 }, /^sqliteStore\.clock: must be a function/],
  ];
  it.each(wrong)('sqliteStore rejects %j by the path of the option', (options, says) => {
    expect(() => sqliteStore(':memory:', options)).toThrow(says);
  });
});
