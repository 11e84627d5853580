import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createHttpServer, MAXIMUM_WAIT_MS, SERVER_TIMEOUTS, type ServerTimeouts } from '../../src/cli/serve.js';
import { createRelay, type Relay } from '../../src/index.js';
import { resolveOptions } from '../../src/relay/options-schema.js';
import { createBody } from '../support/relay/relay.js';

/* The timeouts of the server of `serve`. */

const closers: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const LONG: ServerTimeouts = { headersMs: 60_000, requestMs: 60_000, checkMs: 50, silenceMs: 60_000, idleMs: 60_000 };

async function serving(times: Partial<ServerTimeouts>): Promise<{ url: string; port: number; relay: Relay }> {
  const server = createHttpServer({ ...LONG, ...times });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const relay = createRelay({ publicUrl: url });
  server.on('request', relay.node());
  closers.push(
    () => relay.close(),
    () => {
      server.close();
      server.closeAllConnections();
    },
  );
  return { url, port, relay };
}

async function connected(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  closers.push(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** Milliseconds until the server closes the connection. */
async function measureTimeToClose(socket: Socket): Promise<number> {
  const started = performance.now();
  socket.resume();
  await once(socket, 'close');
  return performance.now() - started;
}

describe('the timeouts of serve', () => {
  it.each([
    ['without a byte', ''],
    ['with endless header fields', 'POST /v1/m HTTP/1.1\r\nHost: x\r\nX-'],
  ])('a connection %s is closed near the limit, and not at twice the limit', async (_, text) => {
    const { port } = await serving({ headersMs: 1000, requestMs: 1000 });
    const socket = await connected(port);
    socket.write(text);
    const ms = await measureTimeToClose(socket);
    expect(ms).toBeGreaterThan(900);
    expect(ms).toBeLessThan(1700);
  });

  it('a connection with an endless body is closed near the limit', async () => {
    const { port } = await serving({ headersMs: 500, requestMs: 1000 });
    const socket = await connected(port);
    socket.write('POST /v1/m HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{');
    expect(await measureTimeToClose(socket)).toBeLessThan(1700);
  });

  it('a connection is closed, and its requests are dropped, if the client reads no responses', async () => {
    const { url, port, relay } = await serving({ silenceMs: 400 });
    const claim = '6ba7b810-9dad-41d1-80b4-00c04fd430c8';
    const headers = { 'Mailbox-Device-Claim': claim, 'Mailbox-Request-ID': 'one', 'Content-Type': 'application/json' };
    const body = JSON.stringify({ ...createBody(), payload: { type: 'AEAD_AES_128_GCM', data: 'A'.repeat(60_000) } });
    const created = await fetch(`${url}/v1/m`, { method: 'POST', headers, body });
    const { urlLink } = (await created.json()) as { urlLink: string };
    const socket = await connected(port);
    socket.pause();
    const request = `POST ${new URL(urlLink).pathname} HTTP/1.1\r\nHost: x\r\nMailbox-Device-Claim: ${claim}\r\nMailbox-Request-ID: one\r\nContent-Length: 0\r\n\r\n`;
    // 60 MB of responses fill the buffers of the kernel. More than ten pipelined requests would end the connection.
    let [asked, answered] = [0, 0];
    const askForMore = (): void => {
      if (answered < asked || asked >= 1000) return;
      asked += 10;
      socket.write(request.repeat(10));
    };
    relay.on('request.completed', () => {
      answered += 1;
      askForMore();
    });
    askForMore();
    // This socket gets the close event only after it has read the pending data.
    await expect.poll(() => isStable(() => answered), { timeout: 9000 }).toBe(true);
    await measureTimeToClose(socket);
    expect(answered).toBeLessThan(1000);
  });

  it('a connection stays open for the longest wait of the relay', async () => {
    expect(MAXIMUM_WAIT_MS).toBe(resolveOptions({ publicUrl: 'https://relay.example' }).longPoll.maximumSeconds * 1000);
    expect(SERVER_TIMEOUTS.silenceMs).toBeGreaterThan(MAXIMUM_WAIT_MS + 20_000);
  });
});

async function isStable(count: () => number): Promise<boolean> {
  const before = count();
  await new Promise((resolve) => setTimeout(resolve, 700));
  return before > 0 && count() === before;
}
