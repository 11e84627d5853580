/** The languages of the preview page, as the option `preview.language` names them. `zh` is written in simplified characters. */
export const PREVIEW_LANGUAGES = ['en', 'de', 'fr', 'es', 'ja', 'zh'] as const;

/** One of {@link PREVIEW_LANGUAGES}. */
export type PreviewLanguage = (typeof PREVIEW_LANGUAGES)[number];

/** The tag that a page bears (RFC 5646): of Chinese, fonts and voices need to know the script. */
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

/** More than any browser sends; what a field holds beyond them is not looked at. */
const MAXIMUM_RANGES = 32;

/** `zh-hant-tw` cut short until it is one of ours: all of ours are primary subtags (RFC 4647 §3.4). */
function matchLanguage(range: string): PreviewLanguage | undefined {
  const [primary] = range.split('-', 1);
  return PREVIEW_LANGUAGES.find((language) => language === primary);
}

/**
 * The language for a reader with this Accept-Language (RFC 9110 §12.5.4), by lookup (RFC 4647 §3.4): the ranges in the
 * order of their weight, and of their place where weights are equal. `*` stands for every language that has no range
 * of its own, the initial one first. What is malformed is ignored; where nothing fits it is the initial language.
 */
export function negotiateLanguage(field: string, initial: PreviewLanguage): PreviewLanguage {
  const ranges = parseRanges(field);
  const weights = new Map(ranges.map(({ range, weight }) => [range, weight]));
  for (const { range, weight } of ranges.sort((left, right) => right.weight - left.weight)) {
    if (weight === 0) break;
    const language =
      range === '*' ? [initial, ...PREVIEW_LANGUAGES].find((tag) => !weights.has(tag)) : matchLanguage(range);
    if (language !== undefined && weights.get(language) !== 0) return language;
  }
  return initial;
}

/** Fields that are remembered, and the characters of the longest: browsers send the same short ones over and over. */
const CACHE_SIZE = { fields: 256, characters: 128 };

/** {@link negotiateLanguage} for one initial language, with a small memory of the fields it has judged. */
export function createLanguageNegotiator(initial: PreviewLanguage): (field: string | undefined) => PreviewLanguage {
  const judged = new Map<string, PreviewLanguage>();
  return (field) => {
    if (field === undefined) return initial;
    const known = judged.get(field);
    if (known !== undefined) return known;
    const language = negotiateLanguage(field, initial);
    if (judged.size >= CACHE_SIZE.fields) judged.clear();
    if (field.length <= CACHE_SIZE.characters) judged.set(field, language);
    return language;
  };
}

function parseRanges(field: string): Array<{ range: string; weight: number }> {
  return field.split(',', MAXIMUM_RANGES).flatMap((member) => {
    const [, range, weight = '1'] = RANGE.exec(member) ?? [];
    return range === undefined ? [] : [{ range: range.toLowerCase(), weight: Number(weight) }];
  });
}
