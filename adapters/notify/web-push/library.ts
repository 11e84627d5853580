import { toPackageError } from '../../shared/import-package.js';
import { lazyPackage } from '../../shared/lazy-package.js';

/** Encrypts and signs pushes. */
export const webPush = lazyPackage(importWebPush);

async function importWebPush(user: string): Promise<typeof import('web-push')> {
  try {
    const module = await import('web-push');
    return module.default;
  } catch (cause) {
    throw toPackageError(user, 'web-push', cause);
  }
}
