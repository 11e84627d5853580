import { deviceAttestation, RelayError } from 'credential-relay';
import { describe, expect, test } from 'vitest';
import { expectUndecided, SECRET, tryCreate, watchedRelay, watchForLeaks } from '../../support/auth/hooks.js';
import { judge } from '../../support/auth/judge.js';

/* deviceAttestation admits a request only if the host's `verify` returns a documented result. */

watchForLeaks();

const verifying = (verify: () => unknown) => deviceAttestation({ verify: verify as () => null });

class App {
  readonly app = 'wallet';
}

const ACCEPTED: ReadonlyArray<readonly [name: string, answer: object, principal: object]> = [
  ['{}', {}, {}],
  ['an app', { app: 'wallet' }, { app: 'wallet' }],
  ['an app with scopes', { app: 'wallet', scopes: ['a', 'b'] }, { app: 'wallet', scopes: ['a', 'b'] }],
  ['scopes alone', { scopes: [] }, { scopes: [] }],
  ['members that are undefined', { app: undefined, scopes: undefined }, {}],
  ['an object without a prototype', Object.assign(Object.create(null), { app: 'wallet' }), { app: 'wallet' }],
];

const REFUSED: ReadonlyArray<readonly [name: string, answer: unknown]> = [
  ['undefined', undefined],
  ['true', true],
  ['false', false],
  ['0', 0],
  ['a text', 'wallet'],
  ['{ verified: false }', { verified: false }],
  ['{ verified: true }', { verified: true }],
  ['{ app, verified: false }', { app: 'wallet', verified: false }],
  ['a member with a symbol as its name', { app: 'wallet', [Symbol('error')]: true }],
  ['a member that is not enumerable', Object.defineProperty({ app: 'wallet' }, 'error', { value: SECRET })],
  ['a Principal', { app: 'wallet', via: ['x'] }],
  ['an Error', new Error(SECRET)],
  ['a RelayError that is not thrown', new RelayError('attestation_invalid')],
  ['a Response with 403', new Response(null, { status: 403 })],
  ['a Response with 200', new Response(SECRET)],
  ['[]', []],
  ['a list of apps', [{ app: 'wallet' }]],
  ['a Map', new Map([['app', 'wallet']])],
  ['a Date', new Date()],
  ['an object of a class', new App()],
  ['a function', () => ({})],
  ['a Proxy of an Error', new Proxy(new Error(SECRET), {})],
  ['an app that is a number', { app: 1 }],
  ['an app that is null', { app: null }],
  ['an empty app', { app: '' }],
  ['an app that is an object', { app: { name: 'wallet' } }],
  ['scopes that are a text', { scopes: 'a b' }],
  ['scopes that are numbers', { scopes: [1] }],
];

describe.each([
  ['returns', (answer: unknown) => () => answer],
  ['resolves with', (answer: unknown) => async () => answer],
])('a verify that %s', (_, how) => {
  test.each(ACCEPTED)('%s: the hook admits the request', async (_name, answer, principal) => {
    const outcome = await judge(verifying(how(answer)));
    expect(outcome.status).toBe(200);
    expect(outcome.principal).toEqual({ ...principal, via: ['device-attestation'] });
    expect(outcome.of('hook.failed')).toEqual([]);
  });

  test.each(REFUSED)('%s: the relay answers 503 with an event', async (_name, answer) => {
    const { answer: response, of } = await judge(verifying(how(answer)));
    expectUndecided(response);
    expect(of('hook.failed')).toMatchObject([{ hook: 'authenticate', operation: 'create', cause: 'TypeError' }]);
  });

  test('null: the relay answers 401 attestation_invalid', async () => {
    const { status, code, of } = await judge(verifying(how(null)));
    expect([status, code]).toEqual([401, 'attestation_invalid']);
    expect(of('hook.failed')).toEqual([]);
  });
});

test('deviceAttestation does not call verify without an attestation, or with an empty one', async () => {
  let asked = 0;
  const hook = verifying(() => {
    asked += 1;
    return {};
  });
  for (const headers of [{}, { 'Mailbox-Device-Attestation': '' }]) {
    const answer = await tryCreate(watchedRelay({ authenticate: hook }).relay, headers);
    expect([answer.status, answer.json.code]).toEqual([401, 'attestation_required']);
    expect(asked).toBe(0);
  }
});
