import { createReceiver, parseShareUrl } from 'credential-relay/client';
import { describe, expect, it } from 'vitest';

/* Links that messengers, mail gateways and people have altered on their way (research: field.md, F4). */

const MAILBOX = 'https://relay.example/relay/v1/m/2ba7b0e6-519b-41ec-bf63-0242ac130002';
/** Standard base64 with every character that programs alter. */
const OLD = '7Mm+gKq1+QQj/Wa9lbLahg==';
/** Base64url without padding, as this package writes it. */
const NEW = 'mZ-_4Qx7vW0bJkq8n2LrT5sYcE1uAoXdHfGgPiKz93M';

const bare = (secret = ''): string => secret.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');

/** The link with `#` and query of the sender, for both forms of the Secret. */
const LINKS = [OLD, NEW].flatMap((secret) => [`${MAILBOX}#${secret}`, `${MAILBOX}?v=h#${secret}`]);

const quotedPrintable = (text: string): string =>
  text
    .replace(/=/g, '=3D')
    .replace(/(.{60})/g, (line) => `${line.replace(/=$/, '')}${line.endsWith('=') ? '==' : '='}\r\n`);

/** As urldefense.com rewrites links: `*` for one replaced character, `**` and a digit for a run of them. */
const proofpoint3 = (link: string, replaced: RegExp): string => {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const characters = (link.match(replaced) ?? []).join('');
  const rest = link.replace(replaced, (run) => (run.length === 1 ? '*' : `**${digits[run.length - 2]}`));
  return `https://urldefense.com/v3/__${rest}__;${Buffer.from(characters).toString('base64url')}!!AbC-d!e_f$`;
};

const safeLink = (link: string): string =>
  `https://eur01.safelinks.protection.outlook.com/?url=${encodeURIComponent(link)}&data=05%7C02%7Cann%40example.com%7C&reserved=0`;

const ALTERATIONS: ReadonlyArray<readonly [name: string, alter: (link: string) => string]> = [
  ['nothing', (link) => link],
  ['# as %23', (link) => link.replace('#', '%23')],
  ['# as %2523', (link) => link.replace('#', '%2523')],
  ['# as &#35;', (link) => link.replace('#', '&#35;')],
  ['# escaped for Markdown', (link) => link.replace('#', '\\#')],
  ['# in full width', (link) => link.replace('#', '＃')],
  ['a space before #', (link) => link.replace('#', ' #')],
  ['a percent-encoded Secret', (link) => link.replace(/#.*/, (part) => `#${encodeURIComponent(part.slice(1))}`)],
  [
    'a doubly encoded Secret',
    (link) => link.replace(/#.*/, (part) => `#${encodeURIComponent(encodeURIComponent(part.slice(1)))}`),
  ],
  ['a thrice encoded link', (link) => encodeURIComponent(encodeURIComponent(encodeURIComponent(link)))],
  ['spaces for plus', (link) => link.replaceAll('+', ' ')],
  ['%20 for plus', (link) => link.replaceAll('+', '%20')],
  ['the other alphabet', (link) => link.replace(/#.*/, (part) => part.replaceAll('-', '+').replaceAll('_', '/'))],
  ['no padding', (link) => link.replace(/=+$/, '')],
  ['a full stop', (link) => `${link}.`],
  ['a comma and words', (link) => `${link}, your key.`],
  ['words', (link) => `${link} see you at 5`],
  ['words around it', (link) => `Here is your key: ${link} - see you`],
  ['a line below', (link) => `${link}\nSee you!`],
  ['words in Japanese', (link) => `${link}です。`],
  ['parentheses', (link) => `(${link})`],
  ['brackets', (link) => `[${link}]`],
  ['braces', (link) => `{${link}}`],
  ['angle brackets', (link) => `<${link}>`],
  ['<URL:…>', (link) => `<URL:${link}>`],
  ['double quotes', (link) => `"${link}".`],
  ['typographic quotes', (link) => `„${link}“`],
  ['French quotes', (link) => `« ${link} »`],
  ['backquotes', (link) => `\`${link}\``],
  ['an exclamation mark', (link) => `${link}!`],
  ['a semicolon', (link) => `${link};`],
  ['an ellipsis', (link) => `${link}…`],
  ['an ideographic full stop', (link) => `${link}。`],
  ['an asterisk pair', (link) => `*${link}*`],
  ['an underscore pair', (link) => `_${link}_`],
  ['a slash', (link) => `${link}/`],
  ['a Markdown link', (link) => `[open](${link})`],
  ['a Markdown link that shows the link', (link) => `[${link}](${link})`],
  ['an HTML link', (link) => `<a href="${link.replaceAll('&', '&amp;')}">${link.slice(0, 40)}…</a>`],
  ['a zero-width space behind it', (link) => `${link}\u200b`],
  ['zero-width spaces in it', (link) => link.replace(/(.{15})/g, '$1\u200b')],
  ['an encoded zero-width space', (link) => `${link}%E2%80%8B`],
  ['soft hyphens', (link) => link.replace(/(.{15})/g, '$1\u00ad')],
  ['a byte order mark', (link) => `\ufeff${link}`],
  ['a word joiner', (link) => `\u2060${link}\u2060`],
  ['direction marks', (link) => `\u200e${link}\u200e`],
  ['isolates', (link) => `\u2068${link}\u2069`],
  ['a no-break space', (link) => `\u00a0${link}\u00a0`],
  ['a line break in the Secret', (link) => link.replace(/(#.{11})/, '$1\n')],
  ['a line break in the UUID', (link) => link.replace('-519b-', '-519b-\r\n')],
  ['a line break in the path', (link) => link.replace('/relay/v1', '/relay/\n  v1')],
  ['a line break before #', (link) => link.replace('#', '\n#')],
  ['quoted-printable', quotedPrintable],
  ['every = as =3D', (link) => link.replaceAll('=', '=3D')],
  ['# as =23', (link) => link.replace('#', '=23')],
  [
    'utm parameters before #',
    (link) => link.replace(/(\?v=h)?#/, (_, v) => `${v ? `${v}&` : '?'}utm_source=mail&utm_id=2024#`),
  ],
  ['fbclid before v', (link) => link.replace(/(\?v=h)?#/, (_, v) => `?fbclid=IwAR0%2Bx_y${v ? '&v=h' : ''}#`)],
  ['gclid behind the Secret', (link) => `${link}&gclid=abc123`],
  ['a query behind the Secret', (link) => `${link}?utm_source=mail`],
  ['a text fragment', (link) => `${link}:~:text=Room`],
  ['&amp; in the query', (link) => link.replace(/(\?v=h)?#/, (_, v) => `?utm_source=mail${v ? '&amp;v=h' : ''}#`)],
  ['an upper-case scheme and host', (link) => link.replace('https://relay.example', 'HTTPS://Relay.EXAMPLE')],
  ['the default port', (link) => link.replace('.example', '.example:443')],
  ['no scheme', (link) => link.replace('https://', '')],
  ['one slash behind the scheme', (link) => link.replace('https://', 'https:/')],
  ['a doubled slash', (link) => link.replace('/v1/', '//v1/')],
  ['a slash behind the UUID', (link) => link.replace(/(?=\?|#)/, '/')],
  ['an encoded letter in the path', (link) => link.replace('/relay/', '/%72elay/')],
  ['%2D for -', (link) => link.replaceAll('-', '%2D')],
  ['escaped underscores', (link) => link.replaceAll('_', '\\_')],
  ['an upper-case v', (link) => link.replace('v=h', 'v=H')],
  ['a safe link of Outlook', safeLink],
  ['a safe link in a safe link', (link) => safeLink(safeLink(link))],
  ['a redirect of a search engine', (link) => `https://www.google.com/url?q=${encodeURIComponent(link)}&sa=D&ust=17`],
  [
    'a redirect that keeps the fragment outside',
    (link) => {
      const [url = '', secret] = link.split('#');
      return `https://l.example/?u=${encodeURIComponent(url)}&h=AT0#${secret}`;
    },
  ],
  [
    'version 2 of Proofpoint',
    (link) => {
      const encoded = encodeURIComponent(link.replaceAll('-', '%2D').replaceAll('_', '%5F'));
      const plain = encoded.replaceAll('%252D', '%2D').replaceAll('%255F', '%5F').replaceAll('%', '-');
      return `https://urldefense.proofpoint.com/v2/url?u=${plain.replaceAll('-2F', '_')}&d=DwMFaQ&c=eu&r=x&m=y&s=z&e=`;
    },
  ],
  ['version 3 of Proofpoint', (link) => `Open <${proofpoint3(link, /[#+]/g)}> now`],
  ['version 3 of Proofpoint with runs', (link) => proofpoint3(link, /[#?=+*]+/g)],
  ['a safe link around Proofpoint', (link) => safeLink(proofpoint3(link, /[#+]/g))],
  ['a quoted mail', (link) => `On Monday, Ann wrote:\n> Hi,\n>\n> ${link}\n>\n> Bye`],
  ['a quoted mail with a line break in the UUID', (link) => `> ${link.replace('-519b-', '-519b-\r\n> ')}\n> Bye`],
  ['a quote in a quote with a line break in the Secret', (link) => `>> ${link.replace(/(#.{11})/, '$1\n> > ')}`],
  ['a tab in the UUID', (link) => link.replace('-519b-', '-519b-\t')],
  ['the cells of a table', (link) => `Ann\t${link}\t2024`],
  ['a line separator', (link) => link.replace('-519b-', '-519b-\u2028')],
  ['a form feed', (link) => link.replace(/(#.{11})/, '$1\f')],
  ['slashes escaped for JSON', (link) => JSON.stringify({ url: link }).replaceAll('/', '\\/')],
  ['colons escaped for a contact or a QR code', (link) => `MEBKM:TITLE:Key;URL:${link.replaceAll(':', '\\:')};;`],
  [
    'ASCII in full width',
    (link) => link.replace(/[!-~]/g, (plain) => String.fromCharCode(plain.charCodeAt(0) + 0xfee0)),
  ],
  ['parentheses in full width', (link) => `（${link}），谢谢`],
  ['no-break hyphens', (link) => link.replaceAll('-', '\u2011')],
  ['en dashes', (link) => link.replaceAll('-', '\u2013')],
  ['minus signs', (link) => link.replaceAll('-', '\u2212')],
  ['words behind a dash', (link) => `${link}—see you`],
  ['a scheme that was cut off', (link) => link.replace('https', 'ttps')],
  ['a scheme that was disabled', (link) => link.replace('https', 'hxxps')],
  ['no scheme but its slashes', (link) => link.replace('https:', '')],
  ['a redirect without encoding', (link) => `https://l.example/?u=${link}`],
];

describe('A link that was altered on its way [§2]', () => {
  it.each(ALTERATIONS)('parseShareUrl mends %s', (_, alter) => {
    for (const link of LINKS) {
      const { mailboxUrl, vertical, secret } = parseShareUrl(alter(link));
      expect([mailboxUrl, vertical, bare(secret)], alter(link)).toEqual([
        MAILBOX,
        link.includes('v=h') ? 'h' : 'a',
        bare(link.split('#')[1]),
      ]);
    }
  });

  it.each(ALTERATIONS)('open takes %s, and its check of the host sees the mended host', (_, alter) => {
    const { state } = createReceiver({ relays: ['relay.example'] }).open(alter(LINKS[1] ?? ''));
    expect([state.mailboxUrl, state.secret]).toEqual([MAILBOX, bare(OLD)]);
    expect(() => createReceiver({ relays: ['other.example'] }).open(alter(LINKS[3] ?? ''))).toThrow(
      expect.objectContaining({ code: 'not_allowed' }),
    );
  });

  it.each([
    ['a full stop', `${MAILBOX}.`],
    ['words', `${MAILBOX} see you`],
    ['a line below', `${MAILBOX}\nSee you`],
    ['parentheses', `(${MAILBOX})`],
    ['a slash', `${MAILBOX}/`],
    ['a safe link', safeLink(MAILBOX)],
    ['a tracking parameter for a query', `${MAILBOX}&utm_source=mail`],
  ])('parseShareUrl mends a link without a Secret: %s', (_, text) => {
    expect(parseShareUrl(text)).toEqual({ mailboxUrl: MAILBOX, vertical: 'a', secret: undefined });
  });

  const other = MAILBOX.replace('2ba7', '3ba7');
  it.each([
    ['two links', `${MAILBOX}#${NEW} ${other}#${NEW}`],
    ['one mailbox with two Secrets', `${MAILBOX}#${NEW} ${MAILBOX}#${bare(OLD)}`],
    ['a link in the query of a link', `${MAILBOX}?u=${encodeURIComponent(`${other}#${NEW}`)}#${NEW}`],
    ['a Secret of 16 bytes, or of 32 with a line break', `${MAILBOX}#AAAAAAAAAAAAAAAAAAAAAA\nAAAAAAAAAAAAAAAAAAAAA`],
    ['two places where a link without UUID may end', 'https://relay.example/v1/m/x\nSee'],
  ])('parseShareUrl guesses nothing: %s', (_, text) => {
    expect(() => parseShareUrl(text)).toThrow(/^shareUrl: has more than one possible meaning/);
  });

  it.each([
    ['a lost #', `${MAILBOX}${NEW}`],
    ['an override of the direction', `https://relay.example/v1/m/\u202e${MAILBOX.slice(-36)}#${NEW}`],
    ['another scheme', `ftp://relay.example/v1/m/x#${NEW}`],
    ['http', MAILBOX.replace('https', 'http')],
    ['a user in the URL', MAILBOX.replace('relay.example', 'relay.example@evil.example')],
    ['an encoded user', MAILBOX.replace('relay.example', 'relay.example%40evil.example')],
    ['words only', 'Your key is ready.'],
  ])('parseShareUrl refuses %s, and its message has no part of the text', (_, text) => {
    expect(() => parseShareUrl(text)).toThrow(/^shareUrl: must be the https URL of a mailbox$/);
  });

  it('parseShareUrl never puts a part of the Secret into the URL of requests', () => {
    for (const [name, alter] of ALTERATIONS) {
      for (const link of LINKS) {
        const secret = bare(link.split('#')[1]).slice(0, 6);
        expect(parseShareUrl(alter(link)).mailboxUrl, name).not.toContain(secret);
      }
    }
  });

  it('parseShareUrl takes little time for any text', () => {
    const started = performance.now();
    for (const part of [
      'https://',
      'https://a/m/',
      `${MAILBOX}#`,
      '%25',
      '=3D',
      '(',
      ' ',
      '\n',
      'a.',
      '&a=',
      '/',
      '\\#',
    ]) {
      for (const length of [8192, 9000]) {
        const text = part.repeat(length / part.length).slice(0, length);
        for (const each of [text, `https://relay.example/m/x${text}`.slice(0, 8192)]) {
          try {
            parseShareUrl(each);
          } catch (error) {
            expect(error, part).toBeInstanceOf(TypeError);
          }
        }
      }
    }
    expect(performance.now() - started).toBeLessThan(3000);
  });
});
