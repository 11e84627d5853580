import {
  buildShareUrl,
  createMailboxClient,
  createReceiver,
  createSender,
  generateSecret,
  seal,
} from 'credential-relay/client';
import { describe, expect, it } from 'vitest';
import { DISPLAY, words } from '../support/client/devices.js';

const RELAY = 'https://relay.example/relay';
const SHARE_URL = `${RELAY}/v1/m/00000000-0000-4000-8000-000000000000#${generateSecret()}`;

/** Calls a function as JavaScript without types does. Counts requests, which must not happen. */
let requests = 0;
const network = async (): Promise<Response> => {
  requests += 1;
  return new Response('{}');
};
type Loose = (...args: unknown[]) => unknown;
const sender = (options: unknown) => () => (createSender as unknown as Loose)(options);
const receiver = (options: unknown) => () => (createReceiver as unknown as Loose)(options);
const mailboxClient = (options: unknown) => () => (createMailboxClient as unknown as Loose)(options);
const withRelay = (options: object) => sender({ relay: RELAY, fetch: network, ...options });
const share = (...args: unknown[]) => {
  const made = createSender({ relay: RELAY, fetch: network, retryTimeoutMs: 0 });
  return () => (made.share as unknown as Loose)(...args);
};
const open = (...args: unknown[]) => {
  const made = createReceiver({ relays: ['relay.example'], fetch: network, retryTimeoutMs: 0 });
  return () => (made.open as unknown as Loose)(...args);
};
const received = () => createReceiver({ relays: ['relay.example'], fetch: network, retryTimeoutMs: 0 }).open(SHARE_URL);
const call = (name: 'next' | 'check' | 'preview' | 'finish' | 'relinquish' | 'reply', ...args: unknown[]) => {
  const made = received();
  return () => (made[name] as unknown as Loose)(...args);
};
const resume = (...args: unknown[]) => {
  const made = createSender({ relay: RELAY, fetch: network });
  return () => (made.resume as unknown as Loose)(...args);
};
const circular: Record<string, unknown> = {};
circular.self = circular;

/** A mistake, the call, and the message. `docs` and the messages name the dotted path of the option. */
const MISTAKES: readonly (readonly [mistake: string, make: () => unknown, message: RegExp | string])[] = [
  ['no options', sender(undefined), 'sender: must be an object with options'],
  ['the URL alone', sender(RELAY), 'sender: must be an object with options'],
  ['null', receiver(null), 'receiver: must be an object with options'],
  ['a list of hosts alone', receiver(['relay.example']), 'receiver: must be an object with options'],
  ['relay is missing', sender({}), /^sender\.relay: is required, as the URL of the relay/],
  ['relay is an unset variable', sender({ relay: undefined }), /^sender\.relay: is required/],
  ['relay is empty', sender({ relay: '' }), /^sender\.relay: is required/],
  ['relayUrl', sender({ relayUrl: RELAY }), 'sender.relayUrl: there is no such option; did you mean relay?'],
  ['url', sender({ url: RELAY }), /^sender\.url: there is no such option; the options are relay, links, fetch, /],
  ['a URL object', sender({ relay: new URL(RELAY) }), 'sender.relay: must be a text; of a URL object pass the href'],
  ['no scheme', sender({ relay: 'relay.example' }), 'sender.relay: must be a URL that begins with https://'],
  ['localhost without scheme', sender({ relay: 'localhost:3000' }), /^sender\.relay: must be a URL that begins with/],
  ['http', sender({ relay: 'http://relay.example' }), /^sender\.relay: must be https \(http on loopback names\)/],
  ['ends in /v1/m', sender({ relay: `${RELAY}/v1/m` }), /^sender\.relay: must be the URL of the mount point, without/],
  ['ends in /v1', sender({ relay: `${RELAY}/v1/` }), /^sender\.relay: must be the URL of the mount point, without/],
  ['ends in /m', sender({ relay: `${RELAY}/m` }), /^sender\.relay: must be the URL of the mount point, without/],
  ['a mailbox URL', sender({ relay: `${RELAY}/v1/m/x` }), /^sender\.relay: must be the URL of the mount point/],
  ['a query', sender({ relay: `${RELAY}?a=b` }), 'sender.relay: must not have a query or a fragment'],
  ['a fragment', sender({ relay: `${RELAY}#a` }), 'sender.relay: must not have a query or a fragment'],
  ['credentials', sender({ relay: 'https://a:b@relay.example' }), /^sender\.relay: must not contain credentials/],
  ['white space', sender({ relay: 'https://relay .example' }), 'sender.relay: must not contain white space'],
  ['links is a text', withRelay({ links: RELAY }), 'sender.links: must be a list of URLs'],
  ['links with /v1/m', withRelay({ links: [`${RELAY}/v1/m`] }), /^sender\.links: must be the URL of the mount point/],
  ['relays at a sender', withRelay({ relays: [] }), 'sender.relays: there is no such option; did you mean relay?'],
  ['relay at a receiver', receiver({ relay: RELAY }), 'receiver.relay: there is no such option; did you mean relays?'],
  ['relays is a text', receiver({ relays: 'relay.example' }), /^receiver\.relays: must be a list of hosts/],
  ['relays with URLs', receiver({ relays: [RELAY] }), 'receiver.relays: must be hosts, without https://'],
  ['relays with a path', receiver({ relays: ['a.example/b'] }), 'receiver.relays: must be hosts, without a path'],
  ['relays with *', receiver({ relays: ['*.a.example'] }), 'receiver.relays: must be hosts, without *: name each host'],
  ['relays with undefined', receiver({ relays: [undefined] }), 'receiver.relays: must be a list of texts'],
  ['fetch is a text', withRelay({ fetch: 'x' }), 'sender.fetch: must be a function'],
  ['fetch is null', withRelay({ fetch: null }), 'sender.fetch: must be a function'],
  [
    'timeoutMs is a text',
    withRelay({ timeoutMs: 'abc' }),
    /^sender\.timeoutMs: must be a whole number of milliseconds/,
  ],
  [
    'timeoutMs is 0',
    withRelay({ timeoutMs: 0 }),
    /^sender\.timeoutMs: must be a whole number of milliseconds, from 20/,
  ],
  ['timeoutMs in seconds', withRelay({ timeoutMs: 10 }), /^sender\.timeoutMs: .* from 20/],
  ['timeout', withRelay({ timeout: 5000 }), 'sender.timeout: there is no such option; did you mean timeoutMs?'],
  [
    'retryTimeoutMs in seconds',
    withRelay({ retryTimeoutMs: 120 }),
    /^sender\.retryTimeoutMs: must be 0, or at least 1000/,
  ],
  ['waitSeconds in ms', withRelay({ waitSeconds: 25_000 }), /^sender\.waitSeconds: .* seconds, from 0 to 3600/],
  ['pollMs in seconds', receiver({ pollMs: 2 }), /^receiver\.pollMs: .* milliseconds, from 10/],
  ['retryDelayMs in seconds', withRelay({ retryDelayMs: 0.2 }), /^sender\.retryDelayMs: must be a whole number/],
  ['maximumBodyBytes in KiB', withRelay({ maximumBodyBytes: 64 }), /^sender\.maximumBodyBytes: .* bytes, from 1024/],
  ['maximumHeldReads 0', withRelay({ maximumHeldReads: 0 }), /^sender\.maximumHeldReads: .* from 1/],
  ['onState is an object', withRelay({ onState: {} }), 'sender.onState: must be a function'],
  [
    'onprogress',
    withRelay({ onprogress() {} }),
    'sender.onprogress: there is no such option; did you mean onProgress?',
  ],
  [
    'headers is a Headers',
    withRelay({ headers: new Headers() }),
    /^sender\.headers: must be an object .* Object\.fromEntries/,
  ],
  ['headers is a list', withRelay({ headers: [['a', 'b']] }), /^sender\.headers: must be an object/],
  [
    'a header is unset',
    withRelay({ headers: { Authorization: undefined } }),
    'sender.headers: Authorization must be a text',
  ],
  ['a header ends a line', withRelay({ headers: { 'X-A': 'secret\n' } }), /^sender\.headers: X-A has a line end/],
  [
    'a header of the client',
    withRelay({ headers: { 'mailbox-device-claim': 'x' } }),
    /^sender\.headers: the client itself/,
  ],
  [
    'crypto without subtle',
    withRelay({ crypto: { getRandomValues() {} } }),
    /^sender\.crypto: must have subtle\.digest, /,
  ],
  [
    'crypto with getRandomValues without its object',
    withRelay({ crypto: { subtle: crypto.subtle, getRandomValues: crypto.getRandomValues } }),
    /^sender\.crypto: getRandomValues must fill the array that it gets; pass the object itself/,
  ],
  [
    'crypto with getRandomValues that returns another array',
    withRelay({ crypto: { subtle: crypto.subtle, getRandomValues: (array: Uint8Array) => new Uint8Array(array) } }),
    /^sender\.crypto: getRandomValues must fill the array/,
  ],
  ['crypto is null', withRelay({ crypto: null }), /^sender\.crypto: must have getRandomValues, subtle\.digest/],
  [
    'a state of a newer version',
    () => createReceiver({ fetch: network }).resume({ ...received().state, format: 2 } as never),
    'state: must be the state of a receiver of format 1; a newer version of the client wrote this one',
  ],
  ['open of a URL object', open(new URL(SHARE_URL)), 'shareUrl: must be a text; of a URL object pass the href'],
  ...(['create', 'update'] as const).map(
    (name) =>
      [
        `${name} without content`,
        () =>
          (createMailboxClient({ fetch: network })[name] as unknown as Loose)(name === 'create' ? RELAY : SHARE_URL),
        `${name}: the content must be an object with the payload that seal returns`,
      ] as const,
  ),
  [
    'buildShareUrl with another vertical',
    () => (buildShareUrl as unknown as Loose)(SHARE_URL.split('#')[0], { vertical: 'home' }),
    "buildShareUrl.vertical: must be one of 'a', 'h', 'c'",
  ],
  [
    'buildShareUrl with bytes',
    () => (buildShareUrl as unknown as Loose)(SHARE_URL.split('#')[0], { secret: new Uint8Array(32) }),
    'buildShareUrl.secret: must be a text that is not empty',
  ],
  [
    'buildShareUrl with the Secret alone',
    () => (buildShareUrl as unknown as Loose)(SHARE_URL.split('#')[0], generateSecret()),
    'buildShareUrl: must be an object with options',
  ],
  [
    'accessRights XYZ',
    share(words('a'), DISPLAY, { accessRights: 'XYZ' }),
    /^share\.accessRights: must be a text of the/,
  ],
  [
    'accessRights in lower case',
    share(words('a'), DISPLAY, { accessRights: 'rwd' }),
    /^share\.accessRights: must be a text/,
  ],
  [
    'accessRights is a list',
    share(words('a'), DISPLAY, { accessRights: ['R'] }),
    /^share\.accessRights: must be a text/,
  ],
  ['no imageURL', share(words('a'), { title: 'a', description: 'b' }), 'display: imageURL is required'],
  [
    'imageUrl',
    share(words('a'), { ...DISPLAY, imageUrl: 'x' }),
    'display: has no member imageUrl; did you mean imageURL?',
  ],
  [
    'imageURL by http',
    share(words('a'), { ...DISPLAY, imageURL: 'http://a.example/b' }),
    /^display: imageURL must be an https/,
  ],
  ['title is a number', share(words('a'), { ...DISPLAY, title: 417 }), 'display: title must be a text'],
  ['no display', share(words('a')), /^display: must be an object with title and description and imageURL/],
  ['options in place of display', share(words('a'), { accessRights: 'RWD' }), /^display: has no member accessRights/],
  ['no information', share(), /^information: must be \{ format: string/],
  ['information is a text', share('key', DISPLAY), /^information: must be \{ format: string/],
  ['content is a text', share({ format: 'a', content: 'key' }, DISPLAY), /^information: must be \{ format: string/],
  ['content with a cycle', share({ format: 'a', content: circular }, DISPLAY), /^information: has a cycle, a bigint/],
  ['content with a bigint', share({ format: 'a', content: { a: 1n } }, DISPLAY), /^information: has a cycle, a bigint/],
  [
    'content with bytes',
    share({ format: 'a', content: { key: new Uint8Array(2) } }, DISPLAY),
    /^information: has bytes/,
  ],
  ['content is a Map', share({ format: 'a', content: new Map() }, DISPLAY), /^information: has bytes, .* a Map/],
  ...[
    Promise.resolve({}),
    new ArrayBuffer(2),
    Buffer.from('a'),
    new Blob(['a']),
    Number.NaN,
    Symbol('a'),
    /a/,
    new Error('a'),
    () => 'a',
  ].map(
    (lost) =>
      [
        `content with ${Object.prototype.toString.call(lost)}`,
        share({ format: 'a', content: { lost } }, DISPLAY),
        /^information: has bytes, a promise, NaN, .*, which JSON cannot carry; convert them/,
      ] as const,
  ),
  ['expires', share(words('a'), DISPLAY, { expires: 3600 }), /^share\.expires: .* did you mean expiresInSeconds\?$/],
  [
    'a time as a lifetime',
    share(words('a'), DISPLAY, { expiresInSeconds: Date.now() }),
    /^share\.expiresInSeconds: .*from now/,
  ],
  ['a date as a lifetime', share(words('a'), DISPLAY, { expiresInSeconds: new Date() }), /^share\.expiresInSeconds: /],
  ['vertical car', share(words('a'), DISPLAY, { vertical: 'car' }), "share.vertical: must be one of 'a', 'h', 'c'"],
  [
    'an unknown algorithm',
    share(words('a'), DISPLAY, { algorithm: 'AES' }),
    /^share\.algorithm: must be one of 'AEAD_AES_128/,
  ],
  [
    'token for tokenData',
    share(words('a'), DISPLAY, { notificationToken: { type: 'a', token: 'b' } }),
    /^share\.notificationToken: has no member token; did you mean tokenData\?$/,
  ],
  [
    'a token as a text',
    open(SHARE_URL, { notificationToken: 'x' }),
    /^open\.notificationToken: must be an object with type/,
  ],
  ['open without a URL', open(), /^shareUrl: must be/],
  [
    'open with an unknown option',
    open(SHARE_URL, { notificationtoken: {} }),
    /^open\.notificationtoken: .*did you mean notificationToken/,
  ],
  [
    'the controller as signal',
    call('next', { signal: new AbortController() }),
    'next.signal: must be an AbortSignal, such as controller.signal',
  ],
  ['the signal itself', call('next', new AbortController().signal), 'next: must be { signal }, not the signal itself'],
  ['a number for check', call('check', 5), 'check: must be an object with options'],
  [
    'a timeout for preview',
    call('preview', { timeout: 5 }),
    /^preview\.timeout: there is no such option; the options are signal/,
  ],
  ['a callback for finish', call('finish', () => {}), 'finish: must be an object with options'],
  ['a signal for relinquish', call('relinquish', { signal: true }), /^relinquish\.signal: must be an AbortSignal/],
  ['reply with a text', call('reply', 'thanks'), /^information: must be \{ format: string/],
  [
    'sameReceiver is a text',
    call('reply', words('a'), { sameReceiver: 'yes' }),
    'reply.sameReceiver: must be true or false',
  ],
  [
    'resume with JSON text',
    resume(JSON.stringify({ role: 'sender' })),
    'state: must be the state of a sender, parsed: JSON.parse(text)',
  ],
  [
    'resume with a promise',
    resume(Promise.resolve({})),
    'state: must be the state of a sender, not a promise: await it',
  ],
  [
    'resume with a receiver',
    resume(received().state),
    'state: must be the state of a sender, and this is the state of a receiver',
  ],
  ['resume with a share', resume(received()), 'state: must be the state of a sender: pass share.state'],
  ['resume without a state', resume(undefined), 'state: must be the state of a sender'],
  ['attempts 0', mailboxClient({ attempts: 0 }), /^mailboxClient\.attempts: must be a whole number of tries, from 1/],
  ['a claim that is no UUID', mailboxClient({ claim: 'phone-1' }), 'mailboxClient.claim: must be a UUID'],
  ['retries', mailboxClient({ retries: 3 }), /^mailboxClient\.retries: there is no such option/],
  ['seal of a text', () => seal('text' as never, generateSecret()), /^seal: the content must be bytes/],
  ['seal without a Secret', () => seal(new Uint8Array(1), undefined as never), 'The Secret must be a text.'],
  [
    'a Secret of an unknown algorithm',
    () => generateSecret('AES-256' as never),
    /^generateSecret: there is no such algorithm/,
  ],
];

describe('A wrong option or argument of the client', () => {
  it.each(MISTAKES)('A TypeError tells the mistake before a request: %s', async (_, make, message) => {
    requests = 0;
    const error = await Promise.resolve()
      .then(make)
      .then(
        () => 'accepted',
        (reason: unknown) => reason,
      );
    expect(error).toBeInstanceOf(TypeError);
    const text = (error as Error).message;
    if (typeof message === 'string') expect(text).toBe(message);
    else expect(text).toMatch(message);
    expect(text).not.toMatch(/Cannot|undefined|(?<!^buildShareUrl\.)secret|Invalid input/);
    expect(requests).toBe(0);
  });

  it('Every documented option is accepted, also as undefined', () => {
    const options = { fetch: network, headers: { 'content-type': 'text/plain', Authorization: 'Bearer a' }, crypto };
    const values = { timeoutMs: 100, retryTimeoutMs: Number.POSITIVE_INFINITY, retryDelayMs: 0, waitSeconds: 0 };
    const others = { pollMs: 10, maximumHeldReads: 1000, maximumBodyBytes: 1024, onState() {}, onProgress: undefined };
    createSender({ relay: `${RELAY}/`, links: [], ...options, ...values, ...others });
    createReceiver({ relays: ['relay.example:8443'], ...options, ...values, ...others });
    createReceiver({ relays: undefined, fetch: undefined, timeoutMs: undefined });
  });
});
