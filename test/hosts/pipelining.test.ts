/** Pipelined requests, in every handler with access to the connection. */
import { once } from 'node:events';
import { createServer, IncomingMessage, type RequestListener, type Server, ServerResponse } from 'node:http';
import { type AddressInfo, connect, Socket } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { createRelay, type Relay } from 'credential-relay';
import express from 'express';
import { Hono } from 'hono';
import Koa from 'koa';
import { afterEach, describe, expect, it } from 'vitest';
import { waitForTurn } from '../../src/relay/http/pipelining.js';
import { newDevice } from '../support/protocol/device.js';

const toClose: Array<() => unknown> = [];

afterEach(async () => {
  for (const close of toClose.splice(0)) await close();
});

const FORMS: ReadonlyArray<readonly [name: string, build: (relay: Relay) => RequestListener]> = [
  ['node:http', (relay) => relay.node()],
  ['express', (relay) => express().use(relay.node())],
  ['koa', (relay) => new Koa().use((ctx, next) => relay.koa()(ctx, next)).callback()],
  ['hono', (relay) => getRequestListener(new Hono().all('/v1/*', (c) => relay.fetch(c.req.raw, c)).fetch)],
  ['hono by mount', (relay) => getRequestListener(new Hono().mount('/', relay.fetch).fetch)],
];

async function serve(build: (relay: Relay) => RequestListener) {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const relay = createRelay({ publicUrl: base });
  server.on('request', build(relay));
  toClose.push(() => {
    server.closeAllConnections();
    server.close();
    return relay.close();
  });
  const sender = newDevice();
  const created = await sender.create(base);
  const path = new URL(JSON.parse(created.text).urlLink).pathname;
  const request = (more = ''): string =>
    `POST ${path} HTTP/1.1\r\nHost: localhost\r\nMailbox-Device-Claim: ${sender.claim}\r\nContent-Length: 0\r\n${more}\r\n`;
  const held = request(`Prefer: wait=30\r\nMailbox-Known-Version: ${created.headers['mailbox-version']}\r\n`);
  return { server, relay, held, read: request(), completed: countCompleted(relay), url: base + path, sender };
}

function countCompleted(relay: Relay): () => number {
  let count = 0;
  relay.on('request.completed', () => {
    count += 1;
  });
  return () => count;
}

/** A client that sends text and collects the received text. */
function client(server: Server): { socket: Socket; text(): string } {
  let text = '';
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.setEncoding('utf8').on('data', (part) => {
    text += part;
  });
  socket.on('error', () => undefined);
  toClose.push(() => socket.destroy());
  return { socket, text: () => text };
}

describe.each(FORMS)('pipelined requests to %s', (_name, build) => {
  it('are answered in order, one after another', async () => {
    const { server, relay, held, read, completed, url, sender } = await serve(build);
    const { socket, text } = client(server);
    const before = completed();
    socket.write(held + read.repeat(9));
    await expect.poll(() => relay.stats().waiters).toBe(1);
    expect(completed()).toBe(before);
    await sender.update(url, { type: 'AEAD_AES_128_GCM', data: 'bmV3' });
    await expect.poll(() => text().split('HTTP/1.1 200').length - 1).toBe(10);
  });

  it('with long polls take one place, and release it when the connection closes; later ones never begin', async () => {
    const { server, relay, held, completed } = await serve(build);
    const { socket } = client(server);
    const before = completed();
    let arrived = 0;
    server.on('request', () => {
      arrived += 1;
    });
    socket.write(held.repeat(10));
    await expect.poll(() => arrived).toBe(10);
    await expect.poll(() => relay.stats().waiters).toBe(1);
    socket.destroy();
    await expect.poll(() => relay.stats().waiters).toBe(0);
    await expect.poll(completed).toBe(before + 1);
  });

  it('close the connection if they are more than 17', async () => {
    const { server, held, read } = await serve(build);
    const { socket } = client(server);
    socket.write(held + read.repeat(17));
    await once(socket, 'close');
    expect(socket.bytesRead).toBe(0);
  });
});

describe('waitForTurn', () => {
  it('adds one listener per connection for any number of waiting requests', async () => {
    const asked: Array<boolean | Promise<boolean>> = [];
    const listeners: number[] = [];
    const server = createServer((request, response) => {
      asked.push(waitForTurn(request, response));
      listeners.push(request.socket.listenerCount('close'));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    toClose.push(() => server.close());
    const { socket } = client(server);
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(6));
    await expect.poll(() => asked.length).toBe(6);
    expect(asked[0]).toBe(true);
    expect(new Set(listeners.slice(1)).size).toBe(1);
    socket.destroy();
    expect(await Promise.all(asked.slice(1))).toEqual([false, false, false, false, false]);
  });

  it('returns false for a queued request whose connection has closed', async () => {
    const requests: Array<[IncomingMessage, ServerResponse]> = [];
    const server = createServer((...pair) => void requests.push(pair)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    toClose.push(() => server.close());
    const { socket } = client(server);
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(2));
    await expect.poll(() => requests.length).toBe(2);
    const [request, response] = requests[1] as [IncomingMessage, ServerResponse];
    const closed = once(request.socket, 'close');
    socket.destroy();
    await closed;
    expect(waitForTurn(request, response)).toBe(false);
  });

  it('returns true for a request without a server', () => {
    const request = new IncomingMessage(new Socket());
    expect(waitForTurn(request, new ServerResponse(request))).toBe(true);
  });
});
