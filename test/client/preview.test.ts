import { describe, expect, it } from 'vitest';
import { parseDisplayInformation } from '../../src/client/preview.js';

const page = (content: string): string => `<meta property="og:title" content="${content}">`;

describe('parseDisplayInformation', () => {
  it.each([
    ['&amp;lt; is text', '&lt; is text'],
    ['&#39;&#x27;&apos;&#x1F511;', "'''🔑"],
    ['&constructor; &toString; &__proto__; &nbsp;', '&constructor; &toString; &__proto__; &nbsp;'],
    ['&#1114112; &#x110000;', '&#1114112; &#x110000;'],
  ])('The title of a page with %s is unescaped text', (content, title) => {
    expect(parseDisplayInformation(page(content)).title).toBe(title);
  });

  it('The first of each property counts, and an image without https is empty', () => {
    const image = '<meta content="javascript:alert(1)" property="og:image">';
    expect(parseDisplayInformation(page('one') + page('two') + image)).toEqual({
      title: 'one',
      description: '',
      imageURL: '',
    });
  });

  it.each(['<meta ', '<meta a="', "<meta a='", '<meta "', '<meta property=og:title '])(
    'A page of repeated %s is parsed in linear time',
    (part) => {
      expect(parseDisplayInformation(part.repeat(100_000) + page('found'))).toMatchObject({ description: '' });
    },
  );
});
