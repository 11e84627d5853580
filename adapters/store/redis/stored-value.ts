import { REVISION_CHARACTERS, type StoredEntry, type StoredValue } from '../../../src/relay/store/contract.js';
import { RedisStoreError } from './errors.js';

/** Characters of the deadline, a safe integer with leading zeros, which follows the revision in the stored text. */
const DEADLINE_CHARACTERS = 16;
export const REVISION_AND_DEADLINE_CHARACTERS = REVISION_CHARACTERS + DEADLINE_CHARACTERS;

/** Inserts the deadline after the revision, so that a plain GET returns both. */
export function encodeStoredValue(value: StoredValue, expiresAt: number): string {
  if (typeof value !== 'string') throw new TypeError('The Redis store keeps text only.');
  const deadline = String(expiresAt).padStart(DEADLINE_CHARACTERS, '0');
  return `${value.slice(0, REVISION_CHARACTERS)}${deadline}${value.slice(REVISION_CHARACTERS)}`;
}

/** Parses the reply to a GET of a key that exists. */
export function decodeStoredValue(stored: unknown): StoredEntry {
  if (typeof stored !== 'string') throw foreignValueError();
  const revision = stored.slice(0, REVISION_CHARACTERS);
  const deadline = stored.slice(REVISION_CHARACTERS, REVISION_AND_DEADLINE_CHARACTERS);
  if (!/^\d{16}$/.test(deadline)) throw foreignValueError();
  const value = `${revision}${stored.slice(REVISION_AND_DEADLINE_CHARACTERS)}`;
  return { value, revision, expiresAt: Number(deadline) };
}

/** Parses the reply to a GETRANGE of the revision; Redis answers '' for an absent key. */
export function decodeRevision(stored: unknown): string | undefined {
  if (stored === '') return undefined;
  if (typeof stored !== 'string' || stored.length !== REVISION_CHARACTERS) throw foreignValueError();
  return stored;
}

export function foreignValueError(): RedisStoreError {
  return new RedisStoreError('redis_foreign_value', 'The value under the key is not a mailbox.');
}
