import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, appendFileSync, constants, mkdirSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createClient } from '@keyv/redis';
import { LOCALHOST } from '../network/tls.js';
import { ROOT } from '../process/built.js';

/** A Redis server of the test, on loopback. */
export interface RedisServer {
  readonly port: number;
  readonly url: string;
  /** Sends a command over a new connection. */
  command(...command: string[]): Promise<unknown>;
  /** SIGSTOP: the server keeps its connections and does not answer. */
  freeze(): void;
  /** SIGCONT. */
  thaw(): void;
  /** Ends the server by a signal (default SIGTERM) and waits for the exit. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** Starts the server again on the same port, without data unless it persists. Resolves when the server answers. */
  start(): Promise<void>;
  /** Stops the server and removes its folder. */
  close(): Promise<void>;
}

/** The `redis-server` or `valkey-server` of PATH, or `undefined`. */
export function redisServerBinary(): string | undefined {
  for (const name of ['redis-server', 'valkey-server']) {
    for (const folder of (process.env.PATH ?? '').split(delimiter)) {
      const path = join(folder, name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // Not here.
      }
    }
  }
  return undefined;
}

/**
 * Runs `register` if a Redis is installed. Otherwise registers one test: it fails under CI, or else records that Redis was
 * not exercised, for the summary of the run.
 */
export function withRedis(it: (name: string, run: () => void) => void, register: () => void): void {
  if (redisServerBinary() !== undefined) {
    register();
    return;
  }
  it('has a Redis to test on', () => {
    const message = 'Redis was not exercised. To mend it: apt-get install redis-server, or set TEST_REDIS_URL.';
    if (process.env.CI === 'true') throw new Error(message);
    mkdirSync(join(ROOT, '.cache'), { recursive: true });
    appendFileSync(join(ROOT, '.cache', 'not-exercised.txt'), `${message}\n`);
  });
}

/** Options of {@link startRedis}. */
export interface RedisServerOptions {
  /** Further command line arguments. */
  readonly args?: readonly string[];
  /** Serves TLS, with the certificate for localhost, instead of plain TCP. */
  readonly tls?: boolean;
  /** The text of a configuration file, for `--sentinel`. */
  readonly config?: string;
  /** Default: a free port. */
  readonly port?: number;
}

/** Starts a server without persistence in a temporary folder. Resolves when the server answers. */
export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const binary = redisServerBinary();
  if (binary === undefined) throw new Error('There is no redis-server on PATH.');
  const folder = await mkdtemp(join(tmpdir(), 'relay-redis-'));
  const port = options.port ?? (await freePort());
  const args = await buildArguments(options, folder, port);
  let child: ChildProcess | undefined;
  let output = '';

  const connect = () =>
    createClient({
      socket: {
        host: '127.0.0.1',
        port,
        reconnectStrategy: false,
        connectTimeout: 1000,
        ...(options.tls ? { tls: true as const, ca: LOCALHOST.cert } : {}),
      },
    }).on('error', () => {});

  async function command(...args: string[]): Promise<unknown> {
    const client = connect();
    try {
      await client.connect();
      return await client.sendCommand(args);
    } finally {
      if (client.isOpen) client.destroy();
    }
  }

  async function stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const ending = child;
    child = undefined;
    process.off('exit', killNow);
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
    const ended = new Promise((resolve) => ending.once('exit', resolve));
    ending.kill('SIGCONT');
    ending.kill(signal);
    await ended;
  }

  const killNow = (): void => void child?.kill('SIGKILL');

  async function start(): Promise<void> {
    const started = spawn(binary as string, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    child = started;
    process.on('exit', killNow); // An aborted test run leaves no server behind.
    for (const stream of [started.stdout, started.stderr]) {
      stream?.on('data', (text) => {
        output = `${output}${text}`.slice(-2000);
      });
    }
    await until(async () => {
      if (started.exitCode !== null) throw new Error(`redis-server ended: ${output}`);
      return (await command('PING').catch(() => undefined)) === 'PONG';
    }, 'redis-server to answer');
  }

  await start();
  return {
    port,
    url: `redis${options.tls ? 's' : ''}://127.0.0.1:${port}`,
    command,
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    stop,
    start,
    async close() {
      await stop('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function buildArguments(options: RedisServerOptions, folder: string, port: number): Promise<string[]> {
  const common = ['--bind', '127.0.0.1', '--dir', folder, '--daemonize', 'no'];
  if (options.config !== undefined) {
    const path = join(folder, 'redis.conf');
    await writeFile(path, `port ${port}\n${options.config}\n`);
    return [path, '--sentinel'];
  }
  const ports = options.tls ? ['--port', '0', '--tls-port', String(port)] : ['--port', String(port)];
  if (options.tls) {
    await writeFile(join(folder, 'key.pem'), LOCALHOST.key);
    await writeFile(join(folder, 'cert.pem'), LOCALHOST.cert);
    const files = { '--tls-key-file': 'key.pem', '--tls-cert-file': 'cert.pem', '--tls-ca-cert-file': 'cert.pem' };
    for (const [option, name] of Object.entries(files)) ports.push(option, join(folder, name));
    ports.push('--tls-auth-clients', 'no');
  }
  return [...ports, ...common, '--save', '', '--appendonly', 'no', ...(options.args ?? [])];
}

/** Returns a free port of 127.0.0.1 below 50,000: a cluster bus listens on the port 10,000 above. */
export async function freePort(): Promise<number> {
  for (;;) {
    const candidate = 10_000 + Math.floor(Math.random() * 20_000);
    if ((await isFree(candidate)) && (await isFree(candidate + 10_000))) return candidate;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** Polls until `check` returns true; rejects after `ms` (default 10 s) with the name of the event. */
export async function until(check: () => Promise<boolean> | boolean, event: string, ms = 10_000): Promise<void> {
  const end = performance.now() + ms;
  while (!(await check())) {
    if (performance.now() > end) throw new Error(`Waited ${ms} ms in vain for ${event}.`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
