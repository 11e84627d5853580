import { gcm } from '@noble/ciphers/aes.js';
import { generateSecret, open, seal, UnopenedPayload } from 'credential-relay/client';
import { describe, expect, it } from 'vitest';

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));
const base64 = (...parts: Uint8Array[]): string => Buffer.concat(parts).toString('base64');

/** Test cases 1-3 and 13-15 of the GCM specification (McGrew and Viega), those without associated data. */
const VECTORS = [
  {
    name: 'GCM 1',
    key: '00'.repeat(16),
    iv: '00'.repeat(12),
    plain: '',
    cipher: '',
    tag: '58e2fccefa7e3061367f1d57a4e7455a',
  },
  {
    name: 'GCM 2',
    key: '00'.repeat(16),
    iv: '00'.repeat(12),
    plain: '00'.repeat(16),
    cipher: '0388dace60b6a392f328c2b971b2fe78',
    tag: 'ab6e47d42cec13bdf53a67b21257bddf',
  },
  {
    name: 'GCM 3',
    key: 'feffe9928665731c6d6a8f9467308308',
    iv: 'cafebabefacedbaddecaf888',
    plain:
      'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72' +
      '1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255',
    cipher:
      '42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e' +
      '21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091473f5985',
    tag: '4d5c2af327cd64a62cf35abd2ba6fab4',
  },
  {
    name: 'GCM 13',
    key: '00'.repeat(32),
    iv: '00'.repeat(12),
    plain: '',
    cipher: '',
    tag: '530f8afbc74536b9a963b4f1c4cb738b',
  },
  {
    name: 'GCM 14',
    key: '00'.repeat(32),
    iv: '00'.repeat(12),
    plain: '00'.repeat(16),
    cipher: 'cea7403d4d606b6e074ec5d3baf39d18',
    tag: 'd0d1c8a799996bf0265b98b5d48ab919',
  },
  {
    name: 'GCM 15',
    key: 'feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308',
    iv: 'cafebabefacedbaddecaf888',
    plain:
      'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72' +
      '1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255',
    cipher:
      '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa' +
      '8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad',
    tag: 'b094dac5d93471bdec1a502270e3cc6c',
  },
];

const TYPES = ['AEAD_AES_128_GCM', 'AEAD_AES_256_GCM'] as const;

describe('AEAD of the payload [N46, RFC 5116]', () => {
  it.each(VECTORS)('open decrypts the published vector $name', async ({ key, iv, plain, cipher, tag }) => {
    const type = key.length === 32 ? TYPES[0] : TYPES[1];
    const payload = { type, data: base64(hex(iv), hex(cipher), hex(tag)) };
    expect(Buffer.from(await open(payload, base64(hex(key))))).toEqual(Buffer.from(plain, 'hex'));
  });

  it.each(TYPES)('%s: a second implementation opens what it seals, and it opens what that one seals', async (type) => {
    for (const length of [0, 1, 15, 16, 17, 4096, 40_000]) {
      const content = crypto.getRandomValues(new Uint8Array(length));
      const secret = generateSecret(type);
      const key = Buffer.from(secret, 'base64');
      const sealed = await seal(content, secret);
      expect(sealed.type).toBe(type);
      const bytes = Buffer.from(sealed.data, 'base64');
      expect(bytes.length).toBe(12 + length + 16);
      expect(Buffer.from(gcm(key, bytes.subarray(0, 12)).decrypt(bytes.subarray(12)))).toEqual(Buffer.from(content));

      const iv = crypto.getRandomValues(new Uint8Array(12));
      const theirs = { type, data: base64(iv, gcm(key, iv).encrypt(content)) };
      expect(Buffer.from(await open(theirs, secret))).toEqual(Buffer.from(content));
    }
  });

  it.each(TYPES)('%s: refuses a payload with any one byte changed', async (type) => {
    const secret = generateSecret(type);
    const { data } = await seal(new TextEncoder().encode('room 417'), secret);
    const bytes = Buffer.from(data, 'base64');
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes);
      changed.writeUInt8(changed.readUInt8(at) ^ 0x80, at);
      await expect(open({ type, data: base64(changed) }, secret)).rejects.toBeInstanceOf(UnopenedPayload);
    }
  });

  it('open refuses another Secret, another algorithm, and a payload that is too short or not base64', async () => {
    const secret = generateSecret();
    const payload = await seal(new Uint8Array(8), secret);
    await expect(open(payload, generateSecret())).rejects.toBeInstanceOf(UnopenedPayload);
    await expect(open({ ...payload, type: 'AEAD_AES_128_GCM' }, secret)).rejects.toBeInstanceOf(UnopenedPayload);
    await expect(open({ ...payload, data: base64(new Uint8Array(27)) }, secret)).rejects.toBeInstanceOf(
      UnopenedPayload,
    );
    await expect(open({ ...payload, data: '!' }, secret)).rejects.toBeInstanceOf(UnopenedPayload);
    await expect(seal(new Uint8Array(1), 'c2hvcnQ=')).rejects.toBeInstanceOf(TypeError);
  });

  it('open accepts base64 of either alphabet, with and without padding', async () => {
    const secret = generateSecret();
    const payload = await seal(new TextEncoder().encode('either'), secret);
    const urlSafe = Buffer.from(payload.data, 'base64').toString('base64url');
    const urlSafeSecret = Buffer.from(secret, 'base64').toString('base64url');
    expect(new TextDecoder().decode(await open({ ...payload, data: urlSafe }, urlSafeSecret))).toBe('either');
  });

  it('seal uses a new IV each time, and generateSecret returns a new Secret', async () => {
    const secret = generateSecret();
    const sealed = await Promise.all(Array.from({ length: 100 }, () => seal(new Uint8Array(4), secret)));
    expect(new Set(sealed.map(({ data }) => data.slice(0, 16))).size).toBe(100);
    expect(generateSecret()).not.toBe(generateSecret());
    expect(Buffer.from(generateSecret('AEAD_AES_128_GCM'), 'base64')).toHaveLength(16);
  });
});
