import { randomBytes } from 'node:crypto';

export interface TestPayload {
  readonly type: string;
  /** Base64. */
  readonly data: string;
}

/** A random payload. `characters`: the length of its base64 text, a multiple of 4. */
export function somePayload(characters = 48): TestPayload {
  return { type: 'AEAD_AES_128_GCM', data: randomBytes((characters / 4) * 3).toString('base64') };
}

/** A body of CreateMailbox for the stateful flow, with members replaced. */
export function createBody(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    payload: somePayload(),
    displayInformation: { title: 'Hotel Pass', description: 'Some Hotel Pass', imageURL: 'https://example.com/i.png' },
    mailboxConfiguration: { accessRights: 'RWD', expiration: inSeconds(3600) },
    ...changes,
  };
}

/** The wire form of a time so many seconds from `now` (Unix time in ms). */
export function inSeconds(seconds: number, now = Date.now()): string {
  return `${new Date(Math.floor(now / 1000) * 1000 + seconds * 1000).toISOString().slice(0, 19)}Z`;
}
