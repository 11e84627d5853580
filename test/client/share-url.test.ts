import { buildShareUrl, generateSecret, parseShareUrl } from 'credential-relay/client';
import { describe, expect, it } from 'vitest';

const LINK = 'https://relayserver.example.com/v1/m/2bba630e-519b-11ec-bf63-0242ac130002';

describe('A share URL [§2 N41]', () => {
  it('parseShareUrl parses the example of the drafts', () => {
    expect(parseShareUrl(`${LINK}?v=c#hXlr6aRC7KgJpOLTNZaLsw==`)).toEqual({
      mailboxUrl: LINK,
      vertical: 'c',
      secret: 'hXlr6aRC7KgJpOLTNZaLsw==',
    });
  });

  it.each([
    ['', 'a'],
    ['?v=a', 'a'],
    ['?v=h', 'h'],
    ['?v=c', 'c'],
    ['?v=x', 'a'],
    ['?utm_source=mail&v=h', 'h'],
  ])('parseShareUrl reads %j as vertical %s', (query, vertical) => {
    expect(parseShareUrl(LINK + query)).toEqual({ mailboxUrl: LINK, vertical, secret: undefined });
  });

  it('comes back as it was built, for every Secret and vertical', () => {
    for (const vertical of ['a', 'h', 'c'] as const) {
      for (let index = 0; index < 50; index += 1) {
        const secret = generateSecret();
        expect(parseShareUrl(buildShareUrl(LINK, { vertical, secret }))).toEqual({
          mailboxUrl: LINK,
          vertical,
          secret,
        });
      }
    }
    expect(buildShareUrl(LINK)).toBe(LINK);
  });

  it.each([
    'nonsense',
    'ftp://example.com/v1/m/x',
    'https://example.com/',
    'https://example.com/v1/m/',
    'https://example.com/v1/M/x',
    'https://example.com/m/',
    'https://example.com/v1/mm/x',
    'http://example.com/v1/m/x',
    'https://user@example.com/v1/m/x',
    'https://relay.example:pw@evil.example/v1/m/x',
  ])('parseShareUrl refuses %s', (url) => {
    expect(() => parseShareUrl(url)).toThrow(TypeError);
  });

  it.each([
    "'",
    '"',
    '`',
    '$',
    ';',
    '&',
    '|',
    '<',
    '>',
    '(',
    '{',
    '*',
    '!',
    ',',
    '@',
    '\\',
    '%22',
    '%40',
    '%5c',
    'ö',
    '\u202e',
  ])('parseShareUrl refuses %j in the mount path and in the identifier', (text) => {
    for (const path of [`/a${text}b/v1/m/x`, `/${text}/v1/m/x`, `/v1/m/a${text}b`, `/v1/m/x/${text}/v1/m/y`])
      expect(() => parseShareUrl(`https://example.com${path}`), path).toThrow(/^shareUrl: /);
    expect(() => buildShareUrl(`https://example.com/a${text}b/v1/m/x`)).toThrow(/^urlLink: /);
  });

  it.each(["a';touch$IFS;'b", 'a`b`', 'a$b', 'a(b)', 'a,b', '[::1]:x', '%65vil@x'])(
    'parseShareUrl refuses the host %s',
    (host) => {
      expect(() => parseShareUrl(`https://${host}/v1/m/x`)).toThrow(TypeError);
    },
  );

  it.each(['/../v1/m/x', '/a/../v1/m/x', '/%2e%2e/v1/m/x', '/v1/m/..', '/v1/m/%2e', '/.a/v1/m/x', '\\a/v1/m/x'])(
    'parseShareUrl refuses the path %s, which another parser would resolve',
    (path) => {
      expect(() => parseShareUrl(`https://example.com${path}`)).toThrow(TypeError);
    },
  );

  it.each([
    'https://example.com/m/12345678-9',
    'https://example.com/v2/m/x',
    'https://example.com/api/V1/m/Ab_1~2.3',
    'https://example.com:8443/a-b/c_d/e.f/~g/v1/m/2bba630e-519b-11ec-bf63-0242ac130002',
    'https://xn--gre-6ka8i.example/v1/m/x',
    'https://[2001:db8::1]/v1/m/x',
    'http://localhost:3000/relay/v1/m/x',
    'http://relay.localhost/v1/m/x',
    'http://127.0.0.1:3000/v1/m/x',
    'http://[::1]:3000/v1/m/x',
  ])('parseShareUrl accepts %s', (url) => {
    expect(parseShareUrl(`${url}?v=h#c2VjcmV0`)).toEqual({ mailboxUrl: url, vertical: 'h', secret: 'c2VjcmV0' });
  });

  it('parseShareUrl accepts at most 2,048 characters', () => {
    const fill = (start: string, end: string): string => start + 'a'.repeat(2048 - start.length - end.length) + end;
    for (const [start, end] of [
      ['https://example.com/', '/v1/m/x'],
      ['https://example.com/v1/m/x#', ''],
    ] as const) {
      expect(() => parseShareUrl(fill(start, end))).not.toThrow();
      expect(() => parseShareUrl(fill(`${start}a`, end).concat('a'))).toThrow(TypeError);
    }
  });

  it('parseShareUrl normalises the case of the host, the default port, spaces and line breaks', () => {
    const { mailboxUrl } = parseShareUrl(LINK);
    for (const sent of [
      ` ${LINK} `,
      LINK.replace('/v1', '/\nv1'),
      LINK.replace('https://r', 'HTTPS://R'),
      LINK.replace('.com', '.com:443'),
    ])
      expect(parseShareUrl(sent).mailboxUrl).toBe(mailboxUrl);
  });

  it('buildShareUrl writes the Secret as base64url without padding, for both alphabets', () => {
    expect(buildShareUrl(LINK, { secret: '7Mm+gKq1+QQj/Wa9lbLahg==' })).toBe(`${LINK}#7Mm-gKq1-QQj_Wa9lbLahg`);
    for (let index = 0; index < 50; index += 1) expect(generateSecret()).toMatch(/^[\w-]{43}$/);
    expect(generateSecret('AEAD_AES_128_GCM')).toMatch(/^[\w-]{22}$/);
  });

  it('buildShareUrl refuses a link with a query or a fragment', () => {
    expect(() => buildShareUrl(`${LINK}?v=a`)).toThrow(TypeError);
    expect(() => buildShareUrl(`${LINK}#x`)).toThrow(TypeError);
    expect(() => buildShareUrl('nonsense')).toThrow(TypeError);
  });
});
