import { defineConfig } from 'vitest/config';
import config from './vitest.config.js';

/** The long runs: `npm run soak -- NAME`. They print figures, so their output is not captured. */
export default defineConfig({
  ...config,
  test: {
    ...config.test,
    include: ['test/soak/**/*.soak.ts'],
    testTimeout: 600_000,
    hookTimeout: 120_000,
    fileParallelism: false,
    disableConsoleIntercept: true,
    reporters: ['verbose'],
  },
});
