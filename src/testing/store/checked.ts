/** Calls to a store under test: each has a time limit, and its answer must be one that the contract allows. */
import assert from 'node:assert/strict';
import { getRevision, type MailboxStore, type StoredEntry } from '../../relay/store/contract.js';

/** A call that takes longer has hung. */
const HANG_MS = 10_000;

/** How a call ended. */
export type Outcome<Answer> = { readonly answer: Answer } | { readonly error: unknown };

/** The outcome of a call, which must settle within `limitMs`. Failed assertions are rethrown. */
export async function settle<Answer>(
  what: string,
  limitMs: number,
  call: () => Promise<Answer>,
): Promise<Outcome<Answer>> {
  const started = performance.now();
  let pending: Promise<Answer>;
  try {
    pending = call();
  } catch (error) {
    assert.fail(`${what} threw instead of rejecting: ${String(error)}`);
  }
  let timer: NodeJS.Timeout | undefined;
  const hung = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), limitMs);
  });
  const settled = pending.then(
    (answer): Outcome<Answer> => ({ answer }),
    (error: unknown): Outcome<Answer> => ({ error }),
  );
  const outcome = await Promise.race([settled, hung]);
  clearTimeout(timer);
  if (outcome === undefined) assert.fail(`${what} has not settled after ${limitMs} ms`);
  // A driver that blocks the thread settles before the timer can fire, so compare the elapsed time.
  const took = performance.now() - started;
  assert.ok(took <= limitMs, `${what} took ${Math.round(took)} ms, more than ${limitMs}`);
  if ('error' in outcome && outcome.error instanceof assert.AssertionError) throw outcome.error;
  return outcome;
}

/** Asserts that a call rejects within `limitMs`; any answer would be false. */
export async function mustReject(what: string, limitMs: number, call: () => Promise<unknown>): Promise<void> {
  const outcome = await settle(what, limitMs, call);
  if ('answer' in outcome) assert.fail(`${what} has to reject, and answered ${JSON.stringify(outcome.answer)}`);
}

/** The store with every call bounded and every answer checked for its form. */
export function checkedStore(store: MailboxStore): MailboxStore {
  async function ask<Answer>(what: string, call: () => Promise<Answer>, check: (answer: Answer) => void) {
    const outcome = await settle(what, HANG_MS, call);
    if ('error' in outcome) throw outcome.error;
    check(outcome.answer);
    return outcome.answer;
  }
  const { sweep, revision } = store;
  return {
    capabilities: store.capabilities,
    get: (key) => ask('get', () => store.get(key), checkEntry),
    ...(revision === undefined
      ? {}
      : { revision: (key: string) => ask('revision', () => revision.call(store, key), checkRevision) }),
    create: (key, value, expiresAt) =>
      ask(
        'create',
        () => store.create(key, value, expiresAt),
        (answer) => {
          assert.equal(typeof answer, 'boolean', 'create answers true or false');
        },
      ),
    replace: (key, revision, value, expiresAt) =>
      ask(
        'replace',
        // Without a deadline the argument is left out, as the relay leaves it.
        () =>
          expiresAt === undefined
            ? store.replace(key, revision, value)
            : store.replace(key, revision, value, expiresAt),
        (answer) => assert.ok(['ok', 'conflict', 'missing'].includes(answer), `replace answered ${String(answer)}`),
      ),
    ...(sweep === undefined
      ? {}
      : {
          sweep: (limit: number) =>
            ask(
              'sweep',
              () => sweep.call(store, limit),
              (count) => {
                assert.ok(Number.isSafeInteger(count) && count >= 0, `sweep answers a count, not ${count}`);
                assert.ok(count <= limit, `sweep erased ${count}, more than its limit of ${limit}`);
              },
            ),
        }),
    ping: (key) =>
      ask(
        'ping',
        // Without a key the argument is left out.
        () => (key === undefined ? store.ping() : store.ping(key)),
        () => {},
      ),
    close: () =>
      ask(
        'close',
        () => store.close(),
        () => {},
      ),
  };
}

function checkRevision(revision: string | undefined): void {
  if (revision !== undefined) assert.equal(typeof revision, 'string', 'revision answers a text or undefined');
}

function checkEntry(entry: StoredEntry | undefined): void {
  if (entry === undefined) return;
  assert.ok(entry !== null, 'get answers undefined, not null, where nothing is');
  assert.equal(entry.revision, getRevision(entry.value), 'the revision of an entry is that of its value');
  assert.ok(Number.isSafeInteger(entry.expiresAt), `expiresAt is a number of milliseconds, not ${entry.expiresAt}`);
}
