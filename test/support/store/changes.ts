import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { MailboxStore } from 'credential-relay';
import { expect } from 'vitest';
import { buildChildProgram } from '../process/child-program.js';

export const soon = (): number => Date.now() + 600_000;
export const value = (letter: string): string => `${letter.repeat(16)}.rest`;
export const revision = (letter: string): string => letter.repeat(16);

/** A subscription to the changes of a store. */
export interface TestSubscription {
  /** The received keys. */
  readonly keys: string[];
  /** Calls of `resync`, the first at the start of the subscription. */
  resyncCount(): number;
  stop(): Promise<void>;
}

/** Subscribes to a store; throws if the store has no changes. */
export function subscribe(store: MailboxStore): TestSubscription {
  const keys: string[] = [];
  let resyncs = 0;
  const stop = store.changes?.subscribe({
    changed: (key) => void keys.push(key),
    resync: () => {
      resyncs += 1;
    },
  });
  if (stop === undefined) throw new Error('This store has no changes.');
  return { keys, resyncCount: () => resyncs, stop };
}

/** Resolves when the subscription has started. */
export async function subscribeAndWait(store: MailboxStore): Promise<TestSubscription> {
  const listener = subscribe(store);
  await eventually(() => listener.resyncCount()).toBe(1);
  return listener;
}

/** Polls, by default for at most 5 s, until the assertion holds. */
export function eventually<Answer>(ask: () => Answer | Promise<Answer>, timeout = 5_000) {
  return expect.poll(ask, { timeout, interval: 5 });
}

/** Creates and replaces an entry, which sends one notification, if necessary by `publish`. */
export async function createAndReplace(store: MailboxStore, key: string): Promise<void> {
  expect(await store.create(key, value('a'), soon())).toBe(true);
  expect(await store.replace(key, revision('a'), value('b'))).toBe('ok');
  store.changes?.publish?.(key);
}

let count = 0;

/** Changes new entries until the subscription receives one: after an outage the first notifications may be lost. */
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

/** A process with a store and a subscription. */
export interface SubscriberProcess {
  /** Its output: keys, `missed` for a resync, and `closed`. */
  lines(): string[];
  /** Makes the process close its store. */
  close(): void;
  /** Resolves to the exit code. */
  readonly ended: Promise<number | null>;
  kill(): void;
}

/** `listen` until `close` is called, or `abandon` the store once subscribed. */
export type SubscriberMode = 'listen' | 'abandon';

export async function buildSubscriberProcess(): Promise<{
  start(mode: SubscriberMode, kind: 'redis' | 'postgres', url: string, schema?: string): SubscriberProcess;
  remove(): void;
}> {
  const program = await buildChildProgram('test/support/store/changes-child.ts');
  const children: ChildProcess[] = [];
  return {
    start(...args) {
      const argv = [program.path, ...args.map((arg) => arg ?? '')];
      const child = spawn(process.execPath, argv, { stdio: ['pipe', 'pipe', 'inherit'] });
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
