import { connect as connectHttp2 } from 'node:http2';
import { describe, expect, it } from 'vitest';
import { HANDLERS, serveInTests, waitersReach } from '../../support/long-poll/served.js';
import { createBoundPair, newDevice, waitFields } from '../../support/protocol/device.js';
import { somePayload } from '../../support/relay/relay.js';

/* relay.drain and relay.close, with each handler over real sockets and with keep-alive connections. */

const serve = serveInTests();

describe.each(HANDLERS)('relay.drain, %s handler', (handler) => {
  it('ends held reads with 204, and answers new long polls at once', async () => {
    const { relay, base } = await serve(handler);
    const pairs = await Promise.all(Array.from({ length: 20 }, () => createBoundPair(base)));
    const waits = pairs.map(({ sender, url, version }) => sender.wait(url, version));
    await waitersReach(relay, 20);
    await Promise.all([relay.drain(), relay.drain(), relay.drain()]);
    expect(relay.stats().waiters).toBe(0);
    const ended = await Promise.all(waits.map(({ answer }) => answer));
    for (const [index, { status, text, version, headers }] of ended.entries()) {
      expect([status, text, version]).toEqual([204, '', pairs[index]?.version]);
      expect([headers['preference-applied'], headers['retry-after']]).toEqual(['wait=30', undefined]);
    }
    const { sender, receiver, url, version } = pairs[0] as (typeof pairs)[0];
    const declined = await sender.wait(url, version).answer;
    expect([declined.status, declined.version]).toEqual([204, version]);
    expect(declined.headers['preference-applied']).toBe('wait=0');
    expect(Number(declined.headers['retry-after'])).toBeGreaterThan(0);
    await receiver.update(url);
    expect((await sender.wait(url, version).answer).status).toBe(200);
    await relay.drain();
  });

  it('answers a read that is not held yet with the current state, and does not hold it', async () => {
    let reached: () => void = () => {};
    let go: Promise<void> | undefined;
    const authorize = async (): Promise<void> => {
      reached();
      await go;
    };
    const { relay, base } = await serve(handler, { authorize });
    const { sender, url, version } = await createBoundPair(base);
    const asked = new Promise<void>((resolve) => {
      reached = resolve;
    });
    let letGo: () => void = () => {};
    go = new Promise((resolve) => {
      letGo = resolve;
    });
    const waiting = sender.wait(url, version);
    await asked;
    const drained = relay.drain();
    letGo();
    await drained;
    const answer = await waiting.answer;
    expect([answer.status, answer.version]).toEqual([204, version]);
    expect(answer.ms).toBeLessThan(2_000);
  });
});

describe.each(['node', 'koa'] as const)('the relay after relay.drain, %s handler', (handler) => {
  it('closes the connection of every response, and serves all other requests as before', async () => {
    const { relay, base } = await serve(handler);
    const { sender, receiver, url, version } = await createBoundPair(base);
    const before = await sender.read(url);
    expect(before.headers.connection).toBe('keep-alive');
    const waiting = sender.wait(url, version);
    await waitersReach(relay, 1);
    await relay.drain();
    const answers = [
      await waiting.answer,
      await sender.wait(url, version).answer,
      await sender.read(url),
      await sender.update(url, somePayload()),
      await newDevice().read(url),
      await newDevice().create(base),
      await receiver.delete(url),
      await receiver.read(url),
    ];
    expect(answers.map(({ status }) => status)).toEqual([204, 204, 200, 200, 401, 200, 200, 404]);
    for (const { headers } of answers) expect(headers.connection).toBe('close');
  });

  it('sends no connection header over HTTP/2', async () => {
    const warnings: Error[] = []; // Node drops such a field with a warning.
    const hear = (warning: Error): void => void warnings.push(warning);
    process.on('warning', hear);
    const store = new Map();
    const { relay, base } = await serve(handler, { store }, 2);
    const plain = await serve('node', { store });
    const { sender, url, version } = await createBoundPair(plain.base);
    const session = connectHttp2(new URL(base).origin);
    const read = async () => {
      const stream = session.request({
        ':method': 'POST',
        ':path': new URL(url).pathname,
        'mailbox-device-claim': sender.claim,
        ...Object.fromEntries(waitFields(version)),
      });
      stream.resume().end();
      const headers = await new Promise<Record<string, unknown>>((resolve, reject) => {
        stream.on('response', resolve).on('error', reject);
      });
      return [headers[':status'], headers['preference-applied'], 'connection' in headers];
    };
    const waiting = read();
    await waitersReach(relay, 1);
    await relay.drain();
    expect(await waiting).toEqual([204, 'wait=30', false]);
    expect(await read()).toEqual([204, 'wait=0', false]);
    session.destroy();
    process.off('warning', hear);
    expect(warnings).toEqual([]);
  });
});

describe('relay.close', () => {
  it('ends held reads, with or without an earlier drain, and on every call', async () => {
    for (const drainFirst of [true, false]) {
      const { relay, base } = await serve('node');
      const { sender, url, version } = await createBoundPair(base);
      const waiting = sender.wait(url, version);
      await waitersReach(relay, 1);
      if (drainFirst) void relay.drain();
      await Promise.all([relay.close(), relay.close()]);
      expect(relay.stats().waiters).toBe(0);
      expect((await waiting.answer).status).toBe(204);
      expect((await sender.wait(url, version).answer).headers['preference-applied']).toBe('wait=0');
    }
  });
});
