import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { prefersHtml } from '../../../src/relay/preview/accept.js';

/* Who gets a page for a refusal, by Accept (RFC 9110 §12.5.1): only a reader who names text/html. */

const CHROME =
  'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7';

describe('a page', () => {
  test.each([
    ['of Chrome', CHROME],
    ['of Firefox', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'],
    ['alone', 'text/html'],
    ['in any case', 'TEXT/Html;Q=0.5'],
    ['with the least weight', 'text/html;q=0.001'],
    ['with white space', ' \ttext/html \t; \tq=1.000\t '],
    ['last of several fields, joined', 'image/png, */*;q=0.1, text/html;q=0.2'],
    ['with parameters', 'text/html;charset=utf-8;q=0.3'],
    ['with a quoted parameter', 'text/html;x="a,b;q=0";q=0.3'],
    ['with extensions after the weight', 'text/html;q=0.3;ext=1;flag'],
    ['with empty members and parameters', ',, ;, text/html;;, '],
    ['level with a problem', 'application/problem+json, text/html'],
    ['above a problem', 'application/problem+json;q=0.4, application/json;q=0.3, text/html;q=0.5'],
    ['beside a problem that is refused', 'text/html;q=0.1, application/problem+json;q=0'],
    ['by the greatest of its weights', 'text/html;level=1;q=0.1, application/json;q=0.5, text/html;q=0.6'],
    ['beside JSON whose weight is malformed', 'application/json;q=2, text/html;q=0.5'],
    ['beside garbage', '\u0000/;;=, text/html, "'],
    ['below a range', '*/*, text/html;q=0.1'],
    ['below a JSON type of others', 'application/vnd.api+json, text/html;q=0.1'],
  ])('%s', (_name, accept) => expect(prefersHtml(accept)).toBe(true));
});

describe('a problem', () => {
  test.each([
    ['without the field', undefined],
    ['with an empty one', ''],
    ['for curl and fetch', '*/*'],
    ['for a range of text', 'text/*'],
    ['for both ranges', 'text/*, */*;q=0.5'],
    ['for JSON', 'application/json'],
    ['for a problem', 'application/problem+json'],
    ['where a page is refused', 'text/html;q=0'],
    ['where a page is refused in three digits', 'text/html;q=0.000, */*'],
    ['where a problem weighs more', 'text/html;q=0.9, application/problem+json'],
    ['where JSON weighs more', 'application/json, text/html;q=0.9'],
    ['where one of the two weighs more', 'application/problem+json;q=0.1, text/html;q=0.2, application/json;q=0.3'],
    ['for a type that begins alike', 'text/htmlx, text/html5, xtext/html'],
    ['for XHTML', 'application/xhtml+xml'],
    ['for a weight above 1', 'text/html;q=1.1'],
    ['for a negative weight', 'text/html;q=-1'],
    ['for a weight of four digits', 'text/html;q=0.5000'],
    ['for a weight that is none', 'text/html;q='],
    ['for a weight without a value', 'text/html;q'],
    ['for a weight in words', 'text/html;q=high'],
    ['for a quoted weight', 'text/html;q="1"'],
    ['for two weights', 'text/html;q=1;q=1'],
    ['for space around the equals sign', 'text/html;q = 1'],
    ['for a malformed parameter', 'text/html;a b'],
    ['for space in the type', 'text / html'],
    ['for a type in quotes', '"text/html"'],
    ['for a type inside a quoted parameter', 'image/png;x="a, text/html, b"'],
    ['for a type behind an escaped quote', 'image/png;x="\\", text/html, \\""'],
    ['for another separator', 'image/png; text/html'],
    ['for names of Object', 'constructor, __proto__, toString'],
  ])('%s', (_name, accept) => expect(prefersHtml(accept)).toBe(false));

  test('for a field that is longer than any browser’s, without looking at it', () => {
    expect(prefersHtml(`${'a/b,'.repeat(250)}text/html`)).toBe(true);
    for (const part of ['a/b,', '"', '"\\', ';q=', ' ', 'text/html,']) {
      const started = performance.now();
      expect(prefersHtml(`${part.repeat(200_000)},text/html`)).toBe(false);
      expect(performance.now() - started).toBeLessThan(500);
    }
  });
});

test('whatever the field, it is judged, and fast', () => {
  const pieces = fc.constantFrom(
    'text/html',
    'application/json',
    '*/*',
    ';',
    ',',
    'q=',
    '0.5',
    '"',
    '\\',
    ' ',
    '=',
    'ü',
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 100 }), (parts) => {
      const accept = parts.join('');
      const started = performance.now();
      const page = prefersHtml(accept);
      expect(performance.now() - started).toBeLessThan(500);
      // Without the name there is never a page.
      if (page) expect(accept).toContain('text/html');
    }),
    { numRuns: 2_000 },
  );
});

describe('the reader of the field', () => {
  /** The least ms that one reading took, so that what else the machine does at the time hardly counts. */
  function leastMs(accept: string): number {
    let least = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 500; round += 1) {
      const started = performance.now();
      prefersHtml(accept);
      least = Math.min(least, performance.now() - started);
    }
    return least;
  }

  test.each([
    ['spaces', `text/html;a=${' '.repeat(1_000)}b`],
    ['quoted strings without an end', `text/html;a=${'"\\'.repeat(500)}`],
    ['quotation marks', `text/html;a=${'"'.repeat(1_001)}`],
  ])('takes about as long for a field of %s as for one of letters', (_name, field) => {
    expect(leastMs(field) / leastMs(`text/html;a=${'x'.repeat(1_000)}b`)).toBeLessThan(20); // About 100 if it is quadratic.
  });

  test('takes white space off as the grammar has it, wherever it stands', () => {
    const space = fc.string({ unit: fc.constantFrom(' ', '\t'), maxLength: 5 });
    fc.assert(
      fc.property(space, space, space, space, (a, b, c, d) => {
        expect(prefersHtml(`${a}text/html${b};${c}q=0.5${d}`)).toBe(true);
        expect(prefersHtml(`${a}text/html${b};${c}q=0${d}`)).toBe(false);
      }),
    );
  });
});
