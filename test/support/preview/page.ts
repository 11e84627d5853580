import { createRelay, type RelayOptions } from 'credential-relay';
import domino from 'domino';
import { type Answer, createBody, PUBLIC_URL, send, sharedMailbox } from '../relay/relay.js';

/** The part of an element that the tests use. */
export interface Element {
  readonly localName: string;
  readonly textContent: string;
  readonly attributes: ArrayLike<{ readonly name: string; readonly value: string }>;
  getAttribute(name: string): string | null;
  querySelector(selector: string): Element | null;
  querySelectorAll(selector: string): ArrayLike<Element>;
}

/** Texts of the sender. */
export interface Words {
  readonly title: string;
  readonly description: string;
  readonly imageURL: string;
}

export const WORDS: Words = {
  title: 'Room 712',
  description: 'Digital room key, 3 to 6 May',
  imageURL: 'https://images.example/key.png',
};

export const LANGUAGES = ['en', 'de', 'fr', 'es', 'ja', 'zh'] as const;

/** A brand with every option. */
export const BRANDED = {
  name: 'Grand Hotel',
  color: '#8a1c3b',
  logoUrl: 'https://static.example/logo.svg',
  appStores: [
    { label: 'App Store', url: 'https://apps.apple.com/app/id1' },
    { label: 'Google Play', url: 'https://play.google.com/store/apps/details?id=com.example&hl=en' },
  ],
} satisfies RelayOptions['preview'];

export const parse = (html: string): Element => domino.createDocument(html) as unknown as Element;

export const all = (root: Element, selector: string): Element[] => Array.from(root.querySelectorAll(selector));

/** The text of the only element that the selector matches. */
export function textOf(root: Element, selector: string): string {
  const found = all(root, selector);
  if (found.length !== 1) throw new Error(`${selector}: ${found.length} elements`);
  return found[0]?.textContent ?? '';
}

/** The content of an OpenGraph property, once per element. */
export const openGraph = (root: Element, property: string): Array<string | null> =>
  all(root, `meta[property="${property}"]`).map((meta) => meta.getAttribute('content'));

/** Elements and the names of their attributes, in order. Texts of the sender must not change them. */
export const skeletonOf = (root: Element): string[] =>
  all(root, '*').map((element) => [element.localName, ...Array.from(element.attributes, ({ name }) => name)].join(' '));

/** Returns the page of a new mailbox in a new relay. */
export async function pageOf(
  preview: RelayOptions['preview'],
  headers: Record<string, string> = {},
  words: Words = WORDS,
  options: Partial<RelayOptions> = {},
): Promise<Answer & { readonly page: Element }> {
  const relay = createRelay({ publicUrl: PUBLIC_URL, preview, ...options });
  try {
    const { url } = await sharedMailbox(relay, createBody({ displayInformation: words }));
    const answer = await send(relay, 'GET', url, headers);
    return { ...answer, page: parse(answer.text) };
  } finally {
    await relay.close();
  }
}
