import { fileURLToPath } from 'node:url';

/** The root of the repository. */
export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** The built command; `npm test` builds before it tests. */
export const BIN = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
