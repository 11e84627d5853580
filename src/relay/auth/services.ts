import { hash } from '../hash.js';
import { hmac, type ServerKey } from '../mailbox/keys.js';
import { type GuardedStore, startBudget } from '../store/guarded-store.js';
import type { Random } from '../store/random.js';
import type { RelayServices } from './contract.js';

export interface ServiceDependencies {
  readonly resource: string;
  readonly metadataUrl: () => string | undefined;
  readonly clock: () => number;
  readonly store: GuardedStore;
  readonly namespace: string;
  readonly random: Random;
  readonly storeBudgetMs: number;
  /** The current server key first. */
  readonly keys: readonly ServerKey[];
}

/** Most purposes in the cache. A hook that builds purposes from requests must not fill the memory. */
const MAXIMUM_PURPOSES = 100;

export function createServices(parts: ServiceDependencies): RelayServices {
  const secretsByPurpose = new Map<string, readonly Uint8Array[]>();
  return {
    resource: parts.resource,
    metadataUrl: parts.metadataUrl,
    clock: parts.clock,
    async consumeOnce(purpose, value, expiresAt) {
      if (!Number.isSafeInteger(expiresAt) || expiresAt <= parts.clock()) {
        throw new RangeError('consumeOnce: expiresAt must be a time in the future, in whole milliseconds');
      }
      // Only the presence of the key matters, so the value is a revision without content. The digest cannot collide
      // with the key of a mailbox, whose input is `store` and an identifier.
      const key = `${parts.namespace}:${hash('sha256', JSON.stringify(['used', purpose, value]), 'base64url')}`;
      return parts.store.create(key, parts.random.revision(), expiresAt, startBudget(parts.storeBudgetMs));
    },
    secrets(purpose) {
      const known = secretsByPurpose.get(purpose);
      if (known !== undefined) return known;
      const secrets = parts.keys.map((key) => hmac(key, `secret ${purpose}`));
      if (secretsByPurpose.size < MAXIMUM_PURPOSES) secretsByPurpose.set(purpose, secrets);
      return secrets;
    },
  };
}
