import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { postgresStore } from 'credential-relay/adapters/store/postgres';
import { afterEach, expect, it } from 'vitest';
import { DISPLAY, hastyReceiver, hastySender, readText, words } from '../../../support/client/devices.js';
import { describeOnPgBouncer } from '../../../support/postgres/suite.js';
import { BIN } from '../../../support/process/built.js';

const soon = (): number => Date.now() + 60_000;

await describeOnPgBouncer('Postgres behind PgBouncer in transaction mode', (server, pooler) => {
  const cleanUps: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  });

  function open(query: string) {
    const store = postgresStore(`${pooler.url}${query}`);
    cleanUps.push(() => store.close());
    return store;
  }

  it.each(['pgbouncer=true', 'prepare=false', 'statement_cache_size=0', 'prepareThreshold=0'])(
    'the store works under load by its URL alone, with %s',
    async (parameter) => {
      const store = open(`?${parameter}&schema=${server.freshSchema()}`);
      await store.ping();
      const keys = Array.from({ length: 200 }, (_, index) => `relay:${index}`);
      const created = await Promise.all(keys.map((key) => store.create(key, `${'a'.repeat(16)}.x`, soon())));
      expect(created.every(Boolean)).toBe(true);
      const replaced = await Promise.all(keys.map((key) => store.replace(key, 'a'.repeat(16), `${'b'.repeat(16)}.x`)));
      expect(new Set(replaced)).toEqual(new Set(['ok']));
      expect((await store.get('relay:7'))?.revision).toBe('b'.repeat(16));
      expect(store.changes).toBeUndefined();
    },
  );

  it('ping names the parameter if it is missing', async () => {
    const store = open(`?schema=${server.freshSchema()}`);
    const message = expect.stringContaining('?pgbouncer=true');
    await expect(store.ping()).rejects.toMatchObject({ code: '08P01', message });
    await expect(store.create('k', `${'a'.repeat(16)}.x`, soon())).rejects.toMatchObject({ code: '08P01', message });
  });

  it('the command serves a whole transfer behind PgBouncer by its URL alone', async () => {
    const command = spawn(process.execPath, [BIN, 'serve', '--port', '0'], {
      env: {
        ...process.env,
        RELAY_STORE: `${pooler.url}?pgbouncer=true&schema=${server.freshSchema()}`,
        RELAY_KEYS: randomBytes(32).toString('base64url'),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const exited = once(command, 'exit');
    cleanUps.push(() => command.kill('SIGKILL') && exited);
    let errors = '';
    command.stderr.on('data', (chunk) => {
      errors += chunk;
    });
    const [line] = await once(createInterface(command.stdout), 'line');
    const { url } = JSON.parse(line as string);
    const share = await hastySender(url).share(words('the key'), DISPLAY);
    const received = hastyReceiver().open(share.url);
    expect(readText(await received.next())).toBe('the key');
    await received.finish();
    expect(errors).not.toContain('store.failed');
    command.kill('SIGTERM');
    expect((await exited)[0]).toBe(0);
  }, 40_000);
});
