import { generateKeyPairSync } from 'node:crypto';
import { jwtVerify } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FcmNotifierOptions, fcmNotifier } from '../../../../adapters/notify/fcm/index.js';
import type { Notifier } from '../../../../src/relay/notify/contract.js';
import { LOCALHOST } from '../../../support/network/tls.js';
import { expectNoSecret, expectPlainCode, pushOf, refusalOf } from '../../../support/notify/checks.js';
import { runProgram } from '../../../support/notify/exit.js';
import {
  type Answer,
  answering,
  drip,
  flood,
  type PushProvider,
  startPushProvider,
} from '../../../support/notify/provider.js';

/* FCM: the access token, the message, and the outcome of each answer. */

const NOW = 1_900_000_000_000;
const TOKEN = 'dEvIcE_tOkEn-123:APA91bHun4MxP5egoKMwt2KZFBaFUH-1RYqx';
const ACCESS = 'ya29.access-token-of-the-service-account';
const SEND = '/v1/projects/example-app/messages:send';
const TOKEN_PATH = '/token?of=account';
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const PEM = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const ACCOUNT = {
  type: 'service_account',
  project_id: 'example-app',
  private_key_id: 'key-1',
  private_key: PEM,
  client_email: 'pusher@example-app.iam.gserviceaccount.com',
};
const SENT = { outcome: 'sent' };

let fcm: PushProvider;
let time: number;
let issued: number;
const open: Notifier[] = [];

function notifier(options: Partial<FcmNotifierOptions> = {}): Notifier {
  const made = fcmNotifier({
    serviceAccount: { ...ACCOUNT, token_uri: `${fcm.origin}${TOKEN_PATH}` },
    origin: fcm.origin,
    ca: LOCALHOST.cert,
    clock: () => time,
    ...options,
  });
  open.push(made);
  return made;
}

/** Issues a new access token per request. */
const issuing: Answer = (response) => {
  issued += 1;
  answering(
    200,
    {},
    { access_token: `${ACCESS}-${issued}`, expires_in: 3599, token_type: 'Bearer' },
  )(response, {
    method: '',
    path: '',
    headers: {},
    body: Buffer.alloc(0),
  });
};

/** An error body of Google's APIs. */
function errorBody(status: string, ...details: unknown[]): unknown {
  return { error: { code: 400, message: `About ${TOKEN}`, status, details } };
}

const fcmError = (errorCode: string) => ({ '@type': 'type.googleapis.com/google.firebase.fcm.v1.FcmError', errorCode });
const badRequest = (field: string) => ({
  '@type': 'type.googleapis.com/google.rpc.BadRequest',
  fieldViolations: [{ field, description: `Invalid value ${TOKEN}` }],
});

const at = (path: string) => fcm.requests.filter((request) => request.path === path);

beforeEach(async () => {
  time = NOW;
  issued = 0;
  fcm = await startPushProvider();
  fcm.answer(issuing, TOKEN_PATH);
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((made) => made.close?.()));
  await fcm.close();
});

describe('the access token for FCM (RFC 7523 §2.1)', () => {
  it("is requested with an assertion signed with the account's key", async () => {
    await notifier().notify(pushOf(TOKEN));
    const [request] = at(TOKEN_PATH);
    expect(request?.headers['content-type']).toBe('application/x-www-form-urlencoded');
    const form = new URLSearchParams(request?.body.toString());
    expect(form.get('grant_type')).toBe('urn:ietf:params:oauth:grant-type:jwt-bearer');
    const { payload, protectedHeader } = await jwtVerify(form.get('assertion') ?? '', publicKey, {
      currentDate: new Date(NOW),
      algorithms: ['RS256'],
      audience: `${fcm.origin}${TOKEN_PATH}`,
      issuer: ACCOUNT.client_email,
    });
    expect(protectedHeader).toEqual({ alg: 'RS256', typ: 'JWT', kid: 'key-1' });
    expect(payload.scope).toBe('https://www.googleapis.com/auth/firebase.messaging');
    expect(payload.iat).toBe(NOW / 1000);
    // RFC 7523 §3 requires an expiry. Google accepts one hour at most.
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBeLessThanOrEqual(3600);
    expect(at(SEND)[0]?.headers.authorization).toBe(`Bearer ${ACCESS}-1`);
  });

  it('is requested once for concurrent pushes, and kept until a minute before its expiration', async () => {
    const made = notifier();
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => made.notify(pushOf(TOKEN))));
    expect(outcomes).toEqual(Array.from({ length: 20 }, () => SENT));
    time += (3599 - 60) * 1000 - 1;
    await made.notify(pushOf(TOKEN));
    expect(issued).toBe(1);
    time += 1;
    await made.notify(pushOf(TOKEN));
    expect(issued).toBe(2);
    expect(at(SEND).at(-1)?.headers.authorization).toBe(`Bearer ${ACCESS}-2`);
  });

  it('is requested once more after a 401 of FCM, then the push is rejected', async () => {
    const made = notifier();
    fcm.answer(answering(401, {}, errorBody('UNAUTHENTICATED')), SEND);
    expect(await made.notify(pushOf(TOKEN))).toEqual({ outcome: 'rejected', code: 'UNAUTHENTICATED' });
    expect(at(SEND).map(({ headers }) => headers.authorization)).toEqual([`Bearer ${ACCESS}-1`, `Bearer ${ACCESS}-2`]);
    fcm.answer((response, { headers }) => {
      response.writeHead(headers.authorization === `Bearer ${ACCESS}-3` ? 401 : 200).end('{}');
    }, SEND);
    expect(await made.notify(pushOf(TOKEN))).toEqual(SENT);
    expect(issued).toBe(4);
  });

  it('is kept after a 401 THIRD_PARTY_AUTH_ERROR, which concerns the device', async () => {
    const made = notifier();
    fcm.answer(answering(401, {}, errorBody('UNAUTHENTICATED', fcmError('THIRD_PARTY_AUTH_ERROR'))), SEND);
    for (let n = 0; n < 3; n += 1) {
      expect(await made.notify(pushOf(TOKEN))).toEqual({ outcome: 'rejected', code: 'THIRD_PARTY_AUTH_ERROR' });
    }
    expect([issued, at(SEND).length]).toEqual([1, 3]);
  });

  it.each([
    [400, { error: 'invalid_grant' }, { outcome: 'rejected', code: 'invalid_grant' }],
    [401, { error: 'invalid_client' }, { outcome: 'rejected', code: 'invalid_client' }],
    [403, '<html>', { outcome: 'rejected', code: 'token_http_403' }],
    [302, '', { outcome: 'rejected', code: 'token_http_302' }],
    [429, {}, { outcome: 'retry', retryAfterMs: 9_000, code: 'token_http_429' }],
    [503, {}, { outcome: 'retry', retryAfterMs: 9_000, code: 'token_http_503' }],
    [200, 'garbage', { outcome: 'retry', code: 'token_answer_invalid' }],
    [200, { access_token: 'a\r\nb', expires_in: 3599 }, { outcome: 'retry', code: 'token_answer_invalid' }],
    [200, { access_token: 'a', expires_in: 'soon' }, { outcome: 'retry', code: 'token_answer_invalid' }],
  ])('decides the outcome if the endpoint answers %i %j', async (status, body, outcome) => {
    fcm.answer(answering(status, { 'retry-after': '9', location: `${fcm.origin}/elsewhere` }, body), TOKEN_PATH);
    const made = notifier();
    expect(await made.notify(pushOf(TOKEN))).toEqual(outcome);
    fcm.answer(issuing, TOKEN_PATH);
    // The notifier does not call the endpoint for its Retry-After, or for a second, also if the clock is set back.
    time += (status >= 429 ? 9_000 : 1_000) - 1;
    expect(await made.notify(pushOf(TOKEN))).toEqual(outcome);
    expect([issued, at(SEND).length]).toEqual([0, 0]);
    time += 1;
    expect(await made.notify(pushOf(TOKEN))).toEqual(SENT);
  });

  it('is requested again after a failure, also if the clock is set back', async () => {
    fcm.answer(answering(503), TOKEN_PATH);
    const made = notifier();
    await made.notify(pushOf(TOKEN));
    fcm.answer(issuing, TOKEN_PATH);
    time -= 3_600_000;
    expect(await made.notify(pushOf(TOKEN))).toEqual(SENT);
  });

  it.each<[string, Answer, string]>([
    ['hangs', () => undefined, 'timeout'],
    [
      'switches protocols',
      ({ socket }) => socket?.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'),
      'upgraded',
    ],
    ['is cut', ({ socket }) => socket?.destroy(), 'ECONNRESET'],
    ['trickles', ({ socket }) => void drip(socket, 'HTTP/1.1 200 OK\r\nx-drip: '), 'timeout'],
    ['has no end', (response) => void flood(response), 'token_answer_invalid'],
  ])('of an endpoint that %s is abandoned and requested again', async (_what, answer, code) => {
    fcm.answer(answer, TOKEN_PATH);
    const made = notifier({ timeoutMs: 300 });
    expect(await made.notify(pushOf(TOKEN))).toEqual({ outcome: 'retry', code });
    fcm.answer(issuing, TOKEN_PATH);
    time += 1_000;
    expect(await made.notify(pushOf(TOKEN))).toEqual(SENT);
  });

  it('is still requested for other pushes if one waiting push is aborted', async () => {
    const pending: (() => void)[] = [];
    fcm.answer((response, request) => pending.push(() => issuing(response, request)), TOKEN_PATH);
    const made = notifier();
    const abort = new AbortController();
    const first = made.notify(pushOf(TOKEN, { signal: abort.signal }));
    const second = made.notify(pushOf(TOKEN));
    await fcm.arrived(1);
    abort.abort();
    expect(await first).toEqual({ outcome: 'retry', code: 'aborted' });
    pending[0]?.();
    expect(await second).toEqual(SENT);
    expect(issued).toBe(1);
  });
});

describe('a message to FCM', () => {
  it.each([90_500, -5_000, 100 * 24 * 3_600_000])(
    'has constant data and a lifetime of a day, for any deadline (%i ms)',
    async (lifeMs) => {
      expect(await notifier().notify(pushOf(TOKEN, { expiresAt: NOW + lifeMs }))).toEqual(SENT);
      const [request] = at(SEND);
      expect(request?.method).toBe('POST');
      expect(request?.headers['content-type']).toBe('application/json');
      expect(JSON.parse(request?.body.toString() ?? '')).toEqual({
        message: { token: TOKEN, data: { hint: 'changed' }, android: { priority: 'high', ttl: '86400s' } },
      });
    },
  );

  it('accepts any token without spaces', () => {
    const { validate } = notifier();
    expect([TOKEN, 'x'.repeat(4096)].map((token) => validate?.(token))).toEqual([true, true]);
    expect(['', 'a b', 'x'.repeat(4097), 'a\n', 'ä'].map((token) => validate?.(token))).toEqual(Array(5).fill(false));
  });
});

describe('the outcome of an FCM response', () => {
  it.each([
    [200, { name: 'projects/example-app/messages/1' }, SENT],
    [200, 'garbage', SENT],
    [404, errorBody('NOT_FOUND', fcmError('UNREGISTERED')), { outcome: 'gone', code: 'UNREGISTERED' }],
    [404, errorBody('NOT_FOUND'), { outcome: 'rejected', code: 'NOT_FOUND' }],
    [404, '<html>', { outcome: 'rejected', code: 'http_404' }],
    [400, errorBody('INVALID_ARGUMENT', fcmError('INVALID_ARGUMENT')), { outcome: 'gone', code: 'INVALID_ARGUMENT' }],
    [
      400,
      errorBody('INVALID_ARGUMENT', badRequest('message.token'), fcmError('INVALID_ARGUMENT')),
      { outcome: 'gone', code: 'INVALID_ARGUMENT' },
    ],
    [
      400,
      errorBody('INVALID_ARGUMENT', badRequest('message.android.ttl'), fcmError('INVALID_ARGUMENT')),
      { outcome: 'rejected', code: 'INVALID_ARGUMENT' },
    ],
    [400, errorBody('INVALID_ARGUMENT'), { outcome: 'rejected', code: 'INVALID_ARGUMENT' }],
    [400, { error: { details: 7, status: {} } }, { outcome: 'rejected', code: 'http_400' }],
    [400, 'null', { outcome: 'rejected', code: 'http_400' }],
    [
      403,
      errorBody('PERMISSION_DENIED', fcmError('SENDER_ID_MISMATCH')),
      { outcome: 'rejected', code: 'SENDER_ID_MISMATCH' },
    ],
    [410, {}, { outcome: 'rejected', code: 'http_410' }],
    [302, {}, { outcome: 'rejected', code: 'http_302' }],
    [
      429,
      errorBody('RESOURCE_EXHAUSTED', fcmError('QUOTA_EXCEEDED')),
      { outcome: 'retry', code: 'QUOTA_EXCEEDED', fault: 'token' },
    ],
    [500, errorBody('INTERNAL', fcmError('INTERNAL')), { outcome: 'retry', code: 'INTERNAL' }],
    [502, '<html>', { outcome: 'retry', code: 'http_502' }],
    [503, errorBody('UNAVAILABLE', fcmError('UNAVAILABLE')), { outcome: 'retry', code: 'UNAVAILABLE' }],
    [
      503,
      errorBody(TOKEN.slice(0, 9), fcmError('APA91bHun4MxP5egoKMwt2KZFBaFUH')),
      { outcome: 'retry', code: 'http_503' },
    ],
  ])('with %i %j', async (status, body, outcome) => {
    fcm.answer(answering(status, { location: `${fcm.origin}/elsewhere` }, body), SEND);
    const answer = await notifier().notify(pushOf(TOKEN));
    expect(answer).toEqual(outcome);
    expectNoSecret(answer, [TOKEN, ACCESS]);
    expect(fcm.requests).toHaveLength(2);
  });

  it.each([
    ['11', 11_000],
    [new Date(NOW + 60_000).toUTCString(), 60_000],
    ['Sunday, 17-Mar-30 17:47:40 GMT', 60_000],
    ['Sun Mar 17 17:47:40 2030', 60_000],
  ])('waits for Retry-After: %s, in any time zone (RFC 9110 §5.6.7)', async (header, retryAfterMs) => {
    const { TZ } = process.env;
    process.env.TZ = 'America/New_York';
    try {
      expect(new Date(NOW).getTimezoneOffset()).not.toBe(0);
      fcm.answer(answering(429, { 'retry-after': header }, errorBody('QUOTA')), SEND);
      expect(await notifier().notify(pushOf(TOKEN))).toEqual({
        outcome: 'retry',
        retryAfterMs,
        code: 'QUOTA',
        fault: 'token',
      });
    } finally {
      if (TZ === undefined) delete process.env.TZ;
      else process.env.TZ = TZ;
    }
  });
});

describe('a push without a response of FCM', () => {
  it('gets the outcome retry: hanging, lost, refused', async () => {
    const made = notifier({ timeoutMs: 200 });
    fcm.answer(() => undefined, SEND);
    expect(await made.notify(pushOf(TOKEN))).toEqual({ outcome: 'retry', code: 'timeout' });
    fcm.answer((response) => response.socket?.destroy(), SEND);
    expect(await made.notify(pushOf(TOKEN))).toEqual({ outcome: 'retry', code: 'ECONNRESET' });
    fcm.answer((response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('{', () => response.socket?.destroy());
    }, SEND);
    expect(await made.notify(pushOf(TOKEN))).toEqual(SENT);
    await fcm.close();
    expect(await made.notify(pushOf(TOKEN))).toEqual({ outcome: 'retry', code: 'ECONNREFUSED' });
  });

  it('ends with the signal of the push, and with the notifier', async () => {
    const made = notifier();
    fcm.answer(() => undefined, SEND);
    const abort = new AbortController();
    const aborted = made.notify(pushOf(TOKEN, { signal: abort.signal }));
    await fcm.arrived(2);
    abort.abort(new Error(TOKEN));
    expect(await aborted).toEqual({ outcome: 'retry', code: 'aborted' });
    expect(await made.notify(pushOf(TOKEN, { signal: abort.signal }))).toEqual({ outcome: 'retry', code: 'aborted' });
    const closed = made.notify(pushOf(TOKEN));
    await fcm.arrived(3);
    await made.close?.();
    expect(await closed).toEqual({ outcome: 'retry', code: 'closed' });
    expect(await made.notify(pushOf(TOKEN))).toEqual({ outcome: 'retry', code: 'closed' });
    expect(fcm.requests).toHaveLength(3);
  });

  it('leaves no connection that keeps a process alive', async () => {
    const program = (close: boolean): string => `
      import { fcmNotifier } from 'ADAPTERS/fcm/index.js';
      const { serviceAccount, origin } = JSON.parse(process.env.INPUT ?? '');
      const made = fcmNotifier({ serviceAccount, origin, ca: process.env.CA });
      const push = { type: 'x', tokenData: 'abc', expiresAt: 4e12, signal: new AbortController().signal };
      console.log((await made.notify(push)).outcome, (await made.notify(push)).outcome);
      ${close ? 'await made.close?.();' : ''}
    `;
    const input = { serviceAccount: { ...ACCOUNT, token_uri: `${fcm.origin}${TOKEN_PATH}` }, origin: fcm.origin };
    for (const close of [false, true]) {
      expect(await runProgram(program(close), input)).toEqual({ code: 0, output: 'sent sent\n' });
    }
    // One connection for the token and both messages.
    expect(fcm.connections).toBe(2);
  });
});

describe('the options of fcmNotifier', () => {
  const account = (change: object) => ({ serviceAccount: { ...ACCOUNT, ...change } });
  it.each([
    [{ serviceAccount: undefined }, 'fcmNotifier.serviceAccount: '],
    [{ serviceAccount: '{}' }, 'fcmNotifier.serviceAccount: '],
    [account({ project_id: '../x' }), 'fcmNotifier.serviceAccount.project_id: '],
    [account({ client_email: undefined }), 'fcmNotifier.serviceAccount.client_email: '],
    [account({ private_key: PEM.replace('M', 'x') }), 'fcmNotifier.serviceAccount.private_key: '],
    [
      account({ private_key: publicKey.export({ type: 'spki', format: 'pem' }) }),
      'fcmNotifier.serviceAccount.private_key: ',
    ],
    [account({ token_uri: 'http://127.0.0.1/' }), 'fcmNotifier.serviceAccount.token_uri: '],
    [account({ token_uri: 'https://u:p@a.example/' }), 'fcmNotifier.serviceAccount.token_uri: '],
    [{ origin: 'fcm.googleapis.com' }, 'fcmNotifier.origin: '],
    [{ timeoutMs: 1.5 }, 'fcmNotifier.timeoutMs: '],
    [{ types: 'com.google.fcm' }, 'fcmNotifier.types: '],
    [{ ca: 7 }, 'fcmNotifier.ca: '],
    [{ projectId: 'x' }, 'fcmNotifier.projectId: '],
  ])('reject %#', (options, message) => {
    const refusal = refusalOf(() => notifier(options as never));
    expect(refusal.startsWith(message)).toBe(true);
    expectNoSecret(refusal, [PEM.slice(28)]);
  });

  it('have defaults for all but the account', () => {
    const made = fcmNotifier({ serviceAccount: ACCOUNT });
    open.push(made);
    expect(made.types).toEqual(['com.google.fcm']);
  });
});

describe('the codes of fcmNotifier', () => {
  it('are plain words for any response of the provider', async () => {
    const made = notifier();
    for (const word of ['two words', 'x'.repeat(65), '', 'ünïcode', 'A-B', '<b>']) {
      fcm.answer(answering(418, {}, errorBody(word, fcmError(word))), SEND);
      const outcome = await made.notify(pushOf(TOKEN));
      expect(outcome).toEqual({ outcome: 'rejected', code: 'http_418' });
      expectPlainCode(outcome);
    }
  });
});
