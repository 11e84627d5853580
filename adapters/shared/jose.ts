import { lazyPackage } from './lazy-package.js';

/** JWTs, key sets and proofs of the hooks; provider tokens of APNs and FCM. */
export const jose = lazyPackage('jose', () => import('jose'));
