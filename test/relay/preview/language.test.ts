import { createRelay } from 'credential-relay';
import { afterAll, describe, expect, test } from 'vitest';
import { LANGUAGES, parse, textOf } from '../../support/preview/page.js';
import { PUBLIC_URL, send, sharedMailbox } from '../../support/relay/relay.js';

/* The language of the page by Accept-Language (RFC 9110 §12.5.4), with lookup (RFC 4647 §3.4). */

const relays = {
  en: createRelay({ publicUrl: PUBLIC_URL }),
  fr: createRelay({ publicUrl: PUBLIC_URL, preview: { language: 'fr' } }),
};
const mailboxes = { en: await sharedMailbox(relays.en), fr: await sharedMailbox(relays.fr) };
afterAll(() => Promise.all([relays.en.close(), relays.fr.close()]));

async function languageFor(field: string | undefined, initial: 'en' | 'fr' = 'en'): Promise<string | null> {
  const headers: Record<string, string> = field === undefined ? {} : { 'Accept-Language': field };
  const answer = await send(relays[initial], 'GET', mailboxes[initial].url, headers);
  expect(answer.status).toBe(200);
  const language = answer.headers.get('Content-Language');
  expect(/<html lang="([\w-]+)"/.exec(answer.text)?.[1]).toBe(language);
  return language;
}

const TABLE: ReadonlyArray<readonly [field: string | undefined, language: string, initial?: 'fr']> = [
  // Plain tags, and tags with subtags that lookup removes from the end.
  [undefined, 'en'],
  ['', 'en'],
  ['de', 'de'],
  ['de-CH-1996', 'de'],
  ['DE-at', 'de'],
  ['fr-CA', 'fr'],
  ['es-419', 'es'],
  ['ja-JP', 'ja'],
  ['zh-Hant-TW', 'zh-Hans'],
  ['zh-CN', 'zh-Hans'],
  // A tag with only the same first letters is another language.
  ['den', 'en'],
  ['est', 'en'],
  ['zh_CN', 'en'],
  // Order and weight.
  ['fr, de', 'fr'],
  ['fr;q=0.5, de', 'de'],
  ['fr;q=0.5, de;q=0.50, ja;q=0.501', 'ja'],
  ['fr ; q=0.9 ,\tde;Q=1.000', 'de'],
  ['it, pt;q=0.9, es;q=0.1', 'es'],
  ['en-US,en;q=0.9,de;q=0.8', 'en'],
  ['de-AT, de;q=0.1, fr;q=0.9', 'de'],
  // Weight 0.
  ['de;q=0', 'en'],
  ['de;q=0.000, fr;q=0.001', 'fr'],
  ['de-AT, de;q=0, fr;q=0.2', 'fr'],
  ['de-AT;q=0, de;q=0.2', 'de'],
  ['en;q=0', 'en'],
  // Wildcards.
  ['*', 'en'],
  ['*', 'fr', 'fr'],
  ['*;q=0', 'en'],
  ['*;q=0', 'fr', 'fr'],
  ['en;q=0, *', 'de'],
  ['fr;q=0, *;q=0.5', 'en', 'fr'],
  ['en;q=0.1, *;q=0.5', 'de'],
  ['ja, *;q=0.5', 'ja'],
  ['it, *;q=0.5', 'en'],
  ['en;q=0, de;q=0, fr;q=0, es;q=0, zh;q=0, *;q=0.1', 'ja'],
  // No supported language.
  ['it', 'en'],
  ['it', 'fr', 'fr'],
  ['it, pt-BR;q=0.9', 'fr', 'fr'],
  [undefined, 'fr', 'fr'],
  // The relay ignores malformed members, and uses valid members.
  ['de;q=1.5, fr', 'fr'],
  ['de;q=-1, fr', 'fr'],
  ['de;q=0.1234, fr;q=0.1', 'fr'],
  ['de;q=, fr', 'fr'],
  ['de;x=1, fr', 'fr'],
  ['de--AT, fr', 'fr'],
  ['de fr, es', 'es'],
  [',,, ;q=1, ja', 'ja'],
  ['constructor, __proto__, es', 'es'],
  [`${'it,'.repeat(4_000)}`, 'en'],
];

describe('Accept-Language', () => {
  const cases = TABLE.map(([field, language, initial]) => ({ field, language, initial }));
  test.each(cases)('$field selects $language (RFC 9110 §12.5.4)', async ({ field, language, initial }) => {
    expect(await languageFor(field, initial)).toBe(language);
    // The second call uses the cache.
    expect(await languageFor(field, initial)).toBe(language);
  });

  test('selects the right language also for more fields than the cache holds', async () => {
    for (let at = 0; at < 600; at += 1) {
      const language = LANGUAGES[at % LANGUAGES.length] ?? 'en';
      expect(await languageFor(`x-a${at}, ${language}`)).toBe(language === 'zh' ? 'zh-Hans' : language);
    }
    expect(await languageFor('x-a1, de')).toBe('de');
  });

  test('is in Vary of the page, in every language and without the field (RFC 9110 §12.5.5)', async () => {
    for (const language of [undefined, ...LANGUAGES]) {
      const headers: Record<string, string> = language === undefined ? {} : { 'Accept-Language': language };
      const answer = await send(relays.en, 'GET', mailboxes.en.url, headers);
      expect(answer.headers.get('Vary')).toBe('Accept-Language');
    }
  });

  test('selects Chinese with its script in the page, but not in the option (RFC 5646)', async () => {
    const relay = createRelay({ publicUrl: PUBLIC_URL, preview: { language: 'zh' } });
    const answer = await send(relay, 'GET', (await sharedMailbox(relay)).url, {});
    expect(answer.headers.get('Content-Language')).toBe('zh-Hans');
    expect(parse(answer.text).querySelector('html')?.getAttribute('lang')).toBe('zh-Hans');
    await relay.close();
  });

  test('is not in Vary of responses without a language', async () => {
    for (const [method, url, vary] of [
      ['GET', `${PUBLIC_URL}/v1/m/00000000-0000-4000-8000-000000000000`, 'Accept'],
      ['OPTIONS', mailboxes.en.url, null],
      ['POST', `${PUBLIC_URL}/v1/m`, null],
    ] as const) {
      const answer = await send(relays.en, method, url, { 'Accept-Language': 'de' });
      expect([answer.headers.get('Vary'), answer.headers.get('Content-Language')]).toEqual([vary, null]);
    }
  });
});

describe('the texts of the page', () => {
  const texts = async (language: string): Promise<string[]> => {
    const { text } = await send(relays.en, 'GET', mailboxes.en.url, { 'Accept-Language': language });
    const page = parse(text);
    return [textOf(page, '.shared'), textOf(page, 'h2'), textOf(page, 'ol'), textOf(page, '.note')].map((each) =>
      each.trim(),
    );
  };

  test('differ in every language', async () => {
    const ofAll = await Promise.all(LANGUAGES.map(texts));
    for (const at of [0, 1, 2, 3]) {
      const column = ofAll.map((each) => each[at]);
      expect(new Set(column).size).toBe(LANGUAGES.length);
      expect(column).not.toContain('');
    }
    expect(ofAll[LANGUAGES.indexOf('ja')]?.join('')).toMatch(/^[\p{sc=Han}\p{sc=Hira}\p{sc=Kana}ー、。\d\s]+$/u);
    expect(ofAll[LANGUAGES.indexOf('zh')]?.[0]).toBe('与您共享');
    expect(ofAll[LANGUAGES.indexOf('zh')]?.join('')).toMatch(/^[\p{sc=Han}，。：\s]+$/u);
    expect(ofAll[LANGUAGES.indexOf('de')]?.join('')).toContain('öffnen');
    expect(ofAll[LANGUAGES.indexOf('fr')]?.join('')).toContain('n’invalide pas le lien. Ne le transmettez pas\u00a0:');
    expect(ofAll[LANGUAGES.indexOf('es')]?.join('')).toContain('Ábrelo');
    expect(ofAll[LANGUAGES.indexOf('es')]?.join('')).toContain('no invalida el enlace');
  });
});
