import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sqliteStore } from '../../../../adapters/store/sqlite/index.js';
import { buildChildProgram, type ChildProgram } from '../../../support/process/child-program.js';
import { hostDatabase, readRevision, testFolder } from '../../../support/sqlite/stores.js';

/* Several processes on one file, coordinated by SQLite only. */

const PROCESSES = 4;
const KEYS = Array.from({ length: 100 }, (_, index) => `key:${index}`);
const KILLS = 10;
let program: ChildProgram;
const folder = testFolder();
const children: ChildProcess[] = [];

beforeAll(async () => {
  program = await buildChildProgram('test/support/store/sqlite-child.ts');
});

afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  program?.remove();
});

function start(...args: string[]): ChildProcess {
  const child = fork(program.path, args, { execArgv: [], stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
  children.push(child);
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

describe('several processes on one SQLite file', () => {
  it('exactly one of 4 concurrent processes wins each create and each replace on a new SQLite file', async () => {
    const file = join(folder, 'race.db');
    const processes = Array.from({ length: PROCESSES }, (_, index) => start('race', file, `p${index}`));
    await Promise.all(processes.map((child) => once(child, 'message')));

    async function race(call: 'create' | 'replace', revisions: Record<string, string>): Promise<string[]> {
      const answers = processes.map(async (child) => {
        const answer = once(child, 'message');
        child.send({ call, revisions });
        const [won] = (await answer) as [string[]];
        return won;
      });
      return (await Promise.all(answers)).flat().sort();
    }

    const winners = await race('create', Object.fromEntries(KEYS.map((key) => [key, ''])));
    expect(winners).toEqual([...KEYS].sort());

    const store = sqliteStore(file);
    const before = await valuesOf(store);
    const replaced = await race(
      'replace',
      Object.fromEntries(before.map(([key, value]) => [key, readRevision(value)])),
    );
    expect(replaced).toEqual([...KEYS].sort());
    const after = new Map(await valuesOf(store));
    for (const [key, value] of before) expect(after.get(key)).not.toBe(value);
    await Promise.all(processes.map(end));
  });

  it('SQLite keeps each acknowledged write, and an intact file, after a writer is killed', async () => {
    const file = join(folder, 'killed.db');
    for (let kill = 0; kill < KILLS; kill += 1) {
      const child = start('write', file, `k${kill}`);
      const acknowledged = await linesUntilKilled(child, 40 + 17 * kill);
      const last = new Map(acknowledged.map((line) => line.split(' ') as [string, string]));
      expect(last.size).toBeGreaterThan(10);

      const store = sqliteStore(file);
      for (const [key, value] of last) {
        const there = (await store.get(key))?.value;
        // An unacknowledged replace may have followed an acknowledged create.
        if (there !== value) expect(acknowledged.filter((line) => line.startsWith(`${key} `))).toHaveLength(1);
        expect(there).toBeDefined();
      }
      expect(await store.create(`after:${kill}`, `${'r'.repeat(16)}.`, Date.now() + 600_000)).toBe(true);
      expect(hostDatabase(file).prepare('PRAGMA integrity_check').all()[0]).toMatchObject({ integrity_check: 'ok' });
    }
  });
});

async function valuesOf(store: ReturnType<typeof sqliteStore>): Promise<[string, string][]> {
  return Promise.all(KEYS.map(async (key) => [key, String((await store.get(key))?.value)] as [string, string]));
}

/** Kills the child after `enough` lines. Returns all of its complete lines. */
async function linesUntilKilled(child: ChildProcess, enough: number): Promise<string[]> {
  let text = '';
  let exited: Promise<unknown> | undefined;
  for await (const chunk of child.stdout ?? []) {
    text += chunk;
    if (exited === undefined && text.split('\n').length > enough) {
      exited = once(child, 'exit');
      child.kill('SIGKILL');
    }
  }
  await exited;
  expect(child.signalCode ?? 'SIGKILL').toBe('SIGKILL');
  return text.split('\n').slice(0, -1);
}
