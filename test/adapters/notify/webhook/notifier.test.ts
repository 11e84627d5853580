import { createHmac, randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  verifyWebhook,
  type WebhookNotifierOptions,
  webhookNotifier,
} from '../../../../adapters/notify/webhook/index.js';
import type { Notifier } from '../../../../src/relay/notify/contract.js';
import { LOCALHOST } from '../../../support/network/tls.js';
import { expectNoSecret, pushOf, refusalOf } from '../../../support/notify/checks.js';
import { runProgram } from '../../../support/notify/exit.js';
import { answering, drip, type PushProvider, startPushProvider } from '../../../support/notify/provider.js';

/* Webhooks: pushes to a service of the operator. */

const NOW = 1_900_000_000_000;
const SECRET = `whsec_${randomBytes(32).toString('base64')}`;
const TOKEN = 'device-token-of-the-company/42';
const SENT = { outcome: 'sent' };
const clock = () => NOW;

let receiver: PushProvider;
const open: Notifier[] = [];

function notifier(options: Partial<WebhookNotifierOptions> = {}): Notifier {
  const made = webhookNotifier({
    url: `${receiver.origin}/push?tenant=1`,
    secret: SECRET,
    types: ['com.example.push'],
    ca: LOCALHOST.cert,
    clock,
    ...options,
  });
  open.push(made);
  return made;
}

beforeEach(async () => {
  receiver = await startPushProvider();
  receiver.answer(answering(204, {}, ''));
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((made) => made.close?.()));
  await receiver.close();
});

describe('a webhook request', () => {
  it('contains the type, the token and the deadline only', async () => {
    const made = notifier({ headers: { authorization: 'Bearer of-the-gateway' } });
    expect(made.types).toEqual(['com.example.push']);
    expect(await made.notify(pushOf(TOKEN, { type: 'com.example.push', expiresAt: NOW + 1_000 }))).toEqual(SENT);
    const [request] = receiver.requests;
    expect([request?.method, request?.path]).toEqual(['POST', '/push?tenant=1']);
    expect(request?.headers).toMatchObject({
      'content-type': 'application/json',
      authorization: 'Bearer of-the-gateway',
    });
    expect(JSON.parse(request?.body.toString() ?? '')).toEqual({
      type: 'com.example.push',
      tokenData: TOKEN,
      expiresAt: NOW + 1_000,
    });
  });

  it('is signed according to Standard Webhooks, with a new id', async () => {
    const made = notifier();
    await made.notify(pushOf(TOKEN));
    await made.notify(pushOf(TOKEN));
    for (const { headers, body } of receiver.requests) {
      const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
      const key = Buffer.from(SECRET.slice('whsec_'.length), 'base64');
      expect(headers['webhook-signature']).toBe(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`);
      expect(headers['webhook-timestamp']).toBe(String(NOW / 1000));
      expect(verifyWebhook(SECRET, headers, body, { clock })).toBe(true);
    }
    expect(new Set(receiver.requests.map(({ headers }) => headers['webhook-id'])).size).toBe(2);
  });

  it('goes over plain HTTP on loopback', async () => {
    const plain = await startPushProvider({ tls: false });
    expect(await notifier({ url: new URL(plain.origin) }).notify(pushOf(TOKEN))).toEqual(SENT);
    expect(plain.requests).toHaveLength(1);
    await plain.close();
  });
});

describe('verifyWebhook', () => {
  const ID = 'msg_p5jXN8AQM9LWM0D4loKWxJek';
  const BODY = '{"test": 2432232314}';
  const KEY = 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
  const AT = 1_614_265_330;
  const headers = {
    'webhook-id': ID,
    'webhook-timestamp': String(AT),
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  };
  const at = (seconds: number) => ({ clock: () => seconds * 1000 });

  it('accepts the example of Standard Webhooks, in all forms of headers, bodies and secrets', () => {
    for (const secret of [KEY, `whsec_${KEY}`]) {
      for (const body of [BODY, Buffer.from(BODY), new TextEncoder().encode(BODY)]) {
        expect(verifyWebhook(secret, headers, body, at(AT))).toBe(true);
        expect(verifyWebhook(secret, new Headers(headers), body, at(AT))).toBe(true);
      }
    }
    const upper = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value]));
    expect(verifyWebhook(KEY, upper, BODY, at(AT))).toBe(true);
  });

  it('accepts one valid signature among several, as during a change of the secret', () => {
    const several = `v1a,abc v1,AAAA ${headers['webhook-signature']} v2,x`;
    expect(verifyWebhook(KEY, { ...headers, 'webhook-signature': several }, BODY, at(AT))).toBe(true);
  });

  it.each([
    ['another body', headers, `${BODY} `],
    ['another id', { ...headers, 'webhook-id': `${ID}x` }, BODY],
    ['another time', { ...headers, 'webhook-timestamp': String(AT + 1) }, BODY],
    ['a time that is none', { ...headers, 'webhook-timestamp': `${AT}.0` }, BODY],
    ['a moved dot', { ...headers, 'webhook-id': `${ID}.${AT}`, 'webhook-timestamp': '' }, BODY],
    ['no signature', { ...headers, 'webhook-signature': undefined }, BODY],
    ['an empty signature', { ...headers, 'webhook-signature': '' }, BODY],
    ['a bare version', { ...headers, 'webhook-signature': 'v1,' }, BODY],
    ['another version', { ...headers, 'webhook-signature': headers['webhook-signature'].replace('v1', 'v2') }, BODY],
    ['a shortened signature', { ...headers, 'webhook-signature': headers['webhook-signature'].slice(0, -2) }, BODY],
    ['a repeated header', { ...headers, 'webhook-id': [ID, ID] }, BODY],
    ['a header in two spellings', { ...headers, 'Webhook-Id': ID }, BODY],
    ['no headers', {}, BODY],
  ])('rejects %s', (_name, given, body) => {
    expect(verifyWebhook(KEY, given, body, at(AT))).toBe(false);
  });

  it('rejects another secret', () => {
    expect(verifyWebhook(SECRET, headers, BODY, at(AT))).toBe(false);
  });

  it('rejects a timestamp outside the tolerance', () => {
    const verdicts = [-301, -300, 300, 301].map((off) => verifyWebhook(KEY, headers, BODY, at(AT + off)));
    expect(verdicts).toEqual([false, true, true, false]);
    expect(verifyWebhook(KEY, headers, BODY, { ...at(AT + 11), toleranceSeconds: 10 })).toBe(false);
    expect(verifyWebhook(KEY, headers, BODY, { ...at(AT), toleranceSeconds: Number.NaN })).toBe(false);
    expect(verifyWebhook(KEY, headers, BODY)).toBe(false);
  });

  it.each(['', 'whsec_', 'short', `whsec_${'A'.repeat(30)}`, 'no base64!'.repeat(5), 'A'.repeat(100), undefined])(
    'throws for the secret %j',
    (secret) => {
      expect(refusalOf(() => verifyWebhook(secret as string, headers, BODY))).toMatch(/^verifyWebhook\.secret: must/);
    },
  );
});

describe('the outcome of a webhook response', () => {
  it.each([
    [200, SENT],
    [202, SENT],
    [204, SENT],
    [302, { outcome: 'rejected', code: 'http_302' }],
    [307, { outcome: 'rejected', code: 'http_307' }],
    [400, { outcome: 'rejected', code: 'http_400' }],
    [401, { outcome: 'rejected', code: 'http_401' }],
    [404, { outcome: 'rejected', code: 'http_404' }],
    [410, { outcome: 'gone', code: 'http_410' }],
    [429, { outcome: 'retry', retryAfterMs: 3_000, code: 'http_429', fault: 'token' }],
    [500, { outcome: 'retry', retryAfterMs: 3_000, code: 'http_500' }],
    [503, { outcome: 'retry', retryAfterMs: 3_000, code: 'http_503' }],
  ])('with %i', async (status, outcome) => {
    for (const wait of ['3', new Date(NOW + 3_000).toUTCString()]) {
      const headers = { 'retry-after': wait, location: `${receiver.origin}/elsewhere` };
      receiver.answer(answering(status, headers, status === 204 ? '' : TOKEN));
      expect(await notifier().notify(pushOf(TOKEN))).toEqual(outcome);
    }
    expect(receiver.requests).toHaveLength(2);
  });

  it('that does not come is retry: hanging, slow, lost, refused', async () => {
    const made = notifier({ timeoutMs: 200 });
    receiver.answer(() => undefined);
    expect(await made.notify(pushOf(TOKEN))).toEqual({ outcome: 'retry', code: 'timeout' });
    // A slow trickle of bytes must not extend the time-out.
    receiver.answer(({ socket }) => drip(socket, 'HTTP/1.1 200 OK\r\nx-drip: '));
    expect(await made.notify(pushOf(TOKEN))).toEqual({ outcome: 'retry', code: 'timeout' });
    receiver.answer((response) => response.socket?.destroy());
    expect(await made.notify(pushOf(TOKEN))).toEqual({ outcome: 'retry', code: 'ECONNRESET' });
    receiver.answer((response) => response.socket?.end('garbage\r\n\r\n'));
    const garbled = await made.notify(pushOf(TOKEN));
    expect(garbled).toEqual({ outcome: 'retry', code: 'HPE_INVALID_CONSTANT' });
    expectNoSecret(garbled, [TOKEN]);
    await receiver.close();
    expect(await made.notify(pushOf(TOKEN))).toEqual({ outcome: 'retry', code: 'ECONNREFUSED' });
  });

  it('is not awaited after the signal, or after close', async () => {
    const made = notifier();
    receiver.answer(() => undefined);
    const abort = new AbortController();
    const aborted = made.notify(pushOf(TOKEN, { signal: abort.signal }));
    await receiver.arrived(1);
    abort.abort();
    expect(await aborted).toEqual({ outcome: 'retry', code: 'aborted' });
    const closed = made.notify(pushOf(TOKEN));
    await receiver.arrived(2);
    await made.close?.();
    expect(await closed).toEqual({ outcome: 'retry', code: 'closed' });
  });

  it('leaves no connection that keeps the process alive', async () => {
    const program = (close: boolean): string => `
      import { webhookNotifier } from 'ADAPTERS/webhook/index.js';
      const made = webhookNotifier({ ...JSON.parse(process.env.INPUT ?? ''), ca: process.env.CA });
      const push = { type: 'x', tokenData: 'abc', expiresAt: 4e12, signal: new AbortController().signal };
      console.log((await made.notify(push)).outcome, (await made.notify(push)).outcome);
      ${close ? 'await made.close?.();' : ''}
    `;
    for (const close of [false, true]) {
      const input = { url: receiver.origin, secret: SECRET, types: ['x'] };
      expect(await runProgram(program(close), input)).toEqual({ code: 0, output: 'sent sent\n' });
    }
    expect(receiver.connections).toBe(2);
  });
});

describe('the options of webhookNotifier', () => {
  it.each([
    [{ url: undefined }, 'webhookNotifier.url: '],
    [{ url: '/push' }, 'webhookNotifier.url: '],
    [{ url: 'http://push.example/' }, 'webhookNotifier.url: '],
    [{ url: 'http://127.0.0.1.example/' }, 'webhookNotifier.url: '],
    [{ url: 'https://user:pass@push.example/' }, 'webhookNotifier.url: '],
    [{ url: 'https://push.example/#x' }, 'webhookNotifier.url: '],
    [{ url: 'ftp://push.example/' }, 'webhookNotifier.url: '],
    [{ secret: SECRET.slice(0, 30) }, 'webhookNotifier.secret: '],
    [{ secret: undefined }, 'webhookNotifier.secret: '],
    [{ types: undefined }, 'webhookNotifier.types: '],
    [{ headers: { 'webhook-id': 'x' } }, 'webhookNotifier.headers: '],
    [{ headers: { Host: 'x' } }, 'webhookNotifier.headers: '],
    [{ headers: { 'Content-Length': '7' } }, 'webhookNotifier.headers: '],
    [{ headers: { 'x y': 'x' } }, 'webhookNotifier.headers: '],
    [{ headers: { 'x-key': 'a\r\nb: c' } }, 'webhookNotifier.headers: '],
    [{ headers: { 'x-key': 7 } }, 'webhookNotifier.headers.x-key: '],
    [{ timeoutMs: 60_001 }, 'webhookNotifier.timeoutMs: '],
    [{ origin: 'https://push.example' }, 'webhookNotifier.origin: '],
  ])('reject %j', (options, message) => {
    const refusal = refusalOf(() => notifier(options as never));
    expect(refusal.startsWith(message)).toBe(true);
    expectNoSecret(refusal, [SECRET]);
  });
});
