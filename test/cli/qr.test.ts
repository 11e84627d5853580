import { encode } from 'uqr';
import { describe, expect, it } from 'vitest';
import { formatQrCode } from '../../src/cli/share-hints.js';
import { parseModules } from '../support/cli/qr.js';

const TEXT = 'https://relay.example/v1/m/2ba7b0e6-519b-41ec-bf63-0242ac130002#7Mm+gKq1+QQjWWa9lbLahg==';
const { size } = encode(TEXT, { ecc: 'L', border: 0 });

describe('the QR code (ISO/IEC 18004)', () => {
  it('the QR code encodes the text, with a quiet zone of up to four modules', () => {
    for (const [columns, border] of [
      [undefined, 4],
      [0, 4],
      [size + 8, 4],
      [size + 7, 3],
      [size + 4, 2],
    ] as const) {
      const drawn = parseModules(formatQrCode(TEXT, columns === undefined ? {} : { columns }));
      const { data, size: whole } = encode(TEXT, { ecc: 'L', border });
      expect(drawn.slice(0, whole)).toEqual(data);
    }
  });

  it('the QR code is a sentence on a narrow terminal', () => {
    expect(formatQrCode(TEXT, { isTTY: true, columns: 40 })).toBe(
      `The QR code needs ${size + 4} columns, and the terminal has 40.\n`,
    );
  });

  it('the QR code has colours only on a terminal with colours', () => {
    const [terminal, columns] = [true, 200];
    expect(formatQrCode(TEXT, { isTTY: terminal, columns }, {})).toContain('\u001b[97;40m');
    expect(formatQrCode(TEXT, { isTTY: terminal, columns }, { NO_COLOR: '1' })).not.toContain('\u001b');
    expect(formatQrCode(TEXT, { isTTY: terminal, columns }, { TERM: 'dumb' })).not.toContain('\u001b');
    expect(formatQrCode(TEXT, {}, {})).not.toContain('\u001b');
  });
});
