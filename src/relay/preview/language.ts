/**
 * The languages of the preview page, as the option `preview.language` names them. `zh` is written in simplified
 * characters.
 */
export const PREVIEW_LANGUAGES = ['en', 'de', 'fr', 'es', 'ja', 'zh'] as const;

/** One of {@link PREVIEW_LANGUAGES}. */
export type PreviewLanguage = (typeof PREVIEW_LANGUAGES)[number];

/** The `lang` of a page (RFC 5646). Fonts and voices need the script of Chinese. */
export const LANGUAGE_TAGS: Readonly<Record<PreviewLanguage, string>> = {
  en: 'en',
  de: 'de',
  fr: 'fr',
  es: 'es',
  ja: 'ja',
  zh: 'zh-Hans',
};

/** A language range and its weight: `de-CH`, `*;q=0.5` (RFC 9110 §12.5.4, RFC 4647 §2.1). */
const RANGE = /^[ \t]*([a-z]{1,8}(?:-[a-z0-9]{1,8})*|\*)[ \t]*(?:;[ \t]*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)[ \t]*)?$/i;

/** More ranges than any browser sends. Further ranges are ignored. */
const MAXIMUM_RANGES = 32;

/** The language of a range such as `de-CH`. Lookup (RFC 4647 §3.4) ends at the primary subtag. */
function matchLanguage(range: string): PreviewLanguage | undefined {
  const [primary] = range.split('-', 1);
  return PREVIEW_LANGUAGES.find((language) => language === primary);
}

/**
 * Selects the language for an Accept-Language field (RFC 9110 §12.5.4) by lookup (RFC 4647 §3.4). Ranges are tried by
 * weight, and in their order if weights are equal. `*` matches the languages without a range, the default language
 * first. Malformed ranges are ignored. Without a match the result is the default language.
 */
export function negotiateLanguage(field: string, defaultLanguage: PreviewLanguage): PreviewLanguage {
  const ranges = parseRanges(field);
  const weights = new Map(ranges.map(({ range, weight }) => [range, weight]));
  for (const { range, weight } of ranges.sort((left, right) => right.weight - left.weight)) {
    if (weight === 0) break;
    const language =
      range === '*' ? [defaultLanguage, ...PREVIEW_LANGUAGES].find((tag) => !weights.has(tag)) : matchLanguage(range);
    if (language !== undefined && weights.get(language) !== 0) return language;
  }
  return defaultLanguage;
}

/** Most fields in the cache, and the characters of the longest. Browsers send few different, short fields. */
const CACHE_SIZE = { fields: 256, characters: 128 };

/** {@link negotiateLanguage} for one default language, with a cache. */
export function createLanguageNegotiator(
  defaultLanguage: PreviewLanguage,
): (field: string | undefined) => PreviewLanguage {
  const cache = new Map<string, PreviewLanguage>();
  return (field) => {
    if (field === undefined) return defaultLanguage;
    const cached = cache.get(field);
    if (cached !== undefined) return cached;
    const language = negotiateLanguage(field, defaultLanguage);
    if (cache.size >= CACHE_SIZE.fields) cache.clear();
    if (field.length <= CACHE_SIZE.characters) cache.set(field, language);
    return language;
  };
}

function parseRanges(field: string): Array<{ range: string; weight: number }> {
  return field.split(',', MAXIMUM_RANGES).flatMap((member) => {
    const [, range, weight = '1'] = RANGE.exec(member) ?? [];
    return range === undefined ? [] : [{ range: range.toLowerCase(), weight: Number(weight) }];
  });
}
