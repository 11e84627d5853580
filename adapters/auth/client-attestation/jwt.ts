import type { CryptoKey, JWTPayload, JWTVerifyOptions } from 'jose';
import { jose } from '../../shared/jose.js';
import { MAXIMUM_JWT_CHARACTERS } from '../shared/jws.js';
import { isCanonicalJwk, type PublicJwk } from '../shared/public-jwk.js';
import { ATTESTATION_TYP, CHALLENGE_CLAIM, POP_TYP } from './draft.js';
import type { AttestationHeader, AttesterKey } from './keys.js';
import { invalid, Refusal } from './refusals.js';

/** Requirements for both JWTs. Times are in seconds, as in the claims. */
export interface JwtPolicy {
  readonly algorithms: readonly string[];
  readonly popAlgorithms: readonly string[];
  /** Maximum age of an attestation after its `iat`. `undefined`: only its `exp` counts. */
  readonly attestationMaxAgeSeconds: number | undefined;
  readonly popMaxAgeSeconds: number;
  readonly clockToleranceSeconds: number;
}

export interface AttestationPolicy extends JwtPolicy {
  /** The accepted apps. `undefined`: all. */
  readonly apps: ReadonlySet<string> | undefined;
  /** An `aud` must name one of these. */
  readonly audience: readonly string[];
}

/** A verified attestation. */
export interface Attestation {
  /** The client identifier of the app. */
  readonly app: string;
  /** The attested key of the device. */
  readonly key: PublicJwk;
  /** RFC 7638 SHA-256 thumbprint of the key. */
  readonly thumbprint: string;
}

/** A verified Client Attestation PoP, before the checks of its challenge and of replay. */
export interface VerifiedPop {
  readonly jti: string;
  /** Not verified yet. */
  readonly challenge: unknown;
  /** Unix time in ms at which the PoP becomes too old. */
  readonly expiresAt: number;
}

/** True if a text has the form of a signed JWT in compact serialisation. Checks only the length and the alphabet. */
export function isCompactJwt(text: string): boolean {
  return text.length <= MAXIMUM_JWT_CHARACTERS && /^[\w-]+\.[\w-]+\.[\w-]+$/.test(text);
}

/**
 * Verifies a Client Attestation (draft §4, §7.1) at the time `now` (Unix time in ms). Throws a {@link Refusal}, and
 * passes on the errors of `findKey`. The checks without a key come first, so that an invalid attestation causes no
 * fetch of keys.
 */
export async function verifyAttestation(
  jwt: string,
  findKey: (header: AttestationHeader) => Promise<AttesterKey>,
  policy: AttestationPolicy,
  now: number,
): Promise<Attestation> {
  const options = {
    typ: ATTESTATION_TYP,
    algorithms: [...policy.algorithms],
    requiredClaims: ['sub', 'exp', 'cnf'],
    clockTolerance: policy.clockToleranceSeconds,
    currentDate: new Date(now),
    ...(policy.attestationMaxAgeSeconds === undefined ? {} : { maxTokenAge: policy.attestationMaxAgeSeconds }),
  };
  const { app, key } = checkClaims(decodeClaims(jwt, options), policy, now);
  await verifyJwt('attestation', jwt, findKey, options);
  return { app, key, thumbprint: await calculateThumbprint(key) };
}

/** Runs jose's checks of the claims. The signature is not verified yet. */
function decodeClaims(jwt: string, options: JWTVerifyOptions): JWTPayload {
  const { decodeProtectedHeader, errors, UnsecuredJWT } = jose.module;
  try {
    const { typ, alg = '', kid } = decodeProtectedHeader(jwt);
    if (!options.algorithms?.includes(alg)) throw new errors.JOSEAlgNotAllowed();
    if (kid !== undefined && typeof kid !== 'string') throw new errors.JWSInvalid();
    // jose checks the claims of a signed JWT after its signature, and those of an unsecured JWT at once.
    const header = Buffer.from(JSON.stringify({ alg: 'none', typ })).toString('base64url');
    return UnsecuredJWT.decode(`${header}.${jwt.split('.')[1]}.`, options).payload;
  } catch (error) {
    throw toRefusal('attestation', error);
  }
}

/** The checks of claims that jose does not make. */
function checkClaims(
  { sub, iat, cnf, aud }: JWTPayload,
  policy: AttestationPolicy,
  now: number,
): Pick<Attestation, 'app' | 'key'> {
  if (typeof sub !== 'string' || sub === '') throw invalid('The attestation does not name an app (sub).');
  if (policy.apps?.has(sub) === false) throw invalid('The attested app is not accepted by this relay (sub).');
  if (iat !== undefined && iat * 1000 > now + policy.clockToleranceSeconds * 1000) {
    throw invalid('The attestation is dated in the future (iat).');
  }
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (aud !== undefined && !policy.audience.some((accepted) => audiences.includes(accepted))) {
    throw invalid('The attestation is for another audience (aud).');
  }
  const jwk: unknown = typeof cnf === 'object' && cnf !== null && 'jwk' in cnf ? cnf.jwk : undefined;
  if (!isCanonicalJwk(jwk)) throw invalid('The attestation has no supported public key (cnf.jwk).');
  return { app: sub, key: jwk };
}

/**
 * Verifies a Client Attestation PoP (draft §5.1, §7.2), except for its challenge and for replay. Throws a
 * {@link Refusal}.
 */
export async function verifyPop(
  jwt: string,
  { key }: Attestation,
  audience: string,
  policy: JwtPolicy,
  now: number,
): Promise<VerifiedPop> {
  const { popMaxAgeSeconds, clockToleranceSeconds } = policy;
  const payload = await verifyJwt('pop', jwt, ({ alg }) => importAttestedKey(key, alg), {
    typ: POP_TYP,
    algorithms: [...policy.popAlgorithms],
    requiredClaims: ['aud', 'jti', 'iat'],
    maxTokenAge: popMaxAgeSeconds,
    clockTolerance: clockToleranceSeconds,
    currentDate: new Date(now),
  });
  const { aud, jti, iat = 0 } = payload;
  // Draft §5.1: one proof is for one audience. So the relay rejects a list, even if the list holds only this relay.
  if (aud !== audience) throw invalid('The proof of possession is for another audience (aud).');
  if (typeof jti !== 'string' || jti === '') throw invalid('The proof of possession has no jti.');
  const expiresAt = Math.ceil(iat + popMaxAgeSeconds + clockToleranceSeconds + 1) * 1000;
  return { jti, challenge: payload[CHALLENGE_CLAIM], expiresAt };
}

type JwtKind = 'attestation' | 'pop';

async function verifyJwt(
  kind: JwtKind,
  jwt: string,
  getKey: (header: AttestationHeader) => Promise<AttesterKey>,
  options: JWTVerifyOptions,
): Promise<JWTPayload> {
  // An object, since a host's function may throw any value, even `undefined`.
  let keyError: { readonly error: unknown } | undefined;
  const { jwtVerify } = jose.module;
  try {
    const verified = await jwtVerify(
      jwt,
      async (header) => {
        try {
          return await getKey(header);
        } catch (error) {
          keyError = { error };
          throw error;
        }
      },
      options,
    );
    return verified.payload;
  } catch (error) {
    // All other errors come from values that the client sent.
    if (keyError !== undefined) throw keyError.error;
    throw toRefusal(kind, error);
  }
}

/** Maps an error of jose to a fixed message. The error itself carries claims, so it is dropped. */
function toRefusal(kind: JwtKind, error: unknown): Refusal {
  const { errors } = jose.module;
  const name = kind === 'attestation' ? 'attestation' : 'proof of possession';
  if (error instanceof errors.JWTExpired) {
    return new Refusal(kind === 'attestation' ? 'stale' : 'invalid', `The ${name} is too old.`);
  }
  if (error instanceof errors.JWTClaimValidationFailed) {
    return invalid(`The ${name} has a missing or invalid claim or header (${error.claim}).`);
  }
  if (error instanceof errors.JOSEAlgNotAllowed) return invalid(`The algorithm of the ${name} is not accepted.`);
  return invalid(`The signature of the ${name} is invalid.`);
}

async function importAttestedKey(key: PublicJwk, alg: string | undefined): Promise<AttesterKey> {
  const { importJWK } = jose.module;
  try {
    return (await importJWK(key, alg)) as CryptoKey;
  } catch {
    throw invalid('The attested key cannot verify the proof of possession (cnf.jwk).');
  }
}

async function calculateThumbprint(key: PublicJwk): Promise<string> {
  const { calculateJwkThumbprint } = jose.module;
  try {
    return await calculateJwkThumbprint(key);
  } catch {
    throw invalid('The attested key is malformed (cnf.jwk).');
  }
}
