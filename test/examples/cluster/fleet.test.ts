/** examples/cluster, as `npm run example -- cluster` runs it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'tsup';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ROOT } from '../../support/process/built.js';
import { startRedis, withRedis } from '../../support/redis/server.js';

let folder: string;

beforeAll(async () => {
  await mkdir(join(ROOT, '.cache'), { recursive: true });
  folder = await mkdtemp(join(ROOT, '.cache/cluster-'));
  const entry = [join(ROOT, 'examples/cluster/server.ts')];
  await build({ entry, outDir: folder, format: 'esm', config: false, silent: true, dts: false });
});

afterAll(() => rm(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly error: string;
}

/** Runs it to its end; `seen` is shown what it has printed so far, each time that is more. */
function run(env: NodeJS.ProcessEnv, seen?: (out: string, child: ChildProcess) => void): Promise<Ended> {
  const child = spawn(process.execPath, [join(folder, 'server.js')], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, error] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (part) => {
    out += part;
    seen?.(out, child);
  });
  child.stderr.setEncoding('utf8').on('data', (part) => {
    error += part;
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, error })));
}

test('without a Redis it says how to get one, and ends with 2', async () => {
  const { code, out, error } = await run({ PATH: '' });
  expect({ code, error }).toEqual({ code: 2, error: '' });
  expect(out).toMatch(/apt-get install redis-server[\s\S]*REDIS_URL/);
});

withRedis(test, () => {
  test('a process is killed, one restarted, and no client sees a request fail', async () => {
    const redis = await startRedis();
    try {
      const { code, out, error } = await run({ ...process.env, REDIS_URL: redis.url });
      expect({ code, error, failed: /requests of clients: (\d+), failed: 0\n/.test(out) ? '' : out }).toEqual({
        code: 0,
        error: '',
        failed: '',
      });
      expect(out).toMatch(/kill -9 {3}B, which holds [2-9] of the long polls\n/);
      expect(out).toMatch(/B did not answer .+: another one is asked\n/);
      expect(out).toMatch(/C has ended with 0\n/);

      const [, finished, all] = /transfers finished: (\d+) of (\d+)\n/.exec(out) ?? [];
      expect(finished).toBe(all);
      expect(Number(finished)).toBeGreaterThanOrEqual(12);
      const names = out.matchAll(/transfer +\d+ finished in [\d.]+ s, served by ([A-E ]+)\n/g);
      const servers = [...names].map(([, by = '']) => by.split(' '));
      expect(servers).toHaveLength(Number(finished));
      expect(servers.some((by) => by.length >= 3)).toBe(true);

      // Each process has served, held reads among that, and what became of it is said.
      const rows = [...out.matchAll(/^([A-E]) +(\d+) +(\d+) +(\d+) *(.*)$/gm)].map(([, name, ...cells]) => ({
        name,
        hasServed: Number(cells[0]) > Number(cells[1]) && Number(cells[1]) > 0,
        fate: cells[3],
      }));
      expect(rows).toEqual([
        { name: 'A', hasServed: true, fate: '' },
        { name: 'B', hasServed: true, fate: 'killed' },
        { name: 'C', hasServed: true, fate: 'stopped, exit 0' },
        { name: 'D', hasServed: true, fate: '' },
        { name: 'E', hasServed: true, fate: '' },
      ]);
      expect(out).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-4/); // no link, no claim
      expect(await redis.command('CLIENT', 'LIST')).not.toMatch(/\n./); // only the connection that asks is left
    } finally {
      await redis.close();
    }
  }, 30_000);

  test('broken off, it leaves no process behind, nor the Redis that it has started', async () => {
    // `run` resolves when the last of them has ended, as they share its error output.
    const { code, error } = await run({ PATH: process.env.PATH }, (out, child) => {
      if (out.includes('A, B and C answer')) child.kill('SIGTERM');
    });
    expect({ code, error }).toEqual({ code: 1, error: '' });
  });
});
