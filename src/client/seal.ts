import type { Payload } from '../protocol/bodies.js';
import { fromBase64, toBase64 } from './base64.js';

/** The two AEADs that every device supports (SCT §3.3, TIGRESS §7.2; RFC 5116). */
export type AeadName = 'AEAD_AES_128_GCM' | 'AEAD_AES_256_GCM';

/** Bytes of the Secret, by AEAD. */
const SECRET_BYTES: Readonly<Record<AeadName, number>> = { AEAD_AES_128_GCM: 16, AEAD_AES_256_GCM: 32 };

const IV_BYTES = 12;

/** The payload could not be opened: tampered with, sealed under another Secret, or not sealed this way at all. */
export class UnopenedPayload extends Error {
  override readonly name = 'UnopenedPayload';
}

/** A fresh symmetric Secret as base64: 16 bytes for AES-128, 32 bytes for AES-256 (the default). One for each share. */
export function generateSecret(type: AeadName = 'AEAD_AES_256_GCM'): string {
  return toBase64(crypto.getRandomValues(new Uint8Array(SECRET_BYTES[type])));
}

/**
 * Encrypts a message under the Secret, with a fresh 96-bit IV: `data` is base64 of IV ‖ ciphertext ‖ tag. The AEAD
 * follows from the length of the Secret. Throws a TypeError for a Secret of another length.
 */
export async function seal(content: Uint8Array, secret: string): Promise<Payload> {
  const { type, key } = await importSecret(secret, 'encrypt');
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
  const sealed = new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, key, new Uint8Array(content)));
  const data = new Uint8Array(IV_BYTES + sealed.length);
  data.set(iv);
  data.set(sealed, IV_BYTES);
  return { type, data: toBase64(data) };
}

/**
 * Decrypts a payload under the Secret. Throws {@link UnopenedPayload} if it was changed, or was not sealed under this
 * Secret, and a TypeError for a Secret that is none.
 */
export async function open(payload: Payload, secret: string): Promise<Uint8Array> {
  const { type, key } = await importSecret(secret, 'decrypt');
  try {
    // Of another algorithm there is nothing to open.
    const data = fromBase64(payload.type === type ? payload.data : '');
    const algorithm = { name: 'AES-GCM', iv: data.subarray(0, IV_BYTES) };
    return new Uint8Array(await crypto.subtle.decrypt(algorithm, key, data.subarray(IV_BYTES)));
  } catch (cause) {
    throw new UnopenedPayload('The payload was changed, or sealed under another Secret or algorithm.', { cause });
  }
}

/** Which AEAD a Secret is for, and its bytes. Throws a TypeError for one that is not base64 of 16 or 32 bytes. */
export function decodeSecret(secret: string): { readonly type: AeadName; readonly bytes: Uint8Array<ArrayBuffer> } {
  const bytes = fromBase64(secret);
  const type = (Object.keys(SECRET_BYTES) as AeadName[]).find((name) => SECRET_BYTES[name] === bytes.length);
  if (type === undefined) throw new TypeError('A Secret has 16 or 32 bytes.');
  return { type, bytes };
}

async function importSecret(
  secret: string,
  usage: 'encrypt' | 'decrypt',
): Promise<{ type: AeadName; key: Awaited<ReturnType<typeof crypto.subtle.importKey>> }> {
  const { type, bytes } = decodeSecret(secret);
  return { type, key: await crypto.subtle.importKey('raw', bytes, 'AES-GCM', false, [usage]) };
}
