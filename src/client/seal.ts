import type { Payload } from '../protocol/bodies.js';
import { fromBase64, toBase64, toBase64Url } from './base64.js';
import { type ClientCrypto, resolveCrypto } from './crypto.js';

/** The two AEADs that every device supports (SCT §3.3, TIGRESS §7.2; RFC 5116). */
export type AeadName = 'AEAD_AES_128_GCM' | 'AEAD_AES_256_GCM';

/** Bytes of the Secret of each AEAD. */
const SECRET_BYTES: Readonly<Record<AeadName, number>> = { AEAD_AES_128_GCM: 16, AEAD_AES_256_GCM: 32 };

const IV_BYTES = 12;

/** A payload that {@link open} cannot decrypt: it was changed, or sealed under another Secret or algorithm. */
export class UnopenedPayload extends Error {
  override readonly name = 'UnopenedPayload';
}

/**
 * Generates a random Secret. Use each Secret for one share only.
 *
 * @param type The AEAD: 16 bytes for AES-128, 32 bytes for AES-256. Default `AEAD_AES_256_GCM`.
 * @param crypto WebCrypto, in a runtime without it. Default: the one of the runtime.
 * @returns The Secret as base64url without padding, which messengers leave unchanged.
 */
export function generateSecret(type: AeadName = 'AEAD_AES_256_GCM', crypto?: ClientCrypto): string {
  if (SECRET_BYTES[type] === undefined) throw new TypeError('generateSecret: there is no such algorithm');
  return toBase64Url(toBase64(getRandomBytes(SECRET_BYTES[type], resolveCrypto(crypto, 'crypto'))));
}

function getRandomBytes(length: number, crypto: ClientCrypto): Uint8Array {
  const bytes = new Uint8Array(length);
  crypto.getRandomValues(bytes);
  return bytes;
}

/**
 * Encrypts a message with AES-GCM and a random 96-bit IV.
 *
 * @param secret Base64 of 16 bytes (AES-128) or 32 bytes (AES-256).
 * @param crypto WebCrypto, in a runtime without it. Default: the one of the runtime.
 * @returns `type` names the AEAD; `data` is base64 of IV ‖ ciphertext ‖ tag.
 * @throws {TypeError} The Secret is not base64, or has another length.
 * @see SCT §3.3, TIGRESS §7.2, RFC 5116
 * @example
 * const secret = generateSecret();
 * const payload = await seal(new TextEncoder().encode('text'), secret);
 */
export async function seal(content: Uint8Array, secret: string, crypto?: ClientCrypto): Promise<Payload> {
  if (!ArrayBuffer.isView(content))
    throw new TypeError('seal: the content must be bytes: new TextEncoder().encode(text)');
  const { type, key, webCrypto } = await importSecret(secret, 'encrypt', crypto);
  const iv = getRandomBytes(IV_BYTES, webCrypto);
  const encrypted = await webCrypto.subtle.encrypt({ name: 'AES-GCM', iv }, key, new Uint8Array(content));
  const sealed = new Uint8Array(encrypted);
  const data = new Uint8Array(IV_BYTES + sealed.length);
  data.set(iv);
  data.set(sealed, IV_BYTES);
  return { type, data: toBase64(data) };
}

/**
 * Decrypts a payload of {@link seal}.
 *
 * @param secret Base64 of 16 or 32 bytes.
 * @param crypto WebCrypto, in a runtime without it. Default: the one of the runtime.
 * @throws {UnopenedPayload} The payload was changed, or sealed under another Secret or algorithm.
 * @throws {TypeError} The Secret is not base64, or has another length.
 * @see SCT §3.3, TIGRESS §7.2, RFC 5116
 * @example
 * const text = new TextDecoder().decode(await open(payload, secret));
 */
export async function open(payload: Payload, secret: string, crypto?: ClientCrypto): Promise<Uint8Array> {
  const { type, key, webCrypto } = await importSecret(secret, 'decrypt', crypto);
  try {
    // Empty data fails to decrypt, like data of another algorithm should.
    const data = fromBase64(payload.type === type ? payload.data : '');
    const algorithm = { name: 'AES-GCM', iv: data.subarray(0, IV_BYTES) } as const;
    return new Uint8Array(await webCrypto.subtle.decrypt(algorithm, key, data.subarray(IV_BYTES)));
  } catch (cause) {
    throw new UnopenedPayload('The payload was changed, or sealed under another Secret or algorithm.', { cause });
  }
}

/** The bytes of a Secret, and its AEAD by length. Throws a TypeError unless it is base64 of 16 or 32 bytes. */
export function decodeSecret(secret: string): { readonly type: AeadName; readonly bytes: Uint8Array<ArrayBuffer> } {
  if (typeof secret !== 'string') throw new TypeError('The Secret must be a text.');
  const bytes = fromBase64(secret);
  const type = (Object.keys(SECRET_BYTES) as AeadName[]).find((name) => SECRET_BYTES[name] === bytes.length);
  if (type === undefined) throw new TypeError('The Secret must have 16 or 32 bytes.');
  return { type, bytes };
}

async function importSecret(
  secret: string,
  usage: 'encrypt' | 'decrypt',
  crypto: ClientCrypto | undefined,
): Promise<{ type: AeadName; key: unknown; webCrypto: ClientCrypto }> {
  const webCrypto = resolveCrypto(crypto, 'crypto');
  const { type, bytes } = decodeSecret(secret);
  return { type, key: await webCrypto.subtle.importKey('raw', bytes, 'AES-GCM', false, [usage]), webCrypto };
}
