import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createNonce, isFreshNonce } from '../../../src/relay/auth/nonce.js';

/*
 * Stateless challenges: the same challenge for all clients within a minute, valid for four to five minutes, with any of
 * the secrets.
 */

const MINUTE = 60_000;
const [newest, previous, foreign] = [randomBytes(32), randomBytes(32), randomBytes(32)];
const START = Date.UTC(2031, 4, 5, 23, 58, 0);

describe('createNonce', () => {
  test('returns the same value within a minute, and another value in the next minute', () => {
    const first = createNonce([newest], START);
    expect(first).toMatch(/^[A-Za-z0-9_-]{43}$/);
    for (const offset of [1, 30_000, MINUTE - 1]) expect(createNonce([newest], START + offset)).toBe(first);
    for (const offset of [-1, MINUTE]) expect(createNonce([newest], START + offset)).not.toBe(first);
  });

  test('returns a different value in every minute of a day', () => {
    const all = Array.from({ length: 1_440 }, (_, minute) => createNonce([newest], START + minute * MINUTE));
    expect(new Set(all).size).toBe(1_440);
  });

  test('uses the first secret only', () => {
    expect(createNonce([newest, previous], START)).toBe(createNonce([newest], START));
    expect(createNonce([previous, newest], START)).toBe(createNonce([previous], START));
    expect(createNonce([newest], START)).not.toBe(createNonce([previous], START));
    expect(() => createNonce([], START)).toThrow(TypeError);
  });
});

describe('isFreshNonce', () => {
  test.each([0, 1, 30_000, MINUTE - 1])(
    'accepts a nonce created %d ms into a minute until the end of the fifth minute',
    (into) => {
      const challenge = createNonce([newest], START + into);
      const good = (now: number): boolean => isFreshNonce(challenge, [newest], now);
      for (let now = START + into; now < START + 5 * MINUTE; now += 7_919) expect(good(now)).toBe(true);
      expect(good(START + 5 * MINUTE - 1)).toBe(true);
      expect(good(START + 5 * MINUTE)).toBe(false);
      expect(good(START + 24 * 60 * MINUTE)).toBe(false);
    },
  );

  test('accepts a nonce of a clock up to a minute ahead, but not further ahead', () => {
    const challenge = createNonce([newest], START);
    expect(isFreshNonce(challenge, [newest], START - 1)).toBe(true);
    expect(isFreshNonce(challenge, [newest], START - MINUTE)).toBe(true);
    expect(isFreshNonce(challenge, [newest], START - MINUTE - 1)).toBe(false);
  });

  test('accepts a nonce of any of the secrets, at any position', () => {
    const challenge = createNonce([previous], START);
    for (const secrets of [[previous], [newest, previous], [previous, newest], [newest, foreign, previous]]) {
      expect(isFreshNonce(challenge, secrets, START)).toBe(true);
    }
    for (const secrets of [[], [newest], [newest, foreign]]) {
      expect(isFreshNonce(challenge, secrets, START)).toBe(false);
    }
  });

  test('refuses random text of every length without an error', () => {
    for (let length = 0; length <= 100; length += 1) {
      expect(isFreshNonce('A'.repeat(length), [newest], START)).toBe(false);
      expect(isFreshNonce('é'.repeat(length), [newest], START)).toBe(false);
      expect(isFreshNonce(randomBytes(length).toString('base64url'), [newest], START)).toBe(false);
    }
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => !isFreshNonce(text, [newest, previous], START)));
  });

  test('refuses a prefix, a suffix, padding, another case, and any changed character', () => {
    const challenge = createNonce([newest], START);
    const near = [
      challenge.slice(0, -1),
      challenge.slice(1),
      `${challenge}=`,
      ` ${challenge}`,
      `${challenge}\n`,
      `${challenge}A`,
    ];
    for (let at = 0; at < challenge.length; at += 1) {
      near.push(challenge.slice(0, at) + (challenge[at] === 'A' ? 'B' : 'A') + challenge.slice(at + 1));
    }
    for (const text of near) expect(isFreshNonce(text, [newest], START)).toBe(false);
    expect(isFreshNonce(challenge, [newest], START)).toBe(true);
  });
});
