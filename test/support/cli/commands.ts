import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { startTcpProxy, type TcpProxy } from '../network/tcp-proxy.js';
import { BIN } from '../process/built.js';
import { startUnreliableProxy, type UnreliableProxy } from './unreliable-proxy.js';

export interface Command {
  readonly child: ChildProcess;
  /** The output so far. */
  readonly out: () => Buffer;
  readonly err: () => string;
  /** Resolves when the output so far matches. */
  until(pattern: RegExp): Promise<void>;
  /** Resolves to the exit code; `null` if a signal ended it. */
  readonly ended: Promise<number | null>;
}

/** Starts the built command with the state folder of a device. The input `open` stays open. */
export function start(
  device: string,
  args: readonly string[],
  input?: string | Buffer,
  extra: Readonly<Record<string, string>> = {},
): Command {
  const env = { ...process.env, RELAY_STATE: join(device, 'state'), ...extra };
  const argv = [BIN, ...args, ...getAllowArguments(args)];
  const child = spawn(process.execPath, argv, { env, stdio: ['pipe', 'pipe', 'pipe'] });
  const out: Buffer[] = [];
  let err = '';
  const waiting = new Set<() => void>();
  const changed = (): void => {
    for (const look of waiting) look();
  };
  child.stdout.on('data', (chunk) => {
    out.push(chunk);
    changed();
  });
  child.stderr.on('data', (chunk) => {
    err += chunk;
    changed();
  });
  child.stdin.on('error', () => {});
  if (input !== 'open') child.stdin.end(input);
  return {
    child,
    out: () => Buffer.concat(out),
    err: () => err,
    until: (pattern) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!pattern.test(Buffer.concat(out).toString() + err)) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
    ended: once(child, 'close').then(([code]) => code),
  };
}

/** The relays of these tests are on loopback, which `receive` calls only with --allow. */
export function getAllowArguments(args: readonly string[]): readonly string[] {
  const link = args.find((word) => word.startsWith('http://127.0.0.1:'));
  return args[0] !== 'receive' || link === undefined || args.includes('--allow') ? [] : ['--allow', new URL(link).host];
}

export async function run(
  device: string,
  args: readonly string[],
  input?: string | Buffer,
  extra?: Readonly<Record<string, string>>,
): Promise<{ readonly code: number | null; readonly out: Buffer; readonly err: string }> {
  const command = start(device, args, input, extra);
  const code = await command.ended;
  return { code, out: command.out(), err: command.err() };
}

/** Parses the events of --json. */
export const parseLines = (out: Buffer): Record<string, unknown>[] =>
  out
    .toString()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

/** A relay in another process on SQLite, behind a network with faults. */
export interface RelayProcess {
  /** The URL of the proxy. */
  readonly url: string;
  readonly proxy: TcpProxy;
  /** A second proxy for tests with a seed. */
  readonly unreliable: UnreliableProxy | undefined;
  /** Events of the current process as lines of JSON. */
  readonly events: () => string;
  /** Kills the process; the proxy refuses connections. */
  kill(): Promise<void>;
  /** Starts a new process on the same SQLite file. */
  start(): Promise<void>;
  close(): Promise<void>;
}

/** Starts `serve` on a SQLite file; with a `seed`, behind a network that cuts three of ten connections. */
export async function startRelayProcess(folder: string, seed?: number): Promise<RelayProcess> {
  const backend = { port: 0 };
  const proxy = await startTcpProxy(backend);
  const unreliable = seed === undefined ? undefined : await startUnreliableProxy(proxy, seed);
  const url = `http://127.0.0.1:${(unreliable ?? proxy).port}`;
  const env = {
    ...process.env,
    RELAY_STORE: `sqlite:${join(folder, 'relay.db')}`,
    RELAY_KEYS: Buffer.alloc(32, 7).toString('base64url'),
  };
  let child: ChildProcess | undefined;
  let events = '';
  const relay: RelayProcess = {
    url,
    proxy,
    unreliable,
    events: () => events,
    async kill() {
      if (child === undefined) return;
      proxy.cut();
      const gone = once(child, 'close');
      child.kill('SIGKILL');
      await gone;
      child = undefined;
    },
    async start() {
      const args = [BIN, 'serve', '--port', '0', '--public-url', url];
      const started = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
      child = started;
      events = '';
      started.stderr.on('data', (chunk) => (events += chunk));
      const [line] = await once(createInterface(started.stdout), 'line');
      backend.port = Number(new URL(JSON.parse(line).listening).port);
      proxy.mend();
    },
    async close() {
      await relay.kill();
      await unreliable?.close();
      await proxy.close();
    },
  };
  await relay.start();
  return relay;
}

export async function temporaryFolder(): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'credential-relay-cli-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}
