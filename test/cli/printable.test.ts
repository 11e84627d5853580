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

/* What others have written, on its way to a terminal. */

const HOSTILE = 'a\u001b[2Jb\u009b0mc\nd\r\u0007e\u202ef\u2066g\u2028h\u200bi\u{e0041}j';

describe('text from elsewhere', () => {
  it('is one line without anything that a terminal acts upon', () => {
    expect(toPrintable(HOSTILE)).toBe('a [2Jb 0mc d  e f g h i j');
    expect(toPrintable('Zimmer 417 – 鍵 🔑')).toBe('Zimmer 417 – 鍵 🔑');
  });

  it('is cut after 300 characters, and no character in two', () => {
    expect(formatMessage('🔑'.repeat(300))).toBe('🔑'.repeat(300));
    expect(formatMessage('🔑'.repeat(301))).toBe(`${'🔑'.repeat(299)}…`);
  });

  it('a title is in quotation marks that it cannot end, and is cut after 80 characters', () => {
    expect(formatTitle('x": 5 bytes.\nThe share is finished.')).toBe(`"x': 5 bytes. The share is finished."`);
    expect(formatTitle('t'.repeat(200))).toBe(`"${'t'.repeat(79)}…"`);
  });

  it('in JSON it is escaped, and the same text to whoever parses that', () => {
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
  it.each(['', 'words\n', 'tab\tand\r\nlines', 'Schlüssel 🔑 👩‍🔧'])('%j are plain text', (text) => {
    expect(isPlainText(Buffer.from(text))).toBe(true);
  });

  it.each([
    [Buffer.from('\u001b]0;x\u0007')],
    [Buffer.from('a\rb')],
    [Buffer.from('\u202ecod.exe')],
    [Buffer.of(0xff)],
  ])('%j are not', (bytes) => {
    expect(isPlainText(bytes)).toBe(false);
  });
});

describe('the bytes of a message', () => {
  it('of a file are what it was', () => {
    const bytes = Buffer.from([0, 1, 2, 250, 255]);
    expect(toFileBytes(toFileInformation(bytes))).toEqual(bytes);
    expect(toFileBytes(toFileInformation(Buffer.of()))).toEqual(Buffer.of());
  });

  it.each(['AAEC+v8', 'AAE*C+v8=', 'AAEC+v8=\n', 'AAEC-v8=', 7, undefined])(
    'of a file whose base64 is damaged there are none: %j',
    (data) => {
      expect(() => toFileBytes({ format: 'credential-relay.file', content: { data } })).toThrow(
        expect.objectContaining({ code: 'malformed' }),
      );
    },
  );
});

it('a time is told in its largest unit', () => {
  expect([300, 45_000, 900_000, 7_199_000, 172_799_000].map(formatDuration)).toEqual([
    '1 s',
    '45 s',
    '15 minutes',
    '2 hours',
    '2 days',
  ]);
});
