import { type AuthenticationHook, allOf, anyOf, RelayError, type ResourceMetadata } from 'credential-relay';
import { describe, expect, test } from 'vitest';
import { lenient, refusing, watchForLeaks } from '../../support/auth/hooks.js';
import { being, judge, noting } from '../../support/auth/judge.js';
import { RETURNS, THROWS } from '../../support/auth/misbehaviour.js';

/* allOf, and the behaviour that allOf and anyOf share, in a relay: the Principal for `authorize`, and the refusals. */

watchForLeaks();

describe('allOf', () => {
  test('unites scopes and via without duplicates in order, and keeps the app', async () => {
    const one = being({ app: 'a', scopes: ['x', 'y'], via: ['bearer'] });
    const two = being({ scopes: ['y', 'z'], via: ['attestation', 'bearer'] });
    expect((await judge(allOf(one, two))).principal).toEqual({
      app: 'a',
      scopes: ['x', 'y', 'z'],
      via: ['bearer', 'attestation'],
    });
    expect((await judge(allOf(two, one))).principal).toMatchObject({ app: 'a', scopes: ['y', 'z', 'x'] });
  });

  test('returns no scopes if no hook has scopes, and returns a single hook unchanged', async () => {
    const { principal } = await judge(allOf(being({ via: ['a'] }), being({ app: 'b', via: ['b'] })));
    expect(principal).toEqual({ app: 'b', via: ['a', 'b'] });
    expect((await judge(allOf(being({ via: ['a'], scopes: [] })))).principal).toEqual({ via: ['a'], scopes: [] });
  });

  test('accepts hooks with the same app, and answers 403 to different apps', async () => {
    const app = (name: string): AuthenticationHook => being({ app: name, via: [name] });
    expect((await judge(allOf(app('a'), app('a')))).principal).toEqual({ app: 'a', via: ['a'] });
    for (const hook of [
      allOf(app('a'), app('b')),
      allOf(app('a'), lenient, app('b')),
      allOf(lenient, app('a'), app('')),
    ]) {
      expect(await judge(hook)).toMatchObject({ status: 403, code: 'forbidden' });
    }
  });

  test('calls the hooks in order, and stops at the first refusal', async () => {
    const asked: string[] = [];
    const slow: AuthenticationHook = async () => {
      await new Promise((resolve) => setImmediate(resolve));
      asked.push('slow is done');
      return lenient();
    };
    const hook = allOf(slow, noting(refusing('token_invalid'), asked, 'refuses'), noting(lenient, asked, 'last'));
    expect(await judge(hook)).toMatchObject({ status: 401, code: 'token_invalid' });
    expect(asked).toEqual(['slow is done', 'refuses']);
  });

  test('reports the first refusal, even if a later hook has a heavier refusal', async () => {
    const hook = allOf(refusing('attestation_required'), refusing('authentication_unavailable'));
    expect(await judge(hook)).toMatchObject({ status: 401, code: 'attestation_required' });
  });

  test.each([...RETURNS, ...THROWS])('answers 503 if a hook $name, at any position', async ({ run, cause }) => {
    const garbage = run as AuthenticationHook;
    for (const hook of [allOf(garbage, lenient), allOf(lenient, garbage), allOf(lenient, allOf(garbage))]) {
      const { status, code, of } = await judge(hook);
      expect([status, code]).toEqual([503, 'authentication_unavailable']);
      expect(of('hook.failed').map((event) => event.cause)).toEqual([cause]);
    }
  });
});

describe('anyOf and allOf', () => {
  test('nest in each other to any depth', async () => {
    const hook = anyOf(
      allOf(being({ app: 'a', via: ['one'] }), refusing('token_invalid')),
      allOf(being({ app: 'a', via: ['one'] }), anyOf(refusing('attestation_required'), being({ via: ['two'] }))),
    );
    expect((await judge(hook)).principal).toEqual({ app: 'a', via: ['one', 'two'] });
    const refused = allOf(lenient, anyOf(anyOf(refusing('token_required')), allOf(refusing('forbidden'))));
    expect((await judge(refused)).code).toBe('forbidden');
  });

  test.each([
    ['allOf', allOf],
    ['anyOf', anyOf],
  ] as const)('%s throws a TypeError without a hook, or for a value that is not a function', (name, combine) => {
    expect(() => combine()).toThrow(new TypeError(`${name}: needs at least one hook`));
    for (const none of [undefined, null, {}, 'hook', true]) {
      expect(() => combine(lenient, none as never)).toThrow(new TypeError(`${name}: every hook must be a function`));
    }
  });

  test('unite lists of metadata in order, and keep the first of other members', () => {
    const withMetadata = (metadata: ResourceMetadata): AuthenticationHook =>
      Object.assign(() => lenient(), { metadata });
    const one = withMetadata({ authorization_servers: ['a', 'b'], scopes_supported: ['x'], resource_name: 'one' });
    const two = withMetadata({ authorization_servers: ['b', 'c'], resource_name: 'two', dpop_bound: true });
    const united = {
      authorization_servers: ['a', 'b', 'c'],
      scopes_supported: ['x'],
      resource_name: 'one',
      dpop_bound: true,
    };
    expect(allOf(one, lenient, two).metadata).toEqual(united);
    expect(anyOf(lenient, allOf(one), anyOf(two)).metadata).toEqual(united);
    expect(allOf(lenient).metadata).toEqual({});
  });

  test('treat a rejection of a hook like a thrown error', async () => {
    const { code } = await judge(anyOf(refusing('token_required'), () => Promise.reject(new RelayError('contention'))));
    expect(code).toBe('contention');
  });
});
