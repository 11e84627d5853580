import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildChildProgram, type ChildProgram } from '../../../support/process/child-program.js';

/* A separate process with a small heap: out of memory it ends by SIGABRT. */

let program: ChildProgram;

beforeAll(async () => {
  program = await buildChildProgram('test/support/store/memory-child.ts');
}, 60_000);

afterAll(() => program.remove());

async function attack(kind: 'largest' | 'tiny', count: number, heapMb: number) {
  const argv = [`--max-old-space-size=${heapMb}`, program.path, kind, String(count)];
  const { stdout } = await promisify(execFile)(process.execPath, argv);
  return JSON.parse(stdout);
}

describe('the memory store in a process with a small heap', () => {
  it('the memory store with default bounds survives creates with the largest bodies, and rejects those beyond its bounds', async () => {
    const { outcomes, usage } = await attack('largest', 2300, 128);
    expect(outcomes['create 200']).toBeGreaterThan(800);
    expect(outcomes['create 503']).toBe(2300 - outcomes['create 200']);
    expect(usage.bytes).toBeLessThanOrEqual(usage.maximumBytes);
    expect(outcomes.event).toBe(1);
  }, 60_000);

  it('the memory store with default bounds survives too many small mailboxes that then grow', async () => {
    const { outcomes, usage } = await attack('tiny', 60_000, 256);
    expect(outcomes['create store_full']).toBe(60_000 - outcomes['create true']);
    expect(outcomes['grow ok']).toBeGreaterThan(outcomes['create true'] / 2);
    expect(outcomes['grow store_full']).toBeGreaterThan(1000);
    expect(usage.bytes).toBeLessThanOrEqual(2 * usage.maximumBytes);
  }, 60_000);
});
