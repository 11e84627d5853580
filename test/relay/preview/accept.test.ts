import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { prefersHtml } from '../../../src/relay/preview/accept.js';

/* The error page by Accept (RFC 9110 §12.5.1): only a client that names text/html gets it. */

const CHROME =
  'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7';

describe('the relay answers with a page', () => {
  test.each([
    ['to the Accept of Chrome', CHROME],
    ['to the Accept of Firefox', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'],
    ['to text/html alone', 'text/html'],
    ['to text/html in any case', 'TEXT/Html;Q=0.5'],
    ['to text/html with the least weight', 'text/html;q=0.001'],
    ['to text/html with white space', ' \ttext/html \t; \tq=1.000\t '],
    ['to text/html as the last of several joined fields', 'image/png, */*;q=0.1, text/html;q=0.2'],
    ['to text/html with parameters', 'text/html;charset=utf-8;q=0.3'],
    ['to text/html with a quoted parameter', 'text/html;x="a,b;q=0";q=0.3'],
    ['to text/html with extensions after the weight', 'text/html;q=0.3;ext=1;flag'],
    ['to text/html with empty members and parameters', ',, ;, text/html;;, '],
    ['to text/html with the weight of a problem', 'application/problem+json, text/html'],
    ['to text/html above a problem', 'application/problem+json;q=0.4, application/json;q=0.3, text/html;q=0.5'],
    ['to text/html with a refused problem', 'text/html;q=0.1, application/problem+json;q=0'],
    ['to text/html by the greatest of its weights', 'text/html;level=1;q=0.1, application/json;q=0.5, text/html;q=0.6'],
    ['to text/html with a malformed weight of JSON', 'application/json;q=2, text/html;q=0.5'],
    ['to text/html with malformed members', '\u0000/;;=, text/html, "'],
    ['to text/html below a range', '*/*, text/html;q=0.1'],
    ['to text/html below another JSON type', 'application/vnd.api+json, text/html;q=0.1'],
  ])('%s', (_name, accept) => expect(prefersHtml(accept)).toBe(true));
});

describe('the relay answers with a problem', () => {
  test.each([
    ['without Accept', undefined],
    ['to an empty Accept', ''],
    ['to the Accept of curl and fetch', '*/*'],
    ['to a range of text', 'text/*'],
    ['to both ranges', 'text/*, */*;q=0.5'],
    ['to JSON', 'application/json'],
    ['to a problem type', 'application/problem+json'],
    ['to a refused page', 'text/html;q=0'],
    ['to a page refused in three digits', 'text/html;q=0.000, */*'],
    ['to a heavier problem', 'text/html;q=0.9, application/problem+json'],
    ['to heavier JSON', 'application/json, text/html;q=0.9'],
    ['to a page between the two types', 'application/problem+json;q=0.1, text/html;q=0.2, application/json;q=0.3'],
    ['to a type with the same first letters', 'text/htmlx, text/html5, xtext/html'],
    ['to XHTML', 'application/xhtml+xml'],
    ['to a weight above 1', 'text/html;q=1.1'],
    ['to a negative weight', 'text/html;q=-1'],
    ['to a weight of four digits', 'text/html;q=0.5000'],
    ['to an empty weight', 'text/html;q='],
    ['to a weight without a value', 'text/html;q'],
    ['to a weight in words', 'text/html;q=high'],
    ['to a quoted weight', 'text/html;q="1"'],
    ['to two weights', 'text/html;q=1;q=1'],
    ['to space around the equals sign', 'text/html;q = 1'],
    ['to a malformed parameter', 'text/html;a b'],
    ['to space in the type', 'text / html'],
    ['to a type in quotes', '"text/html"'],
    ['to a type inside a quoted parameter', 'image/png;x="a, text/html, b"'],
    ['to a type behind an escaped quote', 'image/png;x="\\", text/html, \\""'],
    ['to another separator', 'image/png; text/html'],
    ['to names of Object', 'constructor, __proto__, toString'],
  ])('%s', (_name, accept) => expect(prefersHtml(accept)).toBe(false));

  test('to a field longer than any browser’s, without parsing', () => {
    expect(prefersHtml(`${'a/b,'.repeat(250)}text/html`)).toBe(true);
    for (const part of ['a/b,', '"', '"\\', ';q=', ' ', 'text/html,']) {
      const started = performance.now();
      expect(prefersHtml(`${part.repeat(200_000)},text/html`)).toBe(false);
      expect(performance.now() - started).toBeLessThan(500);
    }
  });
});

test('the parser of Accept handles every field quickly', () => {
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
      // An Accept without text/html never gets a page.
      if (page) expect(accept).toContain('text/html');
    }),
    { numRuns: 2_000 },
  );
});

describe('the parser of Accept', () => {
  /** The minimum time in ms of several runs, to exclude other load on the machine. */
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
  ])('takes about as long for %s as for letters', (_name, field) => {
    // The ratio is about 100 for a quadratic parser.
    expect(leastMs(field) / leastMs(`text/html;a=${'x'.repeat(1_000)}b`)).toBeLessThan(20);
  });

  test('ignores white space wherever the grammar allows it', () => {
    const space = fc.string({ unit: fc.constantFrom(' ', '\t'), maxLength: 5 });
    fc.assert(
      fc.property(space, space, space, space, (a, b, c, d) => {
        expect(prefersHtml(`${a}text/html${b};${c}q=0.5${d}`)).toBe(true);
        expect(prefersHtml(`${a}text/html${b};${c}q=0${d}`)).toBe(false);
      }),
    );
  });
});
