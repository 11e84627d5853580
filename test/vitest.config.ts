import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const file = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

export default defineConfig({
  root: file('.'),
  resolve: {
    // Tests and examples import the package by its name, as its users do, and get the sources.
    alias: [
      { find: /^credential-relay$/, replacement: file('src/index.ts') },
      { find: /^credential-relay\/(koa|client|testing)$/, replacement: `${file('src')}/$1` },
      { find: /^credential-relay\/adapters\/(.+)$/, replacement: `${file('adapters')}/$1/index.ts` },
    ],
  },
  test: {
    include: ['test/**/*.test.ts', 'examples/**/*.test.ts'],
    globalSetup: file('test/vitest.global.ts'),
    testTimeout: 20_000,
    // Most tests wait for servers and clocks, so that even a small machine can run three files at once.
    maxWorkers: Math.max(3, availableParallelism() - 1),
    reporters: process.env.VITEST_JSON === undefined ? ['default'] : ['default', 'json'],
    outputFile: { json: file('.cache/tests.json') },
  },
});
