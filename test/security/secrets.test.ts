import { randomBytes, randomUUID } from 'node:crypto';
import type { RelayEvent } from 'credential-relay';
import { describe, expect, it } from 'vitest';
import { createBody, device, somePayload, testRelay } from '../support/relay/relay.js';
import { dump } from '../support/store/stores.js';

/** The values that unfinished transfers send, each recognisable. */
interface Planted {
  readonly secrets: string[];
}

/** Leaves `count` unfinished transfers in the store, and returns every used value. */
async function transfersInFlight(relay: ReturnType<typeof testRelay>, count: number): Promise<Planted> {
  const secrets: string[] = [];
  const note = (value: string): string => {
    secrets.push(value);
    return value;
  };
  for (let index = 0; index < count; index += 1) {
    const sender = device(relay, note(randomUUID()));
    const receiver = device(relay, note(randomUUID()));
    const payload = somePayload();
    const update = somePayload();
    note(payload.data);
    note(update.data);
    const created = await sender.create(
      createBody({
        payload,
        displayInformation: {
          title: note(`title ${randomUUID()}`),
          description: note(`description ${randomUUID()}`),
          imageURL: note(`https://example.com/${randomUUID()}.png`),
        },
        notificationToken: { type: note(`type.${randomUUID()}`), tokenData: note(randomUUID()) },
      }),
      { requestId: note(randomUUID()), headers: { 'Mailbox-Device-Attestation': note(randomUUID()) } },
    );
    const url = note(created.json.urlLink);
    note(url.slice(-36));
    await receiver.read(url, { body: { notificationToken: { type: 'other', tokenData: note(randomUUID()) } } });
    await receiver.update(url, update, { requestId: note(randomUUID()) });
    if (index % 4 === 0) await receiver.relinquish(url, { requestId: note(randomUUID()) });
    if (index % 5 === 0) await sender.delete(url, { requestId: note(randomUUID()) });
    await device(relay, note(randomUUID())).read(url);
  }
  return { secrets };
}

/** Returns the values that a text contains: unchanged, without dashes, or in base64. */
function found(secrets: readonly string[], text: string): string[] {
  const lower = text.toLowerCase();
  return secrets.filter(
    (secret) =>
      lower.includes(secret.toLowerCase()) ||
      text.includes(Buffer.from(secret).toString('base64').replace(/=+$/, '').slice(0, -1)),
  );
}

describe('secrets in the store and in events [§10]', () => {
  it('a dump of the sealed store with 1,000 open transfers contains none of their values [S9]', async () => {
    const store = new Map<string, unknown>();
    const relay = testRelay({ store, keys: [randomBytes(32)] });
    const { secrets } = await transfersInFlight(relay, 1000);
    expect(store.size).toBe(1000);
    expect(secrets.length).toBeGreaterThan(14_000);
    expect(found(secrets, dump(store))).toEqual([]);
  }, 60_000);

  it('the search of the test before finds the values in a store without keys', async () => {
    const store = new Map<string, unknown>();
    const { secrets } = await transfersInFlight(testRelay({ store }), 10);
    // Even a store in clear holds no claim, request id or identifier. It holds titles, payloads and tokens.
    const kinds = found(secrets, dump(store));
    expect(kinds.some((secret) => secret.startsWith('title '))).toBe(true);
    expect(kinds.some((secret) => secret.startsWith('http://localhost'))).toBe(false);
  });

  it('the server keys do not open a dump: the identifier of each share URL is needed too', async () => {
    const store = new Map<string, unknown>();
    const keys = [randomBytes(32)];
    await transfersInFlight(testRelay({ store, keys }), 20);
    const { sealingCodec } = await import('../../src/relay/store/codec.js');
    const { createServerKey: serverKey } = await import('../../src/relay/mailbox/keys.js');
    const codec = sealingCodec([serverKey(keys[0] ?? randomBytes(32))]);
    let sealed = 0;
    for (const [key, entry] of store) {
      const { value } = entry as { value: string };
      if (value.includes('.-.')) continue; // A tombstone has no ciphertext.
      sealed += 1;
      // A thief has only the store key (a digest of the identifier) and the server key.
      for (const identifier of [key, key.split(':')[1] ?? '', '']) {
        expect(() => codec.decode(value, { identifier, key })).toThrow();
      }
    }
    expect(sealed).toBe(16);
  });

  it('two mailboxes of one device have nothing in common in the store [N39]', async () => {
    const store = new Map<string, unknown>();
    const relay = testRelay({ store });
    const sender = device(relay);
    const receiver = device(relay);
    const body = createBody({ payload: { type: 'AEAD_AES_128_GCM', data: 'ZGF0YQ==' } });
    for (let index = 0; index < 2; index += 1) {
      const { json } = await sender.create(body);
      await receiver.read(json.urlLink);
      await receiver.update(json.urlLink, body.payload, { requestId: 'the-same-id' });
    }
    const digests = [...store.entries()].map((entry) => new Set(JSON.stringify(entry).match(/[A-Za-z0-9_-]{43}/g)));
    expect(digests[0]?.size).toBe(4); // Store key, two claims, one update.
    expect([...(digests[0] ?? [])].filter((digest) => digests[1]?.has(digest))).toEqual([]);
  });

  it('no event contains any of the values, for any request [R4 R5 R12 N40 S9]', async () => {
    const events: RelayEvent[] = [];
    const relay = testRelay({ keys: [randomBytes(32)], onEvent: (event) => events.push(event) });
    const { secrets } = await transfersInFlight(relay, 50);
    expect(events.length).toBeGreaterThan(300);
    expect(new Set(events.map(({ type }) => type))).toEqual(
      new Set([
        'relay.warned',
        'request.completed',
        'mailbox.created',
        'mailbox.bound',
        'mailbox.updated',
        'mailbox.relinquished',
        'mailbox.deleted',
      ]),
    );
    expect(found(secrets, JSON.stringify(events))).toEqual([]);
  });

  it('the mailbox hash in events differs between processes and is stable within one [R4]', async () => {
    const names = await Promise.all(
      [1, 2].map(async () => {
        const seen = new Set<string>();
        const store = new Map<string, unknown>();
        const relay = testRelay({ store, keys: [Buffer.alloc(32, 7)] });
        relay.on('mailbox.created', ({ mailbox }) => seen.add(mailbox));
        relay.on('mailbox.deleted', ({ mailbox }) => seen.add(mailbox));
        const sender = device(relay, '6ba7b810-9dad-41d1-80b4-00c04fd430c8');
        const { json } = await sender.create(createBody(), { requestId: 'one' });
        await sender.delete(json.urlLink);
        return [...seen];
      }),
    );
    expect(names[0]).toHaveLength(1);
    expect(names[1]).toHaveLength(1);
    expect(names[0]).not.toEqual(names[1]);
  });
});
