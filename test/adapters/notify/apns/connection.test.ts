import { generateKeyPairSync } from 'node:crypto';
import { type EventEmitter, once } from 'node:events';
import type { ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ApnsNotifierOptions, apnsNotifier } from '../../../../adapters/notify/apns/index.js';
import type { Notifier, PushOutcome } from '../../../../src/relay/notify/contract.js';
import { startTcpProxy, type TcpProxy } from '../../../support/network/tcp-proxy.js';
import { LOCALHOST } from '../../../support/network/tls.js';
import { type ApnsServer, reply, startApns } from '../../../support/notify/apns.js';
import { expectNoSecret, expectPlainCode, pushOf } from '../../../support/notify/checks.js';
import { runProgram } from '../../../support/notify/exit.js';

/* APNs: one HTTP/2 session, its end, and the pushes on it. */

const TOKEN = '7f'.repeat(32);
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const SENT = { outcome: 'sent' };

let apns: ApnsServer;
const open: Notifier[] = [];
const proxies: TcpProxy[] = [];

function notifier(options: Partial<ApnsNotifierOptions> = {}): Notifier {
  const made = apnsNotifier({
    teamId: 'TEAM123456',
    keyId: 'KEY1234567',
    privateKey,
    topic: 'com.example.app',
    origin: apns.origin,
    ca: LOCALHOST.cert,
    ...options,
  });
  open.push(made);
  return made;
}

async function proxied(): Promise<TcpProxy> {
  const proxy = await startTcpProxy({ port: apns.port });
  proxies.push(proxy);
  return proxy;
}

const originOf = ({ port }: { readonly port: number }): string => `https://127.0.0.1:${port}`;
const codeOf = (outcome: PushOutcome): string | undefined => ('code' in outcome ? outcome.code : undefined);

/** The number of connections of this process to a port, with half-closed connections. */
function connectionsTo(port: number): number {
  const report = process.report.getReport() as unknown as {
    readonly libuv: readonly { readonly type: string; readonly remoteEndpoint?: { readonly port: number } | null }[];
  };
  return report.libuv.filter(({ type, remoteEndpoint }) => type === 'tcp' && remoteEndpoint?.port === port).length;
}

/** Resolves when a session or a stream has ended. */
async function ended(either: (EventEmitter & { readonly destroyed: boolean }) | undefined): Promise<void> {
  if (either?.destroyed === false) await once(either, 'close');
}

beforeEach(async () => {
  apns = await startApns();
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((made) => made.close?.()));
  await Promise.all(proxies.splice(0).map((proxy) => proxy.close()));
  await apns.close();
});

describe('the APNs session', () => {
  it('carries 1,000 concurrent pushes', async () => {
    const made = notifier();
    const outcomes = await Promise.all(Array.from({ length: 1_000 }, (_, n) => made.notify(pushOf(`${TOKEN}${n}`))));
    expect(outcomes.filter(({ outcome }) => outcome === 'sent')).toHaveLength(1_000);
    expect(new Set(apns.requests.map(({ headers }) => headers[':path'])).size).toBe(1_000);
    expect(apns.sessions).toHaveLength(1);
  });

  it("respects the server's limit of streams (RFC 9113 §5.1.2)", async () => {
    await apns.close();
    apns = await startApns({ maxConcurrentStreams: 2 });
    let underWay = 0;
    let most = 0;
    apns.answer((request) => {
      underWay += 1;
      most = Math.max(most, underWay);
      setImmediate(() => {
        underWay -= 1;
        reply(request, 200);
      });
    });
    const made = notifier();
    expect(await made.notify(pushOf(TOKEN))).toEqual(SENT);
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => made.notify(pushOf(TOKEN))));
    expect(outcomes).toEqual(Array.from({ length: 50 }, () => SENT));
    expect(most).toBeLessThanOrEqual(2);
    expect(apns.sessions).toHaveLength(1);
  });

  it('is replaced after a GOAWAY, and pushes under way finish (RFC 9113 §6.8)', async () => {
    const made = notifier();
    const held: (() => void)[] = [];
    apns.answer((request) => held.push(() => reply(request, 200)));
    const early = made.notify(pushOf(TOKEN));
    await apns.arrived(1);
    const [session] = apns.sessions;
    session?.goaway();
    apns.answer((request) => reply(request, 200));
    // The next push may still use the old session, and arrives.
    expect(await made.notify(pushOf(TOKEN))).toEqual(SENT);
    held[0]?.();
    expect(await early).toEqual(SENT);
    expect(await made.notify(pushOf(TOKEN))).toEqual(SENT);
    expect(apns.sessions).toHaveLength(2);
  });

  it('sends a push that a GOAWAY left unprocessed again, at once and once (RFC 9113 §8.7)', async () => {
    const made = notifier();
    expect(await made.notify(pushOf(TOKEN))).toEqual(SENT);
    apns.answer(({ session, stream }) => {
      apns.answer((request) => reply(request, 200));
      session.goaway(0, (stream.id ?? 0) - 2);
    });
    expect(await made.notify(pushOf(TOKEN))).toEqual(SENT);
    expect(apns.sessions).toHaveLength(2);
    expect(apns.requests).toHaveLength(3);
    // The server keeps a stream open, and would keep the session.
    await vi.waitFor(() => expect(connectionsTo(apns.port)).toBe(1));
  });

  it('ends with its last push after a GOAWAY, even if the server keeps it open', async () => {
    const made = notifier();
    const held: (() => void)[] = [];
    apns.answer((request) => held.push(() => reply(request, 200)));
    const early = made.notify(pushOf(TOKEN));
    await apns.arrived(1);
    apns.answer(({ session, stream }) => {
      apns.answer((request) => reply(request, 200));
      session.goaway(0, (stream.id ?? 0) - 2);
    });
    expect(await made.notify(pushOf(TOKEN))).toEqual(SENT);
    expect(connectionsTo(apns.port)).toBe(2);
    held[0]?.();
    expect(await early).toEqual(SENT);
    await vi.waitFor(() => expect(connectionsTo(apns.port)).toBe(1));
  });

  it('is replaced after an hour, and pushes under way finish', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      const made = notifier();
      const held: (() => void)[] = [];
      apns.answer((request) => held.push(() => reply(request, 200)));
      const early = made.notify(pushOf(TOKEN));
      await apns.arrived(1);
      apns.answer((request) => reply(request, 200));
      vi.advanceTimersByTime(3_599_000);
      expect(await made.notify(pushOf(TOKEN))).toEqual(SENT);
      expect(apns.sessions).toHaveLength(1);
      vi.advanceTimersByTime(2_000);
      expect(await made.notify(pushOf(TOKEN))).toEqual(SENT);
      expect(apns.sessions).toHaveLength(2);
      held[0]?.();
      expect(await early).toEqual(SENT);
      await ended(apns.sessions[0]);
    } finally {
      vi.useRealTimers();
    }
  });

  it('is replaced, and finally destroyed, if the server announces origins without end (RFC 8336)', async () => {
    const made = notifier();
    let frames = 0;
    // Frames of about 10,000 characters.
    const name = (session: ServerHttp2Session | undefined): void => {
      frames += 1;
      session?.origin(...Array.from({ length: 300 }, (_, at) => `https://of-frame-${frames}-${at}.push.example`));
    };
    apns.answer(() => undefined);
    const early = made.notify(pushOf(TOKEN));
    await apns.arrived(1);
    const [first] = apns.sessions;
    name(first);
    apns.answer((request) => reply(request, 200));
    expect(await made.notify(pushOf(TOKEN))).toEqual(SENT);
    expect(apns.sessions).toHaveLength(1);
    name(first);
    await vi.waitFor(async () => {
      expect(await made.notify(pushOf(TOKEN))).toEqual(SENT);
      expect(apns.sessions).toHaveLength(2);
    });
    for (let frame = 0; frame < 150; frame += 1) name(first);
    expect((await early).outcome).toBe('retry');
    await ended(first);
  });

  it('fails a push after the second refused attempt', async () => {
    apns.answer(({ stream }) => stream.close(7));
    expect(await notifier().notify(pushOf(TOKEN))).toEqual({ outcome: 'retry', code: 'refused_stream' });
    expect(apns.requests).toHaveLength(2);
  });

  it('is replaced after an error, and its pushes get the outcome retry', async () => {
    const made = notifier();
    apns.answer(({ session }) => session.goaway(2));
    const outcomes = await Promise.all([made.notify(pushOf(TOKEN)), made.notify(pushOf(TOKEN))]);
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['retry', 'retry']);
    outcomes.forEach(expectPlainCode);
    apns.answer((request) => reply(request, 200));
    expect(await made.notify(pushOf(TOKEN))).toEqual(SENT);
  });

  it('is replaced after a lost connection, and its pushes get the outcome retry', async () => {
    const proxy = await proxied();
    const made = notifier({ origin: originOf(proxy) });
    apns.answer(() => proxy.cut());
    const outcome = await made.notify(pushOf(TOKEN));
    expect(outcome.outcome).toBe('retry');
    expectPlainCode(outcome);
    expect((await made.notify(pushOf(TOKEN))).outcome).toBe('retry');
    proxy.mend();
    apns.answer((request) => reply(request, 200));
    expect(await made.notify(pushOf(TOKEN))).toEqual(SENT);
  });

  it('is replaced without loss if the server closed it while idle', async () => {
    const made = notifier();
    expect(await made.notify(pushOf(TOKEN))).toEqual(SENT);
    const [session] = apns.sessions;
    session?.close();
    await ended(session);
    expect(await made.notify(pushOf(TOKEN))).toEqual(SENT);
    expect(apns.sessions).toHaveLength(2);
  });
});

describe('a push without a response of APNs', () => {
  it('fails alone if the session shows a sign of life', async () => {
    const made = notifier({ timeoutMs: 200 });
    apns.answer((request) => {
      if (!request.headers[':path']?.endsWith('hang')) reply(request, 200);
    });
    const began = performance.now();
    expect(await made.notify(pushOf('hang'))).toEqual({ outcome: 'retry', code: 'timeout' });
    expect(performance.now() - began).toBeLessThan(1_000);
    expect(await made.notify(pushOf(TOKEN))).toEqual(SENT);
    expect(apns.sessions).toHaveLength(1);
    const [hung] = apns.requests;
    await ended(hung?.stream);
    expect(hung?.stream.rstCode).toBe(8);
  });

  it('ends the session if the server sends nothing', async () => {
    const proxy = await proxied();
    const made = notifier({ origin: originOf(proxy), timeoutMs: 200 });
    expect(await made.notify(pushOf(TOKEN))).toEqual(SENT);
    proxy.pause();
    expect(await made.notify(pushOf(TOKEN))).toEqual({ outcome: 'retry', code: 'timeout' });
    proxy.resume();
    expect(await made.notify(pushOf(TOKEN))).toEqual(SENT);
    expect(proxy.accepted).toBe(2);
  });

  it('fails if the connection is never established', async () => {
    const proxy = await proxied();
    proxy.pause();
    const made = notifier({ origin: originOf(proxy), timeoutMs: 200 });
    expect(await made.notify(pushOf(TOKEN))).toEqual({ outcome: 'retry', code: 'timeout' });
    proxy.resume();
    expect(await made.notify(pushOf(TOKEN))).toEqual(SENT);
  });

  it('is decided by its status if the body is incomplete', async () => {
    const made = notifier({ timeoutMs: 200 });
    apns.answer(({ stream }) => {
      stream.respond({ ':status': 200 });
      stream.write('{');
    });
    expect(await made.notify(pushOf(TOKEN))).toEqual(SENT);
    apns.answer(({ stream }) => {
      stream.respond({ ':status': 410 });
      stream.write('{"reason":"Unreg', () => stream.close(2));
    });
    expect(await made.notify(pushOf(TOKEN))).toEqual({ outcome: 'gone', code: 'http_410' });
  });

  it('is accepted if the response is slow and in time', async () => {
    const proxy = await proxied();
    proxy.delay(40);
    expect(await notifier({ origin: originOf(proxy), timeoutMs: 3_000 }).notify(pushOf(TOKEN))).toEqual(SENT);
  });
});

describe('a push to an unusable APNs server', () => {
  it('gets the outcome retry: no connection, another certificate, no HTTP/2', async () => {
    const plain = createServer(LOCALHOST, (socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n')).listen(0, '127.0.0.1');
    plain.on('tlsClientError', () => undefined);
    await once(plain, 'listening');
    const { port } = plain.address() as AddressInfo;
    const outcomes = [
      await notifier({ origin: originOf({ port }) }).notify(pushOf(TOKEN)),
      await notifier({ ca: undefined }).notify(pushOf(TOKEN)),
    ];
    plain.close();
    await apns.close();
    outcomes.push(await notifier().notify(pushOf(TOKEN)));
    for (const outcome of outcomes) {
      expect(outcome.outcome).toBe('retry');
      expectPlainCode(outcome);
      expectNoSecret(outcome, [TOKEN]);
    }
    expect(codeOf(outcomes[1] ?? { outcome: 'sent' })).toBe('DEPTH_ZERO_SELF_SIGNED_CERT');
    expect(codeOf(outcomes[2] ?? { outcome: 'sent' })).toBe('ECONNREFUSED');
    expect(apns.requests).toHaveLength(0);
  });
});

describe('the end of the APNs notifier', () => {
  it('cancels a push and its stream with the signal of the push', async () => {
    const made = notifier();
    apns.answer(() => undefined);
    const abort = new AbortController();
    const outcome = made.notify(pushOf(TOKEN, { signal: abort.signal }));
    await apns.arrived(1);
    abort.abort(new Error(TOKEN));
    expect(await outcome).toEqual({ outcome: 'retry', code: 'aborted' });
    const stream = apns.requests[0]?.stream;
    await ended(stream);
    expect(stream?.rstCode).toBe(8);
    expect(await made.notify(pushOf(TOKEN, { signal: abort.signal }))).toEqual({ outcome: 'retry', code: 'aborted' });
    expect(apns.requests).toHaveLength(1);
    apns.answer((request) => reply(request, 200));
    expect(await made.notify(pushOf(TOKEN))).toEqual(SENT);
    expect(apns.sessions).toHaveLength(1);
  });

  it('closes sessions and fails pushes under way', async () => {
    const made = notifier();
    apns.answer(() => undefined);
    const outcome = made.notify(pushOf(TOKEN));
    await apns.arrived(1);
    const [session] = apns.sessions;
    await made.close?.();
    await ended(session);
    expect(await outcome).toEqual({ outcome: 'retry', code: 'closed' });
    expect(await made.notify(pushOf(TOKEN))).toEqual({ outcome: 'retry', code: 'closed' });
    expect(apns.sessions).toHaveLength(1);
  });

  it('does not keep the process alive, nor does an idle session', async () => {
    const program = (close: boolean): string => `
      import { generateKeyPairSync } from 'node:crypto';
      import { apnsNotifier } from 'ADAPTERS/apns/index.js';
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const made = apnsNotifier({
        teamId: 'TEAM123456', keyId: 'KEY1234567', privateKey, topic: 'a.b', ca: process.env.CA, origin: process.env.INPUT?.slice(1, -1),
      });
      const push = { type: 'x', tokenData: 'abc', expiresAt: 4e12, signal: new AbortController().signal };
      console.log((await made.notify(push)).outcome, (await made.notify(push)).outcome);
      ${close ? 'await made.close?.();' : ''}
    `;
    for (const close of [false, true]) {
      expect(await runProgram(program(close), apns.origin)).toEqual({ code: 0, output: 'sent sent\n' });
    }
    expect(apns.sessions).toHaveLength(2);
  });
});
