import { challenge, RelayError } from 'credential-relay';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { parseChallenges } from '../../support/auth/challenges.js';
import { watchedRelay, watchForLeaks } from '../../support/auth/hooks.js';
import { openServer } from '../../support/hosts/server.js';
import { operation } from '../../support/protocol/device.js';
import { send } from '../../support/protocol/http.js';
import { createBody, device } from '../../support/relay/relay.js';

/* RFC 9110 §11.6.1 and RFC 6750 §3: for every value, the header holds one challenge that a parser reads back. */

watchForLeaks();

const closing: Array<() => Promise<void>> = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** RFC 6750 §3 allows only ASCII without quotes and backslashes. */
const SAFE = /^[\x20-\x21\x23-\x5b\x5d-\x7e]*$/;

const HOSTILE: ReadonlyArray<readonly [value: string, written: string]> = [
  ['', ''],
  ['plain', 'plain'],
  ['a, b', 'a, b'],
  ['Basic realm=x', 'Basic realm=x'],
  ['"', "'"],
  ['\\', "'"],
  ['\\"', "''"],
  ['", Basic realm="evil', "', Basic realm='evil"],
  ['a\r\nSet-Cookie: evil=1', 'a??Set-Cookie: evil=1'],
  ['a\nb', 'a?b'],
  ['tab\there', 'tab?here'],
  ['nul\0', 'nul?'],
  ['del\x7f', 'del?'],
  ['é', '?'],
  ['\x80\xff', '??'],
  ['😀', '??'],
  ['\ud800', '?'],
  ['  spaces  ', '  spaces  '],
  ['x'.repeat(4_000), 'x'.repeat(4_000)],
];

function only(value: string): ReturnType<typeof parseChallenges>[number] {
  const [first, ...others] = parseChallenges(value);
  if (first === undefined || others.length > 0) throw new Error(`Not one challenge: ${value}`);
  return first;
}

describe('the challenge parser of these tests', () => {
  test('reads the example of RFC 9110 §11.6.1', () => {
    const text = 'Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\""';
    expect(parseChallenges(text)).toEqual([
      { scheme: 'Basic', parameters: [['realm', 'simple']] },
      {
        scheme: 'Newauth',
        parameters: [
          ['realm', 'apps'],
          ['type', '1'],
          ['title', 'Login to "apps"'],
        ],
      },
    ]);
  });

  test.each([
    'Basic realm="a',
    'Basic realm="a" b',
    'Basic realm="é€"',
    'Basic ,',
    '="a"',
    'A b="1", b="2"',
    'A b="\n"',
  ])('refuses %j', (text) => {
    expect(() => parseChallenges(text)).toThrow(SyntaxError);
  });
});

describe('challenge()', () => {
  test('returns a WWW-Authenticate field with the realm first', () => {
    expect(challenge('Bearer')).toEqual(['WWW-Authenticate', 'Bearer realm="mailbox"']);
    const parameters = { error: 'invalid_token', scope: undefined, resource_metadata: 'https://a.example/b' };
    expect(challenge('Bearer', parameters)).toEqual([
      'WWW-Authenticate',
      'Bearer realm="mailbox", error="invalid_token", resource_metadata="https://a.example/b"',
    ]);
  });

  test('a given realm replaces the default realm', () => {
    expect(only(challenge('Bearer', { error: 'e', realm: 'own' })[1]).parameters).toEqual([
      ['realm', 'own'],
      ['error', 'e'],
    ]);
  });

  test.each(HOSTILE)('the value %j reads back as %j', (value, written) => {
    const [name, text] = challenge('Bearer', { error: 'e', error_description: value, scope: value });
    expect(name).toBe('WWW-Authenticate');
    expect(only(text)).toEqual({
      scheme: 'Bearer',
      parameters: [
        ['realm', 'mailbox'],
        ['error', 'e'],
        ['error_description', written],
        ['scope', written],
      ],
    });
  });

  const token = fc.string({ unit: fc.constantFrom(..."!#$%&'*+-.^_`|~09AZaz"), minLength: 1, maxLength: 20 });

  test('property: any scheme, names and values give one challenge with these names and safe values of equal length', () => {
    const names = fc.uniqueArray(
      token.filter((name) => name.toLowerCase() !== 'realm'),
      {
        maxLength: 5,
        selector: (name) => name.toLowerCase(),
      },
    );
    const value = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'grapheme' }),
      fc.constantFrom('"', '\\', '\r\n', ','),
    );
    fc.assert(
      fc.property(token, names, fc.array(value, { minLength: 5, maxLength: 5 }), (scheme, given, values) => {
        const pairs = given.map((name, at) => [name, values[at] ?? ''] as const);
        const read = only(challenge(scheme, Object.fromEntries(pairs))[1]);
        expect(read.scheme).toBe(scheme);
        const back = new Map(read.parameters);
        expect([...back.keys()].sort()).toEqual(['realm', ...given.map((name) => name.toLowerCase())].sort());
        for (const [name, sent] of pairs) {
          const got = back.get(name.toLowerCase()) ?? 'missing';
          expect(got).toMatch(SAFE);
          expect(got).toHaveLength(sent.length);
          if (SAFE.test(sent)) expect(got).toBe(sent);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('property: a scheme or name that is not a token causes a TypeError without the text', () => {
    const noToken = fc.string().filter((text) => !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text));
    fc.assert(
      fc.property(noToken, (text) => {
        for (const make of [() => challenge(text), () => challenge('Bearer', { [text]: 'x' })]) {
          expect(make).toThrow(new TypeError('challenge: not a token (RFC 9110 §5.6.2)'));
        }
      }),
    );
    expect(() => challenge('Bearer\r\nX: y')).toThrow(TypeError);
    expect(() => challenge('Bearer\n')).toThrow(TypeError);
  });
});

describe('challenges in responses', () => {
  test('every hostile value arrives as one challenge and adds no header', async () => {
    const { server, origin, close } = await openServer();
    closing.push(close);
    let value = '';
    const { relay } = watchedRelay({
      publicUrl: origin,
      authenticate: () => {
        throw new RelayError('token_invalid', { headers: [challenge('Bearer', { error_description: value })] });
      },
    });
    server.on('request', relay.node());
    for (const [hostile, written] of HOSTILE) {
      value = hostile;
      const answer = await send(operation('POST', `${origin}/v1/m`, crypto.randomUUID(), createBody()));
      expect(answer.status).toBe(401);
      const read = only(answer.headers['www-authenticate'] ?? '');
      expect(new Map(read.parameters).get('error_description')).toBe(written);
      expect(answer.headers).not.toHaveProperty('set-cookie');
    }
  });

  test('the parser reads the default challenges of the relay', async () => {
    const codes = [
      'token_required',
      'token_invalid',
      'attestation_required',
      'attestation_invalid',
      'not_bound',
    ] as const;
    for (const code of codes) {
      const { relay } = watchedRelay({
        authenticate: () => {
          throw new RelayError(code);
        },
      });
      const { headers } = await device(relay).create();
      expect(only(headers.get('WWW-Authenticate') ?? '').parameters).toEqual([['realm', 'mailbox']]);
    }
  });
});
