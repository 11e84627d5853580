import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build as bundle } from 'esbuild';
import { build } from 'tsup';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../support/process/built.js';

/* The packed tarball in an empty project, as a company gets it. */

const exec = promisify(execFile);

let project = '';
let files: string[] = [];

const npm = (...args: string[]) =>
  exec('npm', [...args, '--no-audit', '--no-fund', '--prefer-offline'], { cwd: project });
const node = async (name: string, source: string): Promise<string> => {
  await writeFile(join(project, name), source);
  return (await exec(process.execPath, [name], { cwd: project })).stdout.trim();
};

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'credential-relay-dist-'));
  const packed = await exec('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', project], {
    cwd: ROOT,
  });
  const [{ filename, files: list }] = JSON.parse(packed.stdout) as [{ filename: string; files: { path: string }[] }];
  files = list.map(({ path }) => path);
  await writeFile(join(project, 'package.json'), '{"name":"empty","private":true,"type":"module"}');
  await npm('install', join(project, filename));
}, 120_000);

afterAll(async () => {
  await rm(project, { recursive: true, force: true });
});

const SMOKE = `
  const relay = createRelay({ publicUrl: 'http://localhost' });
  const client = createMailboxClient({ fetch: (url, init) => relay.fetch(new Request(url, init)) });
  client.create('http://localhost', {
    payload: { type: 'AEAD_AES_128_GCM', data: 'ZGF0YQ==' },
    displayInformation: { title: 't', description: 'd', imageURL: 'https://example.com/i.png' },
  }).then(({ status }) => console.log(status, typeof memoryStore, typeof relaySuite));
`;

describe('the packed tarball', () => {
  it('contains the build, the documents, the template of a store, and no other source', () => {
    const documents = files.filter((path) => !path.includes('/')).sort();
    expect(documents).toEqual(['CHANGELOG.md', 'CONTRIBUTING.md', 'LICENSE', 'README.md', 'package.json']);
    const folders = new Set(files.filter((path) => path.includes('/')).map((path) => path.split('/')[0]));
    expect([...folders].sort()).toEqual(['adapters', 'client', 'dist', 'docs', 'examples', 'koa', 'testing']);
    const sources = files.filter(
      (path) => /\.ts$/.test(path) && !path.endsWith('.d.ts') && !path.startsWith('examples/'),
    );
    expect(sources).toEqual(['adapters/store/template.ts']);
  });

  it('contains every file that a link of its documents names', async () => {
    const missing: string[] = [];
    for (const document of files.filter((path) => path.endsWith('.md'))) {
      const text = await readFile(join(project, 'node_modules/credential-relay', document), 'utf8');
      for (const [, link = ''] of text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
        const path = posix.join(posix.dirname(document), link);
        const isThere = files.some((each) => each === path || each.startsWith(`${path}/`));
        if (!/^[a-z]+:/.test(link) && !isThere) missing.push(`${document}: ${link}`);
      }
    }
    expect(missing).toEqual([]);
  });

  it('is imported by an ES module', async () => {
    const out = await node(
      'import.mjs',
      `import { createRelay } from 'credential-relay';
       import { createMailboxClient } from 'credential-relay/client';
       import { memoryStore } from 'credential-relay/adapters/store/memory';
       import { relaySuite } from 'credential-relay/testing';
       ${SMOKE}`,
    );
    expect(out).toBe('200 function function');
  });

  it('is required by a CommonJS module', async () => {
    const out = await node(
      'require.cjs',
      `const { createRelay } = require('credential-relay');
       const { createMailboxClient } = require('credential-relay/client');
       const { memoryStore } = require('credential-relay/adapters/store/memory');
       const { relaySuite } = require('credential-relay/testing');
       ${SMOKE}`,
    );
    expect(out).toBe('200 function function');
  });

  it('needs an optional peer only for the entry that uses it, whose error names the missing package', async () => {
    await expect(node('koa.mjs', `import 'credential-relay/koa'`)).rejects.toThrow(/@koa\/router/);
    await expect(exec(process.execPath, ['-e', `require('koa')`], { cwd: project })).rejects.toThrow();
  });

  it('is bundled without the optional packages, and a store then names the missing package', async () => {
    await writeFile(
      join(project, 'missing.js'),
      `import { storeFromUrl } from 'credential-relay';
       const reject = (error) => console.log(error.reason ?? error.message);
       for (const url of ['redis://localhost', 'postgres://localhost/relay', 'sqlite:./relay.db'])
         Promise.resolve().then(() => storeFromUrl(url).get('key')).catch(reject);`,
    );
    for (const format of ['esm', 'cjs'] as const) {
      const outfile = join(project, `missing.${format === 'esm' ? 'mjs' : 'cjs'}`);
      await bundle({
        entryPoints: [join(project, 'missing.js')],
        outfile,
        bundle: true,
        format,
        platform: 'node',
        logLevel: 'silent',
      });
      const { stdout } = await exec(process.execPath, [outfile], { cwd: project });
      for (const name of ['@keyv/redis', 'pg', 'libsql']) {
        expect(stdout, format).toContain(`the package ${name} is not installed; install it with: npm install ${name}`);
      }
    }
  });

  it('has one RelayError class for all entries', async () => {
    const out = await node(
      'once.mjs',
      `import { createRelay, isRelayError, RelayError } from 'credential-relay';
       const relay = createRelay({ publicUrl: 'http://localhost', store: {
         capabilities: { atomic: 'process', storesObjects: true }, create() {}, replace() {}, ping() {}, close() {},
         get: () => Promise.reject(new Error('down')) } });
       relay.remove('http://localhost/v1/m/00000000-0000-4000-8000-000000000000')
         .catch((error) => console.log(error instanceof RelayError, isRelayError(error), error.code));`,
    );
    expect(out).toBe('true true store_unavailable');
  });

  it('type-checks in a strict project, libraries included', async () => {
    await npm('install', '@types/node@20', 'koa@3', '@types/koa@3', '@koa/router@15');
    await writeFile(
      join(project, 'app.ts'),
      `import { createServer } from 'node:http';
       import Koa from 'koa';
       import { createRelay, isRelayError, type RelayEvent, type RelayOptions } from 'credential-relay';
       import { memoryStore } from 'credential-relay/adapters/store/memory';
       import { createMailboxClient, open, seal } from 'credential-relay/client';
       import { relayRouter } from 'credential-relay/koa';
       const options: RelayOptions = { publicUrl: 'http://localhost', onEvent: (event: RelayEvent) => void event.type };
       const relay = createRelay({ ...options, store: memoryStore() });
       new Koa().use(relay.koa()).use(relayRouter(relay).routes());
       createServer(relay.node());
       const response: Promise<Response> = relay.fetch(new Request('http://localhost'));
       const off: () => void = relay.on('request.completed', ({ status, ms }) => void (status + ms));
       const client = createMailboxClient();
       export { client, isRelayError, off, open, response, seal };
       // @ts-expect-error there is no such option
       createRelay({ publicUrl: 'http://localhost', prefix: '/relay' });`,
    );
    await writeFile(
      join(project, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: {
          strict: true,
          exactOptionalPropertyTypes: true,
          noUncheckedIndexedAccess: true,
          skipLibCheck: false,
          noEmit: true,
          target: 'es2023',
          module: 'nodenext',
          types: ['node'],
        },
        files: ['app.ts'],
      }),
    );
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    const checked = await exec(process.execPath, [tsc, '-p', '.'], { cwd: project }).catch((error) => error);
    const stdout: string = checked.stdout;
    expect(checked.code === undefined || stdout !== '', 'tsc ran').toBe(true);
    // What other libraries' own types get wrong is not this package's.
    expect(stdout.split('\n').filter((line) => /^(app\.ts|node_modules\/credential-relay)/.test(line))).toEqual([]);
  }, 120_000);

  it('starts as a command', async () => {
    const { stdout } = await exec(join(project, 'node_modules/.bin/credential-relay'), ['demo'], { cwd: project });
    expect(stdout).toContain('DeleteMailbox');
  });

  it('has a client that makes an app less than 20 kB larger, gzipped, and needs nothing of Node', async () => {
    await writeFile(join(project, 'app.js'), `export * from 'credential-relay/client'`);
    // Any import that is left would be one of Node: the platform is a browser, and the package has no dependency there.
    await build({
      entry: [join(project, 'app.js')],
      outDir: join(project, 'bundle'),
      config: false,
      silent: true,
      format: 'esm',
      platform: 'browser',
      minify: true,
      noExternal: [/.*/],
    });
    const code = await readFile(join(project, 'bundle/app.js'), 'utf8');
    expect(code).not.toMatch(/\bfrom\s*["']|\bimport\b|\b(process|Buffer|require|__dirname)\b/);
    expect(code).toContain('createReceiver');
    expect(gzipSync(code).length).toBeLessThan(20_000);
  });
});
