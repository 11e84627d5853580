import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PostgresServer, startPostgres } from '../support/postgres/server.js';
import { ROOT } from '../support/process/built.js';
import { type RedisServer, redisServerBinary, startRedis } from '../support/redis/server.js';

/* The built package as resolvers, one bundler and both module systems load it. test/matrix runs the other tools. */

const exec = promisify(execFile);

/** The stores with their imports, as the matrix uses them. */
interface Stores {
  readonly STORES: Readonly<Record<string, { readonly imports: string; readonly store: string }>>;
}

let folder = '';
let subpaths: string[] = [];

beforeAll(async () => {
  // Below the root, where the packages of the project are found.
  await mkdir(join(ROOT, '.cache'), { recursive: true });
  folder = await mkdtemp(join(ROOT, '.cache/resolution-'));
  await mkdir(join(folder, 'node_modules'));
  await symlink(ROOT, join(folder, 'node_modules/credential-relay'));
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  const manifest = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
    exports: Record<string, unknown>;
  };
  subpaths = Object.keys(manifest.exports)
    .filter((each) => each !== './package.json')
    .map((each) => each.replace('.', 'credential-relay'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const node = async (name: string, source: string, env: NodeJS.ProcessEnv = {}): Promise<string> => {
  await writeFile(join(folder, name), source);
  const { stdout } = await exec(process.execPath, [name], { cwd: folder, env: { ...process.env, ...env } });
  return stdout.trim();
};

describe('TypeScript', () => {
  const { CommonJS, ESNext, Node16, NodeNext } = ts.ModuleKind;
  const { Bundler, Node10, Node16: Node16Resolution, NodeNext: NodeNextResolution } = ts.ModuleResolutionKind;
  it.each([
    ['node10', CommonJS, Node10, ts.ModuleKind.CommonJS],
    ['node16 from CommonJS', Node16, Node16Resolution, ts.ModuleKind.CommonJS],
    ['node16 from an ES module', Node16, Node16Resolution, ts.ModuleKind.ESNext],
    ['nodenext from an ES module', NodeNext, NodeNextResolution, ts.ModuleKind.ESNext],
    ['bundler', ESNext, Bundler, ts.ModuleKind.ESNext],
  ] as const)('%s finds declarations for every entry, never a source', (_, module, moduleResolution, mode) => {
    for (const name of subpaths) {
      const { resolvedModule } = ts.resolveModuleName(
        name,
        join(folder, 'app.ts'),
        { module, moduleResolution },
        ts.sys,
        undefined,
        undefined,
        mode,
      );
      expect(resolvedModule?.resolvedFileName, name).toMatch(/\/dist\/.*\.d\.ts$/);
      const isCommonJs = resolvedModule?.resolvedFileName.includes('/dist/cjs/');
      if (module === Node16) expect(isCommonJs, name).toBe(mode === ts.ModuleKind.CommonJS);
    }
  });
});

describe('resolvers that read no `exports`', () => {
  it('find CommonJS by `main`, ES modules by `module`, and declarations by `types`', async () => {
    for (const name of subpaths) {
      const path = join(ROOT, name.replace('credential-relay', ''), 'package.json');
      const fields = JSON.parse(await readFile(path, 'utf8')) as Record<string, string>;
      for (const [field, start] of [
        ['main', 'dist/cjs'],
        ['module', 'dist'],
        ['types', 'dist/cjs'],
      ] as const) {
        const target = join(dirname(path), fields[field] ?? '');
        expect(target.startsWith(join(ROOT, start)), `${name} ${field}`).toBe(true);
        expect(await readFile(target, 'utf8'), `${name} ${field}`).not.toBe('');
      }
    }
  });
});

describe('the CommonJS copy', () => {
  it('loads every entry with the exports of the ES module', async () => {
    const out = await node(
      'every-entry.cjs',
      `const { readFileSync } = require('node:fs');
       const manifest = JSON.parse(readFileSync(${JSON.stringify(join(ROOT, 'package.json'))}, 'utf8'));
       (async () => {
         for (const entry of Object.values(manifest.exports)) {
           if (typeof entry === 'string') continue;
           const copy = require(${JSON.stringify(ROOT)} + entry.require.default);
           const module = await import(${JSON.stringify(ROOT)} + entry.import.default);
           if (copy === module) throw new Error('not CommonJS: ' + entry.require.default);
           const [left, right] = [copy, module].map((each) => Object.keys(each).sort().join());
           if (left !== right) throw new Error(entry.require.default + ': ' + left + ' / ' + right);
         }
         console.log('same');
       })();`,
    );
    expect(out).toBe('same');
  });

  it('shares errors, the entries of a Map and its changes with the ES modules', async () => {
    const out = await node(
      'both.cjs',
      `const root = ${JSON.stringify(ROOT)};
       const copy = require(root + 'dist/cjs/index.js');
       const { memoryStore: copyStore } = require(root + 'dist/cjs/adapters/store/memory.js');
       (async () => {
         const module = await import(root + 'dist/index.js');
         const { memoryStore } = await import(root + 'dist/adapters/store/memory.js');
         const error = new copy.RelayError('mailbox_not_found');
         const full = new copy.StoreFullError('full');
         const map = new Map();
         const [left, right] = [copyStore(map), memoryStore(map)];
         const changed = [];
         const subscription = await right.changes.subscribe({ changed: (key) => changed.push(key), lost() {} });
         left.changes.publish('key');
         console.log(JSON.stringify([module.isRelayError(error), module.isStoreError(new copy.StoreError('CODE', 'text')), module.isStoreFull(full),
           error instanceof module.RelayError, changed]));
       })();`,
    );
    expect(JSON.parse(out)).toEqual([true, true, true, false, ['key']]);
  });

  it('is not loaded by Node, where `require` and `import` give one instance', async () => {
    const out = await node(
      'once.cjs',
      `const required = require('credential-relay');
       import('credential-relay').then((imported) => console.log(required.RelayError === imported.RelayError));`,
    );
    expect(out).toBe('true');
  });
});

describe('a bundle by esbuild', () => {
  let redis: RedisServer;
  let postgres: PostgresServer;
  let program = '';
  beforeAll(async () => {
    expect(redisServerBinary(), 'redis-server: apt-get install redis-server').toBeDefined();
    [redis, postgres] = await Promise.all([startRedis(), startPostgres()]);
    const { STORES } = (await import(join(ROOT, 'test/matrix/programs/stores.js'))) as Stores;
    const imports = new Set(Object.values(STORES).flatMap((each) => each.imports.match(/import .*?;/g) ?? []));
    program = `
      import { createRelay } from 'credential-relay';
      import { transfer } from ${JSON.stringify(join(ROOT, 'test/matrix/programs/transfer.js'))};
      ${[...imports].join('\n')}
      const stores = { ${Object.entries(STORES).map(([name, { store }]) => `${JSON.stringify(name)}: () => ${store}`)} };
      async function main() {
        for (const [name, create] of Object.entries(stores)) {
          const relay = createRelay({ publicUrl: 'http://localhost', keys: [Buffer.alloc(32, 7)], store: create() });
          await transfer('http://localhost', (url, init) => relay.fetch(new Request(url, init)));
          console.log(name);
        }
        process.exit(0);
      }
      main();`;
  }, 60_000);

  afterAll(() => Promise.all([redis?.close(), postgres?.close()]));

  it.each(['cjs', 'esm'] as const)('to %s runs a whole transfer on every store', async (format) => {
    const name = `bundle.${format === 'cjs' ? 'cjs' : 'mjs'}`;
    const banner = `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);`;
    const { warnings, outputFiles } = await build({
      stdin: { contents: program, resolveDir: folder },
      write: false,
      bundle: true,
      platform: 'node',
      format,
      external: ['pg-native', 'libsql'],
      logLevel: 'silent',
      ...(format === 'esm' && { banner: { js: banner } }),
    });
    expect(warnings).toEqual([]);
    const env = {
      REDIS_URL: redis.url,
      POSTGRES_URL: postgres.url,
      SQLITE_FILE: join(folder, `${format}.db`),
    };
    const out = await node(name, outputFiles[0]?.text ?? '', env);
    expect(out.split('\n')).toEqual([
      'memory',
      'redis URL',
      'KeyvRedis',
      'postgres URL',
      'KeyvPostgres',
      'pg Pool',
      'sqlite',
    ]);
  });
});
