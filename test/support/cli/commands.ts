import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { startTcpProxy, type TcpProxy } from '../network/tcp-proxy.js';
import { BIN } from '../process/built.js';
import { startUnreliableProxy, type UnreliableProxy } from './unreliable-proxy.js';

/** A command that runs, or ran. */
export interface Command {
  readonly child: ChildProcess;
  /** What it has written so far. */
  readonly out: () => Buffer;
  readonly err: () => string;
  /** Resolves when what it has written to standard output or error matches. */
  until(pattern: RegExp): Promise<void>;
  /** Resolves to the exit code; `null` if a signal ended it. */
  readonly ended: Promise<number | null>;
}

/** Starts the built command with a state folder of its own device; `open` leaves its input without an end. */
export function start(
  device: string,
  args: readonly string[],
  input?: string | Buffer,
  extra: Readonly<Record<string, string>> = {},
): Command {
  const env = { ...process.env, RELAY_STATE: join(device, 'state'), ...extra };
  const words = [BIN, ...args, ...allowOf(args)];
  const child = spawn(process.execPath, words, { env, stdio: ['pipe', 'pipe', 'pipe'] });
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

/** What `receive` needs besides: the relays of these tests are on loopback, and are called only where that is said. */
export function allowOf(args: readonly string[]): readonly string[] {
  const link = args.find((word) => word.startsWith('http://127.0.0.1:'));
  return args[0] !== 'receive' || link === undefined || args.includes('--allow') ? [] : ['--allow', new URL(link).host];
}

/** Runs a command to its end. */
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

/** What a command with `--json` has written: an object a line. */
export const linesOf = (out: Buffer): Record<string, unknown>[] =>
  out
    .toString()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

/** The relay of a test: a process of its own on SQLite, behind a network that can be disturbed. */
export interface RelayProcess {
  /** What clients call: the proxy. */
  readonly url: string;
  readonly proxy: TcpProxy;
  /** In front of the proxy, where the test wants that. */
  readonly unreliable: UnreliableProxy | undefined;
  /** Events of the process that runs, as lines of JSON. */
  readonly events: () => string;
  /** Ends the process without warning, and has the network refuse connections. */
  kill(): Promise<void>;
  /** Starts a process on what the last one left. */
  start(): Promise<void>;
  close(): Promise<void>;
}

/** Starts `serve` on a SQLite file in `folder`; with a `seed` behind a network that cuts three connections in ten. */
export async function startRelayProcess(folder: string, seed?: number): Promise<RelayProcess> {
  // Each process listens on a port of its own, and says on which.
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

/** A folder of a test, and how to take it away. */
export async function temporaryFolder(): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'credential-relay-cli-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}
