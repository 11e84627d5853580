/**
 * Two devices agree on a key over a channel where anybody can read, write and replay messages. Two people compare a
 * code of six digits by voice to make sure of the key.
 *
 * 1. The receiver sends a commitment: a hash of its opening.
 * 2. The sender sends its opening: a new public key and a new nonce.
 * 3. The receiver sends its opening. The sender checks that the commitment is its hash.
 *
 * Each device chooses its opening before it sees the opening of the other device, so nobody can search for openings
 * that give the same code. A device in the middle has one guess in 1,000,000 per call of {@link beginAsSender}, and the
 * two people see a wrong guess (Vaudenay, CRYPTO 2005; the hash commitment of ZRTP, RFC 6189 §4.4.1.1, does the same).
 * So call both `beginAs` functions only when a person asks for it, never because a message arrived.
 *
 * All algorithms are WebCrypto's: ECDH on P-256, SHA-256, HKDF and AES-GCM. Current browsers and Node 20 have them.
 */

export type Role = 'sender' | 'receiver';

/** The state of one device, as JSON. It holds a private key. */
export interface Agreement {
  readonly role: Role;
  /** The URL of the mailbox, the same on both sides. */
  readonly context: string;
  /** SHA-256 of the receiver's opening, in base64. It names the receiver. */
  readonly commitment: string;
  /** This device's opening: its public key (65 bytes) and a nonce (32 bytes), in base64. */
  readonly opening: string;
  /** JSON Web Key. */
  readonly privateKey: string;
  /** The opening of the other device, once it is known, and the code to compare. */
  readonly peer?: { readonly opening: string; readonly code: string } | undefined;
}

export interface AgreementMessage {
  readonly commitment: string;
  readonly opening?: string | undefined;
}

/** The message does not belong to this agreement, and changed nothing. */
export class AgreementError extends Error {
  override readonly name = 'AgreementError';
}

const LABEL = 'credential-relay.example/key-agreement';
const CURVE = { name: 'ECDH', namedCurve: 'P-256' };
const [POINT_BYTES, NONCE_BYTES, IV_BYTES] = [65, 32, 12];

export async function beginAsReceiver(context: string): Promise<Agreement> {
  const keys = await createOpening();
  return { role: 'receiver', context, commitment: await createCommitment(keys.opening, context), ...keys };
}

/** Creates a new key pair for the receiver of this commitment. Each call allows one guess. */
export async function beginAsSender(commitment: string, context: string): Promise<Agreement> {
  return { role: 'sender', context, commitment, ...(await createOpening()) };
}

/** The message to the other device. A receiver sends its opening only after it knows the sender's. */
export function toMessage({ role, commitment, opening, peer }: Agreement): AgreementMessage {
  return role === 'sender' || peer !== undefined ? { commitment, opening } : { commitment };
}

/**
 * Applies a message of the other device. The first opening counts; the same opening again changes nothing. Throws
 * {@link AgreementError} for another commitment, and for an opening that differs, is not a key, or does not match.
 */
export async function receiveMessage(
  agreement: Agreement,
  { commitment, opening }: AgreementMessage,
): Promise<Agreement> {
  const { role, context, peer } = agreement;
  if (commitment !== agreement.commitment) throw new AgreementError('The message is for another receiver.');
  if (opening === undefined || opening === peer?.opening) return agreement;
  if (peer !== undefined) throw new AgreementError('The other device had shown another opening.');
  await parsePublicKey(opening);
  if (role === 'sender' && (await createCommitment(opening, context)) !== commitment) {
    throw new AgreementError('The receiver had committed to another opening.');
  }
  const digest = await hashTranscript(agreement, opening);
  const code = String(new DataView(digest.buffer).getBigUint64(0) % 1_000_000n).padStart(6, '0');
  return { ...agreement, peer: { opening, code } };
}

/** Encrypts a text for the other device. Throws {@link AgreementError} before there is a code. */
export async function seal(agreement: Agreement, text: string): Promise<string> {
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
  const key = await deriveKey(agreement, agreement.role);
  const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, key, utf8(text));
  return toBase64([...iv, ...new Uint8Array(sealed)]);
}

/** Decrypts a text of the other device. Throws {@link AgreementError} for any other text. */
export async function open(agreement: Agreement, sealed: string): Promise<string> {
  const key = await deriveKey(agreement, agreement.role === 'sender' ? 'receiver' : 'sender');
  try {
    const bytes = fromBase64(sealed);
    const algorithm = { name: 'AES-GCM', iv: bytes.subarray(0, IV_BYTES) };
    return new TextDecoder().decode(await crypto.subtle.decrypt(algorithm, key, bytes.subarray(IV_BYTES)));
  } catch (cause) {
    throw new AgreementError('This was not sealed by the other device for this one.', { cause });
  }
}

async function createOpening() {
  const pair = await crypto.subtle.generateKey(CURVE, true, ['deriveBits']);
  const [point, privateKey] = await Promise.all([
    crypto.subtle.exportKey('raw', pair.publicKey),
    crypto.subtle.exportKey('jwk', pair.privateKey),
  ]);
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  return { opening: toBase64([...new Uint8Array(point), ...nonce]), privateKey: JSON.stringify(privateKey) };
}

/** WebCrypto rejects bytes that are not a point of the curve. */
async function parsePublicKey(opening: string) {
  try {
    const bytes = fromBase64(opening);
    if (bytes.length !== POINT_BYTES + NONCE_BYTES) throw new RangeError(`${bytes.length} bytes`);
    return await crypto.subtle.importKey('raw', bytes.subarray(0, POINT_BYTES), CURVE, false, []);
  } catch (cause) {
    throw new AgreementError('The opening is not a public key and a nonce.', { cause });
  }
}

const createCommitment = async (opening: string, context: string): Promise<string> =>
  toBase64([...(await hashOpenings('commitment', context, opening))]);

function hashTranscript({ role, context, opening }: Agreement, theirs: string): Promise<Uint8Array<ArrayBuffer>> {
  const [receivers, senders] = role === 'receiver' ? [opening, theirs] : [theirs, opening];
  return hashOpenings('transcript', context, receivers, senders);
}

/** Unambiguous, since all parts after the first one have a fixed length. */
async function hashOpenings(purpose: string, context: string, ...openings: string[]): Promise<Uint8Array<ArrayBuffer>> {
  const head = await sha256(utf8(`${LABEL} ${purpose} ${context}`));
  return sha256(Uint8Array.from([head, ...openings.map(fromBase64)].flatMap((bytes) => [...bytes])));
}

/** One key per direction, bound to both openings and to the mailbox. */
async function deriveKey(agreement: Agreement, writer: Role) {
  if (agreement.peer === undefined) throw new AgreementError('There is no code yet.');
  const { opening } = agreement.peer;
  const { subtle } = crypto;
  const own = await subtle.importKey('jwk', JSON.parse(agreement.privateKey), CURVE, false, ['deriveBits']);
  const shared = await subtle.deriveBits({ name: 'ECDH', public: await parsePublicKey(opening) }, own, 256);
  const salt = await hashTranscript(agreement, opening);
  const material = await subtle.importKey('raw', shared, 'HKDF', false, ['deriveKey']);
  const hkdf = { name: 'HKDF', hash: 'SHA-256', salt, info: utf8(`${LABEL} ${writer}`) };
  return subtle.deriveKey(hkdf, material, { name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
}

const sha256 = async (bytes: Uint8Array<ArrayBuffer>) => new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
const utf8 = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(new TextEncoder().encode(text));
const toBase64 = (bytes: readonly number[]): string => btoa(bytes.map((byte) => String.fromCharCode(byte)).join(''));
const fromBase64 = (text: string) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
