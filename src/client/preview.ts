import type { DisplayInformation } from '../protocol/bodies.js';
import { parseHttpsUrl, parseText } from './json-values.js';

const ENTITIES: ReadonlyMap<string, string> = new Map(
  Object.entries({ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }),
);

/** The client searches so many characters of a page. The properties are in its head. */
const MAXIMUM_PAGE_CHARACTERS = 65_536;

/**
 * The display information of a preview page, from its OpenGraph properties. A missing property is empty. The sender
 * wrote these texts: show them as text, not as HTML. A regular expression reads the page, because React Native has no
 * HTML parser.
 */
export function parseDisplayInformation(page: string): DisplayInformation {
  const properties = new Map<string, string>();
  for (const [tag] of page.slice(0, MAXIMUM_PAGE_CHARACTERS).matchAll(/<meta\s(?:[^<>"']|"[^"]*"|'[^']*')*>/gi)) {
    const property = readAttribute(tag, 'property');
    if (property !== undefined && !properties.has(property))
      properties.set(property, readAttribute(tag, 'content') ?? '');
  }
  const readProperty = (name: string): string => parseText(properties.get(`og:${name}`));
  return {
    title: readProperty('title'),
    description: readProperty('description'),
    imageURL: parseHttpsUrl(readProperty('image')),
  };
}

function readAttribute(tag: string, name: string): string | undefined {
  const [, double, single] = new RegExp(`\\s${name}=(?:"([^"]*)"|'([^']*)')`, 'i').exec(tag) ?? [];
  return (double ?? single)?.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(\w+));/gi, unescapeHtml);
}

function unescapeHtml(entity: string, decimal?: string, hex?: string, name?: string): string {
  if (name !== undefined) return ENTITIES.get(name) ?? entity;
  const point = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal);
  return point <= 0x10ffff ? String.fromCodePoint(point) : entity;
}
