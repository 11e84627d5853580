import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { build, type Options } from 'tsup';
import { ROOT } from '../process/built.js';

/** The browser example in a process, as `npm run example` starts it. */
export interface ExampleServer {
  readonly origin: string;
  /** The event stream's first event: all exchanges since the last `reset`. */
  readExchanges(): Promise<string>;
  /** Clears the exchanges, and turns tampering off. */
  reset(): Promise<void>;
  /** Starts a second server on this port, which must fail. */
  startOn(port: string): Promise<{ readonly code: number | null; readonly error: string }>;
  /** Sends SIGTERM and returns the exit code. */
  close(): Promise<number | null>;
}

/** Builds the example with its own configuration, and starts it on a free port. */
export async function startExampleServer(): Promise<ExampleServer> {
  await mkdir(join(ROOT, '.cache'), { recursive: true });
  const outDir = await mkdtemp(join(ROOT, '.cache/browser-example-'));
  const options = JSON.parse(await readFile(join(ROOT, 'examples/browser/tsup.config.json'), 'utf8')) as Options;
  await build({ ...options, outDir, config: false });

  const env = { ...process.env, PORT: '0' };
  const child: ChildProcess = spawn(process.execPath, [join(outDir, 'server.js')], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const kill = (): void => void child.kill('SIGKILL');
  process.on('exit', kill);
  const [line] = (await once(createInterface({ input: child.stdout as Readable }), 'line')) as [string];
  const origin = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0] ?? '';

  return {
    origin,
    async readExchanges() {
      const response = await fetch(`${origin}/demo/events`);
      const reader = (response.body as ReadableStream<Uint8Array>).getReader();
      const decoder = new TextDecoder();
      let text = '';
      while (!text.includes('\n\n')) text += decoder.decode((await reader.read()).value, { stream: true });
      await reader.cancel();
      return text;
    },
    async reset() {
      await fetch(`${origin}/demo/exchanges`, { method: 'DELETE' });
      await fetch(`${origin}/demo/tampering`, { method: 'DELETE' });
    },
    async startOn(port) {
      const other = spawn(process.execPath, [join(outDir, 'server.js')], {
        env: { ...process.env, PORT: port },
        stdio: ['ignore', 'ignore', 'pipe'],
        timeout: 10_000,
      });
      let error = '';
      other.stderr.on('data', (text) => {
        error += text;
      });
      const [code] = (await once(other, 'close')) as [number | null];
      return { code, error };
    },
    async close() {
      process.off('exit', kill);
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      const [code] = (await ended) as [number | null];
      await rm(outDir, { recursive: true, force: true });
      return code;
    },
  };
}
