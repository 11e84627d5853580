import { hash } from 'node:crypto';
import { hmac, type ServerKey } from '../mailbox/keys.js';
import { type GuardedStore, startBudget } from '../store/guarded-store.js';
import type { Random } from '../store/random.js';
import type { RelayServices } from './contract.js';

/** What the services are made of. */
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

/** Purposes whose secrets are kept. Hooks have a few; one that makes purposes of what it was sent must not fill the memory. */
const MAXIMUM_PURPOSES = 100;

/** Makes what a relay lends to its hooks. */
export function createServices(parts: ServiceDependencies): RelayServices {
  const secretsOf = new Map<string, readonly Uint8Array[]>();
  return {
    resource: parts.resource,
    metadataUrl: parts.metadataUrl,
    clock: parts.clock,
    async consumeOnce(purpose, value, expiresAt) {
      if (!Number.isSafeInteger(expiresAt) || expiresAt <= parts.clock()) {
        throw new RangeError('consumeOnce: expiresAt must be a time ahead, in whole milliseconds');
      }
      // The store needs no value: that the key is there is all there is to know. The digest cannot be mistaken for a
      // mailbox's, whose input is `store` and an identifier.
      const key = `${parts.namespace}:${hash('sha256', JSON.stringify(['used', purpose, value]), 'base64url')}`;
      return parts.store.create(key, parts.random.revision(), expiresAt, startBudget(parts.storeBudgetMs));
    },
    secrets(purpose) {
      const known = secretsOf.get(purpose);
      if (known !== undefined) return known;
      const secrets = parts.keys.map((key) => hmac(key, `secret ${purpose}`));
      if (secretsOf.size < MAXIMUM_PURPOSES) secretsOf.set(purpose, secrets);
      return secrets;
    },
  };
}
