import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { expect } from 'vitest';
import type {
  AuthenticationHook,
  AuthenticationInput,
  Principal,
  RelayServices,
} from '../../../src/relay/auth/contract.js';
import { isRelayError, type RelayError, type RelayErrorCode } from '../../../src/relay/errors.js';
import type { OperationName } from '../../../src/relay/events.js';

/** The resource identifier of the relay. No server listens there. */
export const RESOURCE = 'https://relay.example/relay';

/** The URL of the requests. */
export const MAILBOXES = `${RESOURCE}/v1/m`;

/**
 * State that services share: used values, and secrets. Two services with one state act as two processes on one store.
 */
export interface Shared {
  readonly used: Set<string>;
  readonly secret: Uint8Array;
}

/** The services of a relay, with a test clock. `ahead` is added to the time, in ms. */
export function someServices(
  shared: Shared = { used: new Set(), secret: randomBytes(32) },
  changes: Partial<RelayServices> = {},
): RelayServices & { ahead: number } {
  const services: RelayServices & { ahead: number } = {
    ahead: 0,
    resource: RESOURCE,
    metadataUrl: () => undefined,
    clock: () => Date.now() + services.ahead,
    async consumeOnce(purpose, value, expiresAt) {
      if (expiresAt <= services.clock()) throw new RangeError('The deadline of a new entry has passed.');
      const known = JSON.stringify([purpose, value]);
      if (shared.used.has(known)) return false;
      shared.used.add(known);
      return true;
    },
    secrets: (purpose) => [createHash('sha256').update(shared.secret).update(purpose).digest()],
    ...changes,
  };
  return services;
}

export interface Sent {
  readonly authorization?: string | undefined;
  readonly dpop?: string | undefined;
  readonly operation?: OperationName;
  readonly method?: string;
  readonly url?: string;
}

export type Outcome =
  | { readonly principal: Principal }
  | {
      readonly status: number;
      readonly code: RelayErrorCode;
      /** Values of WWW-Authenticate. */
      readonly challenges: readonly string[];
      readonly headers: Headers;
      /** The code of the cause, as in `hook.failed`. */
      readonly cause: unknown;
      /** The sentence for the operator, as in `hook.refused`. */
      readonly reason: string | undefined;
    };

/**
 * Calls a hook, and asserts two rules for each case: every thrown error is a RelayError, and no answer and no event
 * contains a token, a proof, a part of them, or an identifying value.
 */
export async function judge(hook: AuthenticationHook, sent: Sent, relay: RelayServices): Promise<Outcome> {
  try {
    return { principal: await hook(inputOf(sent, relay)) };
  } catch (error) {
    if (!isRelayError(error)) throw error;
    expectNoSecrets(error, sent);
    const pairs = [...(error.details.headers ?? [])];
    const { cause } = error.details;
    return {
      status: error.status,
      code: error.code,
      challenges: pairs.filter(([name]) => name === 'WWW-Authenticate').map(([, value]) => value),
      headers: new Headers(pairs.map(([name, value]): [string, string] => [name, value])),
      reason: error.details.reason,
      cause: typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : cause,
    };
  }
}

/** The input of a hook for a request. */
export function inputOf(sent: Sent, relay: RelayServices): AuthenticationInput {
  const headers = new Map(Object.entries({ authorization: sent.authorization, dpop: sent.dpop }));
  return {
    operation: sent.operation ?? 'create',
    method: sent.method ?? 'POST',
    url: sent.url ?? MAILBOXES,
    header: (name) => headers.get(name.toLowerCase()),
    attestation: () => undefined,
    host: {},
    relay,
    signal: new AbortController().signal,
  };
}

function expectNoSecrets(error: RelayError, { authorization = '', dpop = '' }: Sent): void {
  const { message, details, stack } = error;
  const said = JSON.stringify([message, stack, details.members, details.detail, details.reason, details.headers]);
  for (const secret of secretsIn(`${authorization} ${dpop}`)) expect(said).not.toContain(secret);
}

/** Long words of the headers, the parts of JWTs, and the identifying claims. */
function secretsIn(text: string): string[] {
  const words = text.split(/[\s.]+/).filter((word) => word.length >= 16);
  const claims = words.flatMap((word) => {
    const decoded = Buffer.from(word, 'base64url').toString();
    return [...decoded.matchAll(/"(?:jti|ath|x|y|sub|jkt|nonce)":"([^"]{8,})"/g)].map(([, value]) => value ?? '');
  });
  return [...words, ...claims].filter((secret) => secret !== '');
}

export interface DeviceKey {
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  readonly jwk: JWK;
  readonly thumbprint: string;
  readonly algorithm: string;
}

/** Creates a key for bound tokens. */
export async function deviceKey(algorithm = 'ES256'): Promise<DeviceKey> {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
  const jwk = await exportJWK(publicKey);
  return { privateKey, publicKey, jwk, thumbprint: await calculateJwkThumbprint(jwk), algorithm };
}

/** Changes to a valid proof. `undefined` removes a member. */
export interface ProofChanges {
  readonly header?: Record<string, unknown>;
  readonly claims?: Record<string, unknown>;
  /** Replaces the device's key. */
  readonly signer?: CryptoKey;
}

/** A DPoP proof for a request. Without a token it has no `ath`. */
export async function proofOf(key: DeviceKey, token: string | undefined, changes: ProofChanges = {}): Promise<string> {
  const claims = {
    jti: randomUUID(),
    htm: 'POST',
    htu: MAILBOXES,
    iat: Math.floor(Date.now() / 1000),
    ...(token === undefined ? {} : { ath: createHash('sha256').update(token).digest('base64url') }),
    ...changes.claims,
  };
  const header = { alg: key.algorithm, typ: 'dpop+jwt', jwk: key.jwk, ...changes.header };
  return new SignJWT(claims).setProtectedHeader(header).sign(changes.signer ?? key.privateKey);
}

/** A JWT from given parts. `signature` signs the first two. */
export function handMade(header: object, claims: object, signature: (text: string) => string): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${part(header)}.${part(claims)}`;
  return `${text}.${signature(text)}`;
}

/** Changes one bit of the signature of a JWT. */
export function tampered(token: string): string {
  const at = token.lastIndexOf('.') + 10;
  return token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
}

/** Changes the claims of a JWT and keeps its signature. */
export function withOtherClaims(token: string, changes: object): string {
  const [header, claims, signature] = token.split('.');
  const said = JSON.parse(Buffer.from(claims ?? '', 'base64url').toString());
  return [header, Buffer.from(JSON.stringify({ ...said, ...changes })).toString('base64url'), signature].join('.');
}
