import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../../../support/process/built.js';

/** Creates a store and a relay, and prints the failures of a call, of ping, and of the event at the start. */
const PROGRAM = `
  import { createRelay, storeFromUrl } from 'credential-relay';
  const store = storeFromUrl('postgres://relay:pass-4711-word@127.0.0.1:1/postgres');
  const keys = ['hg9Z5BGsdbiQ_wpQ8cuW5rF0FXD3nIxr8CvHAjKsM1Q'];
  const relay = createRelay({ publicUrl: 'http://localhost:1/relay', store, keys });
  const event = await new Promise((resolve) => relay.on('store.failed', resolve));
  const failures = await Promise.all([store.get('k'), relay.ping()].map((call) => call.catch((error) => error)));
  await relay.close();
  await store.close();
  const printed = failures.map(({ name, code, message }) => ({ name, code, message }));
  console.log(JSON.stringify([...printed, { name: event.type, code: event.cause, message: event.reason }]));
`;

describe('the optional package pg of the Postgres store', () => {
  const folder = mkdtempSync(join(tmpdir(), 'relay-package-'));
  const modules = join(folder, 'node_modules');

  beforeAll(() => {
    mkdirSync(join(modules, 'credential-relay'), { recursive: true });
    cpSync(join(ROOT, 'dist'), join(modules, 'credential-relay/dist'), { recursive: true });
    cpSync(join(ROOT, 'package.json'), join(modules, 'credential-relay/package.json'));
    for (const name of ['keyv', 'zod']) symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
    writeFileSync(join(folder, 'program.mjs'), PROGRAM);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  function run(): { name: string; code: string; message: string }[] {
    return JSON.parse(execFileSync(process.execPath, ['program.mjs'], { cwd: folder, encoding: 'utf8' }));
  }

  it('without the package, a store can be created, and each failure names the command to install it', () => {
    const failures = run();
    expect(failures.map(({ name }) => name)).toEqual(['PostgresFailure', 'PostgresFailure', 'store.failed']);
    for (const { code, message } of failures) {
      expect(code).toBe('package_missing');
      expect(message).toContain('Postgres: the package pg is not installed; install it with: npm install pg');
    }
  });

  it('a package pg that is another package is told as such', () => {
    mkdirSync(join(modules, 'pg'));
    writeFileSync(join(modules, 'pg/index.js'), 'module.exports = {};');
    for (const { code, message } of run()) {
      expect(code).toBe('package_unusable');
      expect(message).toContain('install version 8 or later with: npm install pg');
    }
  });

  it.each([
    ['names', 'export const Pool = wrapped.Pool; export const Client = wrapped.Client;'],
    ['a default export', 'export default wrapped;'],
    ['a default export within a default export', 'export default { default: wrapped };'],
  ])('the exports of pg are found as %s, as bundlers place them', (_, text) => {
    rmSync(join(modules, 'pg'), { recursive: true, force: true });
    mkdirSync(join(modules, 'pg'));
    const real = JSON.stringify(join(ROOT, 'node_modules/pg/lib/index.js'));
    writeFileSync(join(modules, 'pg/index.mjs'), `import wrapped from ${real}; ${text}`);
    writeFileSync(join(modules, 'pg/package.json'), JSON.stringify({ name: 'pg', exports: './index.mjs' }));
    expect(run().map(({ code }) => code)).toEqual(['ECONNREFUSED', 'ECONNREFUSED', 'ECONNREFUSED']);
  });
});
