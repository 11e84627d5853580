import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import pg from 'pg';
import { type BinaryKind, binaryKinds, type ServerUser, serverFolder, serverUser } from './binaries.js';
import { getChildren, isRunning, sendSignal } from './processes.js';

/** A Postgres to test with. */
export interface PostgresServer {
  /** Describes the origin of the server. */
  readonly kind: string;
  /** URL of a superuser. */
  readonly url: string;
  /** Runs a statement as the superuser, on a new connection. */
  admin(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  /** Returns an unused schema name. {@link close} drops the schema. */
  freshSchema(): string;
  /** Drops the schemas, and ends a server that the test started. */
  close(): Promise<void>;
}

/** A Postgres that the test started, and so may stop, halt and kill. */
export interface OwnPostgresServer extends PostgresServer {
  readonly port: number;
  /** Returns the log so far. */
  log(): string;
  /** A fast shutdown: ends connections and undoes transactions. */
  stop(): Promise<void>;
  /** Kills all processes at once, like a power failure. */
  kill(): Promise<void>;
  /** Starts the server again on the same port and data. */
  start(): Promise<void>;
  /** Halts all processes: connections stay open, and the server does not answer. */
  pause(): void;
  /** Continues all processes. */
  resume(): void;
}

/** Returns the server of TEST_POSTGRES_URL, or starts one. Rejects with the reason of each failed attempt. */
export async function startPostgres(): Promise<PostgresServer> {
  const url = process.env.TEST_POSTGRES_URL;
  if (url === undefined || url === '') return startOwnPostgres();
  const tools = adminTools(url);
  await tools.admin('select 1');
  return { kind: 'TEST_POSTGRES_URL', url, ...tools, close: tools.dropSchemas };
}

/** Starts a server in a temporary folder, on a free port of loopback, from the first binaries that work. */
export async function startOwnPostgres(): Promise<OwnPostgresServer> {
  const reasons: string[] = [];
  for (const kind of binaryKinds()) {
    try {
      return await startFrom(kind);
    } catch (error) {
      reasons.push(`${kind.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new Error(`No Postgres can be started here. ${reasons.join('; ')}`);
}

function adminTools(url: string) {
  const schemas: string[] = [];
  async function admin(text: string, values?: unknown[]): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
    client.on('error', () => {});
    try {
      await client.connect();
      return (await client.query(text, values)).rows;
    } finally {
      await client.end();
    }
  }
  return {
    admin,
    freshSchema(): string {
      const schema = `relay_test_${randomBytes(6).toString('hex')}`;
      schemas.push(schema);
      return schema;
    },
    async dropSchemas(): Promise<void> {
      const drops = schemas.splice(0).map((schema) => `drop schema if exists ${schema} cascade`);
      if (drops.length > 0) await admin(drops.join(';'));
    },
  };
}

/** Fast settings: writes survive the end of the server, but not a failure of the machine. */
const SETTINGS = {
  fsync: 'off',
  full_page_writes: 'off',
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  shared_buffers: '32MB',
  max_connections: '200',
  log_line_prefix: '%a|',
  lc_messages: 'C',
};

async function startFrom(kind: BinaryKind): Promise<OwnPostgresServer> {
  const user = serverUser();
  const folder = serverFolder(user);
  try {
    const bin = kind.locate(folder);
    const password = randomBytes(12).toString('hex');
    initializeData(bin, folder, password, user);
    return await serve({ kind: kind.name, bin, folder, password, user, port: await freePort() });
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

function initializeData(bin: string, folder: string, password: string, user: ServerUser | undefined): void {
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, password, { mode: 0o644 });
  const flags = ['--username=relay', '--auth=password', `--pwfile=${passwordFile}`, '--encoding=UTF8', '--no-locale'];
  const made = spawnSync(join(bin, 'initdb'), [`--pgdata=${join(folder, 'data')}`, '--no-sync', ...flags], {
    ...user,
    cwd: folder,
    encoding: 'utf8',
    timeout: 60_000,
  });
  rmSync(passwordFile);
  if (made.status !== 0) throw new Error(`initdb failed: ${made.error?.message ?? made.stderr.trim().slice(-300)}`);
}

interface ServerLocation {
  readonly kind: string;
  readonly bin: string;
  readonly folder: string;
  readonly password: string;
  readonly user: ServerUser | undefined;
  readonly port: number;
}

async function serve(location: ServerLocation): Promise<OwnPostgresServer> {
  const { folder, port } = location;
  const url = `postgres://relay:${location.password}@127.0.0.1:${port}/postgres`;
  const logFile = join(folder, 'log');
  const tools = adminTools(url);
  let server: ChildProcess | undefined;
  let watchdog: ChildProcess | undefined;

  async function start(): Promise<void> {
    const log = openSync(logFile, 'a');
    const settings = Object.entries(SETTINGS).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const started = spawn(
      join(location.bin, 'postgres'),
      ['-D', join(folder, 'data'), '-p', String(port), ...settings],
      {
        ...location.user,
        cwd: folder,
        stdio: ['ignore', log, log],
      },
    );
    closeSync(log);
    await once(started, 'spawn');
    server = started;
    watchdog = startWatchdog(started.pid as number, location);
    const end = Date.now() + 30_000;
    while (!(await acceptsQueries(tools.admin))) {
      const ended = started.exitCode !== null || started.signalCode !== null;
      if (!ended && Date.now() < end) continue;
      await endWith('SIGKILL');
      throw new Error(`the server did not start: ${readFileSync(logFile, 'utf8').trim().slice(-300)}`);
    }
  }

  async function endWith(signal: 'SIGINT' | 'SIGKILL'): Promise<void> {
    const [ending, ended] = [server, server === undefined || server.exitCode !== null || server.signalCode !== null];
    server = undefined;
    watchdog?.kill('SIGKILL');
    if (ending?.pid === undefined || ended) return;
    const pids = [ending.pid, ...getChildren(ending.pid)];
    const exited = once(ending, 'exit');
    for (const pid of pids) sendSignal(pid, 'SIGCONT');
    for (const pid of signal === 'SIGKILL' ? pids : [ending.pid]) sendSignal(pid, signal);
    const killTimer = setTimeout(() => {
      for (const pid of pids) sendSignal(pid, 'SIGKILL');
    }, 10_000);
    await exited;
    clearTimeout(killTimer);
    while (pids.some(isRunning)) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  function sendAll(signal: 'SIGSTOP' | 'SIGCONT'): void {
    const pid = server?.pid;
    if (pid === undefined) throw new Error('the server does not run');
    // First the parent, then its children until no new child appears: the parent may be starting another child.
    sendSignal(pid, signal);
    for (let known = -1, children = getChildren(pid); children.length > known; children = getChildren(pid)) {
      for (const child of children) sendSignal(child, signal);
      known = children.length;
    }
  }

  await start();
  return {
    kind: location.kind,
    url,
    port,
    admin: tools.admin,
    freshSchema: tools.freshSchema,
    log: () => readFileSync(logFile, 'utf8'),
    start,
    stop: () => endWith('SIGINT'),
    kill: () => endWith('SIGKILL'),
    pause: () => sendAll('SIGSTOP'),
    resume: () => sendAll('SIGCONT'),
    async close() {
      await endWith('SIGKILL');
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Ends the server and removes its folder after this process has ended, which closes the input of the watchdog. */
function startWatchdog(pid: number, { folder, user }: ServerLocation): ChildProcess {
  const script = `cat >/dev/null; kill -CONT ${pid}; kill -QUIT ${pid}; sleep 1; rm -rf "$0"`;
  const watchdog = spawn('sh', ['-c', script, folder], {
    ...user,
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  watchdog.on('error', () => {});
  watchdog.stdin?.on('error', () => {});
  watchdog.unref();
  (watchdog.stdin as unknown as { unref?(): void } | null)?.unref?.();
  return watchdog;
}

async function acceptsQueries(admin: PostgresServer['admin']): Promise<boolean> {
  try {
    await admin('select 1');
    return true;
  } catch {
    await new Promise((resolve) => setTimeout(resolve, 25));
    return false;
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
