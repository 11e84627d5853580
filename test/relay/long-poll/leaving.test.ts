import { createHook } from 'node:async_hooks';
import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2, constants } from 'node:http2';
import { connect, type Socket } from 'node:net';
import type { AuthenticationHook } from 'credential-relay';
import { describe, expect, it } from 'vitest';
import { HANDLERS, type Served, serveInTests, waitersReach } from '../../support/long-poll/served.js';
import { type BoundPair, createBoundPair, newDevice, waitFields } from '../../support/protocol/device.js';

/* Clients that disconnect while the relay holds their read. */

const serve = serveInTests();

/** Deadline for the relay to detect that the client has disconnected. The long polls take 30 s. */
const SOON_MS = 3_000;

async function noneHeld({ relay }: Served): Promise<void> {
  const started = performance.now();
  await waitersReach(relay, 0);
  expect(performance.now() - started).toBeLessThan(SOON_MS);
}

/** The head of a long poll. */
function headOf({ sender, url, version }: BoundPair): string {
  const { host, pathname } = new URL(url);
  const fields = [
    ['Host', host],
    ['Mailbox-Device-Claim', sender.claim],
    ['Content-Length', '0'],
    ...waitFields(version),
  ];
  return `POST ${pathname} HTTP/1.1\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
}

/** An HTTP/2 session with a long poll. */
function waitOverHttp2({ sender, url, version }: BoundPair): {
  session: ClientHttp2Session;
  stream: ClientHttp2Stream;
} {
  const session = connectHttp2(new URL(url).origin);
  const fields = Object.fromEntries(waitFields(version));
  const head = { ':method': 'POST', ':path': new URL(url).pathname, 'mailbox-device-claim': sender.claim, ...fields };
  const stream = session.request(head, { endStream: true });
  for (const part of [session, stream]) part.on('error', () => {});
  return { session, stream };
}

/** Counts active timers, also timers that do not keep the process alive. */
function countTimers(): { alive(): number; stop(): void } {
  const timers = new Set<number>();
  const hook = createHook({
    init: (id, type) => void (type === 'Timeout' && timers.add(id)),
    destroy: (id) => void timers.delete(id),
  }).enable();
  return { alive: () => timers.size, stop: () => hook.disable() };
}

describe.each(HANDLERS)('a client that disconnects during a long poll, %s handler', (handler) => {
  it.each(['destroy', 'finish'] as const)('releases its slot by %s', async (way) => {
    const served = await serve(handler);
    const { sender, url, version } = await createBoundPair(served.base);
    for (const body of [undefined, { notificationToken: { type: 'com.example', tokenData: 'abcd' } }]) {
      const waiting = sender.wait(url, version, 30, body);
      await waitersReach(served.relay, 1);
      waiting[way]();
      await noneHeld(served);
    }
    expect((await sender.read(url)).status).toBe(200);
  });

  it('releases its slot if it disconnects while a hook runs', async () => {
    let left: Promise<unknown> = Promise.resolve();
    let arrived: () => void = () => {};
    const others: AuthenticationHook = async () => {
      arrived();
      await left;
      return { via: ['test'] };
    };
    const served = await serve(handler, { authenticate: { default: others } });
    const pair = await createBoundPair(served.base);
    const asked = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const answered: unknown[] = [];
    served.relay.on('request.completed', (event) => void answered.push(event));
    let leave: () => void = () => {};
    left = new Promise<void>((resolve) => {
      leave = resolve;
    });
    const waiting = pair.sender.wait(pair.url, pair.version);
    await asked;
    const connections = () => new Promise((resolve) => served.server.getConnections((_, count) => resolve(count)));
    waiting.destroy();
    await expect.poll(connections).toBe(0);
    leave();
    await expect.poll(() => answered.length, { timeout: SOON_MS }).toBe(1);
    expect(served.relay.stats().waiters).toBe(0);
  });

  it('leaves no slot, no timer and no listener behind, also a thousand at once', async () => {
    const count = 1_000;
    const served = await serve(handler);
    const pairs: BoundPair[] = [];
    while (pairs.length < count) {
      pairs.push(...(await Promise.all(Array.from({ length: 50 }, () => createBoundPair(served.base)))));
    }
    const warnings: Error[] = [];
    const hear = (warning: Error): void => void warnings.push(warning);
    process.on('warning', hear);
    const timers = countTimers();
    const sockets: Socket[] = pairs.map((pair) => {
      const socket = connect(Number(new URL(served.base).port), '127.0.0.1');
      socket.on('error', () => {}).write(headOf(pair));
      return socket;
    });
    await waitersReach(served.relay, count);
    // Per read one timer of the long poll and one of the poller.
    expect(timers.alive()).toBeGreaterThanOrEqual(2 * count);
    const gone = sockets.map((socket) => once(socket, 'close'));
    for (const socket of sockets) socket.destroy();
    await Promise.all([noneHeld(served), ...gone]);
    await expect.poll(() => timers.alive()).toBeLessThan(20);
    timers.stop();
    process.off('warning', hear);
    expect(warnings).toEqual([]);
  });

  it('does not end a later long poll over the same connection', async () => {
    const served = await serve(handler);
    const pair = await createBoundPair(served.base);
    const connected = once(served.server, 'connection') as Promise<[Socket]>;
    const socket = connect(Number(new URL(served.base).port), '127.0.0.1');
    socket.setEncoding('utf8');
    const [serverSide] = await connected;
    let listeners: number | undefined;
    const onResponses = new Set<number>();
    served.server.on('request', (_, response) => {
      response.once('finish', () => void onResponses.add(response.listenerCount('close')));
    });
    for (let round = 0; round < 30; round += 1) {
      socket.write(headOf({ ...pair, version: (await pair.sender.read(pair.url)).version }));
      await waitersReach(served.relay, 1);
      listeners ??= serverSide.listenerCount('close');
      const answered = once(socket, 'data');
      await pair.receiver.update(pair.url);
      expect(String(await answered)).toContain('HTTP/1.1 200');
      await waitersReach(served.relay, 0);
    }
    expect(serverSide.listenerCount('close')).toBeLessThanOrEqual(listeners ?? 0);
    expect(onResponses.size).toBe(1); // A long poll adds as many listeners as any other read.
    socket.destroy();
  });
});

describe.each(['node', 'koa'] as const)('a client that leaves a long poll over HTTP/2, %s handler', (handler) => {
  it.each<[way: string, leave: (session: ClientHttp2Session, stream: ClientHttp2Stream) => void]>([
    ['resets the stream', (_, stream) => stream.close(constants.NGHTTP2_CANCEL)],
    ['destroys the session', (session) => session.destroy()],
  ])('releases its slot if it %s', async (_way, leave) => {
    const store = new Map();
    const served = await serve(handler, { store }, 2);
    const plain = await serve('node', { store }); // The devices speak HTTP/1 except for this read.
    const pair = await createBoundPair(plain.base);
    const { session, stream } = waitOverHttp2({ ...pair, url: pair.url.replace(plain.base, served.base) });
    await waitersReach(served.relay, 1);
    leave(session, stream);
    await noneHeld(served);
    session.destroy();
  });
});

describe('a device', () => {
  it('that waits repeatedly uses one slot at most', async () => {
    const served = await serve('node');
    const { sender, url, version } = await createBoundPair(served.base);
    const waits = Array.from({ length: 50 }, () => sender.wait(url, version));
    const first = await Promise.all(waits.slice(0, 1).map(({ answer }) => answer));
    expect(first[0]?.status).toBe(204);
    await waitersReach(served.relay, 1);
    await newDevice().read(url);
    expect(served.relay.stats().waiters).toBe(1);
    for (const wait of waits) wait.destroy();
    await noneHeld(served);
  });
});
