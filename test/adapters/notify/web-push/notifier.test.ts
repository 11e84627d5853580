import { createPublicKey } from 'node:crypto';
import { Agent } from 'node:https';
import { jwtVerify } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import webPush from 'web-push';
import { type WebPushNotifierOptions, webPushNotifier } from '../../../../adapters/notify/web-push/index.js';
import type { Notifier } from '../../../../src/relay/notify/contract.js';
import { LOCALHOST } from '../../../support/network/tls.js';
import { newBrowser } from '../../../support/notify/browser.js';
import { expectNoSecret, pushOf, refusalOf } from '../../../support/notify/checks.js';
import { runProgram } from '../../../support/notify/exit.js';
import { answering, flood, type PushProvider, startPushProvider } from '../../../support/notify/provider.js';

/* Web Push: the requests, and the outcome of each answer. hosts.test.ts covers the endpoints. */

const NOW = 1_900_000_000_000;
const VAPID = webPush.generateVAPIDKeys();
const PATH = '/wpush/v2/gAAAAABk-the-secret-part-of-an-endpoint';
const SENT = { outcome: 'sent' };
const browser = newBrowser();

let service: PushProvider;
let token: string;
const open: Notifier[] = [];

function notifier(options: Partial<WebPushNotifierOptions> = {}): Notifier {
  const made = webPushNotifier({
    subject: 'mailto:ops@relay.example',
    ...VAPID,
    hosts: [`127.0.0.1:${service.port}`],
    ca: LOCALHOST.cert,
    clock: () => NOW,
    ...options,
  });
  open.push(made);
  return made;
}

beforeEach(async () => {
  service = await startPushProvider();
  service.answer(answering(201, { location: `${service.origin}/message` }, ''));
  token = browser.subscription(service.origin + PATH);
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((made) => made.close?.()));
  await service.close();
});

describe('a Web Push request', () => {
  it('has constant content, encrypted for the browser (RFC 8291)', async () => {
    const made = notifier();
    expect(await made.notify(pushOf(token))).toEqual(SENT);
    expect(await made.notify(pushOf(token))).toEqual(SENT);
    const [first, second] = service.requests;
    expect([first?.method, first?.path]).toEqual(['POST', PATH]);
    expect(first?.headers['content-encoding']).toBe('aes128gcm');
    for (const request of service.requests) expect(browser.decrypt(request.body)).toBe('{"hint":"changed"}');
    expect(first?.body.equals(second?.body ?? Buffer.alloc(0))).toBe(false);
    expect(() => newBrowser().decrypt(first?.body ?? Buffer.alloc(0))).toThrow();
  });

  it('is decrypted like the example of RFC 8291 §5', () => {
    const body =
      'DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A' +
      '_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN';
    const example = newBrowser('q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94', 'BTBZMqHH6r4Tts7J_aSIgg');
    expect(example.decrypt(Buffer.from(body, 'base64url'))).toBe('When I grow up, I want to be a watermelon');
  });

  it('is signed by the relay for this push service (RFC 8292 §2)', async () => {
    await notifier().notify(pushOf(token));
    const [, jwt, key] = /^vapid t=([^,]+), k=(.+)$/.exec(service.requests[0]?.headers.authorization ?? '') ?? [];
    expect(key).toBe(VAPID.publicKey);
    const point = Buffer.from(VAPID.publicKey, 'base64url');
    const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((part) => part.toString('base64url'));
    const publicKey = createPublicKey({ format: 'jwk', key: { kty: 'EC', crv: 'P-256', x: x ?? '', y: y ?? '' } });
    const { payload } = await jwtVerify(jwt ?? '', publicKey, { algorithms: ['ES256'], audience: service.origin });
    expect(payload.sub).toBe('mailto:ops@relay.example');
    // §2: at most 24 hours ahead.
    expect((payload.exp ?? 0) * 1000 - Date.now()).toBeLessThanOrEqual(24 * 3_600_000);
  });

  it.each([90_500, -1, 365 * 24 * 3_600_000])(
    'has a lifetime of a day for any deadline (%i ms) and no topic (RFC 8030 §5.2)',
    async (lifeMs) => {
      await notifier().notify(pushOf(token, { expiresAt: NOW + lifeMs }));
      expect(service.requests[0]?.headers).toMatchObject({ ttl: '86400', urgency: 'high' });
      expect(service.requests[0]?.headers).not.toHaveProperty('topic');
    },
  );

  it("ignores the host's global settings of the library", async () => {
    webPush.setGCMAPIKey('key-of-the-host');
    webPush.setVapidDetails(
      'https://host.example',
      ...(Object.values(webPush.generateVAPIDKeys()) as [string, string]),
    );
    await notifier().notify(pushOf(token));
    expect(service.requests[0]?.headers.authorization).toContain(`k=${VAPID.publicKey}`);
    webPush.setGCMAPIKey(null);
  });

  it('reuses one connection, and uses the option agent, which stays open', async () => {
    const agent = new Agent({ keepAlive: true });
    const made = [notifier(), notifier({ agent })];
    for (const each of made) for (let n = 0; n < 3; n += 1) expect(await each.notify(pushOf(token))).toEqual(SENT);
    expect(service.connections).toBe(2);
    expect(Object.values(agent.freeSockets).flat()).toHaveLength(1);
    await made[1]?.close?.();
    expect(
      Object.values(agent.freeSockets)
        .flat()
        .map((socket) => socket?.destroyed),
    ).toEqual([false]);
    agent.destroy();
  });
});

describe('the outcome of a Web Push response', () => {
  it.each([
    [200, SENT],
    [201, SENT],
    [202, SENT],
    [400, { outcome: 'rejected', code: 'http_400' }],
    [401, { outcome: 'rejected', code: 'http_401' }],
    [403, { outcome: 'rejected', code: 'http_403' }],
    [404, { outcome: 'gone', code: 'http_404' }],
    [410, { outcome: 'gone', code: 'http_410' }],
    [413, { outcome: 'rejected', code: 'http_413' }],
    [429, { outcome: 'retry', retryAfterMs: 20_000, code: 'http_429', fault: 'token' }],
    [500, { outcome: 'retry', retryAfterMs: 20_000, code: 'http_500' }],
    [503, { outcome: 'retry', retryAfterMs: 20_000, code: 'http_503' }],
  ])('with %i', async (status, outcome) => {
    service.answer(answering(status, { 'retry-after': '20' }, `{"endpoint":"${PATH}`));
    expect(await notifier().notify(pushOf(token))).toEqual(outcome);
    service.answer(answering(status, { 'retry-after': new Date(NOW + 20_000).toUTCString() }, token));
    expect(await notifier().notify(pushOf(token))).toEqual(outcome);
  });

  it('that is endless is decided after 16 KiB', async () => {
    const written = new Promise<number>((resolve) => {
      service.answer((response) => resolve(flood(response, 410)));
    });
    expect(await notifier().notify(pushOf(token))).toEqual({ outcome: 'gone', code: 'http_410' });
    expect(await written).toBeLessThan(32 * 1024 * 1024);
  });

  it('that does not come is retry: hanging, lost, refused, another certificate', async () => {
    const made = notifier({ timeoutMs: 200 });
    service.answer(() => undefined);
    expect(await made.notify(pushOf(token))).toEqual({ outcome: 'retry', code: 'timeout' });
    service.answer((response) => response.socket?.destroy());
    expect(await made.notify(pushOf(token))).toEqual({ outcome: 'retry', code: 'ECONNRESET' });
    const strict = notifier({ ca: undefined });
    expect(await strict.notify(pushOf(token))).toEqual({ outcome: 'retry', code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    await service.close();
    const outcome = await made.notify(pushOf(token));
    expect(outcome).toEqual({ outcome: 'retry', code: 'ECONNREFUSED' });
    expectNoSecret(outcome, [token, PATH]);
  });
});

describe('the end of the Web Push notifier', () => {
  it('ends pushes with their signal, and with close', async () => {
    const made = notifier();
    service.answer(() => undefined);
    const abort = new AbortController();
    const aborted = made.notify(pushOf(token, { signal: abort.signal }));
    await service.arrived(1);
    abort.abort();
    expect(await aborted).toEqual({ outcome: 'retry', code: 'aborted' });
    const closed = made.notify(pushOf(token));
    await service.arrived(2);
    await made.close?.();
    expect(await closed).toEqual({ outcome: 'retry', code: 'closed' });
    expect(await made.notify(pushOf(token))).toEqual({ outcome: 'retry', code: 'closed' });
    expect(service.requests).toHaveLength(2);
  });

  it('does not keep the process alive, nor do idle connections', async () => {
    const program = (close: boolean): string => `
      import { webPushNotifier } from 'ADAPTERS/web-push/index.js';
      const { token, ...options } = JSON.parse(process.env.INPUT ?? '');
      const made = webPushNotifier({ ...options, ca: process.env.CA });
      const push = { type: 'x', tokenData: token, expiresAt: 4e12, signal: new AbortController().signal };
      console.log((await made.notify(push)).outcome, (await made.notify(push)).outcome);
      ${close ? 'await made.close?.();' : ''}
    `;
    const input = { token, subject: 'mailto:a@b.example', ...VAPID, hosts: [`127.0.0.1:${service.port}`] };
    for (const close of [false, true]) {
      expect(await runProgram(program(close), input)).toEqual({ code: 0, output: 'sent sent\n' });
    }
  });
});

describe('the options of webPushNotifier', () => {
  const other = webPush.generateVAPIDKeys();
  it.each([
    [{ subject: 'ops@relay.example' }, 'webPushNotifier.subject: '],
    [{ subject: 'https://localhost' }, 'webPushNotifier.subject: '],
    [{ publicKey: 'short' }, 'webPushNotifier.publicKey: '],
    [{ publicKey: other.publicKey }, 'webPushNotifier.publicKey: must belong'],
    [{ privateKey: `${VAPID.privateKey}=` }, 'webPushNotifier.privateKey: '],
    [{ privateKey: Buffer.alloc(32).toString('base64url') }, 'webPushNotifier.publicKey: must belong'],
    [{ hosts: [] }, 'webPushNotifier.hosts: '],
    [{ hosts: ['*'] }, 'webPushNotifier.hosts.0: '],
    [{ hosts: ['a.example', '*.com'] }, 'webPushNotifier.hosts.1: '],
    [{ hosts: ['a.*.example'] }, 'webPushNotifier.hosts.0: '],
    [{ hosts: ['*.10.0.0.1'] }, 'webPushNotifier.hosts.0: '],
    [{ hosts: ['https://a.example'] }, 'webPushNotifier.hosts.0: '],
    [{ hosts: ['a.example/path'] }, 'webPushNotifier.hosts.0: '],
    [{ hosts: ['a.example:443'] }, 'webPushNotifier.hosts.0: '],
    [{ hosts: ['A.example'] }, 'webPushNotifier.hosts.0: '],
    [{ hosts: ['a.example.'] }, 'webPushNotifier.hosts.0: '],
    [{ hosts: ['127.1'] }, 'webPushNotifier.hosts.0: '],
    [{ hosts: ['user@a.example'] }, 'webPushNotifier.hosts.0: '],
    [{ hosts: [''] }, 'webPushNotifier.hosts.0: '],
    [{ privateAddresses: 'yes' }, 'webPushNotifier.privateAddresses: '],
    [{ agent: {} }, 'webPushNotifier.agent: '],
    [{ lookup: 'dns' }, 'webPushNotifier.lookup: '],
    [{ timeoutMs: -1 }, 'webPushNotifier.timeoutMs: '],
    [{ vapid: {} }, 'webPushNotifier.vapid: '],
  ])('reject %j', (options, message) => {
    const refusal = refusalOf(() => notifier(options as never));
    expect(refusal.startsWith(message)).toBe(true);
    expectNoSecret(refusal, [VAPID.privateKey]);
  });
});
