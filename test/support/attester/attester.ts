import { createHmac, generateKeyPairSync, type KeyObject, randomBytes, randomUUID, sign } from 'node:crypto';
import { inspect } from 'node:util';
import type { AuthenticationHook, MailboxStore, Relay } from 'credential-relay';
import { type ClientAttestationOptions, clientAttestation } from 'credential-relay/adapters/auth/client-attestation';
import { memoryStore } from 'credential-relay/adapters/store/memory';
import { expect } from 'vitest';
import { type Answer, createBody, device, inSeconds, PUBLIC_URL, testRelay } from '../relay/relay.js';

/*
 * A Client Attester and its devices (draft-ietf-oauth-attestation-based-client-auth), and a relay that requires
 * attestations. The helpers build every JWT by hand, so that each JWT can have one defect.
 */

/** JSON of a JOSE header or of claims. Members with the value `undefined` are left out. */
export type Json = Readonly<Record<string, unknown>>;

/** Changes to an otherwise valid JWT. */
export interface Defects {
  readonly header?: Json;
  readonly claims?: Json;
  /** Replaces the signing key. */
  readonly key?: KeyObject;
  /** Changes the signed JWT. */
  readonly tamper?: (jwt: string) => string;
}

/** The maker of an app, which vouches for the devices of the app. */
export interface Attester {
  readonly app: string;
  readonly jwks: { readonly keys: readonly Json[] };
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** A Client Attestation for a device, valid for one hour. */
  attest(device: AttestedDevice, defects?: Defects): string;
}

export interface AttestedDevice {
  /** The public key, as in `cnf.jwk`. */
  readonly jwk: Json;
  readonly privateKey: KeyObject;
  /** A Client Attestation PoP with this challenge. */
  pop(challenge?: string, defects?: Defects): string;
  /** A DPoP proof for a create, with this nonce. */
  dpop(nonce?: string, defects?: Defects): string;
}

/** `clock` is Unix time in ms. */
export function makeAttester(clock: () => number, app = 'https://app.example'): Attester {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const kid = randomUUID();
  return {
    app,
    kid,
    privateKey,
    publicKey,
    jwks: { keys: [{ ...publicKey.export({ format: 'jwk' }), kid, alg: 'ES256', use: 'sig' }] },
    attest: (device, defects = {}) =>
      jwt(
        { typ: 'oauth-client-attestation+jwt', alg: 'ES256', kid },
        { sub: app, iat: seconds(clock), exp: seconds(clock) + 3600, cnf: { jwk: device.jwk } },
        privateKey,
        defects,
      ),
  };
}

export function makeDevice(clock: () => number): AttestedDevice {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = publicKey.export({ format: 'jwk' }) as Json;
  return {
    jwk,
    privateKey,
    pop: (challenge, defects = {}) =>
      jwt(
        { typ: 'oauth-client-attestation-pop+jwt', alg: 'ES256' },
        { aud: PUBLIC_URL, jti: randomUUID(), iat: seconds(clock), challenge },
        privateKey,
        defects,
      ),
    dpop: (nonce, defects = {}) =>
      jwt(
        { typ: 'dpop+jwt', alg: 'ES256', jwk },
        { htm: 'POST', htu: `${PUBLIC_URL}/v1/m`, jti: randomUUID(), iat: seconds(clock), nonce },
        privateKey,
        defects,
      ),
  };
}

/** Signs a JWT with ES256 for every `alg`, except HS256 (a MAC) and `none` (no signature). */
function jwt(header: Json, claims: Json, key: KeyObject, defects: Defects): string {
  const head = { ...header, ...defects.header };
  const input = `${encode(head)}.${encode({ ...claims, ...defects.claims })}`;
  const bytes = sign('sha256', Buffer.from(input), { key: defects.key ?? key, dsaEncoding: 'ieee-p1363' });
  const signature = head.alg === 'HS256' ? createHmac('sha256', 'a shared secret').update(input).digest() : bytes;
  const finished = `${input}.${head.alg === 'none' ? '' : signature.toString('base64url')}`;
  return defects.tamper?.(finished) ?? finished;
}

function encode(json: Json): string {
  return Buffer.from(JSON.stringify(json)).toString('base64url');
}

function seconds(clock: () => number): number {
  return Math.floor(clock() / 1000);
}

/** Changes the claims of a signed JWT, and keeps its signature. */
export function forgeClaims(changes: Json): (jwt: string) => string {
  return (signed) => {
    const [header, payload = '', signature] = signed.split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Json;
    return [header, encode({ ...claims, ...changes }), signature].join('.');
  };
}

export interface AttestedRelayOptions {
  readonly clock?: (() => number) | undefined;
  readonly store?: MailboxStore | undefined;
  readonly keys?: readonly Uint8Array[] | undefined;
  /** Combines the hook with other hooks. */
  readonly combine?: ((hook: AuthenticationHook) => AuthenticationHook) | undefined;
}

/** A relay that requires an attestation on create. */
export interface AttestedRelay {
  readonly relay: Relay;
  /** The current challenge of the relay. */
  challenge(): Promise<string>;
  /** A create with these headers. Fails if a refusal shows a part of the credentials. */
  create(headers: Readonly<Record<string, string>>): Promise<Answer>;
  /** The errors of the hook, the newest last. */
  readonly thrown: readonly unknown[];
}

/** Uses `clientAttestation` on create. */
export function attestedRelay(options: ClientAttestationOptions, parts: AttestedRelayOptions = {}): AttestedRelay {
  const { clock = Date.now, store = memoryStore(new Map(), { clock }), keys = [randomBytes(32)], combine } = parts;
  const thrown: unknown[] = [];
  const hook = clientAttestation(options);
  const observed: AuthenticationHook = async (input) => {
    try {
      return await hook(input);
    } catch (error) {
      thrown.push(error);
      throw error;
    }
  };
  Object.assign(observed, { metadata: hook.metadata });
  const relay = testRelay({ authenticate: combine?.(observed) ?? observed, clock, store, keys });
  const body = (): Record<string, unknown> =>
    createBody({ mailboxConfiguration: { accessRights: 'RWD', expiration: inSeconds(3600, clock()) } });
  async function create(headers: Readonly<Record<string, string>>): Promise<Answer> {
    const before = thrown.length;
    const answer = await device(relay).create(body(), { headers });
    const text = [answer.text, ...[...answer.headers].flat(), ...thrown.slice(before).map(everything)].join('\n');
    // The challenges of a minute are the same for all clients, so they are not secret.
    const given = ['OAuth-Client-Attestation-Challenge', 'DPoP-Nonce'].map((name) => answer.headers.get(name) ?? '');
    const shown = given.filter(Boolean).reduce((rest, value) => rest.replaceAll(value, ''), text);
    for (const secret of Object.values(headers).flatMap(secretsOf)) expect(shown).not.toContain(secret);
    return answer;
  }
  return {
    relay,
    thrown,
    create,
    async challenge() {
      const { headers } = await device(relay).create(body());
      return headers.get('OAuth-Client-Attestation-Challenge') ?? '';
    },
  };
}

/** All text of an error, with its causes and hidden members. */
function everything(error: unknown): string {
  return inspect(error, { depth: 20, showHidden: true, maxStringLength: null, maxArrayLength: null });
}

/** A credential, its parts, and the claims that identify a device or a request. */
function secretsOf(value: string): readonly string[] {
  const parts = value.split('.').filter((part) => part.length > 16);
  const values = parts.slice(0, 2).flatMap((part) => leaves(parse(part)));
  return [value, ...parts, ...values].filter((text) => text.length > 16 && !PUBLIC.some((known) => known === text));
}

/** Values that all devices and requests share. */
const PUBLIC = [PUBLIC_URL, `${PUBLIC_URL}/v1/m`, 'oauth-client-attestation+jwt', 'oauth-client-attestation-pop+jwt'];

function parse(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString());
  } catch {
    return undefined;
  }
}

function leaves(value: unknown): readonly string[] {
  if (typeof value === 'object' && value !== null) return Object.values(value).flatMap(leaves);
  return typeof value === 'string' ? [value] : [];
}
