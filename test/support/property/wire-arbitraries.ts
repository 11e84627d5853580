import fc from 'fast-check';
import { START } from './harness.js';
import { displayInformation, payload as payloadOf, timestamp } from './model.js';

/** In every text that could be secret, so that a test finds a leak in an answer. It is also valid base64. */
export const CANARY = 'zQ7canaryQ7z';

/** A valid create. */
export const GOOD = {
  payload: payloadOf(CANARY),
  displayInformation: displayInformation('x'),
  mailboxConfiguration: { accessRights: 'RWD', expiration: '2030-01-02T00:00:00Z' },
  notificationToken: { type: 'com.example.push', tokenData: CANARY },
};

const canary = fc.constantFrom('', CANARY);
const marked = (texts: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.tuple(texts, canary).map(([text, mark]) => text + mark);

/** Any text with all of Unicode, broken surrogates and control characters. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  marked(fc.string()),
  marked(fc.string({ unit: 'grapheme' })),
  marked(fc.string({ unit: 'binary' })),
  marked(fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) })),
  fc.constantFrom('__proto__', 'constructor', '<script>alert(1)</script>', '" onload="x', '\u202e', '', ' '),
);

/** Texts with a length around a limit, with one or two code units per character. */
const longText = (limit: number): fc.Arbitrary<string> =>
  fc
    .tuple(fc.constantFrom('a', 'é', '😀'), fc.integer({ min: -2, max: 2 }))
    .map(([unit, off]) => unit.repeat(limit + off));

export const anyJson: fc.Arbitrary<unknown> = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<unknown>(null, true, 0, -1, [], {}, { __proto__: null }, [{}], CANARY),
);

const base64Text = fc.oneof(
  fc.uint8Array({ minLength: 1 }).map((bytes) => Buffer.from(bytes).toString('base64')),
  fc.uint8Array({ minLength: 1 }).map((bytes) => Buffer.from(bytes).toString('base64url')),
  fc.constant(CANARY),
  fc.string({ unit: fc.constantFrom(...'AQgw+/-_=='), maxLength: 12 }),
  marked(fc.base64String()),
  fc.base64String({ minLength: 1 }).map((text) => `${text.slice(0, 3)} ${text.slice(3)}`),
);

const two = (most: number): fc.Arbitrary<string> => fc.nat(most).map((number) => String(number).padStart(2, '0'));
const someDate = fc
  .tuple(fc.constantFrom('2029', '2030', '2031', '0030', '9999'), two(13), two(32), two(25), two(61), two(61))
  .map(([year, month, day, hour, minute, second]) => `${year}-${month}-${day}T${hour}:${minute}:${second}Z`);

const expirationText = fc.oneof(
  fc.integer({ min: -5, max: 31 * 86_400 }).map((seconds) => timestamp(START + seconds * 1000)),
  fc.constantFrom(-1, 0, 1, 30 * 86_400, 30 * 86_400 + 1).map((seconds) => timestamp(START + seconds * 1000)),
  someDate,
  fc.integer({ min: 1, max: 86_400 }).map((ms) => new Date(START + ms * 1000 + 1).toISOString()),
  fc.constantFrom('2030-01-02T00:00:00z', '2030-01-02 00:00:00Z', '2030-01-02T00:00:00+00:00', '2030-01-02', 'soon'),
  fc.constantFrom('2030-01-02T00:00:00Z\n', ' 2030-01-02T00:00:00Z', '+002030-01-02T00:00:00Z', '2030-01-02T24:00:00Z'),
);

const rightsText = fc.oneof(
  fc.shuffledSubarray(['R', 'W', 'D']).map((letters) => letters.join('')),
  fc.string({ unit: fc.constantFrom(...'RWD'), maxLength: 4 }),
  fc.string({ unit: fc.constantFrom(...'RWDrwdX '), maxLength: 4 }),
);

const imageText = fc.oneof(
  fc.webUrl({ validSchemes: ['https'], withQueryParameters: true, withFragments: true }),
  fc.webUrl({ validSchemes: ['http', 'https', 'ftp'] }),
  marked(fc.constantFrom('https://a.example/', 'https://a.example?', 'https://a.example:8443/#', 'https:a.example/')),
  marked(
    fc.constantFrom('https://u:p@a.example/', 'https://u@a.example/', '//a.example/', '/a', 'data:,', 'javascript:'),
  ),
  anyText.map((text) => `https://a.example/${text}`),
  longText(2_048 - 'https://a.example/'.length).map((text) => `https://a.example/${text}`),
);

const typeText = fc.oneof(
  fc.constantFrom('AEAD_AES_128_GCM', 'AEAD_AES_256_GCM', 'x', 'a.b-c_D9', CANARY, 'AEAD AES', 'x\n', 'é'),
  longText(64),
  anyText,
);

/** Mostly `good`, sometimes a value of the kind, sometimes any value, sometimes absent. */
const spoilt = (good: fc.Arbitrary<unknown>, kind: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.oneof(
    { weight: 12, arbitrary: good },
    { weight: 4, arbitrary: kind },
    { weight: 1, arbitrary: anyJson },
    { weight: 1, arbitrary: fc.constant(undefined) },
  );

/** An object with these members, and sometimes unknown members. Sometimes another value. */
const object = (shape: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<unknown> =>
  fc.oneof(
    {
      weight: 24,
      arbitrary: fc
        .tuple(fc.record(shape), fc.option(fc.tuple(anyText, anyJson), { nil: undefined, freq: 4 }))
        .map(([known, extra]) => (extra === undefined ? known : { [extra[0]]: extra[1], ...known })),
    },
    { weight: 1, arbitrary: anyJson },
  );

const optional = (value: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> => fc.option(value, { nil: undefined, freq: 2 });

const payload = object({
  type: spoilt(fc.constantFrom('AEAD_AES_128_GCM', CANARY), typeText),
  data: spoilt(fc.constantFrom('AAAA', CANARY), base64Text),
});
const token = object({
  type: spoilt(fc.constantFrom('com.example.push', CANARY), anyText),
  tokenData: spoilt(fc.constant(CANARY), anyText),
});

const anyCreate = object({
  payload,
  displayInformation: object({
    title: spoilt(fc.constantFrom('Room 7', CANARY), fc.oneof(anyText, longText(200))),
    description: spoilt(fc.constantFrom('A door', CANARY), fc.oneof(anyText, longText(500))),
    imageURL: spoilt(fc.constantFrom('https://a.example/', `https://a.example/${CANARY}`), imageText),
  }),
  mailboxConfiguration: optional(
    object({
      accessRights: spoilt(fc.constantFrom('RWD', undefined), rightsText),
      expiration: spoilt(fc.constant(timestamp(START + 60_000)), expirationText),
    }),
  ),
  notificationToken: optional(token),
});

/** Values for single members, by their dotted paths. */
const KINDS: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  'payload.type': typeText,
  'payload.data': base64Text,
  'displayInformation.title': fc.oneof(anyText, longText(200)),
  'displayInformation.description': fc.oneof(anyText, longText(500)),
  'displayInformation.imageURL': imageText,
  'mailboxConfiguration.accessRights': rightsText,
  'mailboxConfiguration.expiration': expirationText,
  'mailboxConfiguration.timeToLive': anyJson,
  'notificationToken.type': anyText,
  'notificationToken.tokenData': anyText,
  'payload.unknown': anyJson,
};

/** A valid body with one member that is a value of its kind, any value, or absent. */
const oneOff: fc.Arbitrary<unknown> = fc.constantFrom(...Object.keys(KINDS)).chain((path) => {
  const [outer = '', inner = ''] = path.split('.');
  const kind = KINDS[path] ?? anyJson;
  const any = fc.oneof(anyJson, fc.constant(undefined));
  const value = fc.oneof({ weight: 6, arbitrary: kind }, { weight: 1, arbitrary: any });
  return value.map((changed) => ({ ...GOOD, [outer]: { ...Object(Reflect.get(GOOD, outer)), [inner]: changed } }));
});

export const createValue = fc.oneof({ weight: 3, arbitrary: oneOff }, { weight: 1, arbitrary: anyCreate });
export const updateValue = object({ payload, notificationToken: optional(token) });
export const readValue = object({ notificationToken: optional(token) });
