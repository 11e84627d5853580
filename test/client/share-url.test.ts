import { buildShareUrl, generateSecret, parseShareUrl } from 'credential-relay/client';
import { describe, expect, it } from 'vitest';

const LINK = 'https://relayserver.example.com/v1/m/2bba630e-519b-11ec-bf63-0242ac130002';

describe('share URL [§2 N41]', () => {
  it('takes the example of the drafts apart', () => {
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
  ])('reads %j as vertical %s', (query, vertical) => {
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
    'https://example.com/v1/m/x#100%',
    'ftp://example.com/v1/m/x',
    'https://example.com/',
    'https://example.com/v1/m/',
  ])('refuses %s', (url) => {
    expect(() => parseShareUrl(url)).toThrow(TypeError);
  });

  it('refuses to build on a link that has a query or fragment already', () => {
    expect(() => buildShareUrl(`${LINK}?v=a`)).toThrow(TypeError);
    expect(() => buildShareUrl(`${LINK}#x`)).toThrow(TypeError);
    expect(() => buildShareUrl('nonsense')).toThrow(TypeError);
  });
});
