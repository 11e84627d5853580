import {
  type AuthenticationHook,
  allOf,
  allowAnonymous,
  anyOf,
  challenge,
  deviceAttestation,
  type RelayErrorCode,
} from 'credential-relay';
import { describe, expect, test } from 'vitest';
import { lenient, refusing, SECRET, watchForLeaks } from '../../support/auth/hooks.js';
import { being, judge, noting } from '../../support/auth/judge.js';
import { RETURNS, THROWS } from '../../support/auth/misbehaviour.js';

/* anyOf in a relay: admitted requests, and the answer if every hook refuses. */

watchForLeaks();

describe('anyOf', () => {
  test('returns the result of the first hook that admits the request, and calls no later hook', async () => {
    const asked: string[] = [];
    const principal = { app: 'a', scopes: ['x'], via: ['second'] };
    const hook = anyOf(
      noting(refusing('token_invalid'), asked, 'first'),
      noting(being(principal), asked, 'second'),
      noting(lenient, asked, 'third'),
    );
    expect((await judge(hook)).principal).toEqual(principal);
    expect(asked).toEqual(['first', 'second']);
  });

  test('allows anonymous access only through an explicit hook', async () => {
    expect((await judge(allowAnonymous())).principal).toEqual({ via: ['anonymous'] });
    const { principal, status } = await judge(anyOf(refusing('token_required'), allowAnonymous()));
    expect([status, principal]).toEqual([200, { via: ['anonymous'] }]);
  });

  test.each([...RETURNS, ...THROWS])(
    'treats a hook that $name as an outage, and calls the next hook',
    async ({ run, cause }) => {
      const garbage = run as AuthenticationHook;
      for (const hook of [
        anyOf(garbage, lenient),
        anyOf(refusing('forbidden'), garbage, lenient),
        anyOf(anyOf(garbage), lenient),
      ]) {
        const { status, of } = await judge(hook);
        expect(status).toBe(200);
        expect(of('hook.failed')).toMatchObject([{ hook: 'authenticate', operation: 'create', cause }]);
      }
      for (const hook of [
        anyOf(garbage),
        anyOf(garbage, refusing('token_invalid')),
        anyOf(refusing('forbidden'), garbage),
      ]) {
        const { status, code, of } = await judge(hook);
        expect([status, code]).toEqual([503, 'authentication_unavailable']);
        expect(of('hook.failed')).toHaveLength(1);
      }
    },
  );

  test('emits one event per outage, for every outcome', async () => {
    const down = (code: string) =>
      refusing('authentication_unavailable', { cause: Object.assign(new Error(SECRET), { code }) });
    const TABLE: ReadonlyArray<readonly [AuthenticationHook, number, string[]]> = [
      [anyOf(down('ONE'), lenient), 200, ['ONE']],
      [anyOf(down('ONE'), down('TWO'), lenient), 200, ['ONE', 'TWO']],
      [anyOf(anyOf(down('ONE'), lenient), down('NEVER')), 200, ['ONE']],
      [allOf(anyOf(down('ONE'), lenient), anyOf(down('TWO'), lenient)), 200, ['ONE', 'TWO']],
      [allOf(anyOf(down('ONE'), lenient), refusing('forbidden')), 403, ['ONE']],
      [anyOf(down('ONE'), refusing('forbidden'), down('TWO')), 503, ['ONE', 'TWO']],
      [anyOf(refusing('forbidden'), refusing('token_invalid')), 403, []],
      [anyOf(refusing('store_unavailable'), lenient), 200, ['store_unavailable']],
    ];
    for (const [hook, status, causes] of TABLE) {
      const { answer, of } = await judge((input) => hook({ ...input }));
      expect(answer.status).toBe(status);
      expect(
        of('hook.failed')
          .map((event) => event.cause)
          .sort(),
      ).toEqual(causes);
    }
  });

  /** The heaviest code first. Codes in one row weigh the same. */
  const WEIGHTS: ReadonlyArray<readonly RelayErrorCode[]> = [
    ['authentication_unavailable', 'store_unavailable', 'internal_error'],
    ['rate_limited', 'quota_exceeded'],
    ['forbidden'],
    ['header_repeated'],
    ['token_invalid', 'attestation_invalid'],
    ['token_required', 'attestation_required'],
  ];
  const PAIRS = WEIGHTS.flatMap((row, at) =>
    row.flatMap((one) => WEIGHTS.slice(at).flatMap((others, below) => others.map((other) => ({ one, other, below })))),
  );

  test.each(PAIRS)(
    'reports the heavier of $one and $other, or the first of equal weights',
    async ({ one, other, below }) => {
      expect((await judge(anyOf(refusing(one), refusing(other)))).code).toBe(one);
      expect((await judge(anyOf(refusing(other), refusing(one)))).code).toBe(below === 0 ? other : one);
    },
  );

  test('reports the heaviest of many refusals in any order', async () => {
    const codes = WEIGHTS.map(([code]) => code as RelayErrorCode);
    for (let turn = 0; turn < codes.length; turn += 1) {
      const order = [...codes.slice(turn), ...codes.slice(0, turn)];
      expect((await judge(anyOf(...order.map((code) => refusing(code))))).code).toBe('authentication_unavailable');
      const without = order.filter((code) => code !== 'authentication_unavailable');
      expect((await judge(anyOf(...without.map((code) => refusing(code))))).code).toBe('rate_limited');
    }
  });

  test('keeps detail, members and headers of the reported refusal, and none of lighter refusals', async () => {
    const heavy = refusing('rate_limited', {
      detail: 'Slower.',
      members: { limit: 5 },
      headers: [['Retry-After', '9']],
    });
    const light = refusing('token_invalid', { headers: [challenge('Bearer'), ['DPoP-Nonce', 'n']] });
    const { answer } = await judge(anyOf(light, heavy));
    expect(answer.json).toMatchObject({ status: 429, detail: 'Slower.', limit: 5 });
    expect(answer.headers.get('Retry-After')).toBe('9');
    expect([answer.headers.has('WWW-Authenticate'), answer.headers.has('DPoP-Nonce')]).toEqual([false, false]);
  });

  test('answers 401 with one challenge per scheme, the heaviest first, and keeps the first of other headers', async () => {
    const bare = refusing('token_required', {
      headers: [challenge('Bearer'), challenge('DPoP', { algs: 'ES256' }), ['dpop-nonce', 'later']],
    });
    const sent = refusing('token_invalid', {
      headers: [challenge('bearer', { error: 'invalid_token' }), ['DPoP-Nonce', 'first']],
    });
    const own = refusing('attestation_required', { headers: [challenge('Own'), ['X-Own', 'own']] });
    const { answer, code } = await judge(anyOf(bare, own, sent));
    expect(code).toBe('token_invalid');
    expect(answer.headers.get('WWW-Authenticate')).toBe(
      'bearer realm="mailbox", error="invalid_token", DPoP realm="mailbox", algs="ES256", Own realm="mailbox"',
    );
    expect(answer.headers.get('DPoP-Nonce')).toBe('first');
    expect(answer.headers.get('X-Own')).toBe('own');
  });

  test('adds the default challenge of a refusal without a challenge', async () => {
    const bearer = refusing('token_required', { headers: [challenge('Bearer')] });
    const attestation = deviceAttestation({ verify: () => null });
    const absent: AuthenticationHook = (input) => attestation({ ...input, attestation: () => undefined });
    const schemes = async (...hooks: AuthenticationHook[]): Promise<string> => {
      const { answer } = await judge(anyOf(...hooks));
      return answer.headers.get('WWW-Authenticate') ?? '';
    };
    const both = ['Bearer realm="mailbox"', 'Mailbox-Device-Attestation realm="mailbox"'];
    expect(await schemes(bearer, absent)).toBe(both.join(', '));
    expect(await schemes(absent, refusing('token_required'))).toBe(both.toReversed().join(', '));
    expect(await schemes(bearer, attestation)).toBe(both.toReversed().join(', '));
  });

  test('emits the cause of an outage without its message', async () => {
    const failing: AuthenticationHook = () => {
      throw Object.assign(new Error(SECRET), { code: 'ECONNRESET' });
    };
    const { answer, of } = await judge(anyOf(refusing('token_invalid'), failing));
    expect(answer.text).not.toContain(SECRET);
    expect(of('hook.failed').map((event) => event.cause)).toEqual(['ECONNRESET']);
  });
});
