import { randomBytes } from 'node:crypto';
import { allowAnonymous, createRelay, type MailboxStore, type RelayEvent, type RelayOptions } from 'credential-relay';
import { memoryStore } from 'credential-relay/adapters/store/memory';
import { Keyv } from 'keyv';
import { describe, expect, it } from 'vitest';

const key = randomBytes(32);
const foreignKeyv = new Keyv({ store: { opts: {}, get() {}, set() {}, delete() {}, clear() {}, on() {} } });
const outside = (): MailboxStore => ({
  ...memoryStore(),
  capabilities: { atomic: 'distributed', nativeExpiry: true, durable: true },
});

/** Creates a relay with untyped options, as JavaScript callers do. */
const make = (options: Record<string, unknown>) =>
  createRelay({ publicUrl: 'http://localhost', ...options } as unknown as RelayOptions);

describe('createRelay: options', () => {
  it.each<[path: string, options: Record<string, unknown>]>([
    ['authenticate', { authenticate: 'yes' }],
    ['authenticate', { authenticate: null }],
    ['authenticate.read', { authenticate: { read: true } }],
    ['authenticate.reads', { authenticate: { reads: () => ({ via: [] }) } }],
    ['authorize', { authorize: {} }],
    ['hookTimeoutMs', { hookTimeoutMs: 0 }],
    ['publicUrl', { publicUrl: undefined }],
    ['mountPath', { mountPath: 'relay' }],
    ['mountPath', { mountPath: '//relay' }],
    ['mountPath', { mountPath: '/relay//' }],
    ['mountPath', { mountPath: '/relay/../x' }],
    ['mountPath', { mountPath: '/./relay' }],
    ['mountPath', { mountPath: '/relay?x' }],
    ['mountPath', { mountPath: '/relay#x' }],
    ['mountPath', { mountPath: '/re lay' }],
    ['mountPath', { mountPath: '/relay\\x' }],
    ['mountPath', { mountPath: '/%zz' }],
    ['mountPath', { mountPath: 'https://example.com/relay' }],
    ['mountPath', { mountPath: null }],
    ['publicUrl', { publicUrl: 'not a url' }],
    ['publicUrl', { publicUrl: 'ftp://example.com' }],
    ['publicUrl', { publicUrl: 'http://example.com' }],
    ['publicUrl', { publicUrl: 'http://10.0.0.1' }],
    ['publicUrl', { publicUrl: 'http://127.evil.example' }],
    ['publicUrl', { publicUrl: 'http://localhost.example.com' }],
    ['publicUrl', { publicUrl: 'https://example.com/relay?x=1' }],
    ['publicUrl', { publicUrl: 'https://example.com/relay?' }],
    ['publicUrl', { publicUrl: 'https://example.com/relay#f' }],
    ['publicUrl', { publicUrl: 'https://user:secret@example.com/relay' }],
    ['publicUrl', { publicUrl: 'https://example.com/relay//' }],
    // Devices accept no links with these characters, which have a meaning in a shell, Apple's patterns or URL parsers.
    ...['schlüssel', 'a%20b', 'a*b', '$(x)', "a'b", 'a;b', 'a(b)', '.hidden', 'a//b', 'a,b', 'a@b'].map(
      (path): [string, Record<string, unknown>] => ['publicUrl', { publicUrl: `https://example.com/${path}` }],
    ),
    ['publicUrl', { publicUrl: "https://exam'ple.com" }],
    ['publicUrl', { publicUrl: `https://example.com/${'a'.repeat(2_048)}` }],
    ['store', { store: 'redis://localhost' }],
    ['store', { store: {} }],
    ['store', { store: foreignKeyv }],
    ['keys', { keys: [] }],
    ['keys', { keys: 'secret' }],
    ['keys', { keys: [key, Buffer.from(key)] }],
    ['keys', { store: outside() }],
    ['keys.0', { keys: [randomBytes(31)] }],
    ['keys.1', { keys: [key, 'c2hvcnQ'] }],
    ['namespace', { namespace: 'a:b' }],
    ['namespace', { namespace: '' }],
    ['requestId', { requestId: 'sometimes' }],
    ['lifetime.defaultSeconds', { lifetime: { defaultSeconds: 0 } }],
    ['lifetime.defaultSeconds', { lifetime: { defaultSeconds: 100, maximumSeconds: 99 } }],
    ['lifetime.maximumSeconds', { lifetime: { maximumSeconds: 1.5 } }],
    ['lifetime.overMaximum', { lifetime: { overMaximum: 'ignore' } }],
    ['lifetime.maxSeconds', { lifetime: { maxSeconds: 5 } }],
    ['accessRights', { accessRights: 'RR' }],
    ['accessRights', { accessRights: '' }],
    ['limits.bodyBytes', { limits: { bodyBytes: '64k' } }],
    ['limits.bodySize', { limits: { bodySize: 1 } }],
    ['cors.origins', { cors: { origins: [] } }],
    ['cors.origins.0', { cors: { origins: ['https://app.example/'] } }],
    ['cors.origins.0', { cors: { origins: ['https://app.example/path'] } }],
    ['cors.origins.0', { cors: { origins: ['capacitor://localhost/x'] } }],
    ['cors.credentials', { cors: { origins: ['*'], credentials: true } }],
    ['trustProxy', { trustProxy: 'loopback' }],
    ['storeTimeoutMs', { storeTimeoutMs: -1 }],
    ['sweepIntervalMs', { sweepIntervalMs: 60_000 }],
    ['onEvent', { onEvent: 'log' }],
    ['prefix', { prefix: '/relay' }],
  ])('%s: refuses %o with a TypeError that names the path', (path, options) => {
    let thrown: unknown;
    try {
      make(options);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(TypeError);
    expect((thrown as Error).message.startsWith(`${path}: `)).toBe(true);
  });

  it('does not repeat a secret in the error', () => {
    expect(() => make({ publicUrl: 'https://user:secret@example.com' })).not.toThrow(/secret/);
    expect(() => make({ keys: ['bm90LXRoaXJ0eS10d28'] })).not.toThrow(/bm90/);
  });

  it.each([
    'https://example.com',
    'https://example.com/',
    'https://example.com/deep/relay/',
    'http://localhost:8080',
    'http://relay.localhost',
    'http://127.0.0.1:3000/relay',
    'http://[::1]:3000',
  ])('takes %s as publicUrl', async (publicUrl) => {
    await make({ publicUrl }).close();
    await make({ publicUrl: new URL(publicUrl) }).close();
  });

  it.each(['/', '/relay', '/relay/', '/api/v1/relay', '/caf%C3%A9', undefined])(
    'takes %s as mountPath',
    async (mountPath) => {
      await make({ publicUrl: 'https://example.com/share', mountPath }).close();
    },
  );

  it('accepts a Keyv, a Map or a store, and keys as bytes or base64url', async () => {
    await make({ store: new Keyv() }).close();
    await make({ store: new Map() }).close();
    await make({ store: memoryStore() }).close();
    await make({ store: outside(), keys: [key] }).close();
    await make({ keys: [key.toString('base64url'), randomBytes(32)] }).close();
  });

  it('accepts a maximum lifetime below the default one, undefined for any option, and origins of apps', async () => {
    await make({ lifetime: { maximumSeconds: 3600 } }).close();
    await make({ keys: undefined, cors: undefined, lifetime: undefined, store: undefined }).close();
    await make({ cors: { origins: ['capacitor://localhost', 'chrome-extension://abc', 'https://a.example'] } }).close();
  });

  it('is frozen', () => {
    expect(Object.isFrozen(make({}))).toBe(true);
  });

  it('warns once, after it has returned, that memory serves one process and that anybody may create mailboxes', async () => {
    const events: RelayEvent[] = [];
    const relay = make({ onEvent: (event: RelayEvent) => events.push(event) });
    const heard: string[] = [];
    relay.on('relay.warned', ({ warning }) => heard.push(warning));
    expect(events).toEqual([]);
    await Promise.resolve();
    expect(events.map((event) => event.type)).toEqual(['relay.warned', 'relay.warned']);
    expect(heard.sort()).toEqual(['relay_open', 'store_single_process']);
  });

  it('does not warn about a distributed store with a guarded create', async () => {
    const events: RelayEvent[] = [];
    for (const authenticate of [allowAnonymous(), { create: allowAnonymous() }, { default: allowAnonymous() }]) {
      make({ store: outside(), keys: [key], authenticate, onEvent: (event: RelayEvent) => events.push(event) });
    }
    await Promise.resolve();
    expect(events).toEqual([]);
  });

  it('warns of an open relay if other operations are guarded', async () => {
    const heard: string[] = [];
    const authenticate = { read: allowAnonymous(), preview: allowAnonymous() };
    make({ store: outside(), keys: [key], authenticate }).on('relay.warned', ({ warning }) => heard.push(warning));
    await Promise.resolve();
    expect(heard).toEqual(['relay_open']);
  });

  it('closes only a store that it created', async () => {
    let closed = 0;
    const store = {
      ...memoryStore(),
      close: async () => {
        closed += 1;
      },
    };
    await make({ store }).close();
    expect(closed).toBe(0);
  });
});
