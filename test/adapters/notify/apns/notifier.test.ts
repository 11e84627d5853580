import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { jwtVerify } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ApnsNotifierOptions, apnsNotifier } from '../../../../adapters/notify/apns/index.js';
import type { Notifier } from '../../../../src/relay/notify/contract.js';
import { LOCALHOST } from '../../../support/network/tls.js';
import { type ApnsServer, reply, startApns } from '../../../support/notify/apns.js';
import { expectNoSecret, expectPlainCode, pushOf, refusalOf } from '../../../support/notify/checks.js';

/* APNs: the requests, and the outcome of each answer. */

const NOW = 1_900_000_000_000;
const MINUTE = 60_000;
const TOKEN = '7f'.repeat(32);
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const PEM = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const PUBLIC_KEY = createPublicKey(privateKey);

let apns: ApnsServer;
let time: number;
const open: Notifier[] = [];

function notifier(options: Partial<ApnsNotifierOptions> = {}): Notifier {
  const made = apnsNotifier({
    teamId: 'TEAM123456',
    keyId: 'KEY1234567',
    privateKey: PEM,
    topic: 'com.example.app',
    origin: apns.origin,
    ca: LOCALHOST.cert,
    clock: () => time,
    ...options,
  });
  open.push(made);
  return made;
}

beforeEach(async () => {
  time = NOW;
  apns = await startApns();
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((made) => made.close?.()));
  await apns.close();
});

const sentTokens = (): string[] => apns.requests.map(({ headers }) => headers.authorization?.slice(7) ?? '');

describe('a push to APNs', () => {
  it('is a background push with the configured topic and no content', async () => {
    expect(await notifier().notify(pushOf(TOKEN, { expiresAt: NOW + 90_500 }))).toEqual({ outcome: 'sent' });
    const [request] = apns.requests;
    expect(request?.headers).toMatchObject({
      ':method': 'POST',
      ':path': `/3/device/${TOKEN}`,
      'apns-push-type': 'background',
      'apns-priority': '5',
      'apns-topic': 'com.example.app',
      // A whole hour within one day, for every expiration of the mailbox.
      'apns-expiration': String(Math.floor(NOW / 3_600_000) * 3_600 + 86_400),
    });
    expect(request?.body).toBe('{"aps":{"content-available":1}}');
  });

  it("carries a provider token signed with the team's key (RFC 7515, ES256)", async () => {
    await notifier().notify(pushOf(TOKEN));
    expect(apns.requests[0]?.headers.authorization).toMatch(/^bearer /);
    const options = { currentDate: new Date(NOW), algorithms: ['ES256'] };
    const { payload, protectedHeader } = await jwtVerify(sentTokens()[0] ?? '', PUBLIC_KEY, options);
    expect(protectedHeader).toEqual({ alg: 'ES256', kid: 'KEY1234567' });
    expect(payload).toEqual({ iss: 'TEAM123456', iat: NOW / 1000 });
  });

  it('reuses a provider token for 40 minutes, and renews it also if the clock is set back', async () => {
    const made = notifier();
    for (const minutes of [0, 39, 40, 79, 80, 0]) {
      time = NOW + minutes * MINUTE;
      await made.notify(pushOf(TOKEN));
    }
    const [first, second, third, fourth, fifth, sixth] = sentTokens();
    expect(second).toBe(first);
    expect(third).not.toBe(first);
    expect(fourth).toBe(third);
    expect(new Set([first, third, fifth, sixth]).size).toBe(4);
  });

  it('shares one signature with concurrent pushes', async () => {
    const made = notifier();
    await Promise.all(Array.from({ length: 20 }, () => made.notify(pushOf(TOKEN))));
    expect(new Set(sentTokens()).size).toBe(1);
  });

  it.each(['', '../../3/device/x', 'a b', 'ab\r\ncd', 'x'.repeat(201), 'töken'])(
    'has no path with the token %j',
    async (token) => {
      const made = notifier();
      expect(made.validate?.(token)).toBe(false);
      expect(await made.notify(pushOf(token))).toEqual({ outcome: 'gone', code: 'token_invalid' });
      expect(apns.sessions).toHaveLength(0);
    },
  );

  it('accepts tokens of up to 200 characters', () => {
    expect(notifier().validate?.('aA0-_'.repeat(40))).toBe(true);
  });
});

describe('the outcome of an APNs response', () => {
  it.each([
    [200, undefined, { outcome: 'sent' }],
    [410, 'Unregistered', { outcome: 'gone', code: 'Unregistered' }],
    [410, 'ExpiredToken', { outcome: 'gone', code: 'ExpiredToken' }],
    [410, undefined, { outcome: 'gone', code: 'http_410' }],
    [400, 'BadDeviceToken', { outcome: 'gone', code: 'BadDeviceToken' }],
    [400, 'DeviceTokenNotForTopic', { outcome: 'gone', code: 'DeviceTokenNotForTopic' }],
    [400, 'BadTopic', { outcome: 'rejected', code: 'BadTopic' }],
    [403, 'InvalidProviderToken', { outcome: 'rejected', code: 'InvalidProviderToken' }],
    [403, 'BadDeviceToken', { outcome: 'rejected', code: 'BadDeviceToken' }],
    [404, 'BadPath', { outcome: 'rejected', code: 'BadPath' }],
    [413, 'PayloadTooLarge', { outcome: 'rejected', code: 'PayloadTooLarge' }],
    [418, undefined, { outcome: 'rejected', code: 'http_418' }],
    [302, undefined, { outcome: 'rejected', code: 'http_302' }],
    [429, 'TooManyRequests', { outcome: 'retry', code: 'TooManyRequests', fault: 'token' }],
    [429, 'TooManyProviderTokenUpdates', { outcome: 'retry', code: 'TooManyProviderTokenUpdates' }],
    [500, 'InternalServerError', { outcome: 'retry', code: 'InternalServerError' }],
    [502, undefined, { outcome: 'retry', code: 'http_502' }],
    [503, 'ServiceUnavailable', { outcome: 'retry', code: 'ServiceUnavailable' }],
  ])('with %i %s', async (status, reason, outcome) => {
    apns.answer((request) => reply(request, status, reason));
    expect(await notifier().notify(pushOf(TOKEN))).toEqual(outcome);
    expect(apns.requests).toHaveLength(1);
  });

  it.each([
    ['7', 7_000],
    ['0', 0],
    [new Date(NOW + 30_000).toUTCString(), 30_000],
    [new Date(NOW - 30_000).toUTCString(), 0],
    ['99999999999', 86_400_000],
  ])('waits for Retry-After: %s (RFC 9110 §10.2.3)', async (header, retryAfterMs) => {
    for (const status of [429, 500, 503]) {
      apns.answer((request) => reply(request, status, 'Busy', { 'retry-after': header }));
      const fault = status === 429 ? { fault: 'token' } : {};
      expect(await notifier().notify(pushOf(TOKEN))).toEqual({
        outcome: 'retry',
        retryAfterMs,
        code: 'Busy',
        ...fault,
      });
    }
  });

  it.each(['soon', '-5', '1.5', '12 s', 'Mon, soon', ''])('ignores Retry-After: %s', async (header) => {
    apns.answer((request) => reply(request, 503, 'Busy', { 'retry-after': header }));
    expect(await notifier().notify(pushOf(TOKEN))).toEqual({ outcome: 'retry', code: 'Busy' });
  });

  it.each([
    ['garbage', '\u0000{"reason":'],
    ['no object', '"BadDeviceToken"'],
    ['null', 'null'],
    ['a reason that is no word', '{"reason":"Bad <b>token</b>"}'],
    ['an array', '{"reason":["BadDeviceToken"]}'],
    ['an endless body', `{"reason":"BadDeviceToken","filler":"${'x'.repeat(200_000)}"}`],
  ])('follows the status if the body is %s', async (_name, body) => {
    apns.answer(({ stream }) => {
      stream.respond({ ':status': 400 });
      stream.end(body);
    });
    expect(await notifier().notify(pushOf(TOKEN))).toEqual({ outcome: 'rejected', code: 'http_400' });
  });

  it('never contains the token, even if APNs echoes it', async () => {
    for (const echo of [TOKEN, TOKEN.slice(0, 20), `x${TOKEN}`.slice(0, 64)]) {
      apns.answer((request) => reply(request, 400, echo));
      const outcome = await notifier().notify(pushOf(TOKEN));
      expectNoSecret(outcome, [TOKEN]);
      expectPlainCode(outcome);
    }
  });
});

describe('a 403 ExpiredProviderToken of APNs', () => {
  beforeEach(() => apns.answer((request) => reply(request, 403, 'ExpiredProviderToken')));

  it('renews no token before 20 minutes, and waits until then', async () => {
    const made = notifier();
    await made.notify(pushOf(TOKEN));
    time += 5 * MINUTE;
    const outcome = await made.notify(pushOf(TOKEN));
    expect(outcome).toEqual({ outcome: 'retry', retryAfterMs: 15 * MINUTE, code: 'ExpiredProviderToken' });
    time += 15 * MINUTE - 1;
    await made.notify(pushOf(TOKEN));
    await made.notify(pushOf(TOKEN));
    expect(new Set(sentTokens()).size).toBe(1);
  });

  it('renews the token once after 20 minutes for all refused pushes', async () => {
    const made = notifier();
    await made.notify(pushOf(TOKEN));
    time += 20 * MINUTE;
    const refused = await Promise.all(Array.from({ length: 10 }, () => made.notify(pushOf(TOKEN))));
    for (const outcome of refused) {
      expect(outcome).toEqual({ outcome: 'retry', retryAfterMs: 0, code: 'ExpiredProviderToken' });
    }
    apns.answer((request) => reply(request, 200));
    expect(await made.notify(pushOf(TOKEN))).toEqual({ outcome: 'sent' });
    expect(new Set(sentTokens()).size).toBe(2);
  });

  it('for an older token does not discard the new token', async () => {
    const made = notifier();
    const held: (() => void)[] = [];
    apns.answer((request) => held.push(() => reply(request, 403, 'ExpiredProviderToken')));
    const late = made.notify(pushOf(TOKEN));
    await apns.arrived(1);
    time += 40 * MINUTE;
    apns.answer((request) => reply(request, 200));
    expect(await made.notify(pushOf(TOKEN))).toEqual({ outcome: 'sent' });
    held[0]?.();
    expect(await late).toEqual({ outcome: 'retry', retryAfterMs: 0, code: 'ExpiredProviderToken' });
    await made.notify(pushOf(TOKEN));
    expect(new Set(sentTokens()).size).toBe(2);
  });
});

describe('the options of apnsNotifier', () => {
  it.each([
    [{ teamId: 'team' }, 'apnsNotifier.teamId: '],
    [{ keyId: undefined }, 'apnsNotifier.keyId: '],
    [{ privateKey: `${PEM.slice(0, 60)}x${PEM.slice(61)}` }, 'apnsNotifier.privateKey: '],
    [{ privateKey: PUBLIC_KEY }, 'apnsNotifier.privateKey: '],
    [{ privateKey: generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey }, 'apnsNotifier.privateKey: '],
    [{ privateKey: undefined }, 'apnsNotifier.privateKey: '],
    [{ topic: 'a b' }, 'apnsNotifier.topic: '],
    [{ topic: { 'com.apple.apns': 'x' } }, 'apnsNotifier.topic: '],
    [{ origin: 'http://127.0.0.1:1' }, 'apnsNotifier.origin: '],
    [{ origin: 'https://push.example/path' }, 'apnsNotifier.origin: '],
    [{ origin: 'https://user@push.example' }, 'apnsNotifier.origin: '],
    [{ timeoutMs: 0 }, 'apnsNotifier.timeoutMs: '],
    [{ timeoutMs: 1e9 }, 'apnsNotifier.timeoutMs: '],
    [{ ca: [] }, 'apnsNotifier.ca: '],
    [{ types: [] }, 'apnsNotifier.types: '],
    [{ types: ['a', ''] }, 'apnsNotifier.types.1: '],
    [{ clock: NOW }, 'apnsNotifier.clock: '],
    [{ bundleId: 'x' }, 'apnsNotifier.bundleId: '],
  ])('reject %j', (options, message) => {
    const refusal = refusalOf(() => notifier(options as never));
    expect(refusal.startsWith(message)).toBe(true);
    expectNoSecret(refusal, [PEM.slice(28)]);
  });

  it('have defaults, and accept a key of node:crypto', () => {
    const made = apnsNotifier({ teamId: 'TEAM123456', keyId: 'KEY1234567', privateKey, topic: 'com.example.app' });
    open.push(made);
    expect(made.types).toEqual(['com.apple.apns']);
    expect(refusalOf(() => apnsNotifier(undefined as never))).toBe('apnsNotifier: is required and must be an object');
  });
});
