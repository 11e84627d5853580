/** Just enough of an HTML reader to compare pages by their structure. */

/** A start tag; attribute values are decoded. */
export interface Tag {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
}

const MARKUP = /<!--[\s\S]*?-->|<![^>]*>|<\/?([a-z][^\s/>]*)((?:[^>"']|"[^"]*"|'[^']*')*)>/gi;
const ATTRIBUTE = /([^\s=/"'>]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?/g;
const STYLE = /(<style[^>]*>)[\s\S]*?(<\/style>)/gi;

/** The start tags of a page in their order. */
export function tagsOf(html: string): Tag[] {
  const tags: Tag[] = [];
  for (const [markup, name, rest = ''] of html.replace(STYLE, '$1$2').matchAll(MARKUP)) {
    if (name === undefined || markup.startsWith('</')) continue;
    const attributes = new Map<string, string>();
    for (const [, attribute = '', double, single, bare] of rest.matchAll(ATTRIBUTE)) {
      attributes.set(attribute.toLowerCase(), decode(double ?? single ?? bare ?? ''));
    }
    tags.push({ name: name.toLowerCase(), attributes });
  }
  return tags;
}

/** The markup of a page without texts and values. Display information must not change it. */
export function skeletonOf(html: string): string[] {
  const closed = [...html.replace(STYLE, '$1$2').matchAll(MARKUP)].map(([markup]) =>
    markup.slice(0, 4).replace(/\s.*/, ''),
  );
  const opened = tagsOf(html).map(({ name, attributes }) => [name, ...attributes.keys()].join(' '));
  return [...closed, ...opened];
}

/** The text a person sees in the body. */
export function textOf(html: string): string {
  const body = html.slice(Math.max(0, html.search(/<body/i)));
  return decode(body.replace(STYLE, '').replace(MARKUP, ' ')).replace(/\s+/g, ' ').trim();
}

/** The OpenGraph properties of a page; a property that comes twice is a mistake and has both values. */
export function openGraphOf(html: string): Map<string, string> {
  const properties = new Map<string, string>();
  for (const { name, attributes } of tagsOf(html)) {
    const property = attributes.get('property');
    if (name !== 'meta' || !property?.startsWith('og:')) continue;
    const before = properties.get(property);
    const content = attributes.get('content') ?? '';
    properties.set(property, before === undefined ? content : `${before} | ${content}`);
  }
  return properties;
}

const NAMED: ReadonlyMap<string, string> = new Map(
  Object.entries({ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0' }),
);

function decode(text: string): string {
  return text.replace(
    /&(?:#x([0-9a-f]+)|#(\d+)|([a-z]+));/gi,
    (whole, hex?: string, decimal?: string, name?: string) => {
      if (name !== undefined) return NAMED.get(name.toLowerCase()) ?? whole;
      return String.fromCodePoint(hex === undefined ? Number(decimal) : Number.parseInt(hex, 16));
    },
  );
}
