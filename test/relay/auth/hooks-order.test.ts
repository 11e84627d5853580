import { randomUUID } from 'node:crypto';
import type { OperationName, Relay } from 'credential-relay';
import { describe, expect, test } from 'vitest';
import {
  bytesOf,
  DEVICE_OPERATIONS,
  everywhere,
  lenient,
  OPERATIONS,
  refusing,
  setScene,
  visitor,
  watchedRelay,
  watchForLeaks,
} from '../../support/auth/hooks.js';
import { type Answer, createBody, inSeconds, PUBLIC_URL, send, somePayload } from '../../support/relay/relay.js';
import { troubledStore } from '../../support/store/stores.js';

/* docs/protocol.md §5, order of checks: path, method, TLS, headers, body, hook, and then the mailbox. */

watchForLeaks();

const UNKNOWN = `${PUBLIC_URL}/v1/m/7d3f1c9a-5b0e-4c55-9d3a-3f1d1f5a9b11`;
const COLLECTION = `${PUBLIC_URL}/v1/m`;
const JSON_TYPE = { 'Content-Type': 'application/json' };
const sound = (): Record<string, string> => ({
  'Mailbox-Request-ID': randomUUID(),
  'Mailbox-Device-Claim': randomUUID(),
});
const without = (name: string): Record<string, string> => {
  const { [name]: _, ...rest } = sound();
  return rest;
};
const withExpiration = (expiration: string): unknown => createBody({ mailboxConfiguration: { expiration } });

type Call = readonly [method: string, url: string, headers: Record<string, string>, body?: unknown];

/** Requests with one defect, which the relay finds before it calls the authentication hook. */
const WRONG: ReadonlyArray<readonly [name: string, call: Call, status: number, code: string]> = [
  ['an unknown version', ['POST', `${PUBLIC_URL}/v2/m`, sound(), createBody()], 404, 'unsupported_version'],
  ['an unknown path', ['POST', `${COLLECTION}/`, sound(), createBody()], 404, 'not_found'],
  ['a malformed identifier', ['POST', `${COLLECTION}/1`, sound()], 404, 'mailbox_not_found'],
  ['a wrong method', ['DELETE', COLLECTION, sound()], 405, 'method_not_allowed'],
  ['an unknown method', ['PROPFIND', UNKNOWN, sound()], 405, 'method_not_allowed'],
  ['no request id', ['POST', COLLECTION, without('Mailbox-Request-ID'), createBody()], 400, 'request_id_missing'],
  [
    'an invalid request id',
    ['DELETE', UNKNOWN, { ...sound(), 'Mailbox-Request-ID': 'a b' }],
    400,
    'request_id_invalid',
  ],
  [
    'an invalid request id on a preview',
    ['GET', UNKNOWN, { 'Mailbox-Request-ID': 'x'.repeat(129) }],
    400,
    'request_id_invalid',
  ],
  ['no claim', ['POST', UNKNOWN, without('Mailbox-Device-Claim')], 400, 'claim_missing'],
  ['an invalid claim', ['PATCH', UNKNOWN, { ...sound(), 'Mailbox-Device-Claim': 'nobody' }], 401, 'claim_invalid'],
  ['another media type', ['PUT', UNKNOWN, { ...sound(), 'Content-Type': 'text/plain' }, '{}'], 415, 'media_type'],
  ['a body too large', ['POST', COLLECTION, sound(), 'x'.repeat(70_000)], 413, 'body_too_large'],
  ['a body too large that is ignored', ['DELETE', UNKNOWN, sound(), 'x'.repeat(70_000)], 413, 'body_too_large'],
  ['a body that is not JSON', ['POST', UNKNOWN, { ...sound(), ...JSON_TYPE }, '{'], 400, 'body_invalid'],
  ['no body', ['PUT', UNKNOWN, { ...sound(), ...JSON_TYPE }], 400, 'body_invalid'],
  ['a member missing', ['PUT', UNKNOWN, sound(), { payload: { type: 'AEAD_AES_128_GCM' } }], 400, 'body_invalid'],
  ['an expiration past', ['POST', COLLECTION, sound(), withExpiration(inSeconds(-60))], 400, 'expiration_out_of_range'],
];

describe('the relay finds the defect of a request before it calls the hook', () => {
  test.each(WRONG)('%s', async (_name, [method, url, headers, body], status, code) => {
    let asked = 0;
    const hook = (): { via: readonly string[] } => {
      asked += 1;
      return lenient();
    };
    const { relay } = watchedRelay({ authenticate: everywhere(hook), authorize: () => void hook() });
    const answer = await send(relay, method, url, headers, body);
    expect([answer.status, answer.json.code]).toEqual([status, code]);
    expect(asked).toBe(0);
  });

  test('the relay refuses a request over plain HTTP before the hook receives its credentials', async () => {
    let asked = 0;
    const { relay } = watchedRelay({
      publicUrl: 'https://relay.example/relay',
      authenticate: () => {
        asked += 1;
        return lenient();
      },
    });
    const over = (scheme: string): Promise<Answer> =>
      send(relay, 'POST', `${scheme}://relay.example/relay/v1/m`, sound(), createBody());
    expect((await over('http')).json.code).toBe('tls_required');
    expect(asked).toBe(0);
    expect((await over('https')).status).toBe(200);
    expect(asked).toBe(1);
  });

  test('OPTIONS calls no hook, because a preflight has no credentials', async () => {
    const { relay } = watchedRelay({ authenticate: everywhere(refusing('token_required')) });
    for (const url of [COLLECTION, UNKNOWN]) expect((await send(relay, 'OPTIONS', url, {})).status).toBe(204);
  });
});

describe('a refused request reveals nothing about any mailbox', () => {
  const REFUSALS = ['token_required', 'forbidden', 'rate_limited', 'authentication_unavailable'] as const;

  test.each(REFUSALS)('%s: unknown, unbound, bound, deleted and repeated get the same response', async (code) => {
    let hook = lenient as Parameters<typeof everywhere>[0];
    const site = await setScene({ authenticate: everywhere((input) => hook(input)) });
    const { open, taken } = site;
    const gone = await setGone(site.relay);
    const ids = { requestId: 'once-only' };
    expect((await open.sender.update(open.url, somePayload(), ids)).status).toBe(200);
    const created = createBody();
    expect((await open.sender.create(created, ids)).status).toBe(200);
    hook = refusing(code);
    const stranger = visitor(site.relay);
    const answers = [
      stranger.read(UNKNOWN),
      stranger.read(open.url),
      stranger.read(taken.url),
      stranger.read(gone),
      taken.receiver.read(taken.url),
      stranger.update(UNKNOWN),
      stranger.update(open.url),
      open.sender.update(open.url, somePayload(), ids),
      stranger.relinquish(UNKNOWN),
      taken.receiver.relinquish(taken.url),
      stranger.delete(UNKNOWN),
      open.sender.delete(open.url),
      stranger.delete(gone),
      stranger.create(createBody()),
      open.sender.create(created, ids),
    ];
    // Separate from the others: the answer to a browser can be a page, so this answer has Vary.
    const previews = [stranger.preview(UNKNOWN), stranger.preview(open.url), stranger.preview(gone)];
    for (const alike of [answers, previews]) {
      expect(new Set((await Promise.all(alike)).map(bytesOf)).size).toBe(1);
    }
    hook = lenient;
    expect((await open.sender.create(created, ids)).status).toBe(201);
    expect((await open.sender.update(open.url, somePayload(), ids)).status).toBe(201);
  });

  async function setGone(relay: Relay): Promise<string> {
    const sender = visitor(relay);
    const url = (await sender.create()).json.urlLink;
    expect((await sender.delete(url)).status).toBe(200);
    return url;
  }

  test.each(OPERATIONS)('the relay does not call the store for a refused %s', async (operation) => {
    const calls: string[] = [];
    const store = troubledStore((call) => void calls.push(call));
    let hook = lenient as Parameters<typeof everywhere>[0];
    const site = await setScene({ store, authenticate: everywhere((input) => hook(input)) });
    calls.length = 0;
    for (const refusal of [refusing('token_required'), refusing('authentication_unavailable'), () => undefined]) {
      hook = refusal as typeof hook;
      expect((await site.attempt(operation)).status).toBeGreaterThanOrEqual(400);
    }
    expect(calls).toEqual([]);
    hook = lenient;
    expect((await site.attempt(operation)).status).toBe(200);
    expect(calls).not.toEqual([]);
  });
});

describe('guarded operations', () => {
  const A = (): { via: string[] } => ({ via: ['A'] });
  const B = (): { via: string[] } => ({ via: ['B'] });
  type Guarded = Partial<Record<OperationName, 'A' | 'B'>>;
  const all = (by: 'A' | 'B'): Guarded => Object.fromEntries(DEVICE_OPERATIONS.map((name) => [name, by]));

  const TABLE: ReadonlyArray<readonly [name: string, hooks: object | undefined, guarded: Guarded]> = [
    ['no option guards no operation', undefined, {}],
    ['an empty object guards no operation', {}, {}],
    ['one hook guards create only', A, { create: 'A' }],
    ['default guards all operations except the preview', { default: A }, all('A')],
    ['preview guards the preview only', { preview: A }, { preview: 'A' }],
    ['default and preview guard all operations', { default: A, preview: B }, { ...all('A'), preview: 'B' }],
    ['a named operation replaces default', { create: B, default: A }, { ...all('A'), create: 'B' }],
    ['an operation with the value undefined uses default', { delete: undefined, default: A }, all('A')],
    ['read guards the read only', { read: A }, { read: 'A' }],
    ...OPERATIONS.map(
      (name) => [`${name} before default`, { [name]: B, default: A }, { ...all('A'), [name]: 'B' }] as const,
    ),
  ];

  test.each(TABLE)('%s', async (_name, hooks, guarded) => {
    const asked: Record<string, string> = {};
    const watch = (hook: unknown): unknown =>
      typeof hook === 'function'
        ? (input: { operation: string }) => {
            const answer = hook();
            asked[input.operation] = answer.via[0];
            return answer;
          }
        : hook;
    const authenticate =
      typeof hooks === 'object'
        ? Object.fromEntries(Object.entries(hooks).map(([name, hook]) => [name, watch(hook)]))
        : watch(hooks);
    const site = await setScene({ authenticate: authenticate as never });
    for (const operation of ['preview', 'update', 'read', 'relinquish', 'delete'] as const) {
      expect((await site.attempt(operation)).status, operation).toBe(200);
    }
    expect(asked).toEqual(guarded);
    const warned = site.of('relay.warned').map(({ warning }) => warning);
    expect(warned.includes('relay_open')).toBe(guarded.create === undefined);
  });

  test('HEAD is a preview, and the hook receives its method', async () => {
    const seen: string[] = [];
    const preview = (input: { operation: string; method: string }): { via: string[] } => {
      seen.push(`${input.operation} ${input.method}`);
      return A();
    };
    const site = await setScene({ authenticate: { preview } });
    for (const method of ['HEAD', 'GET']) await send(site.relay, method, site.open.url, {});
    expect(seen).toEqual(['preview HEAD', 'preview GET']);
  });

  test.each([
    ['authenticate', 1, 'authenticate: must be a function, or an object with a function per operation'],
    ['authenticate', null, 'authenticate: '],
    ['authenticate', { create: true }, 'authenticate.create: must be a function'],
    ['authenticate', { challenge: lenient }, 'authenticate.challenge: there is no such option'],
    ['authorize', {}, 'authorize: must be a function'],
    ['hookTimeoutMs', 0, 'hookTimeoutMs: '],
    ['hookTimeoutMs', 60_001, 'hookTimeoutMs: '],
    ['hookTimeoutMs', 1.5, 'hookTimeoutMs: '],
  ])('createRelay refuses %s: %j', (name, value, message) => {
    expect(() => watchedRelay({ [name]: value } as object)).toThrow(TypeError);
    expect(() => watchedRelay({ [name]: value } as object)).toThrow(message);
  });
});
