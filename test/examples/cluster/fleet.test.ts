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

/** Runs the example to its end. Calls `seen` with the output so far. */
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

test('the cluster example without a Redis explains how to get one, and ends with 2', async () => {
  const { code, out, error } = await run({ PATH: '' });
  expect({ code, error }).toEqual({ code: 2, error: '' });
  expect(out).toMatch(/apt-get install redis-server[\s\S]*REDIS_URL/);
});

withRedis(test, () => {
  test('the cluster example kills one process and restarts another, without a failed request', async () => {
    const redis = await startRedis();
    try {
      const { code, out, error } = await run({ ...process.env, REDIS_URL: redis.url });
      expect({ code, error, failed: /client requests: (\d+), failed: 0\n/.test(out) ? '' : out }).toEqual({
        code: 0,
        error: '',
        failed: '',
      });
      expect(out).toMatch(/kill -9 {3}B, which holds [2-9] long polls\n/);
      expect(out).toMatch(/B did not answer .+: the balancer asks another process\n/);
      expect(out).toMatch(/C ended with 0\n/);

      const [, finished, all] = /transfers finished: (\d+) of (\d+)\n/.exec(out) ?? [];
      expect(finished).toBe(all);
      expect(Number(finished)).toBeGreaterThanOrEqual(12);
      const names = out.matchAll(/transfer +\d+ finished in [\d.]+ s, served by ([A-E ]+)\n/g);
      const servers = [...names].map(([, by = '']) => by.split(' '));
      expect(servers).toHaveLength(Number(finished));
      expect(servers.some((by) => by.length >= 3)).toBe(true);

      // Each process has answered requests and long polls, and the table names its end.
      const rows = [...out.matchAll(/^([A-E]) +(\d+) +(\d+) +(\d+) *(.*)$/gm)].map(([, name, ...cells]) => ({
        name,
        hasServed: Number(cells[0]) > Number(cells[1]) && Number(cells[1]) > 0,
        event: cells[3],
      }));
      expect(rows).toEqual([
        { name: 'A', hasServed: true, event: '' },
        { name: 'B', hasServed: true, event: 'killed' },
        { name: 'C', hasServed: true, event: 'stopped, exit 0' },
        { name: 'D', hasServed: true, event: '' },
        { name: 'E', hasServed: true, event: '' },
      ]);
      expect(out).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-4/); // no link, no claim
      expect(await redis.command('CLIENT', 'LIST')).not.toMatch(/\n./); // only this connection is left
    } finally {
      await redis.close();
    }
  }, 30_000);

  test('the cluster example leaves no process and no Redis when it is interrupted', async () => {
    // The processes share the error output, so `run` resolves after the last of them has ended.
    const { code, error } = await run({ PATH: process.env.PATH }, (out, child) => {
      if (out.includes('A, B and C answer')) child.kill('SIGTERM');
    });
    expect({ code, error }).toEqual({ code: 1, error: '' });
  });
});
