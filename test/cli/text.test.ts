import { describe, expect, it } from 'vitest';
import { toFileBytes, toFileInformation } from '../../src/cli/files.js';
import {
  formatDuration,
  formatMessage,
  formatTitle,
  isPlainText,
  toPrintable,
  toPrintableJson,
} from '../../src/cli/text.js';

/* Text from other devices and relays for a terminal. */

const HOSTILE = 'a\u001b[2Jb\u009b0mc\nd\r\u0007e\u202ef\u2066g\u2028h\u200bi\u{e0041}j';

describe('text of other devices', () => {
  it('toPrintable returns one line without control characters', () => {
    expect(toPrintable(HOSTILE)).toBe('a [2Jb 0mc d  e f g h i j');
    expect(toPrintable('Zimmer 417 – 鍵 🔑')).toBe('Zimmer 417 – 鍵 🔑');
  });

  it('formatMessage cuts after 300 characters, between characters', () => {
    expect(formatMessage('🔑'.repeat(300))).toBe('🔑'.repeat(300));
    expect(formatMessage('🔑'.repeat(301))).toBe(`${'🔑'.repeat(299)}…`);
  });

  it('formatTitle adds quotation marks that the title cannot end, and cuts after 80 characters', () => {
    expect(formatTitle('x": 5 bytes.\nThe share is finished.')).toBe(`"x': 5 bytes. The share is finished."`);
    expect(formatTitle('t'.repeat(200))).toBe(`"${'t'.repeat(79)}…"`);
  });

  it('toPrintableJson escapes invisible characters, and the JSON has the same value', () => {
    const value = { format: 'f', content: { [HOSTILE]: HOSTILE } };
    for (const json of [toPrintableJson(value), toPrintableJson(value, 2)]) {
      expect(JSON.parse(json)).toEqual(value);
      expect(json).not.toMatch(/[^\P{Cc}\n]|[\p{Cf}\p{Zl}\p{Zp}]/u);
    }
    expect(toPrintableJson('\u{e0041}\u202e')).toBe('"\\udb40\\udc41\\u202e"');
    expect(toFileBytes(value).toString()).toBe(`${toPrintableJson(value, 2)}\n`);
  });
});

describe('bytes for a terminal', () => {
  it.each(['', 'words\n', 'tab\tand\r\nlines', 'Schlüssel 🔑 👩‍🔧'])('isPlainText accepts %j', (text) => {
    expect(isPlainText(Buffer.from(text))).toBe(true);
  });

  it.each([
    [Buffer.from('\u001b]0;x\u0007')],
    [Buffer.from('a\rb')],
    [Buffer.from('\u202ecod.exe')],
    [Buffer.of(0xff)],
  ])('isPlainText refuses %j', (bytes) => {
    expect(isPlainText(bytes)).toBe(false);
  });
});

describe('the bytes of a message', () => {
  it('toFileBytes returns the bytes of a file', () => {
    const bytes = Buffer.from([0, 1, 2, 250, 255]);
    expect(toFileBytes(toFileInformation(bytes))).toEqual(bytes);
    expect(toFileBytes(toFileInformation(Buffer.of()))).toEqual(Buffer.of());
  });

  it.each(['AAEC+v8', 'AAE*C+v8=', 'AAEC+v8=\n', 'AAEC-v8=', 7, undefined])(
    'toFileBytes throws for damaged base64: %j',
    (data) => {
      expect(() => toFileBytes({ format: 'credential-relay.file', content: { data } })).toThrow(
        expect.objectContaining({ code: 'malformed' }),
      );
    },
  );
});

it('formatDuration uses the largest unit', () => {
  expect([300, 45_000, 900_000, 7_199_000, 172_799_000].map(formatDuration)).toEqual([
    '1 s',
    '45 s',
    '15 minutes',
    '2 hours',
    '2 days',
  ]);
});
