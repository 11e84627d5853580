import { toPackageError } from '../../shared/import-package.js';
import { jose } from '../../shared/jose.js';
import { lazyPackage } from '../../shared/lazy-package.js';

/** Discovery and introspection. */
export const openidClient = lazyPackage(importOpenidClient);

async function importOpenidClient(user: string): Promise<typeof import('openid-client')> {
  try {
    return await import('openid-client');
  } catch (cause) {
    throw toPackageError(user, 'openid-client', cause);
  }
}

const USER = 'oauthBearer';

/** Loads both packages. Returns `undefined` if they are loaded. */
export function loadPackages(): Promise<void> | undefined {
  const first = openidClient.load(USER);
  const second = jose.load(USER);
  return first === undefined && second === undefined ? undefined : Promise.all([first, second]).then(() => undefined);
}

/** Starts to load both packages, so that a missing package is reported at the start. */
export function preloadPackages(): void {
  openidClient.preload(USER);
  jose.preload(USER);
}
