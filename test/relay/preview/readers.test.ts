import { createRequire } from 'node:module';
import { createRelay } from 'credential-relay';
import domino from 'domino';
import { getPreviewFromContent } from 'link-preview-js';
import metascraper from 'metascraper';
import metascraperDescription from 'metascraper-description';
import metascraperImage from 'metascraper-image';
import metascraperTitle from 'metascraper-title';
import openGraphScraper from 'open-graph-scraper';
import { unfurl } from 'unfurl.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openServer } from '../../support/hosts/server.js';
import { BRANDED, LANGUAGES } from '../../support/preview/page.js';
import { createBody } from '../../support/protocol/bodies.js';
import { createShare, newDevice } from '../../support/protocol/device.js';

/* Readers of OpenGraph that messengers and websites use, on pages of a relay over http. */

const require = createRequire(import.meta.url);
const { getMetadata } = require('page-metadata-parser') as {
  getMetadata(document: unknown, url: string): Record<string, string>;
};

/** What a reader found. */
interface Found {
  readonly title: string | undefined;
  readonly description: string | undefined;
  readonly image: string | undefined;
}

type Reader = (url: string) => Promise<Found>;

const fetched = async (url: string): Promise<{ html: string; headers: Record<string, string> }> => {
  const response = await fetch(url);
  return { html: await response.text(), headers: Object.fromEntries(response.headers) };
};

const scrape = metascraper([metascraperTitle(), metascraperDescription(), metascraperImage()]);

/** This reader sets typographic quotes in titles. */
const straight = (title: string | undefined): string | undefined =>
  title?.replace(/[\u201c\u201d]/g, '"').replace(/[\u2018\u2019]/g, "'");

/** Two of them ask by themselves; one will not ask loopback, and the others are made to be handed a page. */
const READERS: ReadonlyArray<readonly [name: string, read: Reader]> = [
  [
    'open-graph-scraper',
    async (url) => {
      const { result } = await openGraphScraper({ url });
      return { title: result.ogTitle, description: result.ogDescription, image: result.ogImage?.[0]?.url };
    },
  ],
  [
    'unfurl.js',
    async (url) => {
      const { open_graph: found } = await unfurl(url, { oembed: false });
      return { title: found.title, description: found.description, image: found.images?.[0]?.url };
    },
  ],
  [
    'link-preview-js',
    async (url) => {
      const { html, headers } = await fetched(url);
      const found = await getPreviewFromContent({ url, headers, data: html });
      if (!('title' in found)) throw new Error('no preview of a page');
      return { title: found.title, description: found.description, image: found.images[0] };
    },
  ],
  [
    'metascraper',
    async (url) => {
      const { title, description, image } = await scrape({ url, html: (await fetched(url)).html });
      return { title: straight(title), description, image };
    },
  ],
  [
    'page-metadata-parser',
    async (url) => {
      const window = domino.createWindow((await fetched(url)).html, url) as unknown as { document: unknown };
      const { title, description, image } = getMetadata(window.document, url);
      return { title, description, image };
    },
  ],
];

const WORDS: ReadonlyArray<readonly [name: string, words: { title: string; description: string; imageURL: string }]> = [
  ['plain', { title: 'Room 712', description: 'Digital room key', imageURL: 'https://images.example/key.png' }],
  [
    'of other scripts',
    {
      title: 'Hôtel 王宮 🏨 مفتاح',
      description: 'Ключ от номера «7»',
      imageURL: 'https://images.example/key.png?a=1&b=2',
    },
  ],
  [
    'with markup',
    { title: `Tom & "Jerry's" <b>key</b>`, description: '1 < 2 & 3 > 2', imageURL: 'https://images.example/a%20b.png' },
  ],
];

let origin = '';
let end: () => Promise<void>;
beforeAll(async () => {
  const { server, origin: at, close } = await openServer();
  const relay = createRelay({ publicUrl: `${at}/relay`, preview: BRANDED });
  server.on('request', relay.node());
  origin = at;
  end = async () => {
    await relay.close();
    await close();
  };
});
afterAll(() => end());

async function mailboxWith(words: object): Promise<string> {
  const answer = await newDevice().create(`${origin}/relay`, createBody({ displayInformation: words }));
  expect(answer.status).toBe(200);
  return (JSON.parse(answer.text) as { urlLink: string }).urlLink;
}

describe.each(READERS)('%s', (_name, read) => {
  test.each(WORDS)('reads title, description and image: %s', async (_kind, words) => {
    const { title, description, imageURL: image } = words;
    expect(await read(`${await mailboxWith(words)}?v=h`)).toEqual({ title, description, image });
  });
});

test('a receiver can still bind after all OpenGraph readers, in every language', async () => {
  const url = await createShare(`${origin}/relay`);
  const found = new Set<string>();
  for (const [, read] of READERS) found.add(JSON.stringify(await read(url)));
  for (const language of LANGUAGES)
    expect((await fetch(url, { headers: { 'Accept-Language': language } })).status).toBe(200);
  expect(found.size).toBe(1);
  const receiver = newDevice();
  expect((await receiver.read(url)).status).toBe(200);
  expect((await newDevice().read(url)).status).toBe(401);
  for (const [, read] of READERS) found.add(JSON.stringify(await read(url)));
  expect(found.size).toBe(1);
  expect((await receiver.read(url)).status).toBe(200);
});
