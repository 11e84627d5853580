import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect as dial } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serverUser } from './binaries.js';
import { freePort } from './server.js';

/** A PgBouncer in front of a Postgres. */
export interface PgBouncer {
  /** URL of the same user and database, through the pooler. */
  readonly url: string;
  close(): Promise<void>;
}

/** False if PgBouncer is not installed. */
export function hasPgBouncer(): boolean {
  return spawnSync('pgbouncer', ['--version'], { stdio: 'ignore' }).status === 0;
}

/** Starts a PgBouncer in transaction mode, with two connections to the server at `url`, so that clients must share. */
export async function startPgBouncer(url: string): Promise<PgBouncer> {
  const { hostname, port: serverPort, username, password, pathname } = new URL(url);
  const folder = mkdtempSync(join(tmpdir(), 'relay-pgbouncer-'));
  const port = await freePort();
  const users = join(folder, 'users');
  writeFileSync(users, `"${username}" "${password}"\n`);
  const configuration = join(folder, 'pgbouncer.ini');
  writeFileSync(
    configuration,
    `[databases]
${pathname.slice(1)} = host=${hostname} port=${serverPort} user=${username} password=${password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = plain
auth_file = ${users}
pool_mode = transaction
default_pool_size = 2
max_client_conn = 200
`,
  );
  const user = serverUser();
  if (user !== undefined) for (const path of [folder, users, configuration]) chownSync(path, user.uid, user.gid);
  const process = spawn('pgbouncer', [configuration], { ...user, cwd: folder, stdio: 'ignore' });
  await once(process, 'spawn');
  await waitForPort(port);
  const pooled = new URL(url);
  pooled.port = String(port);
  return {
    url: pooled.href,
    async close() {
      const exited = once(process, 'exit');
      if (process.exitCode === null && process.signalCode === null && process.kill('SIGKILL')) await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function waitForPort(port: number): Promise<void> {
  for (const end = Date.now() + 10_000; ; ) {
    const socket = dial(port, '127.0.0.1');
    const opened = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (opened) return;
    if (Date.now() > end) throw new Error('PgBouncer did not start.');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
