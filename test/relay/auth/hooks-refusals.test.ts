import { allOf, anyOf, challenge, RelayError, type RelayErrorCode, type RelayErrorDetails } from 'credential-relay';
import { describe, expect, test } from 'vitest';
import {
  everywhere,
  lenient,
  OPERATIONS,
  refusing,
  SECRET,
  setScene,
  tryCreate,
  visitor,
  watchedRelay,
  watchForLeaks,
} from '../../support/auth/hooks.js';
import { type Answer, createBody } from '../../support/relay/relay.js';

/* docs/protocol.md §6 and RFC 9110 §11.6.1, §15.5: the HTTP response to each refusal of a hook. */

watchForLeaks();

const DEVICE = 'Mailbox-Device-Claim realm="mailbox"';
const BEARER = 'Bearer realm="mailbox"';
const ATTESTATION = 'Mailbox-Device-Attestation realm="mailbox"';

/** The documented codes of hooks, and two further codes that a hook may throw. */
const REFUSALS: ReadonlyArray<readonly [code: RelayErrorCode, status: number, challenge: string | null]> = [
  ['token_required', 401, BEARER],
  ['token_invalid', 401, BEARER],
  ['attestation_required', 401, ATTESTATION],
  ['attestation_invalid', 401, ATTESTATION],
  ['claim_invalid', 401, DEVICE],
  ['not_bound', 401, DEVICE],
  ['header_repeated', 400, null],
  ['forbidden', 403, null],
  ['mailbox_not_found', 404, null],
  ['rate_limited', 429, null],
  ['quota_exceeded', 429, null],
  ['store_unavailable', 503, null],
  ['contention', 503, null],
  ['authentication_unavailable', 503, null],
];

const retries = (status: number): boolean => status === 429 || status === 503;

function expectRefusal(answer: Answer, code: string, status: number): void {
  expect([answer.status, answer.json.code, answer.json.status]).toEqual([status, code, status]);
  expect(answer.headers.get('Content-Type')).toBe('application/problem+json');
}

describe.each(REFUSALS)('a hook that throws %s', (code, status, scheme) => {
  test.each(['authenticate', 'authorize'] as const)(
    `from %s gets ${status} with the required headers`,
    async (which) => {
      const { relay, of } = watchedRelay({ authenticate: lenient, [which]: refusing(code) });
      const answer = await tryCreate(relay);
      expectRefusal(answer, code, status);
      expect(answer.headers.get('WWW-Authenticate')).toBe(scheme);
      expect(answer.headers.get('Retry-After')).toBe(retries(status) ? '1' : null);
      expect(of('request.completed').map((event) => [event.operation, event.status, event.code])).toEqual([
        ['create', status, code],
      ]);
      expect(of('mailbox.created')).toEqual([]);
      if (status < 500) expect(of('hook.failed')).toEqual([]);
    },
  );

  test('with its own header, in any case, replaces the default header', async () => {
    const headers = [
      ['www-authenticate', challenge('Bearer', { error: 'own' })[1]],
      ['RETRY-AFTER', '77'],
      ['DPoP-Nonce', 'n1'],
    ] as const;
    const { relay } = watchedRelay({ authenticate: refusing(code, { headers }) });
    const answer = await tryCreate(relay);
    expectRefusal(answer, code, status);
    expect(answer.headers.get('WWW-Authenticate')).toBe('Bearer realm="mailbox", error="own"');
    expect(answer.headers.get('Retry-After')).toBe('77');
    expect(answer.headers.get('DPoP-Nonce')).toBe('n1');
  });

  test('with another header keeps the default header', async () => {
    const { relay } = watchedRelay({ authenticate: refusing(code, { headers: [['DPoP-Nonce', 'n1']] }) });
    const answer = await tryCreate(relay);
    expect(answer.headers.get('WWW-Authenticate')).toBe(scheme);
    expect(answer.headers.get('Retry-After')).toBe(retries(status) ? '1' : null);
    expect(answer.headers.get('DPoP-Nonce')).toBe('n1');
  });
});

test('a response has all challenges of one refusal in order (RFC 9110 §11.6.1)', async () => {
  const headers = [challenge('DPoP', { algs: 'ES256' }), challenge('Bearer')];
  const { relay } = watchedRelay({ authenticate: refusing('token_required', { headers }) });
  expect((await tryCreate(relay)).headers.get('WWW-Authenticate')).toBe(
    'DPoP realm="mailbox", algs="ES256", Bearer realm="mailbox"',
  );
});

test('a response has detail and members of a refusal, but not its cause', async () => {
  const details: RelayErrorDetails = {
    detail: 'Ask for the scope create.',
    members: { scope: 'create' },
    cause: new Error(SECRET),
  };
  const { relay } = watchedRelay({ authenticate: refusing('forbidden', details) });
  const answer = await tryCreate(relay);
  expect(answer.json).toEqual({
    type: 'about:blank',
    title: expect.any(String),
    status: 403,
    code: 'forbidden',
    detail: 'Ask for the scope create.',
    scope: 'create',
  });
  expect(answer.text).not.toContain(SECRET);
});

test('the event of an outage names the cause that the hook reports, but not its message', async () => {
  const cause = Object.assign(new Error(SECRET), { code: 'ECONNREFUSED' });
  for (const code of ['authentication_unavailable', 'store_unavailable'] as const) {
    const { relay, of } = watchedRelay({ authenticate: refusing(code, { cause }) });
    expect((await tryCreate(relay)).status).toBe(503);
    expect(of('hook.failed')).toEqual([
      {
        type: 'hook.failed',
        hook: 'authenticate',
        operation: 'create',
        cause: 'ECONNREFUSED',
        reason: `The hook threw a RelayError with the code ${code}, and a cause.`,
        ms: expect.any(Number),
      },
    ]);
  }
});

test('the relay accepts a RelayError of another copy of the package', async () => {
  const foreign = Object.assign(new Error('foreign'), {
    [Symbol.for('credential-relay.RelayError')]: true,
    code: 'token_invalid',
    status: 401,
    details: {},
  });
  const { relay } = watchedRelay({
    authenticate: () => {
      throw foreign;
    },
  });
  const answer = await tryCreate(relay);
  expectRefusal(answer, 'token_invalid', 401);
  expect(answer.headers.get('WWW-Authenticate')).toBe(BEARER);
});

test('the relay accepts a subclass of RelayError, also through the combinators', async () => {
  class Blocked extends RelayError {}
  const hook = () => {
    throw new Blocked('forbidden', { detail: 'Blocked.' });
  };
  for (const authenticate of [hook, allOf(lenient, hook), anyOf(hook, refusing('token_invalid'))]) {
    expectRefusal(await tryCreate(watchedRelay({ authenticate }).relay), 'forbidden', 403);
  }
});

test('a 401 to any operation has a challenge', async () => {
  let hook = lenient as () => { via: readonly string[] };
  const site = await setScene({ authenticate: everywhere(() => hook()) });
  hook = refusing('token_invalid') as unknown as typeof hook;
  for (const operation of OPERATIONS) {
    const answer = await site.attempt(operation);
    expectRefusal(answer, 'token_invalid', 401);
    expect(answer.headers.get('WWW-Authenticate'), operation).toBe(BEARER);
  }
});

test('the response to a refused request has its request id', async () => {
  const { relay } = watchedRelay({ authenticate: refusing('token_required') });
  const answer = await visitor(relay).create(createBody(), { requestId: 'refused-1' });
  expect(answer.headers.get('Mailbox-Request-ID')).toBe('refused-1');
});
