import { gcm } from '@noble/ciphers/aes.js';
import { sha256 } from '@noble/hashes/sha2.js';

/** WebCrypto, as far as the client needs it, from two libraries in JavaScript. docs/client.md shows the same. */
const toBuffer = ({ buffer, byteOffset, byteLength }) => buffer.slice(byteOffset, byteOffset + byteLength);
export const nobleCrypto = {
  // For this test only. An app takes the random bytes of its device.
  getRandomValues: (array) => array.map((_, index) => (array[index] = Math.floor(Math.random() * 256))),
  subtle: {
    digest: async (_, data) => toBuffer(sha256(data)),
    importKey: async (_, key) => key,
    encrypt: async ({ iv }, key, data) => toBuffer(gcm(key, iv).encrypt(data)),
    decrypt: async ({ iv }, key, data) => toBuffer(gcm(key, iv).decrypt(data)),
  },
};
