/** The memory store in a worker of node:cluster. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '../../../support/process/built.js';

const REFUSED = expect.stringMatching(
  /^TypeError: memoryStore: this process is a worker of node:cluster .*storeFromUrl.*memoryStore\(\{ allowCluster: true \}\)$/,
);

test('a worker of node:cluster is refused a memory store, unless the option allows it', () => {
  const program = join(ROOT, 'test/support/store/cluster-child.mjs');
  const results: unknown = JSON.parse(execFileSync(process.execPath, [program], { encoding: 'utf8' }));
  expect(results).toEqual({ default: REFUSED, map: REFUSED, url: REFUSED, store: REFUSED, allowed: 'created' });
});
