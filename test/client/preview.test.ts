import { describe, expect, it } from 'vitest';
import { parseDisplayInformation } from '../../src/client/preview.js';

const page = (content: string): string => `<meta property="og:title" content="${content}">`;

describe('the display information of a page that another implementation wrote', () => {
  it.each([
    ['&amp;lt; is text', '&lt; is text'],
    ['&#39;&#x27;&apos;&#x1F511;', "'''🔑"],
    ['&constructor; &toString; &__proto__; &nbsp;', '&constructor; &toString; &__proto__; &nbsp;'],
    ['&#1114112; &#x110000;', '&#1114112; &#x110000;'],
  ])('%s', (content, title) => {
    expect(parseDisplayInformation(page(content)).title).toBe(title);
  });

  it('is the first of each property; an image that is not https is none', () => {
    const image = '<meta content="javascript:alert(1)" property="og:image">';
    expect(parseDisplayInformation(page('one') + page('two') + image)).toEqual({
      title: 'one',
      description: '',
      imageURL: '',
    });
  });

  it.each(['<meta ', '<meta a="', "<meta a='", '<meta "', '<meta property=og:title '])(
    'does not lose itself in a page of nothing but %s',
    (part) => {
      expect(parseDisplayInformation(part.repeat(100_000) + page('found'))).toMatchObject({ description: '' });
    },
  );
});
