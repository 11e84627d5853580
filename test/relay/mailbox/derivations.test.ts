import { createDecipheriv, createHash, createHmac, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { digestClaim, digestRelinquish, digestStoreKey, digestUpdate } from '../../../src/relay/mailbox/digests.js';
import { createServerKey, deriveIdentifier, hmac } from '../../../src/relay/mailbox/keys.js';
import type { Mailbox } from '../../../src/relay/mailbox/record.js';
import { sealingCodec } from '../../../src/relay/store/codec.js';

/*
 * Known answers, computed once: a release with another derivation would lose the mailboxes of every running relay. Some
 * tests repeat a short derivation.
 */

const KEY_BYTES = Uint8Array.from({ length: 32 }, (_, index) => index);
const key = createServerKey(KEY_BYTES);
const CLAIM = '6ba7b810-9dad-11d1-80b4-00c04fd430c8';
const REQUEST_ID = 'a1b2c3d4-0000-4000-8000-000000000001';
const IDENTIFIER = '909f35d9-da24-485b-a245-db1cdc62b4ef';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('base64url');

describe('derivations at rest', () => {
  it('names a mailbox by HMAC-SHA256(key, "mailbox" ‖ claim ‖ request id), in the form of a UUID version 4 [§2 N12 N13]', () => {
    const hex = createHmac('sha256', KEY_BYTES).update(`mailbox${CLAIM}${REQUEST_ID}`).digest('hex').slice(0, 32);
    const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
    const uuid = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`;
    expect(deriveIdentifier(key, CLAIM, REQUEST_ID)).toBe(uuid);
    expect(deriveIdentifier(key, CLAIM, REQUEST_ID)).toBe(IDENTIFIER);
  });

  it('names a server key by HMAC-SHA256(key, "key id")', () => {
    expect(key.id).toBe(createHmac('sha256', KEY_BYTES).update('key id').digest('base64url').slice(0, 8));
    expect(key.id).toBe('hlF0VlyE');
  });

  it.each([
    [
      'store key',
      digestStoreKey(IDENTIFIER),
      sha256(`store${IDENTIFIER}`),
      'g4tg_7f8OM2k4oUWWq7OptrbdoCZZt2Owi5bDqntgSs',
    ],
    [
      'claim',
      digestClaim(IDENTIFIER, CLAIM),
      sha256(`claim${IDENTIFIER}${CLAIM}`),
      'aP5XewaTOMRcTB1IaWyQFOt7qnsxV3iAR_OTC4sG15A',
    ],
    [
      'update',
      digestUpdate(IDENTIFIER, REQUEST_ID),
      sha256(`update${IDENTIFIER}${REQUEST_ID}`),
      'XfqflZYtr5z9RjBlZGcCIywIZ1Oh3E4j3c5O3gbisEk',
    ],
    [
      'relinquish',
      digestRelinquish(IDENTIFIER, REQUEST_ID),
      sha256(`relinquish${IDENTIFIER}${REQUEST_ID}`),
      'j07YfNwauZwPu_5TBYm4KbYVUenarDpwoBJKoZI4tHM',
    ],
  ])('digests a %s with SHA-256, salted by the identifier', (_name, digest, spelledOut, known) => {
    expect(digest).toBe(spelledOut);
    expect(digest).toBe(known);
  });

  it('seals with AES-256-GCM under HMAC-SHA256(key, "seal" ‖ identifier), and opens what an older release sealed', () => {
    const address = { identifier: IDENTIFIER, key: `relay:${digestStoreKey(IDENTIFIER)}` };
    const codec = sealingCodec([key]);
    const iv = Uint8Array.from({ length: 12 }, (_, index) => 200 + index);
    const stored = codec.encode(MAILBOX, address, 'revisionrevision', () => iv);
    expect(stored).toBe(SEALED);
    expect(codec.decode(SEALED, address)).toEqual(MAILBOX);

    const [revision, expiresAt, format, keyId, sealed = ''] = SEALED.split('.');
    expect([revision, expiresAt, format, keyId]).toEqual(['revisionrevision', '1900000000000', '1', key.id]);
    const bytes = Buffer.from(sealed, 'base64');
    const sealKey = createHmac('sha256', KEY_BYTES).update(`seal${IDENTIFIER}`).digest();
    const decipher = createDecipheriv('aes-256-gcm', sealKey, bytes.subarray(0, 12));
    decipher.setAAD(Buffer.from(`${address.key}.${key.id}.1`)).setAuthTag(bytes.subarray(-16));
    const text = decipher.update(bytes.subarray(12, -16), undefined, 'utf8') + decipher.final('utf8');
    expect(JSON.parse(text)).toEqual(MAILBOX);
  });

  it('writes a tombstone as its deadline and nothing else [A9]', () => {
    const address = { identifier: IDENTIFIER, key: `relay:${digestStoreKey(IDENTIFIER)}` };
    const tombstone = { format: 1, tombstone: true, expiresAt: 1_900_000_000_000 } as const;
    const stored = sealingCodec([key]).encode(tombstone, address, 'revisionrevision', () => new Uint8Array(12));
    expect(stored).toBe('revisionrevision.1900000000000.1.-.');
  });

  it('writes a rotation marker as its deadline and nothing else, and distinguishes it from a tombstone', () => {
    const address = { identifier: IDENTIFIER, key: `relay:${digestStoreKey(IDENTIFIER)}` };
    const marker = { format: 1, rotationMarker: true, expiresAt: 1_900_000_000_000 } as const;
    const stored = sealingCodec([key]).encode(marker, address, 'revisionrevision', () => new Uint8Array(12));
    expect(stored).toBe('revisionrevision.1900000000000.1.+.');
    expect(sealingCodec([key]).decode(stored, address)).toEqual(marker);
  });
});

const MAILBOX: Mailbox = {
  format: 1,
  createdAt: 1_800_000_000_123,
  expiresAt: 1_900_000_000_000,
  rights: 'RWD',
  display: { title: 'Hotel Pass', description: 'Some Hotel Pass', imageURL: 'https://example.com/i.png' },
  payload: { type: 'AEAD_AES_128_GCM', data: 'ZGF0YQ==' },
  sender: { claim: 'sender', updates: ['one'], token: { type: 'com.apple.apns', tokenData: 'APNS1234' } },
  receiver: { claim: 'receiver', updates: [] },
  released: [{ claim: 'earlier', relinquish: 'two' }],
};

const SEALED =
  'revisionrevision.1900000000000.1.hlF0VlyE.yMnKy8zNzs/Q0dLTlqrYI1gbrGiljhMUHb3BVlUE6Ebsgfqqml0UV0WaR5' +
  'SCUs9Z4j+AxbNItl5w8D1oq+jq1f6R8hP5BCySb2YDqHOyHcTgTCnd1xDJL3pnBbO/x1Zlctx2wNiSZkEltAWDzKuVGBgBQC441y' +
  'oGwQD5MX2yNQQmANYU4jZ6U/Buj684feHWCm6Wx72hSK2mpNniaUsXr2e0rYxXk+BLIvwnm4YkkzixbaUkyq83TrOUManl2UCnnz' +
  'mZ7Tq11Egeg2zzxXc+6gMeZMNb16xXTWJZiZl4tC+hivh3ixnTzv25yXiGyukjBAkOfdPKCCfDMXoZt9KQGc85usggBM3IS8cihH' +
  '7fEz1k1UPOz+YyUHnQFSWwVbyER7KdZPHStpAL3Uc5DlV3RnVHoRB6/r+zFKZr6AXTh7LuKvkiOQL/6cGCgT2poEqzpoY95vrEgU' +
  'Dk41mUofPk0vENXi/7K30mdTHkcOq2C41CDHVEwp2+khu64fiY0TmwoyGS8CEdEMCRgw6V/P2J+QscJql0ofrqI2YmO8xeMvaF/t' +
  '4R3VccghvxMj83UWrEnHYySF4bmkpbptGkycMAaRbgwqErzrg13zNX29fuDdn5tag=';

describe('HMAC by two hashes', () => {
  it('equals HMAC-SHA256 for any key and any text', () => {
    for (let length = 0; length < 200; length += 1) {
      const bytes = randomBytes(32);
      const text = randomBytes(length).toString('latin1');
      expect(hmac(createServerKey(bytes), text)).toEqual(createHmac('sha256', bytes).update(text).digest());
    }
  });
});
