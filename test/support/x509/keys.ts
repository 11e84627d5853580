import { generateKeyPairSync, type KeyObject } from 'node:crypto';

/* Key pairs of each kind for certificates. Some take a second, so each is created once. */

export interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

const made = new Map<string, KeyPair>();

function once(name: string, make: () => KeyPair): KeyPair {
  const keys = made.get(name) ?? make();
  made.set(name, keys);
  return keys;
}

export function rsa(modulusLength: number): KeyPair {
  return once(`RSA ${modulusLength}`, () => generateKeyPairSync('rsa', { modulusLength }));
}

/** A key with the RSASSA-PSS identifier (RFC 4055 §1.2). */
export function rsaPss(modulusLength: number): KeyPair {
  return once(`RSASSA-PSS ${modulusLength}`, () => generateKeyPairSync('rsa-pss', { modulusLength }));
}

export function ec(namedCurve: string, paramEncoding: 'named' | 'explicit' = 'named'): KeyPair {
  return once(`${namedCurve} ${paramEncoding}`, () => generateKeyPairSync('ec', { namedCurve, paramEncoding }));
}

export function dsa(modulusLength: number, divisorLength: number): KeyPair {
  return once(`DSA ${modulusLength}`, () => generateKeyPairSync('dsa', { modulusLength, divisorLength }));
}

export function ed25519(): KeyPair {
  return once('Ed25519', () => generateKeyPairSync('ed25519'));
}

export function ed448(): KeyPair {
  return once('Ed448', () => generateKeyPairSync('ed448'));
}
