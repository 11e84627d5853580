import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import { hmac, type ServerKey } from '../mailbox/keys.js';
import { isMailbox, isRotationMarker, type Mailbox, type MailboxRecord, RECORD_FORMAT } from '../mailbox/record.js';
import { REVISION_CHARACTERS, type StoredValue } from './contract.js';

/** The identifier of a mailbox (in its share URL), and the store key derived from the identifier. */
export interface Address {
  readonly identifier: string;
  readonly key: string;
}

/** Converts records to stored values, and back. */
export interface RecordCodec {
  /** `iv` returns 12 new random bytes. Called only if the codec seals the record. */
  encode(record: MailboxRecord, address: Address, revision: string, iv: () => Uint8Array): StoredValue;
  /** Throws {@link UnreadableRecord} if these keys, or this release, cannot read the value. */
  decode(value: StoredValue, address: Address): MailboxRecord;
}

/** Why a stored value is unreadable. The relay answers 503, never 404, because the mailbox may exist. */
export type UnreadableReason = 'unknown_format' | 'unknown_key' | 'seal_broken';

export class UnreadableRecord extends Error {
  override readonly name = 'UnreadableRecord';
  constructor(readonly code: UnreadableReason) {
    super(`A stored mailbox cannot be read: ${code}.`);
  }
}

/** A record in clear, stored by reference in the memory of this process. */
interface ClearValue {
  readonly revision: string;
  readonly record: MailboxRecord;
}

/** For the memory store without keys: stores the record object itself. */
export const clearCodec: RecordCodec = {
  encode: (record, _address, revision): ClearValue => ({ revision, record }),
  decode(value) {
    if (typeof value === 'string' || !('record' in value)) throw new UnreadableRecord('unknown_format');
    return (value as ClearValue).record;
  },
};

const CIPHER = 'aes-256-gcm';
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** These replace the key id in the stored text of records without content. */
const TOMBSTONE = '-';
const ROTATION_MARKER = '+';

/**
 * Seals records with AES-256-GCM. The key is derived from a server key and the identifier. Only the share URL contains
 * the identifier, so nobody can read a dump of the store, even with the server keys. The stored text is
 * `revision.expiresAt.format.keyId.base64(IV ‖ ciphertext ‖ tag)`. The revision comes first, for compare-and-set by
 * prefix. The first key seals; every key opens.
 */
export function sealingCodec(keys: readonly [ServerKey, ...ServerKey[]]): RecordCodec {
  const [current] = keys;
  const byId = new Map(keys.map((key) => [key.id, key]));
  return {
    encode(record, address, revision, iv) {
      const head = `${revision}.${record.expiresAt}.${RECORD_FORMAT}`;
      if (!isMailbox(record)) return `${head}.${isRotationMarker(record) ? ROTATION_MARKER : TOMBSTONE}.`;
      return `${head}.${current.id}.${seal(current, address, JSON.stringify(record), iv())}`;
    },
    decode(value, address) {
      const [expiresAt, format, keyId, sealed] =
        typeof value === 'string' ? value.slice(REVISION_CHARACTERS + 1).split('.') : [];
      if (format !== String(RECORD_FORMAT) || keyId === undefined || sealed === undefined) {
        throw new UnreadableRecord('unknown_format');
      }
      if (keyId === TOMBSTONE) return { format: RECORD_FORMAT, tombstone: true, expiresAt: Number(expiresAt) };
      if (keyId === ROTATION_MARKER)
        return { format: RECORD_FORMAT, rotationMarker: true, expiresAt: Number(expiresAt) };
      const key = byId.get(keyId);
      if (key === undefined) throw new UnreadableRecord('unknown_key');
      return JSON.parse(unseal(key, address, sealed)) as Mailbox;
    },
  };
}

/** One HMAC output is a full AES-256 key. A uniformly random server key needs no further derivation. */
function sealKey(key: ServerKey, address: Address): KeyObject {
  return createSecretKey(hmac(key, `seal${address.identifier}`));
}

/** Binds a sealed record to its store key, so that a copy under another key does not open. */
function associatedData(key: ServerKey, address: Address): Buffer {
  return Buffer.from(`${address.key}.${key.id}.${RECORD_FORMAT}`);
}

function seal(key: ServerKey, address: Address, text: string, iv: Uint8Array): string {
  const cipher = createCipheriv(CIPHER, sealKey(key, address), iv);
  cipher.setAAD(associatedData(key, address));
  return Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString('base64');
}

function unseal(key: ServerKey, address: Address, sealed: string): string {
  const bytes = Buffer.from(sealed, 'base64');
  if (bytes.length < IV_BYTES + TAG_BYTES) throw new UnreadableRecord('seal_broken');
  const decipher = createDecipheriv(CIPHER, sealKey(key, address), bytes.subarray(0, IV_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(associatedData(key, address));
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  const text = decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES));
  try {
    decipher.final();
  } catch {
    throw new UnreadableRecord('seal_broken');
  }
  return text.toString('utf8');
}
