/** The event `hook.failed` names the rule that a hook broke. */
import { allOf, anyOf, RelayError } from 'credential-relay';
import { expect, test } from 'vitest';
import { HookTimeout } from '../../../src/relay/auth/call-hook.js';
import {
  describeAuthorization,
  describeHookFailure,
  describeResult,
  toHookFailure,
} from '../../../src/relay/auth/describe-failure.js';
import { tryCreate, watchedRelay } from '../../support/auth/hooks.js';

test.each([
  [undefined, 'returned nothing. Return a principal'],
  [null, 'returned null.'],
  [true, 'returned true.'],
  [200, 'returned a number.'],
  [['x'], 'returned an array.'],
  [{ id: 1 }, 'returned an object without `via`.'],
  [{ via: 'x' }, '`via` is a string. It must be an array of strings.'],
  [{ via: [1] }, '`via` is an array with other values.'],
  [{ via: [], app: 1 }, '`app` is a number. It must be a string, or absent.'],
  [{ via: [], scopes: 'a b' }, '`scopes` is a string. It must be an array of strings, or absent.'],
  [() => undefined, 'returned a function. It is probably a factory that was passed without its call.'],
  [new RelayError('forbidden'), 'returned a RelayError. Throw the error instead.'],
  [new Error('x'), 'returned an error. Throw a RelayError instead.'],
] as ReadonlyArray<[unknown, string]>)('a hook that returned %o', async (result, named) => {
  const hook = () => result as never;
  expect(describeResult(result)).toContain(named);
  for (const authenticate of [hook, anyOf(hook), allOf(hook)]) {
    const { relay, of } = watchedRelay({ authenticate });
    expect((await tryCreate(relay)).status).toBe(503);
    expect(of('hook.failed')).toMatchObject([{ reason: describeResult(result), cause: 'TypeError' }]);
  }
});

test.each([
  [undefined, 'threw undefined, or a promise was rejected without an error.'],
  ['secret', 'threw a string, which is not a RelayError.'],
  [new RangeError('secret'), 'threw an object of the class RangeError, which is not a RelayError.'],
  [new HookTimeout(), 'did not settle within hookTimeoutMs.'],
  [new RelayError('store_unavailable'), 'threw a RelayError with the code store_unavailable.'],
] as ReadonlyArray<[unknown, string]>)('a hook that threw %o', (thrown, named) => {
  const reason = describeHookFailure(toHookFailure(thrown));
  expect(reason).toContain(named);
  expect(reason).not.toContain('secret');
});

test('an authorize hook that returned false', () => {
  expect(describeAuthorization(false)).toContain('The authorize hook returned false. It must return nothing');
});

/** A value that no code can look at. */
function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

const unreadable = {
  get via() {
    throw new Error('secret');
  },
};

test.each([
  ['returned an object with a getter that throws', () => unreadable, 'returned an object whose members cannot be read'],
  [
    'threw a revoked Proxy',
    () => {
      throw revoked();
    },
    'threw an unreadable object',
  ],
  ['threw a RelayError with an unknown code', () => new RelayError('unauthorized' as 'forbidden'), 'no such code'],
] as ReadonlyArray<[string, () => unknown, string]>)('a hook that %s', async (_name, hook, named) => {
  const authenticate = hook as () => never;
  for (const each of [authenticate, anyOf(authenticate), allOf(authenticate)]) {
    const { relay, of } = watchedRelay({ authenticate: each });
    expect((await tryCreate(relay)).status).toBe(503);
    expect(of('hook.failed').length).toBe(1);
    expect(of('relay.failed')).toEqual([]);
    expect(JSON.stringify(of('hook.failed'))).not.toContain('secret');
    if (each === authenticate) expect(of('hook.failed')[0]?.reason).toContain(named);
  }
});

test.each([
  ['headers', { headers: [['X-Bad', 'a\nsecret']] }],
  ['headers', { headers: 'secret' }],
  ['members', { members: { secret: 1n } }],
] as ReadonlyArray<[string, object]>)('a hook whose RelayError has %s that cannot be sent', async (member, details) => {
  const { relay, of } = watchedRelay({
    authenticate() {
      throw new RelayError('token_invalid', details);
    },
  });
  expect((await tryCreate(relay)).status).toBe(500);
  const reason = expect.stringContaining(`RelayError with the code token_invalid, whose \`${member}\` cannot be sent`);
  expect(of('hook.failed')).toMatchObject([{ reason, cause: 'token_invalid' }]);
  expect(JSON.stringify(of('hook.failed'))).not.toContain('secret');
});
