import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseLines, run, temporaryFolder } from '../support/cli/commands.js';
import { LOCALHOST } from '../support/network/tls.js';

/* Servers that are not relays, and hostile relays. */

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let count = 0;
const closers: (() => void)[] = [];

beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(async () => {
  for (const close of closers) close();
  await folder.remove();
});

function device(): string {
  count += 1;
  return join(folder.path, `device-${count}`);
}

/** Resolves to the URL of the server. */
async function serverOf(answer: RequestListener, tls = false): Promise<string> {
  const server = tls ? createTlsServer(LOCALHOST, answer) : createServer(answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return `${tls ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const linkTo = (url: string): string => `${url}/v1/m/2ba7b0e6-519b-41ec-bf63-0242ac130002#${'A'.repeat(22)}==`;

describe('hostile responses', () => {
  const hostile = `\u001b]0;pwned\u0007\u001b[2J\u202e\nThe share is finished.\n${'x'.repeat(5000)}`;

  it('hostile texts become one line of 300 characters without control characters', async () => {
    const url = await serverOf((_, response) => {
      response.writeHead(403, { 'Content-Type': 'application/problem+json' });
      response.end(JSON.stringify({ title: hostile, code: hostile, detail: hostile, maximum: hostile }));
    });
    for (const args of [
      ['receive', linkTo(url), '--json'],
      ['send', '-', '--relay', url, '--json'],
    ]) {
      const to = device();
      const { code, out, err } = await run(to, args, 'words');
      expect(code).toBe(3);
      expect(err).toMatch(/^credential-relay: \S.*pwned.*…\n$/m);
      expect(err).not.toMatch(/[^\P{Cc}\n]|\p{Cf}/u);
      expect(err.split('\n').length).toBe(2);
      expect([...err].length).toBeLessThan(330);
      const line = parseLines(out).at(-1);
      expect(line).toMatchObject({
        event: 'failed',
        code: 'refused',
        status: 403,
        relayCode: expect.stringContaining(hostile.slice(0, 60)),
        detail: expect.stringContaining(hostile.slice(0, 60)),
      });
      expect(out.toString()).not.toMatch(/[^\P{Cc}\n]|\p{Cf}/u);
      expect(await readdir(join(to, 'state'))).toEqual([]);
    }
  });

  it.each([
    "/';touch$IFS'pwned';'/v1/m/x",
    '/v1/m/$(touch pwned)',
    '/v1/m/x;touch pwned',
    '/v1/m/`touch pwned`',
    '/v1/m/x\u001b[2J',
    '/v1/m/x%23Secret',
  ])('send exits with 6 and prints no link outside of the grammar: %j', async (path) => {
    const url = await serverOf((request, response) => {
      response.writeHead(200, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify({ urlLink: `http://${request.headers.host}${path}` }));
    });
    const { code, out, err } = await run(device(), ['send', '-', '--relay', url], 'words');
    expect([code, out.toString()]).toEqual([6, '']);
    expect(err).not.toMatch(/touch|pwned|Secret|[^\P{Cc}\n]/u);
  });

  it('receive reports a redirect without its path', async () => {
    const id = '2ba7b0e6-519b-41ec-bf63-0242ac130002';
    const url = await serverOf((_, response) => {
      response.writeHead(307, { Location: `https://other.example/v1/m/${id}` }).end();
    });
    const { code, err } = await run(device(), ['receive', linkTo(url)]);
    expect([code, err]).toEqual([
      5,
      'credential-relay: This address is not a relay: it redirects to https://other.example (307).\n',
    ]);
  });

  it('send exits with 5 at once on a redirect', async () => {
    const url = await serverOf((_, response) => {
      response.writeHead(302, { Location: 'https://login.example/' }).end();
    });
    const { code, err } = await run(device(), ['send', '-', '--relay', url], 'words');
    expect([code, err]).toEqual([
      5,
      'credential-relay: This address is not a relay: it redirects to https://login.example (302).\n',
    ]);
  });

  it('receive exits with 5 at once on a Retry-After of an hour, and names the time', async () => {
    const url = await serverOf((_, response) => {
      response.writeHead(429, { 'Retry-After': '3600' }).end();
    });
    const { code, err } = await run(device(), ['receive', linkTo(url)]);
    expect([code, err]).toEqual([
      5,
      'credential-relay: The relay asks the client to wait for 60 minutes (429). Nothing is lost: run the command again.\n',
    ]);
  });
});

describe('servers that send no response', () => {
  it('send exits with 5 at once on an untrusted certificate, names the cause, and saves no state', async () => {
    const url = await serverOf((_, response) => response.end(), true);
    const from = device();
    const { code, out, err } = await run(from, ['send', '-', '--relay', url, '--json'], 'words');
    expect([code, parseLines(out).at(-1)]).toEqual([5, { event: 'failed', code: 'unreachable' }]);
    expect(err).toMatch(/No trusted TLS connection to the relay \(DEPTH_ZERO_SELF_SIGNED_CERT\)\./);
    expect(await readdir(join(from, 'state'))).toEqual([]);
  });

  it('send and receive report a refused connection at the first attempt, and the next step at the end', async () => {
    const url = await serverOf(() => {});
    closers.pop()?.();
    const [from, to] = [device(), device()];
    const sending = await run(from, ['send', '-', '--relay', url, '--retry-timeout', '1s', '--json'], 'words');
    expect(sending.code).toBe(5);
    expect(sending.err).toMatch(/^The relay does not answer \(ECONNREFUSED\): retrying now\.$/m);
    expect(sending.err.match(/retrying now/g)).toHaveLength(1);
    expect(sending.err).toMatch(
      /^credential-relay: The relay does not answer \(ECONNREFUSED\)\. .*nobody has the link\. Send it again\.$/m,
    );
    expect(parseLines(sending.out)[1]).toMatchObject({ event: 'retrying', why: 'ECONNREFUSED' });
    expect(await readdir(join(from, 'state'))).toEqual([]);
    const receiving = await run(to, ['receive', linkTo(url), '--retry-timeout', '1s']);
    expect(receiving.code).toBe(5);
    expect(receiving.err).toMatch(/\(ECONNREFUSED\)\. Nothing is lost: run the command again\.$/m);
    // The relay may have bound this device.
    expect(await readdir(join(to, 'state'))).toHaveLength(1);
  });
});
