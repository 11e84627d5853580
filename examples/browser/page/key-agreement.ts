/**
 * Two devices agree on a key over a channel where anybody may read, write and replay messages. Two people make sure of
 * it: they compare a code of six digits by voice.
 *
 * 1. The receiver sends a commitment: a hash of its opening.
 * 2. The sender sends its opening: a new public key and a new nonce.
 * 3. The receiver sends its opening, and the sender checks that the commitment is the hash of it.
 *
 * Each device has chosen its opening before it sees the other one, so nobody can search for openings that give the same
 * code. A device in the middle has one guess in 1,000,000 for each {@link answer}, and the two people see a wrong guess
 * (Vaudenay, CRYPTO 2005; the hash commitment of ZRTP, RFC 6189 §4.4.1.1, does the same). So call `answer` and `ask` only
 * when a person wants it, never because a message came.
 *
 * ECDH on P-256, SHA-256, HKDF and AES-GCM of WebCrypto: all current browsers have them, and Node since version 20.
 */

/** The side of a device. */
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
  /** Once the opening of the other device is known: that, and the code to compare. */
  readonly peer?: { readonly opening: string; readonly code: string } | undefined;
}

/** The message of one device to the other. */
export interface AgreementMessage {
  readonly commitment: string;
  readonly opening?: string | undefined;
}

/** A message that does not belong to this agreement. It changed nothing. */
export class AgreementError extends Error {
  override readonly name = 'AgreementError';
}

const LABEL = 'credential-relay.example/key-agreement';
const CURVE = { name: 'ECDH', namedCurve: 'P-256' };
const [POINT_BYTES, NONCE_BYTES, IV_BYTES] = [65, 32, 12];

/** Begins as the receiver, with a new key pair. */
export async function ask(context: string): Promise<Agreement> {
  const keys = await newKeys();
  return { role: 'receiver', context, commitment: await commitmentTo(keys.opening, context), ...keys };
}

/** Begins as the sender, with a new key pair for the receiver that sent this commitment. Each call is one guess. */
export async function answer(commitment: string, context: string): Promise<Agreement> {
  return { role: 'sender', context, commitment, ...(await newKeys()) };
}

/** The message to the other device. A receiver shows its opening only once it has that of the sender. */
export function messageOf({ role, commitment, opening, peer }: Agreement): AgreementMessage {
  return role === 'sender' || peer !== undefined ? { commitment, opening } : { commitment };
}

/**
 * Takes a message of the other device. The first opening counts; the same one again changes nothing. Throws
 * {@link AgreementError} for another commitment, another opening, or one that is not a key or does not match the commitment.
 */
export async function hear(agreement: Agreement, { commitment, opening }: AgreementMessage): Promise<Agreement> {
  const { role, context, peer } = agreement;
  if (commitment !== agreement.commitment) throw new AgreementError('The message is for another receiver.');
  if (opening === undefined || opening === peer?.opening) return agreement;
  if (peer !== undefined) throw new AgreementError('The other device had shown another opening.');
  await publicKeyIn(opening);
  if (role === 'sender' && (await commitmentTo(opening, context)) !== commitment) {
    throw new AgreementError('The receiver had committed to another opening.');
  }
  const digest = await transcriptOf(agreement, opening);
  const code = String(new DataView(digest.buffer).getBigUint64(0) % 1_000_000n).padStart(6, '0');
  return { ...agreement, peer: { opening, code } };
}

/** Seals a text for the other device alone. Throws {@link AgreementError} before there is a code. */
export async function seal(agreement: Agreement, text: string): Promise<string> {
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
  const key = await cipherKey(agreement, agreement.role);
  const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, key, utf8(text));
  return toBase64([...iv, ...new Uint8Array(sealed)]);
}

/** Opens a text that the other device sealed for this one. Throws {@link AgreementError} for anything else. */
export async function open(agreement: Agreement, sealed: string): Promise<string> {
  const key = await cipherKey(agreement, agreement.role === 'sender' ? 'receiver' : 'sender');
  try {
    const bytes = fromBase64(sealed);
    const algorithm = { name: 'AES-GCM', iv: bytes.subarray(0, IV_BYTES) };
    return new TextDecoder().decode(await crypto.subtle.decrypt(algorithm, key, bytes.subarray(IV_BYTES)));
  } catch (cause) {
    throw new AgreementError('This was not sealed by the other device for this one.', { cause });
  }
}

async function newKeys() {
  const pair = await crypto.subtle.generateKey(CURVE, true, ['deriveBits']);
  const [point, privateKey] = await Promise.all([
    crypto.subtle.exportKey('raw', pair.publicKey),
    crypto.subtle.exportKey('jwk', pair.privateKey),
  ]);
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  return { opening: toBase64([...new Uint8Array(point), ...nonce]), privateKey: JSON.stringify(privateKey) };
}

/** WebCrypto refuses bytes that are not a point of the curve. */
async function publicKeyIn(opening: string) {
  try {
    const bytes = fromBase64(opening);
    if (bytes.length !== POINT_BYTES + NONCE_BYTES) throw new RangeError(`${bytes.length} bytes`);
    return await crypto.subtle.importKey('raw', bytes.subarray(0, POINT_BYTES), CURVE, false, []);
  } catch (cause) {
    throw new AgreementError('The opening is not a public key and a nonce.', { cause });
  }
}

const commitmentTo = async (opening: string, context: string): Promise<string> =>
  toBase64([...(await digestOf('commitment', context, opening))]);

function transcriptOf({ role, context, opening }: Agreement, theirs: string): Promise<Uint8Array<ArrayBuffer>> {
  const [receivers, senders] = role === 'receiver' ? [opening, theirs] : [theirs, opening];
  return digestOf('transcript', context, receivers, senders);
}

/** A hash of texts that nobody can take apart in another way: all after the first part is of a fixed length. */
async function digestOf(purpose: string, context: string, ...openings: string[]): Promise<Uint8Array<ArrayBuffer>> {
  const head = await sha256(utf8(`${LABEL} ${purpose} ${context}`));
  return sha256(Uint8Array.from([head, ...openings.map(fromBase64)].flatMap((bytes) => [...bytes])));
}

/** The key for the texts of one side: from the shared secret, and bound to both openings and the mailbox. */
async function cipherKey(agreement: Agreement, writer: Role) {
  if (agreement.peer === undefined) throw new AgreementError('There is no code yet.');
  const { opening } = agreement.peer;
  const { subtle } = crypto;
  const own = await subtle.importKey('jwk', JSON.parse(agreement.privateKey), CURVE, false, ['deriveBits']);
  const shared = await subtle.deriveBits({ name: 'ECDH', public: await publicKeyIn(opening) }, own, 256);
  const salt = await transcriptOf(agreement, opening);
  const material = await subtle.importKey('raw', shared, 'HKDF', false, ['deriveKey']);
  const hkdf = { name: 'HKDF', hash: 'SHA-256', salt, info: utf8(`${LABEL} ${writer}`) };
  return subtle.deriveKey(hkdf, material, { name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
}

const sha256 = async (bytes: Uint8Array<ArrayBuffer>) => new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
const utf8 = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(new TextEncoder().encode(text));
const toBase64 = (bytes: readonly number[]): string => btoa(bytes.map((byte) => String.fromCharCode(byte)).join(''));
const fromBase64 = (text: string) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
