import { describe, expect, it } from 'vitest';
import { parseDisplayOptions, parseRelayUrl } from '../../src/cli/arguments.js';
import { assertSecret, parseLink } from '../../src/cli/link.js';

/* Typed and pasted arguments. */

const MAILBOX = 'https://relay.example/v1/m/2ba7b0e6-519b-41ec-bf63-0242ac130002';
const SECRET = '7Mm+gKq1+QQjWWa9lbLahg==';
const URL_OF_SHARE = `${MAILBOX}?v=h#${SECRET}`;

describe('a link', () => {
  it.each([
    URL_OF_SHARE,
    `${URL_OF_SHARE}.`,
    `${URL_OF_SHARE},`,
    `<${URL_OF_SHARE}>`,
    `"${URL_OF_SHARE}".`,
    `'${URL_OF_SHARE}'`,
    `  (${URL_OF_SHARE})!\n`,
    URL_OF_SHARE.replace('#', '%23'),
    URL_OF_SHARE.replace(SECRET, encodeURIComponent(SECRET)),
    `${URL_OF_SHARE} see you`,
  ])('parseLink accepts a link from a chat: %j', (text) => {
    const link = parseLink(text);
    expect(link).toMatchObject({ mailboxUrl: MAILBOX, vertical: 'h', secret: SECRET });
    expect(() => assertSecret(link.secret ?? '')).not.toThrow();
  });

  it.each([
    [`${MAILBOX}#7Mm+gKq1+QQjW`, /it is incomplete or too long/],
    [`${MAILBOX}#%E0%A4%A`, /it has characters that are not part of the link/],
    [`${MAILBOX}#7Mm+gKq1 see you`, /it has characters that are not part of the link/],
    [`${MAILBOX}#${SECRET} ${MAILBOX}#${'A'.repeat(43)}`, /^<url>: has more than one possible meaning/],
    ['nonsense', /^<url>: must be the https URL of a mailbox$/],
    [`${MAILBOX}${'x'.repeat(5000)}`, /^<url>: is too long/],
    ['https://relay.example/', /^<url>: must be the https URL of a mailbox$/],
  ])('assertSecret or parseLink refuses %j with a fitting message', (text, words) => {
    expect(() => assertSecret(parseLink(text).secret ?? '')).toThrow(words);
  });
});

describe('--relay', () => {
  it('parseRelayUrl accepts https, and http on loopback', () => {
    for (const url of ['https://relay.example/share', 'http://127.0.0.1:8080', 'http://[::1]:1/']) {
      expect(parseRelayUrl(url)).toBe(url);
    }
  });

  it.each([
    [undefined, /--relay: is required, or RELAY_URL/],
    ['localhost:8080', /write http:\/\/ before it$/],
    ['127.0.0.1:8080/', /write http:\/\/ before it$/],
    ['relay.example', /write https:\/\/ before it$/],
    ['http://relay.example', /must be an https URL/],
    ['ftp://relay.example', /must be an https URL/],
    ["https://relay.example/it's", /must be an https URL/],
    ['https://user:word@relay.example', /must be an https URL/],
    ['relay.example/v1/m/x?v=h#Secret', /before it$/],
    [`${URL_OF_SHARE}`, /no \? and no #/],
  ])('parseRelayUrl refuses %j with a fitting message', (typed, words) => {
    expect(() => parseRelayUrl(typed)).toThrow(words);
  });
});

describe('the preview options', () => {
  const options = { title: 'Room 417', description: 'Your key', image: 'https://hotel.example/417.png' };

  it('parseDisplayOptions returns the values unchanged', () => {
    expect(parseDisplayOptions({ ...options, title: '🔑'.repeat(200) })).toEqual({
      title: '🔑'.repeat(200),
      description: 'Your key',
      imageURL: 'https://hotel.example/417.png',
    });
  });

  it.each([
    [{ title: '' }, /^--title: must have 1 to 200 characters; it has 0$/],
    [{ title: 't'.repeat(201) }, /^--title: .* it has 201$/],
    [{ description: '' }, /^--description: must have 1 to 500/],
    [{ image: 'http://hotel.example/417.png' }, /^--image: must be an https URL$/],
    [{ image: 'https://user:word@hotel.example/' }, /^--image/],
    [{ image: 'card.png' }, /^--image/],
  ])('parseDisplayOptions refuses %j', (wrong, words) => {
    expect(() => parseDisplayOptions({ ...options, ...wrong })).toThrow(words);
  });
});
