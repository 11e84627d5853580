import type { MailboxStore, StoredEntry } from 'credential-relay';
import { memoryStore } from 'credential-relay/adapters/store/memory';

/** A store that awaits `before` ahead of each call; `before` may delay, throw, or never settle. */
export function troubledStore(before: (call: 'get' | 'create' | 'replace') => Promise<void> | void): MailboxStore & {
  readonly inner: MailboxStore;
} {
  const inner = memoryStore();
  return {
    ...inner,
    inner,
    async get(key) {
      await before('get');
      return inner.get(key);
    },
    async revision(key) {
      await before('get'); // `revision` is a read like `get`.
      return inner.revision?.(key);
    },
    async create(key, value, expiresAt) {
      await before('create');
      return inner.create(key, value, expiresAt);
    },
    async replace(key, revision, value, expiresAt) {
      await before('replace');
      return inner.replace(key, revision, value, expiresAt);
    },
  };
}

/** A store in which each replace conflicts, as if another process were always faster. */
export function alwaysOvertaken(): MailboxStore {
  const inner = memoryStore();
  return { ...inner, replace: async () => 'conflict' };
}

/** Returns each key and each value of a Map-backed store as text. */
export function dump(map: ReadonlyMap<string, unknown>): string {
  return [...map].map(([key, entry]) => `${key}\n${JSON.stringify(entry as StoredEntry)}`).join('\n');
}

/** Never settles. */
export const forever = (): Promise<never> => new Promise(() => {});
