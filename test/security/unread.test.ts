import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, connect, type Server } from 'node:net';
import { createRelay, type Relay } from 'credential-relay';
import Koa from 'koa';
import { afterEach, describe, expect, test } from 'vitest';

/* Bodies that continue after the answer: the relay discards a part of the body, and then closes the connection. */

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/**
 * Maximum number of bytes after the answer: 1 MiB, the buffers of the kernel and HTTP/2 on both sides, and one piece.
 */
const MOST_BYTES = 32 * 1024 * 1024;
const ENOUGH_BYTES = 256 * 1024 * 1024;
const PIECE = Buffer.alloc(65_536, 'a');

const FORMS: Record<string, (relay: Relay) => Server> = {
  node: (relay) => createServer(relay.node()),
  koa: (relay) => createServer(new Koa().use(relay.koa()).callback()),
  http2: (relay) => (createHttp2Server() as unknown as Server).on('request', relay.node()),
};

async function portOf(form: string): Promise<number> {
  const relay = createRelay({ publicUrl: 'http://localhost' });
  const server = FORMS[form]?.(relay) ?? createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => relay.close());
  closing.push(() => void server.close());
  return (server.address() as AddressInfo).port;
}

const CLAIM = { 'mailbox-device-claim': randomUUID(), 'mailbox-request-id': 'one' };

/** Requests that the relay answers before it has read the body. */
const REFUSED: [name: string, method: string, path: string, status: number, fields: Record<string, string>][] = [
  ['no identifier', 'POST', '/v1/m/x', 404, CLAIM],
  ['no claim', 'POST', '/v1/m', 400, {}],
  ['a method that is not allowed', 'PUT', '/v1/m', 405, CLAIM],
  ['a preview with a body', 'GET', `/v1/m/${randomUUID()}`, 404, {}],
  ['too large a body', 'POST', '/v1/m', 413, { ...CLAIM, 'content-type': 'application/json' }],
];

describe.each(['node', 'koa'])('over HTTP/1, %s', (form) => {
  async function opened(head: string) {
    const socket = connect(await portOf(form), '127.0.0.1').on('error', () => {});
    closing.push(() => void socket.destroy());
    let answer = '';
    socket.on('data', (data) => {
      answer += data;
    });
    socket.write(head);
    return { socket, answer: () => answer };
  }

  test.each(REFUSED)('%s: the body is cut off', async (_name, method, path, status, fields) => {
    const lines = Object.entries({ host: 'x', 'content-length': '100000000000', ...fields });
    const head = `${method} ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
    const { socket, answer } = await opened(head);
    await once(socket, 'data');
    while (!socket.destroyed && socket.bytesWritten < ENOUGH_BYTES) {
      if (!socket.write(PIECE)) await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => {});
    }
    expect(answer()).toContain(`HTTP/1.1 ${status}`);
    expect(socket.bytesWritten).toBeLessThan(MOST_BYTES);
  });

  test('a slow body is cut off after a second', async () => {
    const head = `POST /v1/m HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 65600\r\n`;
    const fields = Object.entries(CLAIM).map(([name, value]) => `${name}: ${value}\r\n`);
    const { socket, answer } = await opened(`${head}${fields.join('')}\r\n`);
    await once(socket, 'data');
    const started = performance.now();
    const drip = setInterval(() => socket.write('a'), 50);
    await once(socket, 'close');
    clearInterval(drip);
    expect(answer()).toContain('HTTP/1.1 413');
    expect(performance.now() - started).toBeLessThan(3_000);
  });

  test('a short body is read, and the connection serves the next request', async () => {
    const head = 'POST /v1/m/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n';
    const { socket, answer } = await opened(head);
    await once(socket, 'data');
    socket.write('a'.repeat(100_000));
    socket.write('GET /v1/m/y HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    await once(socket, 'close');
    expect(answer().match(/HTTP\/1\.1 404/g)).toHaveLength(2);
  });
});

describe('over HTTP/2', () => {
  test.each(REFUSED)('%s: the stream is closed', async (_name, method, path, status, fields) => {
    const session = connectHttp2(`http://127.0.0.1:${await portOf('http2')}`).on('error', () => {});
    closing.push(() => session.destroy());
    const head = { ':method': method, ':path': path, ...fields };
    // Otherwise a preview ends its request with the head.
    const stream = session.request(head, { endStream: false }).on('error', () => {});
    let answered: unknown;
    stream.on('response', (headers) => {
      answered = headers[':status'];
    });
    let sent = 0;
    stream.resume();
    while (!stream.destroyed && sent < ENOUGH_BYTES) {
      sent += PIECE.length;
      if (!stream.write(PIECE)) await Promise.race([once(stream, 'drain'), once(stream, 'close')]).catch(() => {});
    }
    expect(answered).toBe(status);
    expect(sent).toBeLessThan(MOST_BYTES);
  });
});
