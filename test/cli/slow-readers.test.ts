import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:fs';
import { open, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { createEventLog, MAXIMUM_BACKLOG_BYTES, Reporter } from '../../src/cli/reporter.js';
import { parseLines, run, start } from '../support/cli/commands.js';
import { setUpSite } from '../support/cli/site.js';
import { BIN } from '../support/process/built.js';

/* Slow readers of the output, and slow writers of the input. */

const site = setUpSite();

function fifo(): string {
  const path = site.fresh('pipe');
  execFileSync('sh', ['-c', 'mkfifo "$0"', path]);
  return path;
}

describe('the log of `serve`', () => {
  it('the event log drops lines while its reader is behind, and then writes their number', async () => {
    const stream = new PassThrough({ highWaterMark: 1024 });
    const log = createEventLog(stream);
    for (let lines = 0; lines < 10_000; lines += 1) log({ type: 'request.completed', text: 'x'.repeat(100) });
    expect(stream.writableLength).toBeLessThan(MAXIMUM_BACKLOG_BYTES + 1000);
    let read = '';
    stream.on('data', (chunk) => (read += chunk));
    await once(stream, 'drain');
    log({ type: 'relay.warned' });
    await expect.poll(() => read).toMatch(/"log\.dropped","lines":\d+\}\n\{"type":"relay\.warned"\}\n$/);
    const dropped = Number(/"lines":(\d+)/.exec(read)?.[1]);
    expect(read.match(/request\.completed/g)?.length).toBe(10_000 - dropped);
  });

  it('serve answers requests while nobody reads its event log', async () => {
    const child = spawn(process.execPath, [BIN, 'serve', '--port', '0'], { stdio: ['ignore', 'pipe', 'pipe'] });
    const agent = new Agent({ keepAlive: true, maxSockets: 8 });
    try {
      const [line] = await once(child.stdout, 'data');
      const { url } = JSON.parse(String(line));
      const ask = async (): Promise<void> => {
        const asked = request(`${url}/v1/m`, { method: 'POST', agent });
        asked.end();
        const [response] = await once(asked, 'response');
        response.resume();
        await once(response, 'end');
      };
      // About 100 bytes per line: more than the pipe and the log hold.
      for (let round = 0; round < 700; round += 1) await Promise.all(Array.from({ length: 8 }, ask));
      let log = '';
      child.stderr.on('data', (chunk) => (log += chunk));
      await expect.poll(() => log, { timeout: 5000 }).toMatch(/"type":"log\.dropped","lines":[1-9]\d*\}/);
    } finally {
      agent.destroy();
      child.kill('SIGTERM');
    }
    expect((await once(child, 'close'))[0]).toBe(0);
  });

  it('the event log contains no control characters', async () => {
    const stream = new PassThrough();
    createEventLog(stream)({ type: 'store.failed', cause: '\u009b2J\u202e\u001b]0;pwned\u0007' });
    expect(String(stream.read())).toMatch(/^[\x20-\x7e]+\n$/);
  });
});

describe('messages and events', () => {
  it('the reporter drops repeatable events while the reader is behind', () => {
    const lines: string[] = [];
    const output = {
      isTTY: false,
      hasBacklog: false,
      write: async (line: string | Uint8Array) => void lines.push(`${line}`),
    };
    const flush = async (): Promise<void> => {};
    const reporter = new Reporter({
      isJson: true,
      role: 'sender',
      output: { ...output, flush },
      getCause: () => undefined,
    });
    reporter.progress({ type: 'opened' });
    const behind = { ...output, hasBacklog: true, flush };
    const late = new Reporter({ isJson: true, role: 'sender', output: behind, getCause: () => undefined });
    for (const type of ['opened', 'left', 'polling', 'reconnected'] as const) late.progress({ type });
    late.progress({ type: 'retrying', pauseMs: 5000, status: 503 });
    late.event({ event: 'ended', how: 'deleted' });
    expect(lines).toEqual(['{"event":"opened"}\n', '{"event":"ended","how":"deleted"}\n']);
  });
});

describe('a named pipe', () => {
  it('send refuses a named pipe at once, and the message names -', async () => {
    const { code, err } = await run(site.device(), ['send', fifo(), '--relay', site.relay.url]);
    expect([code, err]).toEqual([
      1,
      'credential-relay: <file>: is not a regular file; use - and redirect standard input.\n',
    ]);
  });

  it('receive --out refuses a named pipe, and binds no device', async () => {
    const url = await site.sent(site.device());
    const { code, err } = await run(site.device(), ['receive', url, '--out', fifo()]);
    expect([code, err]).toEqual([
      1,
      'credential-relay: --out: is not a regular file; use --out - and redirect standard output. Nothing was opened.\n',
    ]);
    expect((await run(site.device(), ['receive', url])).out.toString()).toBe('words');
  });

  it('send - reads a redirected named pipe to its end', async () => {
    const path = fifo();
    const sending = start(site.device(), ['send', '-', '--relay', site.relay.url], 'open');
    const feeding = spawn('sh', ['-c', 'cat "$0"', path], { stdio: ['ignore', 'pipe', 'ignore'] });
    if (sending.child.stdin !== null) feeding.stdout.pipe(sending.child.stdin);
    const writer = await open(path, constants.O_WRONLY);
    await writer.writeFile('wor');
    await writer.writeFile('ds');
    await writer.close();
    expect(await sending.ended).toBe(0);
    const receiving = await run(site.device(), ['receive', sending.out().toString().trim()]);
    expect([receiving.code, receiving.out.toString()]).toEqual([0, 'words']);
  });
});

describe('content that is nested too deep', () => {
  it.each([[[]], [['--json']]])('receive exits with 6 on deep nesting, and the mailbox stays: %j', async (options) => {
    const { generateSecret, seal, createMailboxClient, buildShareUrl } = await import('credential-relay/client');
    const secret = generateSecret();
    const text = `{"format":"f","content":{"a":${'['.repeat(12_000)}${']'.repeat(12_000)}}}`;
    const client = createMailboxClient();
    const created = await client.create(site.relay.url, {
      payload: await seal(new TextEncoder().encode(text), secret),
      displayInformation: { title: 't', description: 'd', imageURL: 'https://example.com/i.png' },
      mailboxConfiguration: {
        accessRights: 'RD',
        expiration: `${new Date(Date.now() + 3_600_000).toISOString().slice(0, 19)}Z`,
      },
    });
    const receiving = start(site.device(), ['receive', buildShareUrl(created.body.urlLink, { secret }), ...options]);
    expect(await receiving.ended).toBe(6);
    expect(receiving.err()).toMatch(/^credential-relay: .*(deep|nested|levels)/);
    if (options.length > 0) {
      expect(parseLines(receiving.out()).at(-1)).toMatchObject({ event: 'failed', code: 'malformed' });
    }
    expect((await client.read(created.body.urlLink)).status).toBe(200);
  });
});

it('send does not read a file of more than --limit bytes to its end', async () => {
  const path = site.fresh('file');
  await writeFile(path, Buffer.alloc(3_000_000));
  const sending = start(site.device(), ['send', path, '--relay', site.relay.url]);
  expect(await sending.ended).toBe(1);
  expect(sending.err()).toBe(
    'credential-relay: The file is too large: it has more than 65536 bytes. Nothing was sent.\n',
  );
  const endless = start(site.device(), ['send', '/dev/zero', '--relay', site.relay.url]);
  expect(await endless.ended).toBe(1);
});
