import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'tsup';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../../support/process/built.js';

/* The stores in a folder of their own, where their optional packages are missing or broken. */

const folder = mkdtempSync(join(tmpdir(), 'relay-packages-'));

beforeAll(async () => {
  writeFileSync(
    join(folder, 'entry.ts'),
    `import { randomBytes } from 'node:crypto';
     import { createRelay, storeFromUrl } from ${JSON.stringify(join(ROOT, 'src/index.ts'))};
     const [url = ''] = process.argv.slice(2);
     const store = storeFromUrl(url);
     const events = [];
     const relay = createRelay({
       publicUrl: 'http://localhost/relay', store, keys: [randomBytes(32)], onEvent: (event) => events.push(event),
     });
     const rejected = await relay.ping().then(() => undefined, ({ name, code, message }) => ({ name, code, message }));
     const called = await store.get('relay:k').then(() => undefined, ({ code }) => code);
     const { reason } = events.find(({ type }) => type === 'store.failed') ?? {};
     console.log(JSON.stringify({ rejected, called, reason }));
     await relay.close();
     await store.close();`,
  );
  await build({
    entry: [join(folder, 'entry.ts')],
    outDir: folder,
    format: 'esm',
    outExtension: () => ({ js: '.mjs' }),
    target: 'node20',
    noExternal: [/^(?!@keyv\/redis|@keyv\/postgres|pg$|libsql|node:)/],
    external: ['@keyv/redis', '@keyv/postgres', 'pg', 'libsql'],
    config: false,
    silent: true,
    clean: false,
    dts: false,
  });
}, 30_000);
afterAll(() => rmSync(folder, { recursive: true }));

function run(url: string) {
  const { stdout, stderr } = spawnSync(process.execPath, [join(folder, 'entry.mjs'), url], {
    cwd: folder,
    encoding: 'utf8',
  });
  expect(stdout, stderr).not.toBe('');
  return JSON.parse(stdout);
}

const stores = [
  ['redis://127.0.0.1:1', 'redisStore', '@keyv/redis', 'RedisStoreError'],
  [`sqlite:${join(folder, 'relay.db')}`, 'sqliteStore', 'libsql', 'SqliteStoreError'],
] as const;

describe.each(stores)('%s without its package', (url, user, name, type) => {
  it(`a missing ${name} is named with its command, in ping, calls and store.failed`, () => {
    const message = `${user}: the package ${name} is not installed; install it with: npm install ${name}`;
    expect(run(url)).toEqual({
      rejected: { name: type, code: 'package_missing', message },
      called: 'package_missing',
      reason: message,
    });
  });

  it(`a ${name} that fails to load is told apart from a missing one`, () => {
    const place = join(folder, 'node_modules', name);
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, 'package.json'), JSON.stringify({ name, version: '1.0.0', main: 'index.js' }));
    writeFileSync(join(place, 'index.js'), 'require("dependency-that-is-not-here");');
    const { rejected, called } = run(url);
    expect(rejected).toMatchObject({ name: type, code: 'package_unusable' });
    expect(rejected.message).toMatch(/could not be loaded, because: Cannot find module 'dependency-that-is-not-here'/);
    expect(called).toBe('package_unusable');
  });
});
