import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readdir } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, it } from 'vitest';
import { getAllowArguments, run } from '../support/cli/commands.js';
import { setUpSite } from '../support/cli/site.js';
import { BIN } from '../support/process/built.js';

/* Closed and full output streams. */

const site = setUpSite();
const { device, sent } = site;

const children = new Set<ChildProcess>();
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
});

interface Streams {
  /** File descriptors; a pipe by default. */
  readonly stdout?: number;
  readonly stderr?: number;
  /** Streams that the reader closes. */
  readonly closed?: readonly ('stdout' | 'stderr')[];
}

function begin(
  from: string,
  args: readonly string[],
  { stdout, stderr, closed = [] }: Streams,
  input = '',
): ChildProcess {
  const env = { ...process.env, RELAY_STATE: join(from, 'state') };
  const child = spawn(process.execPath, [BIN, ...args, ...getAllowArguments(args)], {
    env,
    stdio: ['pipe', stdout ?? 'pipe', stderr ?? 'pipe'],
  });
  for (const name of closed) child[name]?.destroy();
  child.stdin?.on('error', () => {});
  child.stdin?.end(input);
  children.add(child);
  child.once('close', () => children.delete(child));
  return child;
}

async function broken(from: string, args: readonly string[], streams: Streams, input?: string) {
  const child = begin(from, args, streams, input);
  let err = '';
  child.stderr?.on('data', (chunk) => (err += chunk));
  child.stdout?.resume();
  const [code] = await once(child, 'close');
  return { code, err };
}

const closedOutput = { closed: ['stdout'] } as const;

describe('a closed output', () => {
  it.each([['demo'], ['help'], ['send', '--help']])(
    '%s exits with 0 after its reader has closed the output',
    async (...args) => {
      expect(await broken(device(), args, closedOutput)).toEqual({ code: 0, err: '' });
    },
  );

  it.each([[[]], [['--json']]])(
    'receive exits with 1 on a closed output, and the mailbox stays: %j',
    async (options) => {
      const url = await sent(device());
      const to = device();
      const { code, err } = await broken(to, ['receive', url, ...options], closedOutput);
      expect(code).toBe(1);
      expect(err).toMatch(/Cannot write to standard output: the reader has closed it\. Nothing is lost/);
      const again = await run(to, ['receive', url]);
      expect([again.code, again.out.toString()]).toEqual([0, 'words']);
    },
  );

  it('send exits with 1 on a closed output, and reports that nobody has the link', async () => {
    const from = device();
    const { code, err } = await broken(from, ['send', '-', '--relay', site.relay.url], closedOutput, 'words');
    expect(code).toBe(1);
    expect(err).toMatch(/the reader has closed it\. Nobody has the link; the relay keeps the share until it expires\./);
    expect(await readdir(join(from, 'state'))).toHaveLength(1);
  });

  it('send --wait --json exits with 1, without a stack, after its reader has closed the output', async () => {
    const child = begin(device(), ['send', '-', '--relay', site.relay.url, '--wait', '--json'], {}, 'words');
    let err = '';
    child.stderr?.on('data', (chunk) => (err += chunk));
    const lines = createInterface(child.stdout as NodeJS.ReadableStream);
    const url = await new Promise<string>((resolve) => {
      lines.on('line', (line) => {
        const event = JSON.parse(line);
        if (event.event === 'shared') resolve(event.url);
      });
    });
    child.stdout?.destroy();
    const closed = once(child, 'close');
    expect((await run(device(), ['receive', url])).code).toBe(0);
    expect((await closed)[0]).toBe(1);
    expect(err).toMatch(/The link (still )?works/);
    expect(err).not.toMatch(/\n +at /);
  });

  it('send and receive work with a closed standard error', async () => {
    const [from, to] = [device(), device()];
    const words = { closed: ['stderr'] } as const;
    const child = begin(from, ['send', '-', '--relay', site.relay.url], words, 'words');
    const [line] = await once(createInterface(child.stdout as NodeJS.ReadableStream), 'line');
    expect((await once(child, 'close'))[0]).toBe(0);
    expect((await broken(to, ['receive', line], words)).code).toBe(0);
    expect((await broken(device(), ['receive', line], words)).code).toBe(4);
  });

  it('serve works with closed output streams', async () => {
    const child = begin(device(), ['serve', '--port', '0'], {});
    const [line] = await once(createInterface(child.stdout as NodeJS.ReadableStream), 'line');
    const { url } = JSON.parse(line);
    child.stdout?.destroy();
    child.stderr?.destroy();
    for (let requests = 0; requests < 20; requests += 1) {
      expect((await fetch(`${url}/v1/m`, { method: 'POST' })).status).toBe(400);
    }
    child.kill('SIGTERM');
    expect((await once(child, 'close'))[0]).toBe(0);
  });
});

describe('a full disk', () => {
  it.each([[['keygen']], [['demo']], [['send', '-', '--relay', 'RELAY']]])(
    '%j exits with 1 and one line of message on a full disk',
    async (args) => {
      const full = await open('/dev/full', 'w');
      try {
        const typed = args.map((word) => (word === 'RELAY' ? site.relay.url : word));
        const { code, err } = await broken(device(), typed, { stdout: full.fd }, 'words');
        expect(code).toBe(1);
        expect(err).toMatch(/^credential-relay: .*ENOSPC/);
        expect(err.split('\n')).toHaveLength(2);
      } finally {
        await full.close();
      }
    },
  );

  it('serve works without space for its events', async () => {
    const full = await open('/dev/full', 'w');
    const child = begin(device(), ['serve', '--port', '0'], { stderr: full.fd });
    try {
      const [line] = await once(createInterface(child.stdout as NodeJS.ReadableStream), 'line');
      expect((await fetch(`${JSON.parse(line).url}/v1/m`, { method: 'POST' })).status).toBe(400);
      child.kill('SIGTERM');
      expect((await once(child, 'close'))[0]).toBe(0);
    } finally {
      await full.close();
    }
  });

  it('serve works without space for its first line', async () => {
    const full = await open('/dev/full', 'w');
    const port = await freePort();
    const child = begin(device(), ['serve', '--port', port], { stdout: full.fd });
    let err = '';
    child.stderr?.on('data', (chunk) => (err += chunk));
    try {
      const status = (): Promise<number> =>
        fetch(`http://127.0.0.1:${port}/v1/m`, { method: 'POST' }).then(
          (response) => response.status,
          () => 0,
        );
      await expect.poll(status, { timeout: 9000 }).toBe(400);
      child.kill('SIGTERM');
      expect((await once(child, 'close'))[0]).toBe(0);
      expect(err).not.toMatch(/\n +at |ENOSPC/);
    } finally {
      await full.close();
    }
  });
});

/** A free port, because this `serve` cannot print its port. */
async function freePort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return String(port);
}
