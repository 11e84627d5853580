import { createRelay, type RelayOptions } from 'credential-relay';
import domino from 'domino';
import { type Answer, createBody, PUBLIC_URL, send, sharedMailbox } from '../relay/relay.js';

/** What the tests use of an element, as a parser of HTML sees it. */
export interface Element {
  readonly localName: string;
  readonly textContent: string;
  readonly attributes: ArrayLike<{ readonly name: string; readonly value: string }>;
  getAttribute(name: string): string | null;
  querySelector(selector: string): Element | null;
  querySelectorAll(selector: string): ArrayLike<Element>;
}

/** What the sender says. */
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

/** A look with every option set. */
export const BRANDED = {
  name: 'Grand Hotel',
  color: '#8a1c3b',
  logoUrl: 'https://static.example/logo.svg',
  appStores: [
    { label: 'App Store', url: 'https://apps.apple.com/app/id1' },
    { label: 'Google Play', url: 'https://play.google.com/store/apps/details?id=com.example&hl=en' },
  ],
} satisfies RelayOptions['preview'];

/** The page as a parser sees it. */
export const parse = (html: string): Element => domino.createDocument(html) as unknown as Element;

export const all = (root: Element, selector: string): Element[] => Array.from(root.querySelectorAll(selector));

/** The text of the one element that the selector finds. */
export function textOf(root: Element, selector: string): string {
  const found = all(root, selector);
  if (found.length !== 1) throw new Error(`${selector}: ${found.length} elements`);
  return found[0]?.textContent ?? '';
}

/** The content of an OpenGraph property, or of every one of that name. */
export const openGraph = (root: Element, property: string): Array<string | null> =>
  all(root, `meta[property="${property}"]`).map((meta) => meta.getAttribute('content'));

/** Elements and the names of their attributes, in their order: what words may not change. */
export const skeletonOf = (root: Element): string[] =>
  all(root, '*').map((element) => [element.localName, ...Array.from(element.attributes, ({ name }) => name)].join(' '));

/** One relay with one mailbox, asked for its page. */
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
