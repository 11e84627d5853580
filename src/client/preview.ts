import type { DisplayInformation } from '../protocol/bodies.js';
import { boundedText } from './request.js';
import { parseHttpsUrl } from './wire.js';

const ENTITIES: ReadonlyMap<string, string> = new Map(
  Object.entries({ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }),
);

/** Characters of a page that are searched; the properties are in its head. */
const MOST_CHARACTERS = 65_536;

/**
 * The display information of a preview page, from its OpenGraph properties; a member that the page does not have is
 * empty. It is what the sender wrote: text to show, not HTML. React Native has no HTML parser, so this is none either.
 */
export function parseDisplayInformation(page: string): DisplayInformation {
  const properties = new Map<string, string>();
  for (const [tag] of page.slice(0, MOST_CHARACTERS).matchAll(/<meta\s(?:[^<>"']|"[^"]*"|'[^']*')*>/gi)) {
    const property = readAttribute(tag, 'property');
    if (property !== undefined && !properties.has(property))
      properties.set(property, readAttribute(tag, 'content') ?? '');
  }
  const propertyOf = (name: string): string => boundedText(properties.get(`og:${name}`));
  return {
    title: propertyOf('title'),
    description: propertyOf('description'),
    imageURL: parseHttpsUrl(propertyOf('image')),
  };
}

function readAttribute(tag: string, name: string): string | undefined {
  const [, double, single] = new RegExp(`\\s${name}=(?:"([^"]*)"|'([^']*)')`, 'i').exec(tag) ?? [];
  return (double ?? single)?.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(\w+));/gi, unescapeHtml);
}

function unescapeHtml(whole: string, decimal?: string, hex?: string, name?: string): string {
  if (name !== undefined) return ENTITIES.get(name) ?? whole;
  const point = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal);
  return point <= 0x10ffff ? String.fromCodePoint(point) : whole;
}
