import type { AuthenticationHook, AuthorizationHook, OperationName } from 'credential-relay';
import { describe, expect, test } from 'vitest';
import {
  DEVICE_OPERATIONS,
  deferred,
  everywhere,
  expectUndecided,
  lenient,
  OPERATIONS,
  type Scene,
  SECRET,
  setScene,
  turn,
  watchForLeaks,
} from '../../support/auth/hooks.js';
import { type Misbehaviour, RETURNS, THROWS } from '../../support/auth/misbehaviour.js';
import { forever } from '../../support/store/stores.js';

/* docs/protocol.md §6 (503): a hook without a valid result admits no request, and nothing changes. */

watchForLeaks();

const ALL: readonly Misbehaviour[] = [...RETURNS, ...THROWS];
/** Without cases that return nothing, because an authorize hook admits a request that way. */
const MISBEHAVIOUR_OF_AUTHORIZE = ALL.filter(({ name }) => !name.endsWith('undefined') || /throws|rejects/.test(name));
const SHORT_MS = 100;

/** An authorize hook that admits every request. */
const silent = (): void => {};

/** A scene whose hook admits every request until the test replaces the hook. */
async function sceneWith(which: 'authenticate' | 'authorize', hookTimeoutMs = 3_000) {
  let current: (...input: never[]) => unknown = which === 'authenticate' ? lenient : silent;
  const hook = (input: never): unknown => current(input);
  const site = await setScene({
    hookTimeoutMs,
    ...(which === 'authenticate'
      ? { authenticate: everywhere(hook as unknown as AuthenticationHook) }
      : { authenticate: everywhere(lenient), authorize: hook as unknown as AuthorizationHook }),
  });
  return {
    site,
    use(other: () => unknown) {
      current = other;
    },
  };
}

/** Asserts that the same request takes effect, for the first time, once the hook admits it. */
async function expectNotUsedUp(site: Scene, operation: OperationName): Promise<void> {
  const [before, answer] = [site.stored(), await site.attempt(operation)];
  expect(answer.status).toBe(200);
  if (operation !== 'preview') expect(site.stored()).not.toBe(before);
}

function expectOneFailure(site: Scene, hook: 'authenticate' | 'authorize', operation: OperationName, cause: string) {
  const failures = site.of('hook.failed');
  const reason = expect.stringMatching(/^The (authorize )?hook (returned|threw|did not settle) .*\.$/);
  expect(failures).toEqual([{ type: 'hook.failed', hook, operation, cause, reason, ms: expect.any(Number) }]);
  expect(JSON.stringify(failures)).not.toContain(SECRET);
  expect(failures[0]?.ms).toBeGreaterThanOrEqual(0);
}

describe.each(OPERATIONS)('an authenticate hook on %s that', (operation) => {
  test.each(ALL)('$name causes a 503, and nothing changes', async ({ run, cause }) => {
    const { site, use } = await sceneWith('authenticate');
    const before = site.stored();
    use(run);
    const answer = await site.attempt(operation);
    expectUndecided(answer);
    expect(answer.text + JSON.stringify([...answer.headers])).not.toContain(SECRET);
    expect(site.stored()).toBe(before);
    expectOneFailure(site, 'authenticate', operation, cause);
    use(lenient);
    await expectNotUsedUp(site, operation);
  });

  test('never settles causes a 503 after hookTimeoutMs', async () => {
    const { site, use } = await sceneWith('authenticate', SHORT_MS);
    const before = site.stored();
    use(forever);
    const started = performance.now();
    expectUndecided(await site.attempt(operation));
    expect(performance.now() - started).toBeLessThan(2_000);
    expect(site.stored()).toBe(before);
    expectOneFailure(site, 'authenticate', operation, 'hook_timeout');
    expect(site.of('hook.failed')[0]?.ms).toBeGreaterThanOrEqual(SHORT_MS - 2);
    use(lenient);
    await expectNotUsedUp(site, operation);
  });

  test.each(['resolves', 'rejects'] as const)('%s after the deadline has no effect', async (how) => {
    const { site, use } = await sceneWith('authenticate', SHORT_MS);
    const before = site.stored();
    const late = deferred<unknown>();
    use(() => late.promise);
    expectUndecided(await site.attempt(operation));
    if (how === 'resolves') late.resolve(lenient());
    else late.reject(new Error(SECRET));
    await turn();
    expect(site.stored()).toBe(before);
    expectOneFailure(site, 'authenticate', operation, 'hook_timeout');
  });
});

describe.each(DEVICE_OPERATIONS)('an authorize hook on %s that', (operation) => {
  test.each(MISBEHAVIOUR_OF_AUTHORIZE)('$name causes a 503, and nothing changes', async ({ run, cause }) => {
    const { site, use } = await sceneWith('authorize');
    const before = site.stored();
    use(run);
    expectUndecided(await site.attempt(operation));
    expect(site.stored()).toBe(before);
    expectOneFailure(site, 'authorize', operation, cause);
    use(silent);
    await expectNotUsedUp(site, operation);
  });

  test.each([
    'never settles causes a 503',
    'resolves after the deadline causes a 503',
    'rejects after the deadline causes a 503',
  ])('%s', async (how) => {
    const { site, use } = await sceneWith('authorize', SHORT_MS);
    const before = site.stored();
    const late = deferred();
    use(() => late.promise);
    expectUndecided(await site.attempt(operation));
    if (how.startsWith('resolves')) late.resolve();
    if (how.startsWith('rejects')) late.reject(new Error(SECRET));
    await turn();
    expect(site.stored()).toBe(before);
    expectOneFailure(site, 'authorize', operation, 'hook_timeout');
    use(silent);
    await expectNotUsedUp(site, operation);
  });
});

test('an authorize hook that returns nothing, also by a promise, admits the request', async () => {
  for (const run of [silent, async () => {}]) {
    const { site, use } = await sceneWith('authorize');
    use(run);
    expect((await site.attempt('update')).status).toBe(200);
    expect(site.of('hook.failed')).toEqual([]);
  }
});

test('the signal of a hook aborts at the deadline with the reason hook_timeout', async () => {
  const { site, use } = await sceneWith('authenticate', SHORT_MS);
  const seen = deferred<unknown>();
  use(((input: { signal: AbortSignal }) => {
    input.signal.addEventListener('abort', () => seen.resolve(input.signal.reason));
    return forever();
  }) as () => unknown);
  expectUndecided(await site.attempt('create'));
  expect(await seen.promise).toMatchObject({ name: 'HookTimeout', code: 'hook_timeout' });
});

test('the signal of a hook does not abort after a result in time', async () => {
  let signal: AbortSignal | undefined;
  const { site, use } = await sceneWith('authenticate', SHORT_MS);
  use(((input: { signal: AbortSignal }) => {
    signal = input.signal;
    return lenient();
  }) as () => unknown);
  expect((await site.attempt('create')).status).toBe(200);
  await new Promise((resolve) => setTimeout(resolve, SHORT_MS * 2));
  expect(signal?.aborted).toBe(false);
});

test('a thrown value whose members throw causes a 503', async () => {
  const prickly = {
    get code() {
      throw new Error(SECRET);
    },
  };
  const { site, use } = await sceneWith('authenticate');
  use(() => {
    throw prickly;
  });
  expectUndecided(await site.attempt('create'));
});
