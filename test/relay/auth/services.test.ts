import { randomBytes } from 'node:crypto';
import { type MailboxStore, type RelayServices, storeFromUrl } from 'credential-relay';
import { memoryStore } from 'credential-relay/adapters/store/memory';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import {
  expectUndecided,
  inputOf,
  lenient,
  plant,
  SECRET,
  tryCreate,
  watchedRelay,
  watchForLeaks,
} from '../../support/auth/hooks.js';
import { type RedisServer, startRedis, withRedis } from '../../support/redis/server.js';
import { device } from '../../support/relay/relay.js';
import { dump, troubledStore } from '../../support/store/stores.js';

/* The services for hooks: single-use values, secrets, and the time. */

watchForLeaks();

type Options = NonNullable<Parameters<typeof inputOf>[0]>;
const servicesOf = async (options: Options = {}): Promise<RelayServices> => (await inputOf(options)).input.relay;
const soon = (): number => Date.now() + 60_000;

/** The number of `true` results of concurrent calls, spread over the services. */
async function winners(services: readonly RelayServices[], calls: number, value: string): Promise<number> {
  const expiresAt = soon();
  const asked = Array.from({ length: calls }, (_, at) =>
    services[at % services.length]?.consumeOnce('jti', value, expiresAt),
  );
  return (await Promise.all(asked)).filter((first) => first === true).length;
}

describe('consumeOnce', () => {
  test('returns true to exactly one of 50 concurrent uses over two relays on one store', async () => {
    const map = new Map();
    const services = [
      await servicesOf({ store: memoryStore(map) }),
      await servicesOf({ store: memoryStore(map) }),
    ] as const;
    for (let round = 0; round < 5; round += 1) expect(await winners(services, 50, `round-${round}`)).toBe(1);
    expect(await winners(services, 50, 'round-0')).toBe(0);
  });

  test('returns true again at expiresAt, and not a millisecond earlier', async () => {
    let now = 1_900_000_000_000;
    const clock = (): number => now;
    const { consumeOnce } = await servicesOf({ clock, store: memoryStore(new Map(), { clock }) });
    const expiresAt = now + 5_000;
    expect(await consumeOnce('jti', 'v', expiresAt)).toBe(true);
    now = expiresAt - 1;
    expect(await consumeOnce('jti', 'v', expiresAt + 5_000)).toBe(false);
    now = expiresAt;
    expect(await consumeOnce('jti', 'v', expiresAt + 5_000)).toBe(true);
    expect(await consumeOnce('jti', 'v', expiresAt + 5_000)).toBe(false);
  });

  test('keeps purposes, values and namespaces apart', async () => {
    const store = memoryStore(new Map());
    const [one, other] = [await servicesOf({ store }), await servicesOf({ store, namespace: 'other' })];
    const uses = [
      await one.consumeOnce('a', 'v', soon()),
      await one.consumeOnce('b', 'v', soon()),
      await one.consumeOnce('a', 'w', soon()),
      await other.consumeOnce('a', 'v', soon()),
      await one.consumeOnce('a', 'v', soon()),
    ];
    expect(uses).toEqual([true, true, true, true, false]);
  });

  test('property: no two pairs of purpose and value collide, for any split of their text', async () => {
    const { consumeOnce } = await servicesOf({ store: memoryStore(new Map()) });
    const seen = new Set<string>();
    const text = fc.string({
      unit: fc.constantFrom('a', 'b', '"', ',', '\\', ' ', ':', '\0', '\ud800', 'é'),
      maxLength: 4,
    });
    await fc.assert(
      fc.asyncProperty(text, text, async (purpose, value) => {
        const pair = JSON.stringify([purpose, value]);
        expect(await consumeOnce(purpose, value, soon())).toBe(!seen.has(pair));
        seen.add(pair);
      }),
      { numRuns: 500 },
    );
  });

  test('stores only a digest, and neither value nor purpose in any encoding', async () => {
    const map = new Map<string, unknown>();
    const { consumeOnce } = await servicesOf({ store: memoryStore(map) });
    map.clear();
    const [purpose, value] = ['purpose-4711', `jti-${SECRET}-4711`];
    await consumeOnce(purpose, value, soon());
    expect(map.size).toBe(1);
    expect([...map.keys()][0]).toMatch(/^relay:[A-Za-z0-9_-]{43}$/);
    const held = dump(map);
    for (const text of [purpose, value]) {
      for (const encoding of ['utf8', 'base64', 'base64url', 'hex'] as const) {
        expect(held).not.toContain(Buffer.from(text).toString(encoding).replace(/=+$/, ''));
      }
    }
  });

  test('stores no mailbox for a use: the relay answers 404 for every identifier', async () => {
    const map = new Map<string, unknown>();
    const { input, relay } = await inputOf({ store: memoryStore(map) });
    const id = '7d3f1c9a-5b0e-4c55-9d3a-3f1d1f5a9b11';
    expect(await input.relay.consumeOnce('store', id, soon())).toBe(true);
    expect(await input.relay.consumeOnce('', `store${id}`, soon())).toBe(true);
    expect((await device(relay).preview(`http://localhost/relay/v1/m/${id}`)).status).toBe(404);
  });

  test('throws store_unavailable in an outage of the store, which the hook turns into a 503', async () => {
    let failing = false;
    const store = troubledStore(() => {
      if (failing) throw Object.assign(new Error(SECRET), { code: 'ECONNREFUSED' });
    });
    const { relay, of } = watchedRelay({
      store,
      authenticate: async (input) => {
        if (failing) await input.relay.consumeOnce('jti', plant('jti-value'), soon());
        return lenient();
      },
    });
    expect((await tryCreate(relay)).status).toBe(200);
    failing = true;
    const answer = await tryCreate(relay);
    expect([answer.status, answer.json.code]).toEqual([503, 'store_unavailable']);
    expect(answer.headers.get('Retry-After')).toBe('1');
    expect(of('store.failed').map(({ call, cause }) => [call, cause])).toEqual([['create', 'ECONNREFUSED']]);
  });

  test('ends after storeTimeoutMs if the store does not answer', async () => {
    let hanging = false;
    const store = troubledStore(() => (hanging ? new Promise<never>(() => {}) : undefined));
    const { consumeOnce } = await servicesOf({ store, storeTimeoutMs: 100 });
    hanging = true;
    await expect(consumeOnce('jti', 'v', soon())).rejects.toMatchObject({ code: 'store_unavailable', status: 503 });
  });

  test('ends with the deadline of the hook', async () => {
    const store = troubledStore(() => new Promise<never>(() => {}));
    const { relay } = watchedRelay({
      store,
      hookTimeoutMs: 100,
      authenticate: async (input) => {
        await input.relay.consumeOnce('jti', 'v', soon());
        return lenient();
      },
    });
    expectUndecided(await tryCreate(relay));
  });

  withRedis(it, () => {
    let server: RedisServer;
    const stores: MailboxStore[] = [];
    beforeAll(async () => {
      server = await startRedis();
      for (let count = 0; count < 2; count += 1) stores.push(await storeFromUrl(server.url));
    });
    afterAll(async () => {
      for (const store of stores) await store.close();
      await server.close();
    });

    it('on Redis returns true to exactly one of 50 uses over two relays, and the entry expires', async () => {
      const keys = [randomBytes(32)];
      const services = await Promise.all(stores.map((store) => servicesOf({ store, keys })));
      for (let round = 0; round < 5; round += 1) expect(await winners(services, 50, `round-${round}`)).toBe(1);
      expect(await winners(services, 50, 'round-0')).toBe(0);
      const held = ((await server.command('KEYS', '*')) as string[]).filter((key) => !key.includes(':ping-'));
      for (const key of held) expect(Number(await server.command('PTTL', key))).toBeGreaterThan(0);
    });
  });
});

describe('secrets', () => {
  const [a, b, c] = [randomBytes(32), randomBytes(32), randomBytes(32)];
  const hex = (secrets: readonly Uint8Array[]): string[] =>
    secrets.map((secret) => Buffer.from(secret).toString('hex'));
  const of = async (keys: Uint8Array[] | undefined, purpose: string): Promise<string[]> =>
    hex((await servicesOf(keys === undefined ? {} : { keys })).secrets(purpose));

  test('are equal in two relays with the same keys, 32 bytes long, one per key', async () => {
    const secrets = await of([a, b], 'nonce');
    expect(secrets).toEqual(await of([a, b], 'nonce'));
    expect(secrets.map((text) => text.length)).toEqual([64, 64]);
    expect(new Set(secrets).size).toBe(2);
  });

  test('have the order of the keys, the current key first, so that previous keys still verify', async () => {
    const [ofA, ofB] = [await of([a], 'nonce'), await of([b], 'nonce')];
    expect(await of([a, b], 'nonce')).toEqual([...ofA, ...ofB]);
    expect(await of([b, a], 'nonce')).toEqual([...ofB, ...ofA]);
    const rotated = await of([c, a, b], 'nonce');
    expect(rotated.slice(1)).toEqual([...ofA, ...ofB]);
    expect(rotated[0]).not.toBe(ofA[0]);
  });

  test('differ by purpose and from the server keys', async () => {
    const purposes = ['nonce', 'Nonce', 'nonce ', '', 'mailbox', 'seal', 'store'];
    const secrets = (await Promise.all(purposes.map((purpose) => of([a], purpose)))).flat();
    expect(new Set([...secrets, a.toString('hex')]).size).toBe(purposes.length + 1);
  });

  test('are one secret per process without keys', async () => {
    const services = await servicesOf();
    const secrets = hex(services.secrets('nonce'));
    expect(secrets).toHaveLength(1);
    expect(hex(services.secrets('nonce'))).toEqual(secrets);
    expect(hex(services.secrets('other'))).not.toEqual(secrets);
  });
});

test('the relay caches the secrets of a hundred purposes, and recomputes the secrets of further purposes', async () => {
  const services = await servicesOf();
  const purposes = Array.from({ length: 300 }, (_, index) => `purpose-${index}`);
  for (const purpose of purposes) services.secrets(purpose);
  const twice = purposes.map((purpose) => [services.secrets(purpose), services.secrets(purpose)] as const);
  expect(twice.filter(([one, other]) => one === other).length).toBeLessThanOrEqual(100);
  for (const [one, other] of twice) expect(one).toEqual(other);
});

describe('other services', () => {
  test('are the clock of the relay, and its public URL without a trailing slash as resource', async () => {
    const now = Date.UTC(2031, 0, 1);
    const services = await servicesOf({ clock: () => now, publicUrl: 'http://localhost/relay/' });
    expect(services.clock()).toBe(now);
    expect(services.resource).toBe('http://localhost/relay');
  });
});
