import assert from 'node:assert/strict';

/** Registers one test with the caller's runner, whichever it is. */
export type RegisterTest = (name: string, run: () => Promise<void>) => void;

/** How the files of a suite hand over their tests. */
export type AddTest<Run> = (name: string, run: Run) => void;

/**
 * Registers the tests of a suite, each started by `start`. Those in `skip` are registered under their name and the reason,
 * and pass without running. Throws a TypeError if `skip` names a test that does not exist, or gives no reason.
 */
export function registerTests<Run>(
  it: RegisterTest,
  groups: ReadonlyArray<(add: AddTest<Run>) => void>,
  skip: Readonly<Record<string, string>>,
  start: (run: Run) => Promise<void>,
): void {
  const skipped = new Map(Object.entries(skip));
  const names = new Set<string>();
  const add: AddTest<Run> = (name, run) => {
    assert.ok(!names.has(name), `two tests are named ${name}`);
    names.add(name);
    const reason = skipped.get(name);
    if (reason === undefined) it(name, () => start(run));
    else it(`${name} (left out: ${reason})`, async () => {});
  };
  for (const group of groups) group(add);

  for (const [name, reason] of skipped) {
    if (!names.has(name)) throw new TypeError(`skip names no test of the suite: ${name}`);
    if (reason.trim() === '') throw new TypeError(`skip gives no reason for: ${name}`);
  }
}
