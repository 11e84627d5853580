import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';

export interface Redis {
  readonly url: string;
  /** Ends the server if this example started it. */
  close(): Promise<void>;
}

/** The first installed program is started. */
const PROGRAMS = ['redis-server', 'valkey-server'];

/**
 * Uses the Redis at `REDIS_URL`, or starts one without persistence on a free port of 127.0.0.1. Returns `undefined` if
 * no Redis is installed. Throws an Error if the installed Redis does not start.
 */
export async function openRedis(env: NodeJS.ProcessEnv): Promise<Redis | undefined> {
  if (env.REDIS_URL) return { url: env.REDIS_URL, close: async () => undefined };
  const port = await findFreePort();
  const options = ['--port', port, '--bind', '127.0.0.1', '--dir', tmpdir(), '--save', '', '--appendonly', 'no'];
  for (const program of PROGRAMS) {
    const child = spawn(program, options.map(String), { env, stdio: ['ignore', 'pipe', 'inherit'] });
    const isInstalled = await once(child, 'spawn').then(
      () => true,
      () => false,
    );
    if (isInstalled) return waitUntilReady(child, port);
  }
  return undefined;
}

async function waitUntilReady(
  child: ChildProcess & { readonly stdout: NodeJS.ReadableStream },
  port: number,
): Promise<Redis> {
  const kill = (): void => void child.kill('SIGKILL');
  process.on('exit', kill); // No process remains if the example is interrupted.
  const ended = once(child, 'exit');
  let isReady = false;
  for await (const line of createInterface({ input: child.stdout })) {
    isReady = line.includes('Ready to accept connections');
    if (isReady) break;
  }
  if (!isReady) throw new Error(`${child.spawnfile} has ended before it was ready.`);
  child.stdout.resume(); // A full pipe would block the server.
  return {
    url: `redis://127.0.0.1:${port}`,
    async close() {
      child.kill('SIGTERM');
      await ended;
      process.off('exit', kill);
    },
  };
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
