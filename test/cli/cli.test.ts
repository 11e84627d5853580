import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createReceiver, createSender } from 'credential-relay/client';
import { describe, expect, it } from 'vitest';
import { BIN, ROOT } from '../support/process/built.js';
import { createBody } from '../support/relay/relay.js';

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const child = spawn(process.execPath, [BIN, ...args]);
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk) => (out += chunk));
  child.stderr.on('data', (chunk) => (err += chunk));
  const [code] = await once(child, 'close');
  return { code, out, err };
}

interface Serving {
  readonly child: ChildProcess;
  readonly url: string;
  readonly listening: string;
  readonly errors: () => string;
}

/** Starts `serve` and reads its first line. */
const serve = (...args: string[]): Promise<Serving> => serveWith({}, ...args);

async function serveWith(env: Record<string, string>, ...args: string[]): Promise<Serving> {
  const child = spawn(process.execPath, [BIN, 'serve', '--port', '0', ...args], { env: { ...process.env, ...env } });
  let err = '';
  child.stderr.on('data', (chunk) => (err += chunk));
  const [line] = await once(createInterface(child.stdout), 'line');
  return { child, ...JSON.parse(line), errors: () => err };
}

describe('credential-relay demo', () => {
  it('demo prints one line per step of a transfer and of the refusals, and exits with 0', async () => {
    const { code, out } = await run('demo');
    expect(code).toBe(0);
    const steps = [...out.matchAll(/^ ?(\d+) {2}(\w+) +(\w+) +(\d{3}) +[\d.]+ ms/gm)].map(([, n, who, what, status]) =>
      [n, who, what, status].join(' '),
    );
    expect(steps).toEqual([
      '1 sender CreateMailbox 200',
      '2 messenger ReadDisplayInformationFromMailbox 200',
      '3 receiver ReadSecureContentFromMailbox 200',
      '4 receiver UpdateMailbox 200',
      '5 sender ReadSecureContentFromMailbox 200',
      '6 sender UpdateMailbox 200',
      '7 receiver ReadSecureContentFromMailbox 200',
      '8 receiver DeleteMailbox 200',
      '9 sender CreateMailbox 200',
      '10 receiver ReadSecureContentFromMailbox 200',
      '11 third ReadSecureContentFromMailbox 401',
      '12 receiver UpdateMailbox 201',
      '13 sender DeleteMailbox 200',
      '14 receiver ReadSecureContentFromMailbox 404',
    ]);
    expect(out).toMatch(/sender +relay +receiver/);
  });
});

describe('credential-relay serve', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'serve prints its url first, answers requests, and exits with 0 on %s',
    async (signal) => {
      const { child, url, errors } = await serve();
      expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
      const response = await fetch(`${url}/v1/m/2ba7b0e6-0000-4000-8000-000000000000`, { method: 'POST' });
      expect(response.status).toBe(400);
      child.kill(signal);
      const [code] = await once(child, 'close');
      expect(code).toBe(0);
      const events = errors()
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      expect(events.map(({ type }) => type)).toEqual(['relay.warned', 'relay.warned', 'request.completed']);
      expect(errors()).not.toContain('2ba7b0e6');
    },
  );

  it('serve answers the requests in progress before it stops', async () => {
    const { child, url } = await serve();
    const { request } = await import('node:http');
    const pending = request(`${url}/v1/m`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        'Mailbox-Request-ID': 'one',
        'Mailbox-Device-Claim': '6ba7b810-9dad-41d1-80b4-00c04fd430c8',
        Expect: '100-continue',
      },
    });
    pending.flushHeaders();
    await once(pending, 'continue'); // The relay waits for the body.
    child.kill('SIGTERM');
    await expect
      .poll(
        () =>
          fetch(url).then(
            () => 'open',
            () => 'closed',
          ),
        { timeout: 4000 },
      )
      .toBe('closed');
    pending.end('{');
    const [response] = await once(pending, 'response');
    expect(response.statusCode).toBe(400);
    response.resume();
    const [code] = await once(child, 'close');
    expect(code).toBe(0);
  });

  it('serve creates links below --public-url, and trusts the proxy with --trust-proxy', async () => {
    const { child, url, listening } = await serve('--public-url', 'https://relay.example/share', '--trust-proxy');
    expect(url).toBe('https://relay.example/share');
    expect((await fetch(`${listening}/share/v1/m`, { method: 'POST' })).status).toBe(403);
    child.kill('SIGTERM');
    expect((await once(child, 'close'))[0]).toBe(0);
  });

  it('serve --mount-path / works behind a proxy that removes the prefix', async () => {
    const proxy = createServer((request, response) => {
      const path = (request.url ?? '').replace(/^\/relay/, '');
      const { method, headers } = request;
      const onward = send({ port: backend, host: '127.0.0.1', method, path, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 0, answer.headers);
        answer.pipe(response);
      });
      request.pipe(onward);
    }).listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const publicUrl = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/relay`;
    const { child, listening } = await serve('--public-url', publicUrl, '--mount-path', '/');
    const backend = new URL(listening).port;
    try {
      const sender = createSender({ relay: publicUrl });
      const information = { format: 'f', content: { words: 'through the proxy' } };
      const display = { title: 't', description: 'd', imageURL: 'https://example.com/i.png' };
      const share = await sender.share(information, display);
      expect(share.url.startsWith(`${publicUrl}/v1/m/`)).toBe(true);
      const received = createReceiver({ relays: [new URL(publicUrl).host] }).open(share.url);
      expect((await received.next()).content).toEqual(information.content);
      // The relay does not serve the path with the prefix.
      const { pathname } = new URL(share.url);
      expect((await fetch(listening + pathname, { method: 'POST' })).status).toBe(404);
    } finally {
      child.kill('SIGTERM');
      proxy.close();
      proxy.closeAllConnections();
    }
    expect((await once(child, 'close'))[0]).toBe(0);
  });

  it.each([
    [['serve', '--port', '70000'], /--port/],
    [['serve', '--port', '-1'], /port/],
    [['serve', '--port', '0', '--store', 'mongodb://user:hunter2@x'], /store: the URL must begin with one of memory:/],
    [['serve', '--port', '0', '--store', 'redis://:hunter2@x'], /RELAY_KEYS.*credential-relay keygen/],
    [
      ['serve', '--port', '0', '--public-url', 'http://example.com'],
      /--public-url: must be an https URL, or an http URL with a loopback/,
    ],
    [['serve', '--port', '0', '--host', '0.0.0.0'], /--public-url/],
    [['serve', '--unknown'], /unknown/i],
    [['serve', 'extra'], /argument 1 is unexpected: this command takes no arguments/],
    [['serve', '--mount-path', 'relay'], /--mount-path: must be an encoded path/],
    [['serve', '--por', '1'], /unknown option --por; did you mean --port\?/],
    [['nonsense'], /^credential-relay: unknown command nonsense; see credential-relay --help\n$/],
    [['recieve'], /unknown command recieve; see credential-relay --help/],
    [['help', 'sned'], /unknown command sned; see credential-relay --help/],
    [['demo', '-rf'], /unknown option -rf; see --help, and write -- before an argument that begins with -/],
    [[], /credential-relay serve/],
  ])('%j exits with 2 and names the error', async (args, why) => {
    const { code, out, err } = await run(...args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(why);
    expect(err).not.toMatch(/\n +at |hunter2/);
  });

  it('serve exits with 1 if another process listens on the port', async () => {
    const { child, url } = await serve();
    const { code, err } = await run('serve', '--port', new URL(url).port);
    expect(code).toBe(1);
    expect(err).toMatch(/EADDRINUSE/);
    child.kill('SIGTERM');
    await once(child, 'close');
  });

  it('keeps its mailboxes over a restart, on the store and with the keys of its environment [R6]', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'credential-relay-cli-'));
    const keygen = await run('keygen');
    expect(keygen.out).toMatch(/^[A-Za-z0-9_-]{43}\n$/);
    const env = { RELAY_STORE: `sqlite:${join(folder, 'relay.db')}`, RELAY_KEYS: keygen.out.trim() };
    const claim = { 'Mailbox-Device-Claim': '6ba7b810-9dad-41d1-80b4-00c04fd430c8', 'Mailbox-Request-ID': 'one' };

    const first = await serveWith(env);
    const created = await fetch(`${first.url}/v1/m`, {
      method: 'POST',
      headers: { ...claim, 'Content-Type': 'application/json' },
      body: JSON.stringify(createBody()),
    });
    const { urlLink } = (await created.json()) as { urlLink: string };
    first.child.kill('SIGKILL');
    await once(first.child, 'close');

    const second = await serveWith(env);
    const read = await fetch(second.url + new URL(urlLink).pathname, { method: 'POST', headers: claim });
    expect([created.status, read.status]).toEqual([200, 200]);
    second.child.kill('SIGTERM');
    expect((await once(second.child, 'close'))[0]).toBe(0);
    await rm(folder, { recursive: true, force: true });
  });

  it.each([
    [['--help'], /credential-relay demo[\s\S]*credential-relay send[\s\S]*Exit codes/],
    [['help'], /credential-relay demo/],
    [['-h'], /credential-relay demo/],
    [['help', 'send'], /^ {2}credential-relay send(?![\s\S]*receive <url)[\s\S]*--retry-timeout[\s\S]*Exit codes/],
    [['send', '--help'], /^ {2}credential-relay send(?![\s\S]*receive <url)/],
    [['serve', '-h'], /^ {2}credential-relay serve(?![\s\S]*--retry-timeout)[\s\S]*password goes into RELAY_STORE/],
    [['--version'], /^\d+\.\d+\.\d+\n$/],
  ])('%j prints to standard output and exits with 0', async (args, text) => {
    const { code, out, err } = await run(...args);
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(text);
  });

  it('send takes -h after -- as an argument', async () => {
    const { code, out } = await run('send', '--relay', 'http://127.0.0.1:9', '--', '-h');
    expect([code, out]).toEqual([1, '']);
  });
});

it('docs/client.md lists exactly the events of --json', async () => {
  const folder = join(ROOT, 'src/cli');
  const sources = await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name), 'utf8')));
  const emitted = sources.flatMap((text) => [...text.matchAll(/event: '(\w+)'/g)].map(([, event]) => event));
  const text = await readFile(join(ROOT, 'docs/client.md'), 'utf8');
  const table = text.split('| `event` |')[1]?.split('\n\n')[0] ?? '';
  const listed = [...table.matchAll(/^\| (`\w+`(?:, `\w+`)*) \|/gm)].flatMap(([, names = '']) => names.match(/\w+/g));
  // The sources take these names from the client.
  expect(listed.sort()).toEqual([...new Set([...emitted, 'left', 'polling'])].sort());
});
