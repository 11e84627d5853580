import { createCipheriv, createDecipheriv, createHmac, createSecretKey, type KeyObject } from 'node:crypto';

/** A mailbox as C1 keeps it. */
export interface WorkRecord {
  readonly expiresAt: number;
  readonly rights: string;
  readonly display: { readonly title: string; readonly description: string; readonly imageURL: string };
  readonly payload: { readonly type: string; readonly data: string };
  readonly sender: { readonly claim: string; readonly token?: unknown };
  readonly receiver?: { readonly claim: string };
}

/** A stored value; a string begins with its revision. */
export type WorkValue = string | { readonly revision: string; readonly record: WorkRecord | undefined };

/** Turns records into what is stored, and back; `undefined` is a tombstone, which there is no need to seal. */
export interface WorkCodec {
  encode(record: WorkRecord | undefined, identifier: string, key: string, revision: string): WorkValue;
  decode(value: WorkValue, identifier: string, key: string): WorkRecord | undefined;
}

/** Records as they are. */
export const clearCodec: WorkCodec = {
  encode: (record, _identifier, _key, revision) => ({ revision, record }),
  decode: (value) => (typeof value === 'string' ? undefined : value.record),
};

const REVISION_CHARACTERS = 16;
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** Records sealed with AES-256-GCM under a key derived from the server's key and the identifier. */
export function sealingCodec(serverKey: KeyObject, takeRandom: (count: number) => Buffer): WorkCodec {
  const sealKey = (identifier: string): KeyObject =>
    createSecretKey(createHmac('sha256', serverKey).update(`seal${identifier}`).digest());
  return {
    encode(record, identifier, key, revision) {
      if (record === undefined) return revision;
      const iv = takeRandom(IV_BYTES);
      const cipher = createCipheriv('aes-256-gcm', sealKey(identifier), iv);
      cipher.setAAD(Buffer.from(key));
      const sealed = [iv, cipher.update(JSON.stringify(record), 'utf8'), cipher.final(), cipher.getAuthTag()];
      return revision + Buffer.concat(sealed).toString('base64');
    },
    decode(value, identifier, key) {
      if (typeof value !== 'string' || value.length === REVISION_CHARACTERS) return undefined;
      const bytes = Buffer.from(value.slice(REVISION_CHARACTERS), 'base64');
      const decipher = createDecipheriv('aes-256-gcm', sealKey(identifier), bytes.subarray(0, IV_BYTES), {
        authTagLength: TAG_BYTES,
      });
      decipher.setAAD(Buffer.from(key));
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
      const text = decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES));
      decipher.final();
      return JSON.parse(text.toString()) as WorkRecord;
    },
  };
}

/** The revision of a stored value. */
export function getRevision(value: WorkValue): string {
  return typeof value === 'string' ? value.slice(0, REVISION_CHARACTERS) : value.revision;
}
