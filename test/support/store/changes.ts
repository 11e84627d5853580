import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { MailboxStore } from 'credential-relay';
import { expect } from 'vitest';
import { buildChildProgram } from '../process/child-program.js';

export const soon = (): number => Date.now() + 600_000;
export const value = (letter: string): string => `${letter.repeat(16)}.rest`;
export const revision = (letter: string): string => letter.repeat(16);

/** Somebody who listens at a store. */
export interface TestSubscription {
  /** The keys heard so far. */
  readonly keys: string[];
  /** How often it was told that words may have been lost, from the start of listening on. */
  resyncCount(): number;
  stop(): Promise<void>;
}

/** Listens at a store, at once or never. */
export function subscribe(store: MailboxStore): TestSubscription {
  const words: string[] = [];
  let missed = 0;
  const stop = store.changes?.subscribe({
    changed: (key) => void words.push(key),
    resync: () => {
      missed += 1;
    },
  });
  if (stop === undefined) throw new Error('This store has no changes to listen to.');
  return { keys: words, resyncCount: () => missed, stop };
}

/** The same, once listening has begun. */
export async function subscribeAndWait(store: MailboxStore): Promise<TestSubscription> {
  const listener = subscribe(store);
  await eventually(() => listener.resyncCount()).toBe(1);
  return listener;
}

/** Asks again and again, for 5 s at most, until what follows holds. */
export function eventually<Answer>(ask: () => Answer | Promise<Answer>, timeout = 5_000) {
  return expect.poll(ask, { timeout, interval: 5 });
}

/** Creates an entry and replaces it, which is one change to tell; on a store that does not tell by itself it is told. */
export async function createAndReplace(store: MailboxStore, key: string): Promise<void> {
  expect(await store.create(key, value('a'), soon())).toBe(true);
  expect(await store.replace(key, revision('a'), value('b'))).toBe('ok');
  store.changes?.publish?.(key);
}

let count = 0;

/** Changes entries of ever new keys until `listener` hears of one: after an outage the first words may be lost. */
export async function expectNotifications(
  store: MailboxStore,
  listener: TestSubscription,
  timeout = 5_000,
): Promise<void> {
  await eventually(async () => {
    count += 1;
    const key = `flow:${process.pid}:${count}`;
    await createAndReplace(store, key).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 30));
    return listener.keys.includes(key);
  }, timeout).toBe(true);
}

/** A process that listens at a store of its own. */
export interface SubscriberProcess {
  /** The lines that it wrote: keys, and `missed`, and `closed`. */
  lines(): string[];
  /** Tells it to close its store. */
  close(): void;
  /** Resolves to its exit code once it has ended by itself. */
  readonly ended: Promise<number | null>;
  kill(): void;
}

/** What a listening process is told: `listen` until it is told to close, or to `abandon` its store when it listens. */
export type SubscriberMode = 'listen' | 'abandon';

/** Builds the program of listening processes. */
export async function buildSubscriberProcess(): Promise<{
  start(mode: SubscriberMode, kind: 'redis' | 'postgres', url: string, schema?: string): SubscriberProcess;
  remove(): void;
}> {
  const program = await buildChildProgram('test/support/store/changes-child.ts');
  const children: ChildProcess[] = [];
  return {
    start(...args) {
      const words = [program.path, ...args.map((arg) => arg ?? '')];
      const child = spawn(process.execPath, words, { stdio: ['pipe', 'pipe', 'inherit'] });
      children.push(child);
      let output = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
      return {
        lines: () => output.split('\n').slice(0, -1),
        close: () => void child.stdin.end(),
        ended: once(child, 'exit').then(([code]) => code as number | null),
        kill: () => void child.kill('SIGKILL'),
      };
    },
    remove() {
      for (const child of children) child.kill('SIGKILL');
      program.remove();
    },
  };
}
