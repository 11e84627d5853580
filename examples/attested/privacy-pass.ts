import {
  constants,
  createHash,
  createHmac,
  createPublicKey,
  type KeyObject,
  timingSafeEqual,
  verify,
} from 'node:crypto';
import { type AuthenticationHook, challenge, RelayError, type RelayServices } from 'credential-relay';

export interface PrivacyPassOptions {
  /** The authority part of the issuer's URL, such as `issuer.example`. */
  readonly issuerName: string;
  /** The public key from the issuer's directory: base64url of an RSASSA-PSS SPKI, 2048 bits (RFC 9578 §8.2.2). */
  readonly tokenKey: string;
}

/** Blind RSA (2048-bit), RFC 9578 §8.2.2. */
const TOKEN_TYPE = Buffer.from([0x00, 0x02]);
const DIGEST_BYTES = 32;
const AUTHENTICATOR_BYTES = 256;
/** The authenticator signs token type, nonce, challenge digest and key identifier (RFC 9577 §2.2). */
const INPUT_BYTES = 2 + 3 * DIGEST_BYTES;

/** All clients get the same challenge for this time, so a challenge identifies no client. */
const PERIOD_MS = 600_000;
/** A nonce is stored longer than its challenge is valid, because the store can have another clock. */
const MARGIN_MS = 60_000;
const PURPOSE = 'privacy-pass';

interface TokenChallenge {
  readonly bytes: Buffer;
  /** Unix time in ms. */
  readonly expiresAt: number;
}

/**
 * Accepts publicly verifiable Privacy Pass tokens of one issuer (RFC 9577: `Authorization: PrivateToken`; RFC 9578,
 * type 2). A token proves that the issuer approved its holder. Relay and issuer together cannot identify the device. A
 * token is valid for one request, within 10 to 20 minutes after the challenge. The principal names no app.
 *
 * Refuses with `token_required` and `token_invalid` (401), each with a new challenge. Throws a TypeError that begins
 * with the path of the invalid option.
 */
export function privacyPass({ issuerName, tokenKey }: PrivacyPassOptions): AuthenticationHook {
  if (!/^[\x21-\x7e]+$/.test(issuerName))
    throw new TypeError('privacyPass.issuerName: must be an authority (RFC 3986)');
  const encodedKey = Buffer.from(tokenKey, 'base64url');
  const key = parseIssuerKey(encodedKey);
  const keyId = sha256(encodedKey);

  function refusal(code: 'token_required' | 'token_invalid', relay: RelayServices): RelayError {
    const now = relay.clock();
    const [current] = relay
      .secrets(PURPOSE)
      .map((secret) => createChallenge(secret, getPeriod(now), issuerName, relay));
    if (current === undefined) throw new TypeError('privacyPass: no secret');
    const parameters = {
      challenge: toPaddedBase64Url(current.bytes),
      'token-key': toPaddedBase64Url(encodedKey),
      'max-age': String(Math.floor((current.expiresAt - now) / 1000)),
    };
    return new RelayError(code, { headers: [challenge('PrivateToken', parameters)] });
  }

  /**
   * The valid challenges: of this period, the last one, and the next one (the clock of another process can be ahead).
   */
  function* accepted(relay: RelayServices): Generator<TokenChallenge> {
    const span = getPeriod(relay.clock());
    for (const secret of relay.secrets(PURPOSE)) {
      for (const near of [span, span - 1, span + 1]) yield createChallenge(secret, near, issuerName, relay);
    }
  }

  return async ({ header, relay }) => {
    const authorization = header('Authorization') ?? '';
    if (!/^PrivateToken /i.test(authorization)) throw refusal('token_required', relay);
    const token = parseToken(authorization);
    const [type, nonce, challengeDigest, usedKeyId] = splitToken(token);
    const answered = [...accepted(relay)].find(({ bytes }) => isEqual(sha256(bytes), challengeDigest));
    const isValid =
      token.length === INPUT_BYTES + AUTHENTICATOR_BYTES && isEqual(type, TOKEN_TYPE) && isEqual(usedKeyId, keyId);
    if (!isValid || answered === undefined || !isAuthentic(token, key)) throw refusal('token_invalid', relay);
    // Last, so that a refused token is not consumed (RFC 9577 §2.2: a token is spent once).
    const spent = `${challengeDigest.toString('hex')} ${nonce.toString('hex')}`;
    if (!(await relay.consumeOnce(PURPOSE, spent, answered.expiresAt + MARGIN_MS)))
      throw refusal('token_invalid', relay);
    return { via: ['privacy-pass'] };
  };
}

/** RFC 9577 §2.1, with the time as redemption context (§2.1.2) and the relay as origin. */
function createChallenge(secret: Uint8Array, span: number, issuerName: string, relay: RelayServices): TokenChallenge {
  const context = createHmac('sha256', secret).update(String(span)).digest();
  const origin = Buffer.from(new URL(relay.resource).host);
  const issuer = Buffer.from(issuerName);
  const bytes = Buffer.concat([
    TOKEN_TYPE,
    encodeLength(issuer),
    issuer,
    Buffer.from([32]),
    context,
    encodeLength(origin),
    origin,
  ]);
  return { bytes, expiresAt: (span + 2) * PERIOD_MS };
}

/** RSASSA-PSS with SHA-384 and 48 bytes of salt, also for an unblinded signature (RFC 9578 §6.4, RFC 9474 §4.5). */
export function isAuthentic(token: Buffer, key: KeyObject): boolean {
  const how = { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 48 };
  return verify('sha384', token.subarray(0, INPUT_BYTES), how, token.subarray(INPUT_BYTES));
}

function parseToken(authorization: string): Buffer {
  const [, token = ''] = /[\s,]token="?([\w-]+={0,2})"?\s*(?:,|$)/i.exec(authorization) ?? [];
  return Buffer.from(token, 'base64url');
}

function splitToken(token: Buffer): [type: Buffer, nonce: Buffer, challengeDigest: Buffer, keyId: Buffer] {
  const field = (at: number): Buffer => token.subarray(2 + at * DIGEST_BYTES, 2 + (at + 1) * DIGEST_BYTES);
  return [token.subarray(0, 2), field(0), field(1), field(2)];
}

/** Reads an issuer's key. Throws a TypeError for anything but an RSASSA-PSS key of 2048 bits. */
export function parseIssuerKey(spki: Buffer): KeyObject {
  try {
    const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
    if (key.asymmetricKeyType === 'rsa-pss' && key.asymmetricKeyDetails?.modulusLength === 2048) return key;
  } catch {
    // Said below.
  }
  throw new TypeError('privacyPass.tokenKey: must be an RSASSA-PSS public key of 2048 bits');
}

const getPeriod = (now: number): number => Math.floor(now / PERIOD_MS);
const sha256 = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest();
const isEqual = (one: Buffer, other: Buffer): boolean => one.length === other.length && timingSafeEqual(one, other);
const encodeLength = ({ length }: Buffer): Buffer => Buffer.from([length >> 8, length & 0xff]);
/** RFC 9577 §2.1 wants the padding. */
const toPaddedBase64Url = (bytes: Buffer): string => bytes.toString('base64').replaceAll('+', '-').replaceAll('/', '_');
