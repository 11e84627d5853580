/**
 * The part of WebCrypto that the client uses. `globalThis.crypto` of browsers and servers has it, and so has
 * `react-native-quick-crypto`. The only algorithms are SHA-256 and AES-GCM (docs/client.md).
 */
export interface ClientCrypto {
  /** Fills the array with random bytes of a cryptographic generator. */
  getRandomValues(array: Uint8Array): unknown;
  /** The four functions of `SubtleCrypto` that the client calls. */
  readonly subtle: {
    digest(algorithm: 'SHA-256', data: Uint8Array): Promise<ArrayBuffer>;
    importKey(
      format: 'raw',
      key: Uint8Array,
      algorithm: 'AES-GCM',
      extractable: boolean,
      usages: ('encrypt' | 'decrypt')[],
    ): Promise<unknown>;
    encrypt(algorithm: { name: 'AES-GCM'; iv: Uint8Array }, key: unknown, data: Uint8Array): Promise<ArrayBuffer>;
    decrypt(algorithm: { name: 'AES-GCM'; iv: Uint8Array }, key: unknown, data: Uint8Array): Promise<ArrayBuffer>;
  };
}

const SUBTLE = ['digest', 'importKey', 'encrypt', 'decrypt'] as const;

/**
 * The given WebCrypto, or the one of the runtime. Throws a TypeError that names missing functions, and starts with
 * `path`.
 */
export function resolveCrypto(given: ClientCrypto | undefined, path: string): ClientCrypto {
  // Deliberately not `crypto`: in some runtimes this name is not declared.
  const { crypto } = globalThis as { crypto?: Partial<ClientCrypto> };
  const found: Partial<ClientCrypto> = (given === undefined ? crypto : given) ?? {};
  const { subtle } = found as { subtle?: Partial<ClientCrypto['subtle']> };
  const missing = SUBTLE.filter((name) => typeof subtle?.[name] !== 'function').map((name) => `subtle.${name}`);
  if (typeof found.getRandomValues !== 'function') missing.unshift('getRandomValues' as never);
  if (missing.length === 0) {
    if (given !== undefined && !fillsArrays(given))
      throw new TypeError(
        `${path}: getRandomValues must fill the array that it gets; pass the object itself, not its functions`,
      );
    return found as ClientCrypto;
  }
  const list = missing.join(', ');
  throw new TypeError(
    given === undefined
      ? `${path}: this runtime has no crypto with ${list}. A browser has it on https and localhost only. ` +
          'Elsewhere pass a WebCrypto, such as react-native-quick-crypto, in this option'
      : `${path}: must have ${list}, as WebCrypto has`,
  );
}

/** False for a function that throws, such as a method without its object, or that leaves the array as it is. */
function fillsArrays(crypto: ClientCrypto): boolean {
  const bytes = new Uint8Array(16);
  try {
    crypto.getRandomValues(bytes);
  } catch {
    return false;
  }
  return bytes.some((byte) => byte !== 0);
}

/** A random UUID (RFC 9562 §5.4). React Native and insecure origins have no `crypto.randomUUID`. */
export function generateUuid(crypto: ClientCrypto): string {
  const bytes = new Uint8Array(16);
  crypto.getRandomValues(bytes);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => (byte + 256).toString(16).slice(1)).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
