import { setImmediate as turn } from 'node:timers/promises';
import type { MailboxStore, StoredEntry, StoredValue } from 'credential-relay';
import { memoryStore } from 'credential-relay/adapters/store/memory';
import type { StoreFixture } from 'credential-relay/testing';

/* Stores that break one rule each, as real adapters do. The suite must detect every one. */

/** A backend with faults. Its content survives them. */
export interface Backend {
  readonly map: Map<string, StoredEntry>;
  down: boolean;
}

/** Replaces methods of the healthy store. */
export type Fault = (healthy: MailboxStore, backend: Backend) => Partial<MailboxStore>;

/** A new backend, all clients of which have the fault. */
export function createFixture(fault: Fault = () => ({})): StoreFixture {
  const backend: Backend = { map: new Map(), down: false };
  return {
    async open() {
      const healthy = healthyStore(backend);
      return { ...healthy, ...fault(healthy, backend) };
    },
    async breakBackend() {
      backend.down = true;
      return async () => {
        backend.down = false;
      };
    },
  };
}

/**
 * A memory store with network behaviour: each call takes one turn of the event loop, and rejects while the backend
 * fails.
 */
function healthyStore(backend: Backend, clock: () => number = Date.now): MailboxStore {
  const inner = memoryStore(backend.map as Map<string, unknown>, { clock });
  const over = async <Answer>(call: () => Promise<Answer>): Promise<Answer> => {
    await turn();
    if (backend.down) throw new Error('the backend does not answer');
    return call();
  };
  return {
    // Durable only in one respect: the content of the backend survives its outage.
    capabilities: { ...inner.capabilities, durable: true },
    get: (key) => over(() => inner.get(key)),
    revision: (key) => over(async () => inner.revision?.(key)),
    create: (key, value, expiresAt) => over(() => inner.create(key, value, expiresAt)),
    replace: (key, revision, value, expiresAt) => over(() => inner.replace(key, revision, value, expiresAt)),
    sweep: (limit) => over(async () => inner.sweep?.(limit) ?? 0),
    ping: () => over(() => inner.ping()),
    close: () => inner.close(),
  };
}

const readRevision = (value: StoredValue): string => (typeof value === 'string' ? value.slice(0, 16) : value.revision);
const toEntry = (value: StoredValue, expiresAt: number): StoredEntry => ({
  value,
  revision: readRevision(value),
  expiresAt,
});
const forever = (): Promise<never> => new Promise(() => {});
/** The store with changed text or keys in its arguments. */
const withText = (healthy: MailboxStore, change: (text: string) => string): Partial<MailboxStore> => {
  const changed = (value: StoredValue): StoredValue => (typeof value === 'string' ? change(value) : value);
  return {
    create: (key, value, expiresAt) => healthy.create(key, changed(value), expiresAt),
    replace: (key, revision, value, expiresAt) => healthy.replace(key, revision, changed(value), expiresAt),
  };
};
const withKeys = (healthy: MailboxStore, change: (key: string) => string): Partial<MailboxStore> => ({
  get: (key) => healthy.get(change(key)),
  create: (key, value, expiresAt) => healthy.create(change(key), value, expiresAt),
  replace: (key, revision, value, expiresAt) => healthy.replace(change(key), revision, value, expiresAt),
});
/** A store in which `same` decides whether a revision is current. */
const withRevisions = (
  healthy: MailboxStore,
  same: (current: string, asked: string) => boolean,
): Partial<MailboxStore> => ({
  async replace(key, revision, value, expiresAt) {
    const entry = await healthy.get(key);
    const known = entry !== undefined && same(entry.revision, revision) ? entry.revision : revision;
    return healthy.replace(key, known, value, expiresAt);
  },
});

/** Broken stores by their fault. */
export const FAULTS = {
  'swallows errors': (healthy) => ({
    get: (key) => healthy.get(key).catch(() => undefined),
    create: (key, value, expiresAt) =>
      healthy.create(key, value, expiresAt).catch((error: unknown) => {
        if (error instanceof RangeError) throw error;
        return false;
      }),
    replace: (key, revision, value, expiresAt) =>
      healthy.replace(key, revision, value, expiresAt).catch((error: unknown) => {
        if (error instanceof RangeError) throw error;
        return 'conflict' as const;
      }),
    sweep: async (limit) => healthy.sweep?.(limit).catch(() => 0) ?? 0,
    ping: () => healthy.ping().catch(() => ({ clockSkewMs: 0 })),
  }),
  'says missing in an outage': (healthy, backend) => ({
    replace: async (...args) => (backend.down ? 'missing' : healthy.replace(...args)),
  }),
  'says undefined in an outage': (healthy, backend) => ({
    get: async (key) => (backend.down ? undefined : healthy.get(key)),
  }),
  'hangs in an outage': (healthy, backend) => ({
    get: (key) => (backend.down ? forever() : healthy.get(key)),
    create: (...args) => (backend.down ? forever() : healthy.create(...args)),
    replace: (...args) => (backend.down ? forever() : healthy.replace(...args)),
    ping: () => (backend.down ? forever() : healthy.ping()),
  }),
  'never recovers from a call in an outage': (healthy, backend) => {
    let dead = false;
    return {
      async get(key) {
        dead ||= backend.down;
        if (dead) throw new Error('the connection is closed');
        return healthy.get(key);
      },
    };
  },
  'loses what it holds in an outage': (healthy, backend) => ({
    async get(key) {
      if (backend.down) backend.map.clear();
      return healthy.get(key);
    },
  }),
  'says yes to writes that the outage swallows': (healthy, backend) => ({
    create: async (key, value, expiresAt) => (backend.down ? true : healthy.create(key, value, expiresAt)),
  }),
  'is dead when opened in an outage': (healthy, backend) => {
    const dead = backend.down;
    const late = async (): Promise<never> => {
      throw new Error('never connected');
    };
    return dead ? { get: late, create: late, replace: late, ping: late } : healthy;
  },
  'dies of an outage that it did not notice': (healthy, backend) => {
    let dead = false;
    const timer = setInterval(() => {
      dead ||= backend.down;
    }, 20);
    timer.unref();
    return {
      async get(key) {
        if (dead) throw new Error('the connection is closed');
        return healthy.get(key);
      },
      async close() {
        clearInterval(timer);
      },
    };
  },
  'waits in a queue while the backend fails': (healthy, backend) => {
    let queue: Promise<unknown> = Promise.resolve();
    return {
      get(key) {
        if (!backend.down) return healthy.get(key);
        const mine = queue.then(() => new Promise((resolve) => setTimeout(resolve, 100)));
        queue = mine;
        return mine.then(() => healthy.get(key));
      },
    };
  },
  'replaces by get, then set': (healthy, { map }) => ({
    async replace(key, revision, value, expiresAt) {
      if (expiresAt !== undefined && !Number.isSafeInteger(expiresAt)) throw new RangeError('deadline');
      const entry = await healthy.get(key);
      if (entry === undefined) return 'missing';
      if (entry.revision !== revision) return 'conflict';
      await turn();
      map.set(key, toEntry(value, expiresAt ?? entry.expiresAt));
      return 'ok';
    },
  }),
  'creates by get, then set': (healthy, { map }) => ({
    async create(key, value, expiresAt) {
      if (!Number.isSafeInteger(expiresAt) || expiresAt <= Date.now()) throw new RangeError('deadline');
      if ((await healthy.get(key)) !== undefined) return false;
      await turn();
      map.set(key, toEntry(value, expiresAt));
      return true;
    },
  }),
  'creates over a live entry': (healthy, { map }) => ({
    async create(key, value, expiresAt) {
      if (await healthy.create(key, value, expiresAt)) return true;
      map.set(key, toEntry(value, expiresAt));
      return false;
    },
  }),
  'tells a second caller ok': (healthy) => {
    const before = new Map<string, string>();
    return {
      async replace(key, revision, value, expiresAt) {
        const answer = await healthy.replace(key, revision, value, expiresAt);
        if (answer === 'ok') before.set(key, revision);
        return answer === 'conflict' && before.get(key) === revision ? 'ok' : answer;
      },
    };
  },
  'says conflict where nothing is': (healthy) => ({
    async replace(...args) {
      const answer = await healthy.replace(...args);
      return answer === 'missing' ? 'conflict' : answer;
    },
  }),
  'replaces what is not there': (healthy) => ({
    async replace(key, revision, value, expiresAt) {
      const answer = await healthy.replace(key, revision, value, expiresAt);
      if (answer === 'missing') await healthy.create(key, value, expiresAt ?? Date.now() + 60_000);
      return answer;
    },
  }),
  'writes a value in two halves': (healthy, { map }) => ({
    async replace(key, revision, value, expiresAt) {
      const answer = await healthy.replace(key, revision, value, expiresAt);
      const entry = map.get(key);
      if (answer !== 'ok' || entry === undefined || typeof value !== 'string') return answer;
      map.set(key, { ...entry, value: value.slice(0, value.length / 2 + 8) });
      await new Promise((resolve) => setTimeout(resolve, 3));
      if (map.get(key)?.revision === entry.revision) map.set(key, entry);
      return answer;
    },
  }),
  'reads from a cache': (healthy) => {
    const cache = new Map<string, StoredEntry>();
    return {
      async get(key) {
        const entry = cache.get(key) ?? (await healthy.get(key));
        if (entry !== undefined) cache.set(key, entry);
        return entry;
      },
    };
  },
  'forgets expiry': (_healthy, backend) => {
    const opened = Date.now();
    return healthyStore(backend, () => opened);
  },
  'cuts deadlines to seconds': (healthy) => ({
    create: (key, value, expiresAt) => healthy.create(key, value, Math.ceil(expiresAt / 1000) * 1000),
  }),
  'lets entries die early': (healthy) => ({
    async get(key) {
      const entry = await healthy.get(key);
      return entry !== undefined && entry.expiresAt - 150 > Date.now() ? entry : undefined;
    },
  }),
  'extends expiry on replace': (healthy) => ({
    replace: (key, revision, value, expiresAt) =>
      healthy.replace(key, revision, value, expiresAt ?? Date.now() + 60_000),
  }),
  'drops expiry on replace': (healthy) => ({
    replace: (key, revision, value, expiresAt) =>
      healthy.replace(key, revision, value, expiresAt ?? Number.MAX_SAFE_INTEGER),
  }),
  'ignores the deadline given to replace': (healthy) => ({
    replace: (key, revision, value) => healthy.replace(key, revision, value),
  }),
  'moves the deadline on a conflict': (healthy, { map }) => ({
    async replace(key, revision, value, expiresAt) {
      const answer = await healthy.replace(key, revision, value, expiresAt);
      const entry = map.get(key);
      if (answer === 'conflict' && expiresAt !== undefined && entry !== undefined)
        map.set(key, { ...entry, expiresAt });
      return answer;
    },
  }),
  'counts a deadline from now in 32 bits': (healthy) => ({
    create: (key, value, expiresAt) =>
      healthy.create(key, value, Date.now() + Math.min(expiresAt - Date.now(), 2 ** 31 - 1)),
  }),
  'takes an expired leftover for an entry on create': (healthy, { map }) => ({
    async create(key, value, expiresAt) {
      return map.has(key) ? false : healthy.create(key, value, expiresAt);
    },
  }),
  'replaces an expired leftover': (healthy, { map }) => ({
    async replace(key, revision, value, expiresAt) {
      const answer = await healthy.replace(key, revision, value, expiresAt);
      if (answer !== 'missing' || map.get(key)?.revision !== revision) return answer;
      map.set(key, toEntry(value, Date.now() + 60_000));
      return 'ok';
    },
  }),
  'accepts a past deadline': (healthy) => ({
    create: async (key, value, expiresAt) =>
      Number.isSafeInteger(expiresAt) && expiresAt <= Date.now() ? true : healthy.create(key, value, expiresAt),
  }),
  'takes a bad deadline for none': (healthy) => ({
    create: (key, value, expiresAt) =>
      healthy.create(key, value, Number.isSafeInteger(expiresAt) ? expiresAt : Date.now() + 1e9),
    replace: (key, revision, value, expiresAt) =>
      healthy.replace(key, revision, value, Number.isSafeInteger(expiresAt) ? expiresAt : undefined),
  }),
  'compares the whole value': (healthy) => {
    const seen = new Map<string, StoredValue>();
    return {
      async get(key) {
        const entry = await healthy.get(key);
        if (entry !== undefined) seen.set(key, entry.value);
        return entry;
      },
      async replace(key, revision, value, expiresAt) {
        const known = seen.get(key);
        const now = (await healthy.get(key))?.value;
        if (known !== undefined && readRevision(known) === revision && now !== known && now !== undefined)
          return 'conflict';
        return healthy.replace(key, revision, value, expiresAt);
      },
    };
  },
  'compares 15 characters': (healthy) =>
    withRevisions(healthy, (current, asked) => current.slice(0, 15) === asked.slice(0, 15)),
  'compares as far as what it was asked': (healthy) =>
    withRevisions(healthy, (current, asked) => current.startsWith(asked)),
  'compares without case': (healthy) =>
    withRevisions(healthy, (current, asked) => current.toLowerCase() === asked.toLowerCase()),
  'compares by LIKE': (healthy) =>
    withRevisions(healthy, (current, asked) => new RegExp(`^${asked.replaceAll('_', '.')}$`).test(current)),
  'loses unicode': (healthy) => withText(healthy, (text) => Buffer.from(text, 'latin1').toString('latin1')),
  'loses characters beyond the first plane': (healthy) =>
    withText(healthy, (text) => text.replaceAll(/[\u{10000}-\u{10FFFF}]/gu, '?')),
  'cuts values at 64 KiB': (healthy) => withText(healthy, (text) => text.slice(0, 65_536)),
  'reads numbers in text': (healthy) => withText(healthy, (text) => (/^\d+$/.test(text) ? String(Number(text)) : text)),
  'copies objects': (healthy) => ({
    async get(key) {
      const entry = await healthy.get(key);
      return entry && { ...entry, value: structuredClone(entry.value) };
    },
  }),
  'folds the case of keys': (healthy) => withKeys(healthy, (key) => key.toLowerCase()),
  'cuts keys at 127 characters': (healthy) => withKeys(healthy, (key) => key.slice(0, 127)),
  'cleans keys of punctuation': (healthy) => withKeys(healthy, (key) => key.replaceAll(/[:_-]+/g, '')),
  'sweeps live entries': (healthy, { map }) => ({
    async sweep(limit) {
      for (const [key] of [...map].slice(0, limit)) map.delete(key);
      return healthy.sweep?.(limit) ?? 0;
    },
  }),
  'sweeps by the key, not by the entry': (_healthy, { map }) => ({
    async sweep(limit) {
      const expired = [...map].filter(([, entry]) => entry.expiresAt <= Date.now()).slice(0, limit);
      await turn();
      for (const [key] of expired) map.delete(key);
      return expired.length;
    },
  }),
  'sweeps beyond its limit': (healthy) => ({
    async sweep(limit) {
      const erased = (await healthy.sweep?.(1e6)) ?? 0;
      return Math.min(erased, limit);
    },
  }),
  'counts what another sweep has erased': (_healthy, { map }) => ({
    async sweep(limit) {
      const expired = [...map].filter(([, entry]) => entry.expiresAt <= Date.now()).slice(0, limit);
      await turn();
      for (const [key] of expired) if ((map.get(key)?.expiresAt ?? 0) <= Date.now()) map.delete(key);
      return expired.length;
    },
  }),
  'sweeps nothing': () => ({ sweep: async () => 0 }),
  'sweeps only what it wrote itself': (healthy, { map }) => {
    const own = new Set<string>();
    return {
      create(key, value, expiresAt) {
        own.add(key);
        return healthy.create(key, value, expiresAt);
      },
      async sweep(limit) {
        const expired = [...own].filter((key) => (map.get(key)?.expiresAt ?? Infinity) <= Date.now()).slice(0, limit);
        for (const key of expired) map.delete(key);
        return expired.length;
      },
    };
  },
  'does not know its clock': () => ({ ping: async () => ({ clockSkewMs: Number.NaN }) }),
  'promises native expiry in other words': (healthy) => ({
    capabilities: { ...healthy.capabilities, nativeExpiry: 'yes' as unknown as boolean },
  }),
  'takes what it wrote with it': (healthy, { map }) => {
    const own: string[] = [];
    return {
      create(key, value, expiresAt) {
        own.push(key);
        return healthy.create(key, value, expiresAt);
      },
      async close() {
        for (const key of own) map.delete(key);
      },
    };
  },
  'closes the connection of all': (_healthy, backend) => ({
    async close() {
      backend.down = true;
    },
  }),
  'cannot be closed twice': () => {
    let closed = false;
    return {
      async close() {
        if (closed) throw new Error('called end on a pool more than once');
        closed = true;
      },
    };
  },
  'lies when it is closed': (healthy) => {
    let closed = false;
    return {
      async get(key) {
        return closed ? undefined : healthy.get(key);
      },
      async close() {
        closed = true;
      },
    };
  },
  'hangs in close while calls are in flight': (healthy) => {
    let calls = 0;
    return {
      async create(...args) {
        calls += 1;
        const answer = await healthy.create(...args).finally(() => {
          calls -= 1;
        });
        return answer;
      },
      close: () => (calls > 0 ? forever() : healthy.close()),
    };
  },
  'leaves a rejection unhandled': (healthy, backend) => ({
    async ping() {
      if (backend.down) void Promise.reject(new Error('an error of the connection'));
      return healthy.ping();
    },
  }),
  'tells the revision that it has seen first': (healthy) => {
    const seen = new Map<string, string | undefined>();
    return {
      async revision(key) {
        const told = seen.get(key) ?? (await healthy.revision?.(key));
        seen.set(key, told);
        return told;
      },
    };
  },
  'tells the revision of what has expired': (healthy, { map }) => ({
    revision: async (key) => (await healthy.revision?.(key)) ?? map.get(key)?.revision,
  }),
  'tells no revision in an outage': (healthy) => ({
    revision: async (key) => healthy.revision?.(key).catch(() => undefined),
  }),
  'invents an entry': (healthy) => ({
    get: async (key) => (await healthy.get(key)) ?? toEntry('0000000000000000', Date.now() + 60_000),
  }),
  'tells the wrong deadline': (healthy) => ({
    async get(key) {
      const entry = await healthy.get(key);
      return entry && { ...entry, expiresAt: entry.expiresAt + 1 };
    },
  }),
  'keeps the old value on replace': (healthy) => ({
    async replace(key, revision, _value, expiresAt) {
      const entry = await healthy.get(key);
      return healthy.replace(key, revision, entry?.value ?? `${revision}.rest`, expiresAt);
    },
  }),
} as const satisfies Record<string, Fault>;
