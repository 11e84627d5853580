import {
  type CryptoKey,
  calculateJwkThumbprint,
  decodeProtectedHeader,
  errors,
  importJWK,
  type JWTPayload,
  type JWTVerifyOptions,
  jwtVerify,
  UnsecuredJWT,
} from 'jose';
import { MAXIMUM_JWT_CHARACTERS } from '../shared/jwt-length.js';
import { isCanonicalJwk, type PublicJwk } from '../shared/public-jwk.js';
import { ATTESTATION_TYP, CHALLENGE_CLAIM, POP_TYP } from './draft.js';
import type { AttestationHeader, AttesterKey } from './keys.js';
import { invalid, Refusal } from './refusals.js';

/** What the two JWTs have to fulfil. Seconds, as in their claims. */
export interface JwtPolicy {
  readonly algorithms: readonly string[];
  readonly popAlgorithms: readonly string[];
  /** Age of an attestation since its `iat`; `undefined` leaves it to its `exp`. */
  readonly attestationMaxAgeSeconds: number | undefined;
  readonly popMaxAgeSeconds: number;
  readonly clockToleranceSeconds: number;
}

/** What an attestation has to fulfil. */
export interface AttestationPolicy extends JwtPolicy {
  /** The apps accepted; `undefined` for all. */
  readonly apps: ReadonlySet<string> | undefined;
  /** An `aud` must name one of these. */
  readonly audience: readonly string[];
}

/** A good attestation. */
export interface Attestation {
  /** The client identifier of the app. */
  readonly app: string;
  /** The attested key of the device. */
  readonly key: PublicJwk;
  /** RFC 7638 SHA-256 thumbprint of the key. */
  readonly thumbprint: string;
}

/** A good proof of possession. */
export interface VerifiedPop {
  readonly jti: string;
  /** What it carries as challenge, unchecked. */
  readonly challenge: unknown;
  /** Unix time in ms from which it is refused for its age. */
  readonly expiresAt: number;
}

/** True for the compact serialisation of a signed JWT, as far as its alphabet tells. */
export function isCompactJwt(text: string): boolean {
  return text.length <= MAXIMUM_JWT_CHARACTERS && /^[\w-]+\.[\w-]+\.[\w-]+$/.test(text);
}

/**
 * Verifies a Client Attestation (draft §4, §7.1) at the time `now` (Unix time in ms); `findKey` gives the attester's
 * key. Throws a refusal; what `findKey` throws is passed on. All that needs no key comes first: an attestation that is
 * refused anyway must not cause a fetch of keys.
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

/** The claims of an attestation, and none of them proven, after the checks of jose that need no key. */
function decodeClaims(jwt: string, options: JWTVerifyOptions): JWTPayload {
  try {
    const { typ, alg = '', kid } = decodeProtectedHeader(jwt);
    if (!options.algorithms?.includes(alg)) throw new errors.JOSEAlgNotAllowed();
    if (kid !== undefined && typeof kid !== 'string') throw new errors.JWSInvalid();
    // jose looks at the claims of a signed JWT after its signature. Without a signature it is the same JWT.
    const header = Buffer.from(JSON.stringify({ alg: 'none', typ })).toString('base64url');
    return UnsecuredJWT.decode(`${header}.${jwt.split('.')[1]}.`, options).payload;
  } catch (error) {
    throw toRefusal('attestation', error);
  }
}

/** Checks what jose does not. Throws a refusal. */
function checkClaims(
  { sub, iat, cnf, aud }: JWTPayload,
  policy: AttestationPolicy,
  now: number,
): Pick<Attestation, 'app' | 'key'> {
  if (typeof sub !== 'string' || sub === '') throw invalid('The attestation has no sub that names an app.');
  if (policy.apps?.has(sub) === false) throw invalid('The attested app is not known here.');
  if (iat !== undefined && iat * 1000 > now + policy.clockToleranceSeconds * 1000) {
    throw invalid('The attestation is from the future (iat).');
  }
  const named: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (aud !== undefined && !policy.audience.some((wanted) => named.includes(wanted))) {
    throw invalid('The attestation is for another audience (aud).');
  }
  const jwk: unknown = typeof cnf === 'object' && cnf !== null && 'jwk' in cnf ? cnf.jwk : undefined;
  if (!isCanonicalJwk(jwk)) throw invalid('The attestation holds no public key that is accepted (cnf.jwk).');
  return { app: sub, key: jwk };
}

/** Verifies a Client Attestation PoP (draft §5.1, §7.2) but for its challenge and its replay. Throws a refusal. */
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
  // A list, even of this relay alone, is refused: one proof is for one audience (§5.1).
  if (aud !== audience) throw invalid('The proof of possession must be for this relay alone (aud).');
  if (typeof jti !== 'string' || jti === '') throw invalid('The proof of possession has no jti.');
  const expiresAt = Math.ceil(iat + popMaxAgeSeconds + clockToleranceSeconds + 1) * 1000;
  return { jti, challenge: payload[CHALLENGE_CLAIM], expiresAt };
}

type JwtKind = 'attestation' | 'pop';

async function verifyJwt(
  which: JwtKind,
  jwt: string,
  getKey: (header: AttestationHeader) => Promise<AttesterKey>,
  options: JWTVerifyOptions,
): Promise<JWTPayload> {
  // Whatever it is, `undefined` too.
  let thrown: { readonly error: unknown } | undefined;
  try {
    const verified = await jwtVerify(
      jwt,
      async (header) => {
        try {
          return await getKey(header);
        } catch (error) {
          thrown = { error };
          throw error;
        }
      },
      options,
    );
    return verified.payload;
  } catch (error) {
    // What the search for the key throws goes on as it is. All else is computed from what the client sent.
    if (thrown !== undefined) throw thrown.error;
    throw toRefusal(which, error);
  }
}

/** The sentence for an error of jose, and none of the claims it carries. */
function toRefusal(which: JwtKind, error: unknown): Refusal {
  const name = which === 'attestation' ? 'attestation' : 'proof of possession';
  if (error instanceof errors.JWTExpired) {
    return new Refusal(which === 'attestation' ? 'stale' : 'invalid', `The ${name} is too old.`);
  }
  if (error instanceof errors.JWTClaimValidationFailed) {
    return invalid(`The ${name} is not as it must be (${error.claim}).`);
  }
  if (error instanceof errors.JOSEAlgNotAllowed) return invalid(`The algorithm of the ${name} is not accepted.`);
  return invalid(`The ${name} does not verify.`);
}

async function importAttestedKey(key: PublicJwk, alg: string | undefined): Promise<AttesterKey> {
  try {
    return (await importJWK(key, alg)) as CryptoKey;
  } catch {
    throw invalid('The attested key does not fit the proof of possession (cnf.jwk).');
  }
}

async function calculateThumbprint(key: PublicJwk): Promise<string> {
  try {
    return await calculateJwkThumbprint(key);
  } catch {
    throw invalid('The attested key cannot be read (cnf.jwk).');
  }
}
