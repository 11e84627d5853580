import type { MailboxStore, StoredEntry } from 'credential-relay';
import { memoryStore } from 'credential-relay/adapters/store/memory';

/** A store that a test can make fail: each call goes through `before`, which may wait, throw, or never settle. */
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
      await before('get'); // A read like the other, of less.
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

/** A store in which every replace loses its race, as if another process were always faster. */
export function alwaysOvertaken(): MailboxStore {
  const inner = memoryStore();
  return { ...inner, replace: async () => 'conflict' };
}

/** What a dump of a Map-backed store shows: every key and every value as text. */
export function dump(map: ReadonlyMap<string, unknown>): string {
  return [...map].map(([key, entry]) => `${key}\n${JSON.stringify(entry as StoredEntry)}`).join('\n');
}

/** Settles never. */
export const forever = (): Promise<never> => new Promise(() => {});
