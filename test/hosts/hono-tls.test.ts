/** TLS detection where Hono's Node server builds the URL from the client's request. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createHttpServer, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { getRequestListener } from '@hono/node-server';
import { createRelay, type Relay, type RelayOptions } from 'credential-relay';
import { Hono } from 'hono';
import { afterEach, describe, expect, test } from 'vitest';
import { sendRaw } from '../support/hosts/raw.js';
import { LOCALHOST } from '../support/network/tls.js';
import { createBody } from '../support/protocol/bodies.js';

const running: Server[] = [];

afterEach(() => {
  for (const server of running.splice(0)) server.close();
});

const WAYS: ReadonlyArray<readonly [name: string, mountPath: string, add: (app: Hono, relay: Relay) => unknown]> = [
  ['its context', '/relay', (app, relay) => app.all('/relay/*', (c) => relay.fetch(c.req.raw, c))],
  ['its bindings', '/relay', (app, relay) => app.all('/relay/*', (c) => relay.fetch(c.req.raw, c.env))],
  ['app.mount', '/', (app, relay) => app.mount('/relay', relay.fetch)],
];

const create = (target: string, more = ''): string => {
  const body = JSON.stringify(createBody());
  return [
    `POST ${target} HTTP/1.1\r\nHost: relay.example\r\nConnection: close\r\nContent-Type: application/json\r\n${more}`,
    `Content-Length: ${Buffer.byteLength(body)}\r\nMailbox-Device-Claim: ${randomUUID()}\r\n`,
    `Mailbox-Request-ID: ${randomUUID()}\r\n\r\n${body}`,
  ].join('');
};

describe.each(WAYS)('the fetch handler, given %s', (_name, mountPath, add) => {
  async function listen(isTls: boolean, options: Partial<RelayOptions> = {}): Promise<number> {
    const relay = createRelay({ publicUrl: 'https://relay.example/relay', mountPath, ...options });
    const app = new Hono();
    add(app, relay);
    const listener = getRequestListener(app.fetch);
    const server = isTls ? createHttpsServer(LOCALHOST, listener) : createHttpServer(listener);
    running.push(server.listen(0, '127.0.0.1'));
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  test('judges TLS by the socket, not by the scheme in the request line', async () => {
    const port = await listen(false);
    for (const target of ['/relay/v1/m', 'https://relay.example/relay/v1/m']) {
      expect(await sendRaw(port, create(target))).toContain('tls_required');
    }
  });

  test('accepts a request over TLS with http in its target', async () => {
    const port = await listen(true);
    for (const target of ['/relay/v1/m', 'http://relay.example/relay/v1/m']) {
      const socket = connectTls({ port, host: '127.0.0.1', ca: LOCALHOST.cert, servername: 'localhost' });
      let text = '';
      socket.setEncoding('utf8').on('data', (part) => {
        text += part;
      });
      socket.write(create(target));
      await once(socket, 'close');
      expect(text).toContain('urlLink');
    }
  });

  test('reads X-Forwarded-Proto only with trustProxy', async () => {
    const forwarded = create('https://relay.example/relay/v1/m', 'X-Forwarded-Proto: http\r\n');
    const trusting = await listen(false, { trustProxy: true });
    expect(await sendRaw(trusting, forwarded)).toContain('tls_required');
    const over = create('/relay/v1/m', 'X-Forwarded-Proto: https\r\n');
    expect(await sendRaw(trusting, over)).toContain('urlLink');
    expect(await sendRaw(await listen(false), over)).toContain('tls_required');
  });
});
