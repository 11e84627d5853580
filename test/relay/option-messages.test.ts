import { randomBytes } from 'node:crypto';
import { createClient } from '@keyv/redis';
import {
  allOf,
  anyOf,
  createRelay,
  deviceAttestation,
  RelayError,
  type RelayOptions,
  storeFromUrl,
} from 'credential-relay';
import { clientAttestation } from 'credential-relay/adapters/auth/client-attestation';
import { oauthBearer } from 'credential-relay/adapters/auth/oauth-bearer';
import { webhookNotifier } from 'credential-relay/adapters/notify/webhook';
import { memoryStore } from 'credential-relay/adapters/store/memory';
import pg from 'pg';
import { describe, expect, it } from 'vitest';

/* Each message names the option and the fix, in words of this package. */

const key = randomBytes(32);
const hook = () => ({ via: [] });
const ENVIRONMENT = 'is the environment variable set?';

/** The message of `createRelay` for options of a JavaScript caller; `accepted` without an error. */
function messageFor(options: unknown): string {
  try {
    void createRelay(options as RelayOptions).close();
    return 'accepted';
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError);
    return (error as Error).message;
  }
}

class Settings {
  readonly publicUrl = 'https://a.example';
  readonly hookTimeout = 5_000;
}

class LazySettings {
  get publicUrl(): string {
    return 'https://a.example';
  }
  get onEvents(): () => void {
    return () => undefined;
  }
}

describe('options as a whole', () => {
  it.each<[given: unknown, message: string]>([
    [undefined, 'options: is required and must be an object'],
    [null, 'options: must be an object'],
    ['https://a.example', 'options: must be an object'],
    [new Map([['publicUrl', 'https://a.example']]), 'options: must be a plain object of options, not a Map'],
    [Promise.resolve({}), 'options: is a promise: await it first'],
    [new Settings(), 'hookTimeout: there is no such option; did you mean hookTimeoutMs?'],
    [new LazySettings(), 'onEvents: there is no such option; did you mean onEvent?'],
    [{ publicURL: 'https://a.example' }, 'publicURL: there is no such option; did you mean publicUrl?'],
    [{}, 'publicUrl: is required, such as https://example.com/relay'],
  ])('%o: %s', (given, message) => {
    expect(messageFor(given)).toBe(message);
  });
});

describe('publicUrl', () => {
  it.each<[publicUrl: unknown, message: string]>([
    ['', `is empty: ${ENVIRONMENT}`],
    ['localhost:3000', 'has no scheme'],
    ['example.com/relay', 'has no scheme'],
    ['//example.com/relay', 'has no scheme'],
    ['https://example.com/v1/m', 'omit /v1/m'],
    ['https://example.com/relay/v1/', 'omit /v1/m'],
    ['https://example.com/m', 'omit /v1/m'],
    ['https://undefined/relay', ENVIRONMENT],
    ['https://example.com:undefined/relay', ENVIRONMENT],
    ['https://example.com/null', ENVIRONMENT],
    ['https:///relay', 'has no host'],
    ['"https://example.com/relay"', 'without quotation marks'],
    ['http://0.0.0.0:3000/relay', 'has an address to listen on'],
    ['http://[::]:3000/relay', 'has an address to listen on'],
    ['https://example.com/v1/m/2ba7b0e6-519b-41ec-bf63-0242ac130002', 'omit /v1/m'],
    [3000, 'must be a URL, as a string'],
    [Promise.resolve('https://example.com'), 'is a promise: await it first'],
  ])('%o: %s', (publicUrl, message) => {
    const got = messageFor({ publicUrl });
    expect(got.startsWith('publicUrl: ')).toBe(true);
    expect(got).toContain(message);
  });

  it.each(['https://example.com/v10', 'https://example.com/team', 'https://example.com/m/relay', 'https://v1.example'])(
    '%s is a mount point',
    (publicUrl) => {
      expect(messageFor({ publicUrl })).toBe('accepted');
    },
  );
});

describe('an option of createRelay', () => {
  it.each<[path: string, options: object, message: string]>([
    // Names.
    ['authentication', { authentication: hook }, 'did you mean authenticate?'],
    ['authenticate.created', { authenticate: { created: hook } }, 'did you mean authenticate.create?'],
    ['lifetime.maxSeconds', { lifetime: { maxSeconds: 500 } }, 'did you mean lifetime.maximumSeconds?'],
    ['defaultSeconds', { defaultSeconds: 100 }, 'did you mean lifetime.defaultSeconds?'],
    ['preview.logo', { preview: { logo: 'x' } }, 'did you mean preview.logoUrl?'],
    ['preview.appStores.0.href', { preview: { appStores: [{ label: 'a', href: 'b' }] } }, 'the options are label, url'],
    ['appLinks.apple.appId', { appLinks: { apple: { appId: 'x' } } }, 'did you mean appLinks.apple.appIds?'],
    ['cors.origin', { cors: { origin: '*' } }, 'did you mean cors.origins?'],
    ['cors.allowedHeaders', { cors: { origins: ['*'], allowedHeaders: [] } }, 'the options are origins, headers'],
    ['basePath', { basePath: '/' }, 'the options are publicUrl, mountPath'],
    // Shapes.
    ['lifetime', { lifetime: 5 }, 'must be an object with the options defaultSeconds, maximumSeconds, overMaximum'],
    ['lifetime', { lifetime: null }, 'must be an object with the options'],
    ['lifetime', { lifetime: new Map() }, 'must be a plain object of options, not a Map'],
    ['accessRights', { accessRights: ['R'] }, "must be a string, such as 'RWD'"],
    ['cors', { cors: '*' }, 'must be an object with the options origins, headers'],
    ['cors.origins', { cors: { origins: 'https://a.example' } }, "must be an array of origins, such as ['https://"],
    ['preview', { preview: 'x' }, 'must be an object with the options name'],
    ['appLinks.apple.0', { appLinks: { apple: ['x'] } }, 'must be an object with the options appIds'],
    ['appLinks.apple', { appLinks: { apple: 'x' } }, 'must be an object with appIds, or an array'],
    ['hookTimeoutMs', { hookTimeoutMs: '3000' }, 'not a string: convert it with Number(…)'],
    ['hookTimeoutMs', { hookTimeoutMs: Number.NaN }, `not NaN: ${ENVIRONMENT}`],
    ['trustProxy', { trustProxy: 'true' }, "not a string: compare it with 'true'"],
    ['mountPath', { mountPath: 'https://a.example/relay' }, 'not a URL'],
    ['mountPath', { mountPath: '/relay/v1/m' }, 'omit /v1/m'],
    ['mountPath', { mountPath: '/relay/V1/m/:id' }, 'omit /v1/m'],
    ['mountPath', { mountPath: '/relay/*' }, 'not the pattern of a router'],
    ['mountPath', { mountPath: '/:tenant/relay' }, 'not the pattern of a router'],
    ['clock', { clock: () => new Date() }, 'must return Unix time in ms, as a number'],
    ['clock', { clock: async () => Date.now() }, 'must return Unix time in ms, as a number'],
    ['clock', { clock: () => Date.now() / 1000 }, 'must return milliseconds, not seconds'],
    ['cors.origins.0', { cors: { origins: ['wss://a.example'] } }, 'must be an origin such as'],
    ['cors.origins.0', { cors: { origins: ['https://a.example https://b.example'] } }, 'must be one origin'],
    ['cors.origins.0', { cors: { origins: ['https://undefined'] } }, ENVIRONMENT],
    ['cors.origins.0', { cors: { origins: ['capacitor://localhost/'] } }, 'a slash at the end'],
    ['cors.origins.0', { cors: { origins: ['https://*.example.com:99999'] } }, 'may have * only as'],
    ['cors.origins.0', { cors: { origins: ['http://*.127.0.0.1'] } }, 'may have * only as'],
    // Units.
    ['hookTimeoutMs', { hookTimeoutMs: 3 }, 'must be at least 20: the unit is milliseconds'],
    ['storeTimeoutMs', { storeTimeoutMs: 2 }, 'must be at least 20: the unit is milliseconds'],
    ['storeBudgetMs', { storeBudgetMs: 3 }, 'the unit is milliseconds'],
    ['sweepIntervalMs', { sweepIntervalMs: 15 }, 'the unit is milliseconds'],
    ['longPoll.pollMs', { longPoll: { pollMs: 10 } }, 'the unit is milliseconds'],
    ['longPoll.maximumSeconds', { longPoll: { maximumSeconds: 50_000 } }, 'at most 3600: the unit is seconds'],
    [
      'lifetime.maximumSeconds',
      { lifetime: { maximumSeconds: 2_592_000_000 } },
      'at most 31622400: the unit is seconds',
    ],
    ['lifetime.defaultSeconds', { lifetime: { defaultSeconds: 0.5 } }, 'must be a whole number of seconds'],
    ['limits.bodyBytes', { limits: { bodyBytes: 64 } }, 'at least 256: the unit is bytes'],
    ['limits.bodyBytes', { limits: { bodyBytes: 1e12 } }, 'at most 67108864: the unit is bytes'],
    // Contradictions.
    ['storeTimeoutMs', { storeTimeoutMs: 5_000 }, 'must be at most storeBudgetMs'],
    ['lifetime.defaultSeconds', { lifetime: { defaultSeconds: 5_000_000 } }, 'must be at most lifetime.maximumSeconds'],
    // Hooks and notifiers.
    ['authenticate', { authenticate: oauthBearer }, 'call it, as oauthBearer(…)'],
    ['authenticate', { authenticate: clientAttestation }, 'call it, as clientAttestation(…)'],
    ['authenticate.create', { authenticate: { create: deviceAttestation } }, 'call it, as deviceAttestation(…)'],
    ['authenticate', { authenticate: allOf }, 'call it, as allOf(…)'],
    ['authenticate', { authenticate: Promise.resolve(hook) }, 'is a promise: await it first'],
    ['authenticate.read', { authenticate: { read: Promise.resolve(hook) } }, 'is a promise: await it first'],
    ['authenticate', { authenticate: [hook] }, 'combine hooks with allOf(…) or anyOf(…)'],
    ['authenticate', { authenticate: new Map([['create', hook]]) }, 'not a Map'],
    ['authorize', { authorize: oauthBearer }, 'call it, as oauthBearer(…)'],
    ['authorize', { authorize: allOf(hook) }, 'is an authentication hook: pass it as authenticate'],
    ['notifiers.0', { notifiers: [{ types: [], notify() {} }] }, 'must name at least one type'],
    ['notifiers.0', { notifiers: [{ types: [undefined], notify() {} }] }, 'must have texts only in types'],
    ['notifiers.0', { notifiers: [{ types: ['a'], notify() {}, validate: true }] }, 'a function in validate'],
    ['notifiers.0', { notifiers: [webhookNotifier] }, 'is a function: call it'],
    ['notifiers.0', { notifiers: [Promise.resolve({})] }, 'is a promise: await it first'],
    ['notifiers.0', { notifiers: [undefined] }, `is undefined: ${ENVIRONMENT}`],
    // Keys.
    ['keys', { keys: key.toString('base64url') }, 'must be an array of keys: [key]'],
    ['keys', { keys: key }, 'must be an array of keys: [key]'],
    ['keys.0', { keys: [undefined] }, `is undefined: ${ENVIRONMENT}`],
    ['keys.1', { keys: [key, ''] }, `is empty: ${ENVIRONMENT}`],
    ['keys.0', { keys: [key.toString('hex')] }, "pass Buffer.from(key, 'hex')"],
    ['keys.0', { keys: ['correct horse battery staple'] }, 'npx credential-relay keygen'],
    ['keys.0', { keys: ['!'.repeat(43)] }, 'must be 32 bytes'],
    ['keys.0', { keys: [[key, key].map((each) => each.toString('base64url')).join()] }, 'one entry of the array'],
    ['keys.0', { keys: [new Uint8Array(32)] }, 'must be random'],
    // Stores.
    ['store', { store: 'redis://localhost' }, 'pass storeFromUrl(url)'],
    ['store', { store: new URL('redis://localhost') }, 'pass storeFromUrl(url)'],
    ['store', { store: '' }, `is empty: ${ENVIRONMENT}`],
    ['store', { store: new pg.Pool() }, 'pass postgresStore(pool)'],
    ['store', { store: new pg.Client() }, 'pass postgresStore(pool) with a Pool'],
    ['store', { store: createClient() }, 'pass redisStore(client)'],
    ['store', { store: { url: 'redis://localhost' } }, 'not its options: pass storeFromUrl(url)'],
    ['store', { store: Promise.resolve(memoryStore()) }, 'is a promise: await it first'],
    ['store', { store: storeFromUrl }, 'is a function: call it'],
    ['store', { store: { capabilities: {}, get() {} } }, 'has no method create'],
    ['store', { store: null }, 'must be a store: storeFromUrl(url), postgresStore(pool)'],
  ])('%s of %o: %s', (path, options, message) => {
    const got = messageFor({ publicUrl: 'https://a.example', ...options });
    expect(got.startsWith(`${path}: `), got).toBe(true);
    expect(got).toContain(message);
    expect(got).not.toMatch(/Invalid input|expected|received|Cannot read|redis:\/\/|correct horse/);
  });

  it('may be undefined, and may have bounds that only look unusual', () => {
    const options = {
      publicUrl: 'https://a.example',
      authenticate: undefined,
      storeBudgetMs: 500,
      lifetime: { maximumSeconds: 60 },
      limits: { bodyBytes: 4_194_304 },
    };
    expect(messageFor(options)).toBe('accepted');
  });
});

describe.each([
  ['allOf', allOf],
  ['anyOf', anyOf],
])('%s', (name, combine) => {
  it.each<[given: unknown[], message: string]>([
    [[], 'needs at least one hook'],
    [[[hook, hook]], `takes hooks, not an array: ${name}(...hooks)`],
    [[hook, Promise.resolve(hook)], 'argument 2 is a promise: await it first'],
    [[oauthBearer], 'call it, as oauthBearer(…)'],
    [[hook, undefined], 'every hook must be a function'],
  ])('of %o: %s', (given, message) => {
    expect(() => (combine as (...hooks: unknown[]) => unknown)(...given)).toThrow(message);
  });
});

describe('hookTimeoutMs', () => {
  const slow = oauthBearer({ issuer: 'https://as.example', timeoutMs: 4_000 });
  it.each<[name: string, authenticate: RelayOptions['authenticate']]>([
    ['alone', slow],
    ['of one operation', { update: slow }],
    ['in allOf', allOf(hook, slow)],
    ['in anyOf, nested', anyOf(hook, allOf(slow, hook))],
  ])('must not be less than the limit that a hook has set: %s', (_name, authenticate) => {
    const options = { publicUrl: 'https://a.example', authenticate };
    expect(messageFor(options)).toBe(
      'hookTimeoutMs: must not be less than the timeoutMs of a hook (4000), which would never apply',
    );
    expect(messageFor({ ...options, hookTimeoutMs: 3_999 })).toContain('hookTimeoutMs: must not be less');
    expect(messageFor({ ...options, hookTimeoutMs: 4_000 })).toBe('accepted');
  });

  it('may be less than the default limit of a hook', () => {
    const authenticate = oauthBearer({ issuer: 'https://as.example' });
    expect(messageFor({ publicUrl: 'https://a.example', authenticate, hookTimeoutMs: 500 })).toBe('accepted');
  });
});

describe('other calls of a JavaScript caller', () => {
  const call = (run: () => unknown): string => {
    try {
      return String(run());
    } catch (error) {
      expect(error).toBeInstanceOf(TypeError);
      return (error as Error).message;
    }
  };

  it('relay.on names the nearest event, and refuses what is no listener', () => {
    const relay = createRelay({ publicUrl: 'https://a.example' }) as unknown as {
      on(type: unknown, listener?: unknown): unknown;
    };
    expect(call(() => relay.on('store.fail', hook))).toContain('did you mean store.failed?');
    expect(call(() => relay.on('*', hook))).toContain('the events are request.completed');
    expect(call(() => relay.on('store.failed'))).toBe('relay.on: the listener must be a function');
  });

  it('RelayError names the nearest code, and refuses details that are no object', () => {
    const Any = RelayError as unknown as new (...args: unknown[]) => RelayError;
    expect(call(() => new Any('token_invald'))).toBe('RelayError: there is no such code; did you mean token_invalid?');
    expect(call(() => new Any('toString'))).toContain('the codes are request_id_missing');
    expect(call(() => new Any())).toContain('the codes are request_id_missing');
    expect(call(() => new Any('forbidden', 'no entry'))).toContain('the second argument must be an object');
  });
});
