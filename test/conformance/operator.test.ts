import { randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createBody, device, PUBLIC_URL, sharedMailbox, somePayload, testRelay } from '../support/relay/relay.js';

describe('relay.remove', () => {
  it('ends a mailbox for every device, given a share URL with query and fragment [S7]', async () => {
    const relay = testRelay();
    const removed: string[] = [];
    relay.on('mailbox.removed', ({ mailbox }) => removed.push(mailbox));
    const sender = device(relay);
    const { json } = await sender.create(createBody(), { requestId: 'one' });
    await device(relay).read(json.urlLink);
    expect(await relay.remove(`${json.urlLink}?v=c#c2VjcmV0`)).toBe(true);
    expect((await sender.read(json.urlLink)).status).toBe(404);
    expect((await sender.create(createBody(), { requestId: 'one' })).status).toBe(201);
    expect(await relay.remove(json.urlLink)).toBe(false);
    expect(removed).toHaveLength(1);
  });

  it.each([
    'nonsense',
    `https://other.example/relay/v1/m/${randomUUID()}`,
    `${PUBLIC_URL}/v1/m/`,
    `${PUBLIC_URL}/v2/m/${randomUUID()}`,
    `http://localhost/elsewhere/v1/m/${randomUUID()}`,
  ])('refuses %s, which is no share URL of this relay, without repeating it', async (url) => {
    const failure: unknown = await testRelay()
      .remove(url)
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(TypeError);
    expect((failure as Error).message).not.toContain(url);
  });
});

describe('rotation of the server keys', () => {
  const first = randomBytes(32);
  const second = randomBytes(32);

  it('keeps old mailboxes readable and writable, and a retried create single', async () => {
    const store = new Map<string, unknown>();
    const before = testRelay({ store, keys: [first] });
    const claim = randomUUID();
    const { json } = await device(before, claim).create(createBody(), { requestId: 'one' });

    const after = testRelay({ store, keys: [second, first] });
    const sender = device(after, claim);
    const retry = await sender.create(createBody(), { requestId: 'one' });
    expect({ status: retry.status, urlLink: retry.json.urlLink }).toEqual({ status: 201, urlLink: json.urlLink });
    expect(store.size).toBe(1);

    const receiver = device(after);
    expect((await receiver.read(json.urlLink)).status).toBe(200);
    const payload = somePayload();
    expect((await receiver.update(json.urlLink, payload)).status).toBe(200);
    expect((await device(before, claim).read(json.urlLink)).status).toBe(503);
    expect((await sender.read(json.urlLink)).json.payload).toEqual(payload);
  });

  it('a create cancelled before the rotation stays cancelled after it', async () => {
    const store = new Map<string, unknown>();
    const claim = randomUUID();
    const { json } = await device(testRelay({ store, keys: [first] }), claim).create(createBody(), {
      requestId: 'one',
    });
    const sender = device(testRelay({ store, keys: [second, first] }), claim);
    await sender.delete(json.urlLink);
    expect((await sender.create(createBody(), { requestId: 'one' })).status).toBe(201);
    expect((await sender.read(json.urlLink)).status).toBe(404);
  });

  it('creates in flight at relays that do not yet agree on the current key open one mailbox [§3 A6]', async () => {
    for (let round = 0; round < 20; round += 1) {
      const [one, two] = [randomBytes(32), randomBytes(32)];
      const store = new Map<string, unknown>();
      const relays = [testRelay({ store, keys: [one, two] }), testRelay({ store, keys: [two, one] })];
      const claim = randomUUID();
      const answers = await Promise.all(
        [0, 1, 0, 1, 1, 0].map((index) =>
          device(relays[index] ?? testRelay(), claim).create(createBody(), { requestId: 'one' }),
        ),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 201, 201, 201, 201, 201]);
      expect(new Set(answers.map(({ json }) => json.urlLink)).size).toBe(1);
      const url = answers[0]?.json.urlLink;
      const statuses = await Promise.all(relays.map((relay) => device(relay, claim).read(url)));
      expect(statuses.map(({ status }) => status)).toEqual([200, 200]);
    }
  });

  it('the relay recognises a create from before the rotation, its cancel and its retry in any order of keys', async () => {
    for (let round = 0; round < 10; round += 1) {
      const [old, fresh] = [randomBytes(32), randomBytes(32)];
      const store = new Map<string, unknown>();
      const claim = randomUUID();
      const before = device(testRelay({ store, keys: [old] }), claim);
      const { json } = await before.create(createBody(), { requestId: 'one' });
      const after = device(testRelay({ store, keys: [fresh, old] }), claim);
      const retry = await after.create(createBody(), { requestId: 'one' });
      expect([retry.status, retry.json.urlLink]).toEqual([201, json.urlLink]);
      expect((await after.create(createBody(), { requestId: 'two' })).status).toBe(200);
      expect((await after.create(createBody(), { requestId: 'two' })).status).toBe(201);
    }
  });

  it('a relay that knows the new key only as previous serves what the new one opened', async () => {
    const store = new Map<string, unknown>();
    const claim = randomUUID();
    const newer = device(testRelay({ store, keys: [second, first] }), claim);
    const older = device(testRelay({ store, keys: [first, second] }), claim);
    const { json } = await newer.create(createBody(), { requestId: 'one' });
    const retry = await older.create(createBody(), { requestId: 'one' });
    expect({ status: retry.status, urlLink: retry.json.urlLink }).toEqual({ status: 201, urlLink: json.urlLink });
    expect((await older.read(json.urlLink)).status).toBe(200);
  });
});

describe('two relays in one process', () => {
  it('are independent, on two stores or in two namespaces of one store', async () => {
    const store = new Map<string, unknown>();
    const keys = [randomBytes(32)];
    const one = testRelay({ store, keys, namespace: 'one' });
    const two = testRelay({ store, keys, namespace: 'two' });
    const { url } = await sharedMailbox(one);
    expect((await device(two).read(url)).status).toBe(404);
    expect((await device(testRelay()).read(url)).status).toBe(404);
    expect([...store.keys()].every((key) => key.startsWith('one:'))).toBe(true);
  });
});

describe('two relays without keys on one Map of this process', () => {
  it('open one mailbox for one create and its retry', async () => {
    const store = new Map<string, unknown>();
    const claim = randomUUID();
    const first = await device(testRelay({ store }), claim).create(createBody(), { requestId: 'one' });
    const retry = await device(testRelay({ store }), claim).create(createBody(), { requestId: 'one' });
    expect([first.status, retry.status, store.size]).toEqual([200, 201, 1]);
  });
});

describe("requestId: 'optional' serves clients of SCT that send none [§3 A10]", () => {
  const relay = testRelay({ requestId: 'optional' });
  const without = { requestId: null };

  it('the relay carries out all four writes as new requests', async () => {
    const sender = device(relay);
    const receiver = device(relay);
    const [one, two] = [await sender.create(createBody(), without), await sender.create(createBody(), without)];
    expect([one.status, two.status]).toEqual([200, 200]);
    expect(one.json.urlLink).not.toBe(two.json.urlLink);
    const url = one.json.urlLink;
    await receiver.read(url, without);
    expect((await receiver.update(url, somePayload(), without)).status).toBe(200);
    expect((await receiver.update(url, somePayload(), without)).status).toBe(200);
    expect((await receiver.relinquish(url, without)).status).toBe(200);
    expect((await receiver.relinquish(url, without)).status).toBe(401);
    expect((await sender.delete(url, without)).status).toBe(200);
  });

  it('the relay recognises duplicates of requests with an id', async () => {
    const { sender, url } = await sharedMailbox(relay);
    expect((await sender.update(url, somePayload(), { requestId: 'one' })).status).toBe(200);
    expect((await sender.update(url, somePayload(), { requestId: 'one' })).status).toBe(201);
  });
});

describe('CORS', () => {
  const origin = 'https://app.example';
  const preflight = { Origin: origin, 'Access-Control-Request-Method': 'PUT' };
  const ask = (relay: ReturnType<typeof testRelay>, headers: Record<string, string>, method = 'OPTIONS') =>
    relay.fetch(new Request(`${PUBLIC_URL}/v1/m/${randomUUID()}`, { method, headers }));

  it('is off by default: OPTIONS gets 204 and Allow, and no CORS header', async () => {
    const response = await ask(testRelay(), preflight);
    expect(response.status).toBe(204);
    expect(response.headers.get('Allow')).toBe('GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS');
    expect([...response.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
    expect(response.headers.has('Vary')).toBe(false);
  });

  it('the preflight of an allowed origin gets the methods and headers of the protocol, and no credentials', async () => {
    const { headers } = await ask(testRelay({ cors: { origins: [origin] } }), preflight);
    expect(headers.get('Access-Control-Allow-Origin')).toBe(origin);
    expect(headers.get('Access-Control-Allow-Methods')).toBe('GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS');
    expect(headers.get('Access-Control-Allow-Headers')).toContain('Mailbox-Device-Claim');
    expect(headers.get('Vary')).toBe('Origin');
    expect(headers.has('Access-Control-Allow-Credentials')).toBe(false);
  });

  it('the relay exposes the response headers of the protocol, on errors too', async () => {
    const { headers } = await ask(testRelay({ cors: { origins: [origin] } }), { Origin: origin }, 'GET');
    expect(headers.get('Access-Control-Expose-Headers')).toBe(
      'Mailbox-Request-ID, Mailbox-Version, Mailbox-Receiver, Date, Preference-Applied, Retry-After, ' +
        'WWW-Authenticate, DPoP-Nonce, OAuth-Client-Attestation-Challenge',
    );
  });

  it('a method named like a property of Object gets 405', async () => {
    for (const method of ['constructor', 'toString', '__proto__']) {
      expect((await ask(testRelay(), {}, method)).status).toBe(405);
    }
  });

  it('another origin gets no CORS header, and * stands for any origin', async () => {
    const other = { ...preflight, Origin: 'https://evil.example' };
    const refused = await ask(testRelay({ cors: { origins: [origin] } }), other);
    expect(refused.headers.has('Access-Control-Allow-Origin')).toBe(false);
    expect(refused.headers.get('Vary')).toBe('Origin');
    const any = await ask(testRelay({ cors: { origins: ['*'] } }), other);
    expect(any.headers.get('Access-Control-Allow-Origin')).toBe('*');
  });
});
