import { defineConfig } from 'vitest/config';
import config from './vitest.config.js';

/** Proofs that take too long for every run: `npm run soak -- outage`. */
export default defineConfig({
  ...config,
  test: { ...config.test, include: ['test/soak/**/*.soak.ts'], testTimeout: 120_000, reporters: ['verbose'] },
});
