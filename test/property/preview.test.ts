import { createRelay } from 'credential-relay';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createBody } from '../support/property/acceptance.js';
import { COLLECTION, exchange, PUBLIC_URL, START, urlLinkOf, WITHIN } from '../support/property/harness.js';
import { payload } from '../support/property/model.js';
import { anyText } from '../support/property/wire-arbitraries.js';
import { JSON_TYPE, soundHeaders } from '../support/property/wire-call.js';

/** A tag: its name, with a slash for an end tag, and its decoded attributes. */
interface Tag {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
}

interface Page {
  readonly tags: readonly Tag[];
  /** The undecoded text between the tags. */
  readonly texts: readonly string[];
}

const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** Decodes character references, and keeps unknown references. */
const decode = (html: string): string =>
  html.replace(/&(?:#(\d+)|#[xX]([0-9a-fA-F]+)|(\w+));/g, (whole, decimal, hex, name) => {
    if (name !== undefined) return NAMED[name] ?? whole;
    return String.fromCodePoint(decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal));
  });

/**
 * Tokenizes as browsers do: a `<` before a letter, `/` or `!` begins a tag, quotes hide a `>`, and styles are raw text.
 */
function parse(html: string): Page {
  const tags: Tag[] = [];
  const texts: string[] = [];
  let rest = html;
  while (rest !== '') {
    const match = /<([/!]?[a-zA-Z][^\s/>]*)((?:[^>"']|"[^"]*"|'[^']*')*)>/.exec(rest);
    if (match === null) break;
    const [whole, name = '', inside = ''] = match;
    texts.push(rest.slice(0, match.index));
    const pairs = [...inside.matchAll(/([^\s=/]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?/g)];
    tags.push({ name, attributes: new Map(pairs.map(([, key = '', a, b, c]) => [key, decode(a ?? b ?? c ?? '')])) });
    rest = rest.slice(match.index + whole.length);
    const raw = name === 'style' ? rest.indexOf('</style') : 0;
    rest = rest.slice(raw);
  }
  return { tags, texts: [...texts, rest] };
}

const shapeOf = ({ tags }: Page): string[] =>
  tags.map(({ name, attributes }) => [name, ...attributes.keys()].join(' '));

const meta = ({ tags }: Page, property: string): (string | undefined)[] =>
  tags.filter(({ attributes }) => attributes.get('property') === property).map((tag) => tag.attributes.get('content'));

/** The page shows control characters and bidi formatting as a space, and broken surrogates as U+FFFD. */
const asShown = (text: string): string =>
  text.toWellFormed().replace(/[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, ' ');

/** docs/protocol.md §9 names no characters, so the page may also replace U+061C, separators and noncharacters. */
const alike = (text: string | undefined): string | undefined =>
  text?.replace(/[\u061c\u2028\u2029\p{Noncharacter_Code_Point}]/gu, ' ');

const url = 'https://a.example/i';

async function pageOf(display: { title: string; description: string; imageURL: string }) {
  const relay = createRelay({ publicUrl: PUBLIC_URL, clock: () => START });
  try {
    const body = JSON.stringify({ payload: payload('AAAA'), displayInformation: display });
    const headers = { ...soundHeaders('create'), ...JSON_TYPE };
    const link = urlLinkOf(await exchange(relay, new Request(COLLECTION, { method: 'POST', headers, body })));
    if (link === undefined) return undefined;
    const shown = await exchange(relay, new Request(`${link}?v=h`, { headers: { Accept: 'application/json' } }));
    const head = await exchange(relay, new Request(link, { method: 'HEAD' }));
    return { link, shown, head };
  } finally {
    await relay.close();
  }
}

const pieces = fc.constantFrom(
  ...['<', '>', '"', "'", '&', '`', '=', '/', '\\', ';', '#', '-->', '<!--', '<script>', '</script>', '</title>'],
  ...[
    '</style>',
    '<img src=x onerror=alert(1)>',
    '&lt;',
    '&#60;',
    '&amp;',
    '&quot',
    '" onload="',
    ']]>',
    'javascript:',
  ],
  ...[
    '\u0000',
    '\n',
    '\r',
    '\t',
    '\u007f',
    '\u0085',
    '\u200e',
    '\u202e',
    '\u2066',
    '\u061c',
    '\u2028',
    '\ufeff',
    '😀',
    'é',
  ],
);
const hostile = fc.oneof(
  anyText,
  fc.array(fc.oneof(pieces, anyText), { maxLength: 12 }).map((parts) => parts.join('')),
);
const shortened = (limit: number): fc.Arbitrary<string> =>
  hostile.map((text) => text.slice(0, limit)).filter((text) => text !== '');
const image = fc.oneof(
  fc.webUrl({ validSchemes: ['https'], withQueryParameters: true, withFragments: true }),
  hostile.map((text) => `https://a.example/${text.replace(/[\s\p{Cc}]/gu, '')}`.slice(0, 2_048)),
);

test('the preview shows the display information as text only', async () => {
  const plain = await pageOf({ title: 'Room 7', description: 'A door', imageURL: url });
  const shape = shapeOf(parse(plain?.shown.text ?? ''));
  expect(shape).toContain('meta property content');
  expect(shape.some((tag) => /^.?script/i.test(tag) || / on/i.test(tag))).toBe(false);

  await fc.assert(
    fc.asyncProperty(shortened(200), shortened(500), image, async (title, description, imageURL) => {
      const made = await pageOf({ title, description, imageURL });
      if (made === undefined) {
        const displayInformation = { title, description, imageURL };
        expect(createBody({ payload: payload('AAAA'), displayInformation }, START).verdict).not.toBe('yes');
        return;
      }
      const { link, shown, head } = made;
      const page = parse(shown.text);
      expect(shown.status).toBe(200);
      expect(shapeOf(page)).toStrictEqual(shape);
      expect(shown.text).not.toMatch(/<script/i);
      expect(page.texts.join('')).not.toMatch(/[<]/);

      expect(meta(page, 'og:title').map(alike)).toStrictEqual([alike(asShown(title))]);
      expect(meta(page, 'og:description').map(alike)).toStrictEqual([alike(asShown(description))]);
      expect(meta(page, 'og:image').map((text) => new URL(text ?? '').href)).toStrictEqual([new URL(imageURL).href]);
      expect(meta(page, 'og:type')).toStrictEqual(['website']);
      expect(meta(page, 'og:url')).toStrictEqual([link]);
      expect(page.tags.find(({ name }) => name === 'html')?.attributes.get('prefix')).toBe('og: https://ogp.me/ns#');

      const { headers } = shown;
      expect(headers.get('Content-Type')).toMatch(/^text\/html; ?charset=utf-8$/i);
      expect(headers.get('Cache-Control')).toMatch(/no-store/);
      expect(headers.get('Referrer-Policy')).toBe('no-referrer');
      expect(headers.get('X-Content-Type-Options')).toBe('nosniff');
      expect(headers.get('X-Robots-Tag')).toMatch(/noindex/);
      expect(headers.get('Content-Security-Policy')).toMatch(/default-src 'none'/);
      expect(headers.get('Content-Security-Policy')).not.toMatch(/script-src/);
      expect(head.text).toBe('');
      expect([head.status, head.headers.get('Content-Type')]).toStrictEqual([200, headers.get('Content-Type')]);
    }),
    { ...WITHIN, numRuns: 300 },
  );
});
