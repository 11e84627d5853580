import { randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createServerKey } from '../../../src/relay/mailbox/keys.js';
import { openMailbox } from '../../../src/relay/mailbox/transitions.js';
import { type Address, clearCodec, sealingCodec, UnreadableRecord } from '../../../src/relay/store/codec.js';
import { createRandom } from '../../../src/relay/store/random.js';

const random = createRandom();
const current = createServerKey(randomBytes(32));
const previous = createServerKey(randomBytes(32));
const address = (): Address => ({ identifier: randomUUID(), key: `relay:${randomBytes(32).toString('base64url')}` });
const mailbox = openMailbox(
  {
    claim: 'digest',
    payload: { type: 'AEAD_AES_128_GCM', data: 'ZGF0YQ==' },
    display: { title: 'Grüße 🔑', description: 'd', imageURL: 'https://example.com/i.png' },
    rights: 'RD',
    expiresAt: 2_000_000_000_000,
    revision: 'r'.repeat(22),
  },
  1_900_000_000_000,
);

function reasonFor(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof UnreadableRecord) return error.code;
    throw error;
  }
  return 'readable';
}

describe('sealing at rest', () => {
  const codec = sealingCodec([current]);
  const here = address();
  const seal = (): string => codec.encode(mailbox, here, random.revision(), random.iv) as string;

  it('opens a record that it has sealed', () => {
    expect(codec.decode(seal(), here)).toEqual(mailbox);
  });

  it('shows revision, deadline, format and key id, and nothing of the record', () => {
    const [revision, expiresAt, format, keyId, sealed, ...rest] = seal().split('.');
    expect(revision).toMatch(/^[A-Za-z0-9_-]{16}$/);
    expect([expiresAt, format, keyId]).toEqual(['2000000000000', '1', current.id]);
    expect(Buffer.from(sealed ?? '', 'base64').includes('ZGF0YQ')).toBe(false);
    expect(rest).toEqual([]);
  });

  it('never seals a record twice with the same result', () => {
    expect(new Set(Array.from({ length: 1000 }, () => seal().split('.')[4])).size).toBe(1000);
  });

  it('refuses a record that was moved to another key of the store', () => {
    expect(reasonFor(() => codec.decode(seal(), { ...here, key: address().key }))).toBe('seal_broken');
  });

  it('refuses a record without the identifier of its share URL, even with the server key', () => {
    expect(reasonFor(() => codec.decode(seal(), { ...here, identifier: randomUUID() }))).toBe('seal_broken');
  });

  it('refuses a record with any one bit of the sealed part changed [R3]', () => {
    const text = seal();
    const start = text.lastIndexOf('.') + 1;
    const bytes = Buffer.from(text.slice(start), 'base64');
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes);
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      expect(reasonFor(() => codec.decode(text.slice(0, start) + changed.toString('base64'), here))).toBe(
        'seal_broken',
      );
    }
    expect(reasonFor(() => codec.decode(text.slice(0, start), here))).toBe('seal_broken');
  });

  it.each([
    ['unknown_key', (text: string) => text.replace(current.id, 'AAAAAAAA')],
    ['unknown_format', (text: string) => text.replace('.1.', '.2.')],
    ['unknown_format', () => ''],
    ['unknown_format', () => '{"value":1}'],
  ])('distinguishes %s from an absent mailbox', (reason, change) => {
    expect(reasonFor(() => codec.decode(change(seal()), here))).toBe(reason);
  });

  it('opens records of previous keys, and seals with the current one', () => {
    const old = sealingCodec([previous]).encode(mailbox, here, random.revision(), random.iv);
    const rotated = sealingCodec([current, previous]);
    expect(rotated.decode(old, here)).toEqual(mailbox);
    expect(rotated.encode(mailbox, here, random.revision(), random.iv)).toContain(`.${current.id}.`);
    expect(reasonFor(() => codec.decode(old, here))).toBe('unknown_key');
  });
});

describe('records in clear', () => {
  it('are kept by reference, with their revision', () => {
    const value = clearCodec.encode(mailbox, address(), 'revisionrevision', random.iv);
    expect(value).toMatchObject({ revision: 'revisionrevision' });
    expect(clearCodec.decode(value, address())).toBe(mailbox);
  });

  it('are refused in sealed form', () => {
    expect(reasonFor(() => clearCodec.decode('revisionrevision.1.1.k.x', address()))).toBe('unknown_format');
  });
});
