import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  all,
  BRANDED,
  LANGUAGES,
  openGraph,
  pageOf,
  parse,
  skeletonOf,
  textOf,
  WORDS,
} from '../../support/preview/page.js';

/* The page behind a share URL (docs/protocol.md §9), in every language and with every option. */

const HOSTILE = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onfocus='alert(1)' autofocus='",
  '</style></title><svg/onload=alert(1)>',
  '&lt;b&gt; &#60; &amp;quot;',
  '$& $1 $` \\1 {title} `x`',
];

describe.each(LANGUAGES)('%s', (language) => {
  const asked = { 'Accept-Language': language };

  test('the page escapes the texts of the sender and the operator', async () => {
    const [plain, bare] = await Promise.all([pageOf(BRANDED, asked), pageOf({}, asked)]);
    for (const hostile of HOSTILE) {
      const words = { ...WORDS, title: hostile, description: hostile };
      const appStores = BRANDED.appStores.map(({ url }) => ({ label: hostile.slice(0, 40), url }));
      const { page } = await pageOf({ ...BRANDED, name: hostile, appStores: appStores }, asked, words);
      expect(skeletonOf(page)).toEqual(skeletonOf(plain.page));
      expect([textOf(page, 'title'), textOf(page, 'h1'), textOf(page, 'h1 + p')]).toEqual([hostile, hostile, hostile]);
      expect(openGraph(page, 'og:title')).toEqual([hostile]);
      expect(openGraph(page, 'og:description')).toEqual([hostile]);
      expect(openGraph(page, 'og:site_name')).toEqual([hostile]);
      expect(textOf(page, '.brand span')).toBe(hostile);
      expect(all(page, 'a').map(({ textContent }) => textContent)).toEqual(appStores.map(({ label }) => label));

      expect(skeletonOf((await pageOf({}, asked, words)).page)).toEqual(skeletonOf(bare.page));
    }
  });

  test('the page contains no invalid characters', async () => {
    const words = { ...WORDS, title: 'Room\ufffe\uffff\u{1fffe}\ufdd0é', description: '\u{10ffff}712 é' };
    const { page, text } = await pageOf({}, asked, words);
    expect([textOf(page, 'h1'), textOf(page, 'h1 + p')]).toEqual(['Room    é', ' 712 é']);
    expect(openGraph(page, 'og:title')).toEqual(['Room    é']);
    expect(text).not.toMatch(/\p{Noncharacter_Code_Point}/u);
  });

  test('the texts of the relay are ASCII', async () => {
    const { text } = await pageOf({ ...BRANDED, name: 'Hôtel 王宮 🏨' }, asked);
    expect(text).toMatch(/^[\n\x20-\x7e]*$/);
    expect(textOf(parse(text), '.brand span')).toBe('Hôtel 王宮 🏨');
  });

  test('the headings are in order, and the texts of the sender have no language', async () => {
    const { page } = await pageOf(BRANDED, asked);
    expect(all(page, 'h1, h2, h3, h4').map(({ localName }) => localName)).toEqual(['h1', 'h2', 'h2']);
    for (const selector of ['h1', 'h1 + p']) {
      const element = page.querySelector(selector);
      expect([element?.getAttribute('lang'), element?.getAttribute('dir')]).toEqual(['', 'auto']);
    }
    expect(all(page, 'svg').every((svg) => svg.getAttribute('aria-hidden') === 'true')).toBe(true);
    expect(all(page, 'img').map((img) => img.getAttribute('alt'))).toEqual(['']);
  });

  test('lists without markers have the list role', async () => {
    const { page } = await pageOf(BRANDED, asked);
    expect(all(page, 'ol, ul').map((list) => list.getAttribute('role'))).toEqual(['list', 'list']);
    expect(textOf(page, 'style').match(/list-style:none/g)).toHaveLength(2);
  });

  test('the page has no script, form, frame or style attribute', async () => {
    for (const preview of [{}, BRANDED]) {
      const { page } = await pageOf(preview, asked);
      expect(all(page, 'script, form, iframe, object, embed, link, base, meta[http-equiv], [style]')).toEqual([]);
      for (const element of all(page, '*')) {
        for (const { name } of Array.from(element.attributes)) expect(name).not.toMatch(/^on/);
      }
    }
  });
});

/** The exact policy. The test computes the hash from the page. */
const policyOf = (html: string, images: string): string => {
  const style = /<style>([^<]*)<\/style>/.exec(html)?.[1] ?? '';
  const hash = createHash('sha256').update(style).digest('base64');
  return `default-src 'none'; style-src 'sha256-${hash}'; ${images}base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox`;
};

describe('the headers of the preview page', () => {
  test('have a Content-Security-Policy that allows only the style sheet', async () => {
    for (const preview of [undefined, {}, { name: 'x', color: '#ffd400' }]) {
      const { headers, text } = await pageOf(preview);
      expect(headers.get('Content-Security-Policy')).toBe(policyOf(text, ''));
    }
  });

  test('have a Content-Security-Policy that allows the origin of the logo', async () => {
    for (const [logoUrl, origin] of [
      ['https://static.example/a/b.svg?x=1', 'https://static.example'],
      ['https://static.example:8443/b.png', 'https://static.example:8443'],
      ['https://STATIC.example:443/b.png', 'https://static.example'],
      ['https://bücher.example/b.png', 'https://xn--bcher-kva.example'],
    ]) {
      const { headers, text } = await pageOf({ logoUrl });
      expect(headers.get('Content-Security-Policy')).toBe(policyOf(text, `img-src ${origin}; `));
    }
  });

  test('are exactly the documented headers', async () => {
    const { headers } = await pageOf(BRANDED, { 'Accept-Language': 'ja' });
    expect(Object.fromEntries(headers)).toEqual({
      'cache-control': 'no-store, no-transform',
      'content-language': 'ja',
      'content-length': expect.stringMatching(/^\d+$/),
      'content-security-policy': expect.any(String),
      'content-type': 'text/html; charset=utf-8',
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      vary: 'Accept-Language',
      'x-content-type-options': 'nosniff',
      'x-robots-tag': 'noindex, nofollow, noarchive',
    });
  });

  test('have a Content-Length in bytes', async () => {
    const words = { ...WORDS, title: '王宮 🏨' };
    const { headers, text } = await pageOf({ name: 'Hôtel' }, {}, words);
    expect(Number(headers.get('Content-Length'))).toBe(Buffer.byteLength(text));
  });

  test('have Vary: Origin with CORS', async () => {
    const { headers } = await pageOf({}, {}, WORDS, { cors: { origins: ['https://app.example'] } });
    expect(headers.get('Vary')).toBe('Accept-Language, Origin');
  });
});

describe('the brand of the preview page', () => {
  test('is a drawn key without a name and links, without options', async () => {
    const { page } = await pageOf({});
    expect(all(page, 'img, a, .brand span, ul')).toEqual([]);
    expect(openGraph(page, 'og:site_name')).toEqual([]);
    expect(all(page, '.brand svg')).toHaveLength(2);
  });

  test('loads only the logo, and never the image of the sender', async () => {
    for (const [preview, sources] of [
      [{}, []],
      [BRANDED, [BRANDED.logoUrl]],
    ] as const) {
      const { page, text } = await pageOf(preview);
      expect(
        all(page, '[src], [srcset], [background], [poster], [data]').map((each) => each.getAttribute('src')),
      ).toEqual(sources);
      expect(text).not.toMatch(/url\(|@import/);
      expect(openGraph(page, 'og:image')).toEqual([WORDS.imageURL]);
    }
  });

  test('escapes the URL of the logo', async () => {
    const logoUrl = `https://static.example/a"b<c>'&d.png?"'<x>&y&lt;z`;
    const { page } = await pageOf({ logoUrl });
    expect(skeletonOf(page)).toEqual(skeletonOf((await pageOf({ logoUrl: BRANDED.logoUrl })).page));
    expect(page.querySelector('img')?.getAttribute('src')).toBe(new URL(logoUrl).href);
  });

  test('has links to appStores with their URL and without a referrer', async () => {
    const appStores = [...BRANDED.appStores, { label: 'odd', url: `https://a.example/?"'<x>&lt;&y` }];
    const { page } = await pageOf({ ...BRANDED, appStores: appStores });
    const links = all(page, 'a').map((a) => [a.textContent, a.getAttribute('href'), a.getAttribute('rel')]);
    expect(links).toEqual(appStores.map(({ label, url }) => [label, new URL(url).href, 'noreferrer noopener']));
    expect(all(page, '[target]')).toEqual([]);
  });

  test('sets its colour in the style sheet and in theme-color', async () => {
    const { page } = await pageOf({ color: '#A3C' });
    expect(page.querySelector('meta[name="theme-color"]')?.getAttribute('content')).toBe('#aa33cc');
    expect(textOf(page, 'style')).toContain('--brand:#aa33cc');
  });
});
