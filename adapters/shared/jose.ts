import { toPackageError } from './import-package.js';
import { lazyPackage } from './lazy-package.js';

/** JWTs, key sets and proofs of the hooks; provider tokens of APNs and FCM. */
export const jose = lazyPackage(importJose);

async function importJose(user: string): Promise<typeof import('jose')> {
  try {
    return await import('jose');
  } catch (cause) {
    throw toPackageError(user, 'jose', cause);
  }
}
