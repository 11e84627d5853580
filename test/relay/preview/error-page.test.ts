import { createHash } from 'node:crypto';
import { type AuthenticationHook, createRelay, RelayError, type RelayEvent, type RelayOptions } from 'credential-relay';
import { memoryStore } from 'credential-relay/adapters/store/memory';
import { afterEach, describe, expect, test } from 'vitest';
import { all, BRANDED, LANGUAGES, openGraph, pageOf, parse, skeletonOf, textOf } from '../../support/preview/page.js';
import { type Answer, createBody, inSeconds, PUBLIC_URL, send, sharedMailbox } from '../../support/relay/relay.js';

/*
 * The page for a person who opens a link that has ended, or that the relay cannot serve now. Programs get the problem.
 */

const HTML = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
const UNKNOWN = `${PUBLIC_URL}/v1/m/00000000-0000-4000-8000-000000000000`;

const closing: Array<() => Promise<void>> = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

function relayWith(options: Partial<RelayOptions> = {}): ReturnType<typeof createRelay> {
  const relay = createRelay({ publicUrl: PUBLIC_URL, preview: BRANDED, ...options });
  closing.push(() => relay.close());
  return relay;
}

/** A relay whose hook refuses previews. */
const refusing = (refuse: AuthenticationHook, options: Partial<RelayOptions> = {}): ReturnType<typeof createRelay> =>
  relayWith({ authenticate: { preview: refuse }, ...options });

const throwing =
  (error: unknown): AuthenticationHook =>
  () => {
    throw error;
  };

const expectProblem = (answer: Answer, status: number): void => {
  expect([answer.status, answer.headers.get('Content-Type')]).toEqual([status, 'application/problem+json']);
  expect(answer.json).toMatchObject({ status, code: expect.any(String) });
};

describe('the page of a 404', () => {
  test('has the same bytes for a deleted, an expired and an unknown mailbox, in every language', async () => {
    let now = Date.now();
    const relay = relayWith({ clock: () => now });
    const short = createBody({ mailboxConfiguration: { accessRights: 'RWD', expiration: inSeconds(60, now) } });
    const { sender, url: deleted } = await sharedMailbox(relay);
    const { url: expired } = await sharedMailbox(relay, short);
    expect((await sender.delete(deleted)).status).toBe(200);
    now += 61_000;
    for (const language of [undefined, ...LANGUAGES]) {
      const headers = { Accept: HTML, ...(language === undefined ? {} : { 'Accept-Language': language }) };
      const answers = [];
      for (const url of [deleted, expired, UNKNOWN, `${UNKNOWN}?v=h`, `${UNKNOWN}?utm_source=mail&v=c`]) {
        const { status, headers: fields, text } = await send(relay, 'GET', url, headers);
        answers.push({ status, fields: [...fields], text });
      }
      expect(answers[0]?.status).toBe(404);
      for (const answer of answers) expect(answer).toEqual(answers[0]);
    }
  });

  test.each(LANGUAGES)('has a heading and instructions in the brand’s design, in %s', async (language) => {
    const asked = { Accept: HTML, 'Accept-Language': language };
    const { text, headers } = await send(relayWith(), 'GET', UNKNOWN, asked);
    const page = parse(text);
    const { page: preview } = await pageOf(BRANDED, { 'Accept-Language': language });
    expect(headers.get('Content-Language')).toBe(language === 'zh' ? 'zh-Hans' : language);
    expect(page.querySelector('html')?.getAttribute('lang')).toBe(language === 'zh' ? 'zh-Hans' : language);
    expect(textOf(page, '.brand span')).toBe('Grand Hotel');
    expect(page.querySelector('.brand img')?.getAttribute('src')).toBe(BRANDED.logoUrl);
    expect(textOf(page, 'style')).toBe(textOf(preview, 'style'));
    expect(all(page, 'h1, h2, h3').map(({ localName }) => localName)).toEqual(['h1']);
    expect(textOf(page, 'title')).toBe(textOf(page, 'h1'));
    expect(textOf(page, 'h1 + p').length).toBeGreaterThan(20);
    expect(all(page, 'script, form, iframe, object, embed, link, base, meta[http-equiv], [style], a, svg')).toEqual([]);
    expect(text).toMatch(/^[\n\x20-\x7e]*$/);
  });

  test('has different texts in each language, for both kinds', async () => {
    const busy = refusing(throwing(new RelayError('rate_limited')));
    const texts = new Set<string>();
    for (const language of LANGUAGES) {
      for (const relay of [relayWith(), busy]) {
        const { text } = await send(relay, 'GET', UNKNOWN, { Accept: HTML, 'Accept-Language': language });
        for (const selector of ['h1', 'h1 + p']) texts.add(textOf(parse(text), selector));
      }
    }
    expect(texts.size).toBe(LANGUAGES.length * 4);
    expect(texts).toContain('This link does not lead to a key any more');
  });

  test('shows the heading to a late messenger, and no text of the sender or the link', async () => {
    const relay = relayWith();
    const { sender, url } = await sharedMailbox(relay);
    await sender.delete(url);
    const { text } = await send(relay, 'GET', url, { Accept: HTML });
    const page = parse(text);
    expect(openGraph(page, 'og:title')).toEqual([textOf(page, 'h1')]);
    expect(openGraph(page, 'og:description')).toEqual([textOf(page, 'h1 + p')]);
    expect(openGraph(page, 'og:site_name')).toEqual(['Grand Hotel']);
    expect(all(page, 'meta[property="og:url"], meta[property="og:image"]')).toEqual([]);
    expect(text).not.toContain(url.slice(url.lastIndexOf('/') + 1));
    expect(text).not.toContain('Hotel Pass');
  });

  test('shows a drawn key without options, and uses the language option without Accept-Language', async () => {
    const relay = relayWith({ preview: { language: 'ja' } });
    const { text, headers } = await send(relay, 'GET', UNKNOWN, { Accept: HTML });
    expect(headers.get('Content-Language')).toBe('ja');
    expect(all(parse(text), '.brand svg')).toHaveLength(1);
    expect(all(parse(text), 'img')).toEqual([]);
  });

  test('escapes the texts of the operator', async () => {
    const name = '"><script>alert(1)</script>';
    const [hostile, plain] = await Promise.all(
      [name, 'x'].map(async (each) => send(relayWith({ preview: { name: each } }), 'GET', UNKNOWN, { Accept: HTML })),
    );
    expect(skeletonOf(parse(hostile?.text ?? ''))).toEqual(skeletonOf(parse(plain?.text ?? '')));
  });
});

describe('the page of an altered link', () => {
  const SECRET = 'mZ-_4Qx7vW0bJkq8n2LrT5sYcE1uAoXdHfGgPiKz93M';
  /** Alterations of a link without query and fragment. */
  const ALTERED: ReadonlyArray<(url: string) => string> = [
    (url) => `${url}%23${SECRET}`,
    (url) => `${url}%2523${SECRET}`,
    (url) => `${url}?v=h%23${SECRET}`,
    (url) => `${url}?utm_source=mail&v=c%2523${SECRET}`,
    (url) => `${url}?v=3Dh`,
    (url) => `${url}?%23${SECRET}`,
    (url) => `${url}${SECRET}`,
    (url) => `${url}/${SECRET}`,
    (url) => `${url}/`,
    (url) => `${url}.`,
    (url) => `${url})`,
    (url) => `${url}%E2%80%8B`,
    (url) => `${url}%20see%20you`,
    (url) => url.slice(0, -5),
    (url) => url.replace(/[^/]*$/, ''),
    (url) => url.replace('/v1/m/', '/V1/M/'),
  ];

  test('has the same bytes for every alteration, of a live and of an unknown mailbox', async () => {
    const relay = relayWith();
    const { url } = await sharedMailbox(relay);
    for (const language of LANGUAGES) {
      const headers = { Accept: HTML, 'Accept-Language': language };
      const answers = [];
      for (const alter of ALTERED)
        for (const link of [url, UNKNOWN]) {
          const { status, headers: fields, text } = await send(relay, 'GET', alter(link), headers);
          answers.push({ status, fields: [...fields], text });
        }
      expect(answers[0]?.status).toBe(404);
      for (const answer of answers) expect(answer).toEqual(answers[0]);
      expect(answers[0]?.text).not.toContain(SECRET.slice(0, 8));
    }
  });

  test('says in each language that the link was altered, and never that it has ended', async () => {
    const texts = new Set<string>();
    for (const language of LANGUAGES) {
      for (const target of [UNKNOWN, `${UNKNOWN}%23${SECRET}`]) {
        const { text } = await send(relayWith(), 'GET', target, { Accept: HTML, 'Accept-Language': language });
        for (const selector of ['h1', 'h1 + p']) texts.add(textOf(parse(text), selector));
      }
    }
    expect(texts.size).toBe(LANGUAGES.length * 4);
    const { text } = await send(relayWith(), 'GET', `${UNKNOWN}.`, { Accept: HTML });
    expect(textOf(parse(text), 'h1')).toBe('This link was altered on its way');
    expect(textOf(parse(text), 'h1 + p')).toMatch(/Open the original message.*copy the whole link/);
  });

  test('is a problem for programs, with the code and the bytes of a mailbox that does not exist', async () => {
    const relay = relayWith();
    const { url } = await sharedMailbox(relay);
    for (const Accept of [undefined, 'application/json', 'application/problem+json, text/html;q=0.5']) {
      const headers = Accept === undefined ? {} : { Accept };
      for (const target of [`${url}%23${SECRET}`, `${url}.`, UNKNOWN]) {
        const answer = await send(relay, 'GET', target, headers);
        expectProblem(answer, 404);
        expect(answer.json).toMatchObject({ code: 'mailbox_not_found' });
        expect(answer.text).not.toContain(SECRET);
      }
      // A messenger that draws a preview.
      expect((await send(relay, 'GET', `${url}?v=h%23${SECRET}`, headers)).status).toBe(200);
    }
  });

  test.each(['', '?v=h', '?v=c&utm_source=a%23b', '?fbclid=%2523x', '?v=x', '?v=', '?x=%23'])(
    'is not the page of a live link with the query %j',
    async (query) => {
      const relay = relayWith();
      const { url } = await sharedMailbox(relay);
      expect((await send(relay, 'GET', url + query, { Accept: HTML })).status).toBe(200);
    },
  );

  test('puts no part of the link into an event', async () => {
    const events: RelayEvent[] = [];
    const relay = relayWith({ onEvent: (event) => void events.push(event) });
    const { url } = await sharedMailbox(relay);
    for (const alter of ALTERED) await send(relay, 'GET', alter(url), { Accept: HTML });
    expect(events.filter(({ type }) => type === 'request.completed').length).toBeGreaterThanOrEqual(ALTERED.length);
    expect(JSON.stringify(events)).not.toContain(SECRET.slice(0, 8));
    expect(JSON.stringify(events)).not.toContain(url.slice(-36));
  });
});

describe('the headers of the error page', () => {
  test('are exactly the headers of the preview page', async () => {
    const asked = { Accept: HTML, 'Accept-Language': 'fr', 'Mailbox-Request-ID': 'one' };
    const { headers, text } = await send(relayWith(), 'GET', UNKNOWN, asked);
    const style = createHash('sha256')
      .update(textOf(parse(text), 'style'))
      .digest('base64');
    expect(Object.fromEntries(headers)).toEqual({
      'cache-control': 'no-store, no-transform',
      'content-language': 'fr',
      'content-length': String(Buffer.byteLength(text)),
      'content-security-policy': `default-src 'none'; style-src 'sha256-${style}'; img-src https://static.example; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox`,
      'content-type': 'text/html; charset=utf-8',
      'cross-origin-resource-policy': 'same-origin',
      'mailbox-request-id': 'one',
      'referrer-policy': 'no-referrer',
      vary: 'Accept, Accept-Language',
      'x-content-type-options': 'nosniff',
      'x-robots-tag': 'noindex, nofollow, noarchive',
    });
  });

  test('include CORS', async () => {
    const relay = relayWith({ cors: { origins: ['https://app.example'] } });
    const { headers } = await send(relay, 'GET', UNKNOWN, { Accept: HTML, Origin: 'https://app.example' });
    expect(headers.get('Access-Control-Allow-Origin')).toBe('https://app.example');
    expect(headers.get('Vary')).toBe('Accept, Accept-Language, Origin');
  });

  test('have Vary: Accept on a problem that could be a page, and on no other problem (RFC 9110 §12.5.5)', async () => {
    const relay = relayWith();
    const { url } = await sharedMailbox(relay);
    for (const [method, target, status, vary] of [
      ['GET', UNKNOWN, 404, 'Accept'],
      ['HEAD', UNKNOWN, 404, 'Accept'],
      ['GET', `${PUBLIC_URL}/v2/m/x`, 404, null],
      ['GET', `${PUBLIC_URL}/v1/m`, 405, null],
      ['POST', UNKNOWN, 400, null],
      ['GET', url, 200, 'Accept-Language'],
    ] as const) {
      const answer = await send(relay, method, target, {});
      expect([answer.status, answer.headers.get('Vary')]).toEqual([status, vary]);
    }
  });

  test('are the same for HEAD, without a body (RFC 9110 §9.3.2)', async () => {
    const relay = relayWith();
    const [got, head] = [
      await send(relay, 'GET', UNKNOWN, { Accept: HTML }),
      await send(relay, 'HEAD', UNKNOWN, { Accept: HTML }),
    ];
    expect([head.status, head.text, [...head.headers]]).toEqual([404, '', [...got.headers]]);
  });
});

describe('the page of a 429 or 503', () => {
  test.each([
    ['a limit', throwing(new RelayError('rate_limited', { headers: [['Retry-After', '60']] })), 429, '60'],
    ['a quota', throwing(new RelayError('quota_exceeded')), 429, '1'],
    ['a hook that fails', throwing(new Error('x')), 503, '1'],
  ] as const)('says “Not at the moment” after %s', async (_name, hook, status, retryAfter) => {
    const relay = refusing(hook);
    const { url } = await sharedMailbox(relay);
    const answer = await send(relay, 'GET', url, { Accept: HTML, 'Mailbox-Request-ID': 'one' });
    expect(answer.status).toBe(status);
    expect(textOf(parse(answer.text), 'h1')).toBe('Not at the moment');
    expect(textOf(parse(answer.text), 'h1 + p')).toContain('Try again in a minute.');
    expect(answer.headers.get('Retry-After')).toBe(retryAfter);
    expect(answer.headers.get('Mailbox-Request-ID')).toBe('one');
    const problem = await send(relay, 'GET', url, {});
    expectProblem(problem, status);
    expect([problem.headers.get('Retry-After'), problem.headers.get('Vary')]).toEqual([retryAfter, 'Accept']);
  });

  test('says “Not at the moment” in an outage of the store', async () => {
    const away = { ...memoryStore(), get: () => Promise.reject(new Error('away')) };
    const answer = await send(relayWith({ store: away }), 'GET', UNKNOWN, { Accept: HTML });
    expect([answer.status, answer.headers.get('Retry-After')]).toEqual([503, '1']);
    expect(textOf(parse(answer.text), 'h1')).toBe('Not at the moment');
  });
});

describe('the relay answers with a problem, not a page', () => {
  test.each([
    ['to a 401 of a hook', 401, throwing(new RelayError('token_required'))],
    ['to a 403 of a hook', 403, throwing(new RelayError('forbidden'))],
  ] as const)('%s', async (_name, status, hook) => {
    const relay = refusing(hook);
    const answer = await send(relay, 'GET', (await sharedMailbox(relay)).url, { Accept: HTML });
    expectProblem(answer, status);
    expect(answer.headers.get('Vary')).toBeNull();
    if (status === 401) expect(answer.headers.get('WWW-Authenticate')).not.toBeNull();
  });

  test.each([
    ['to an invalid request id', 'GET', UNKNOWN, { 'Mailbox-Request-ID': 'a b' }, 400],
    ['to an unknown method', 'REPORT', UNKNOWN, {}, 405],
    ['to the collection', 'GET', `${PUBLIC_URL}/v1/m`, {}, 405],
    ['to another version', 'GET', `${PUBLIC_URL}/v2/m/x`, {}, 404],
  ] as const)('%s', async (_name, method, url, headers, status) =>
    expectProblem(await send(relayWith(), method, url, { Accept: HTML, ...headers }), status),
  );

  test('to plain-text HTTP', async () => {
    const relay = relayWith({ publicUrl: 'https://relay.example' });
    const url = 'http://relay.example/v1/m/00000000-0000-4000-8000-000000000000';
    expectProblem(await send(relay, 'GET', url, { Accept: HTML }), 403);
  });

  test('with status 500 if a hook sets an invalid header', async () => {
    const relay = refusing(throwing(new RelayError('rate_limited', { headers: [['X-A', 'a\nb']] })));
    expectProblem(await send(relay, 'GET', (await sharedMailbox(relay)).url, { Accept: HTML }), 500);
  });

  test('to every device operation', async () => {
    const relay = relayWith();
    const { sender } = await sharedMailbox(relay);
    const details = { headers: { Accept: HTML } };
    expectProblem(await sender.read(UNKNOWN, details), 404);
    expectProblem(await sender.update(UNKNOWN, undefined, details), 404);
    expectProblem(await sender.relinquish(UNKNOWN, details), 404);
    expectProblem(await sender.delete(UNKNOWN, details), 404);
  });

  test.each([undefined, '*/*', 'text/*', 'application/problem+json, text/html;q=0.9', 'text/html;q=0'])(
    'to Accept: %s',
    async (accept) => {
      const headers: Record<string, string> = accept === undefined ? {} : { Accept: accept };
      const answer = await send(relayWith(), 'GET', UNKNOWN, headers);
      expectProblem(answer, 404);
      expect(answer.json.code).toBe('mailbox_not_found');
    },
  );
});

test('a page and a problem cause the same event', async () => {
  const events: RelayEvent[] = [];
  const relay = relayWith({ onEvent: (event) => events.push(event) });
  await send(relay, 'GET', UNKNOWN, { Accept: HTML });
  await send(relay, 'GET', UNKNOWN, {});
  const completed = events.filter(({ type }) => type === 'request.completed');
  expect(completed).toHaveLength(2);
  for (const event of completed) {
    expect(event).toMatchObject({ operation: 'preview', status: 404, code: 'mailbox_not_found' });
  }
});
