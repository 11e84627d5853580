import type { LookupFunction } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import webPush from 'web-push';
import { isPublicAddress } from '../../../../adapters/notify/shared/public-address.js';
import { type WebPushNotifierOptions, webPushNotifier } from '../../../../adapters/notify/web-push/index.js';
import type { Notifier } from '../../../../src/relay/notify/contract.js';
import { LOCALHOST } from '../../../support/network/tls.js';
import { newBrowser } from '../../../support/notify/browser.js';
import { pushOf } from '../../../support/notify/checks.js';
import { answering, type PushProvider, startPushProvider } from '../../../support/notify/provider.js';

/* Web Push: the device chooses the endpoint, so the relay must call only push services (SSRF). */

const VAPID = webPush.generateVAPIDKeys();
const SENT = { outcome: 'sent' };
const REFUSED = { outcome: 'rejected', code: 'subscription_invalid' };
const PRIVATE = { outcome: 'rejected', code: 'private_address' };
const browser = newBrowser();

let service: PushProvider;
const open: Notifier[] = [];

function notifier(options: Partial<WebPushNotifierOptions> = {}): Notifier {
  const made = webPushNotifier({ subject: 'https://relay.example', ...VAPID, ca: LOCALHOST.cert, ...options });
  open.push(made);
  return made;
}

/** A resolver that answers each call with the next of the given addresses, and records the names. */
function resolver(...answers: (string | readonly string[])[]): LookupFunction & { readonly asked: string[] } {
  const asked: string[] = [];
  const lookup: LookupFunction = (hostname, options, callback) => {
    const answer = answers[Math.min(asked.push(hostname), answers.length) - 1] ?? [];
    const found = [answer].flat().map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    const [first] = found;
    if (options.all === true || first === undefined) callback(null, found);
    else callback(null, first.address, first.family);
  };
  return Object.assign(lookup, { asked });
}

beforeEach(async () => {
  service = await startPushProvider();
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((made) => made.close?.()));
  await service.close();
});

describe('the endpoint of Web Push', () => {
  it.each([
    'https://fcm.googleapis.com/fcm/send/abc:def',
    'https://updates.push.services.mozilla.com/wpush/v2/gAAA',
    'https://wns2-par02p.notify.windows.com/w/?token=abc%3d',
    'https://web.push.apple.com/QOk',
  ])('may be on a known push service: %s', (endpoint) => {
    expect(notifier().validate?.(browser.subscription(endpoint))).toBe(true);
  });

  it.each([
    // Other schemes, ports and hosts.
    'http://fcm.googleapis.com/x',
    'ftp://fcm.googleapis.com/x',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'data:text/plain,x',
    'https://fcm.googleapis.com:8443/x',
    'https://fcm.googleapis.com:80/x',
    'https://evil.example/x',
    'https://fcm.googleapis.com.evil.example/x',
    'https://evilfcm.googleapis.com/x',
    'https://xfcm.googleapis.com/x',
    'https://a.fcm.googleapis.com/x',
    'https://googleapis.com/x',
    'https://notify.windows.com/x',
    'https://evilnotify.windows.com/x',
    'https://notify.windows.com.evil.example/x',
    'https://a.notify.windows.com:444/x',
    'https://localhost/x',
    'https://metadata.google.internal/computeMetadata/v1/',
    // User information, which URL parsers treat differently.
    'https://user@fcm.googleapis.com/x',
    'https://user:password@fcm.googleapis.com/x',
    'https://fcm.googleapis.com@evil.example/x',
    'https://fcm.googleapis.com:x@evil.example/x',
    'https://fcm.googleapis.com\\@evil.example/x',
    'https://evil.example\\@fcm.googleapis.com/x',
    'https://evil.example#@fcm.googleapis.com/x',
    'https://fcm.googleapis.com#@evil.example/x',
    'https://evil.example?@fcm.googleapis.com/x',
    // Spellings that no browser writes.
    'https://FCM.googleapis.com/x',
    'HTTPS://fcm.googleapis.com/x',
    'https://fcm.googleapis.com.:443/x',
    'https://fcm.googleapis.com./x',
    'https://fcm.googleapis.com:443/x',
    'https://fcm%2egoogleapis.com/x',
    'https://ｆcm.googleapis.com/x',
    'https:fcm.googleapis.com/x',
    'https:/fcm.googleapis.com/x',
    'https:\\\\fcm.googleapis.com/x',
    ' https://fcm.googleapis.com/x',
    'https://fcm.googleapis.com/a\r\nHost: evil.example',
    'https://fcm.goo\tgleapis.com/x',
    'https://fcm.googleapis.com/../x',
    'https://fcm.googleapis.com/x#fragment',
    'https://fcm.googleapis.com/x#',
    `https://fcm.googleapis.com/${'x'.repeat(2_048)}`,
    '//fcm.googleapis.com/x',
    '/x',
    '',
    // Addresses, in every notation.
    'https://127.0.0.1/x',
    'https://127.1/x',
    'https://2130706433/x',
    'https://0x7f000001/x',
    'https://0177.0.0.1/x',
    'https://①②⑦.0.0.1/x',
    'https://0/x',
    'https://0.0.0.0/x',
    'https://10.0.0.1/x',
    'https://169.254.169.254/latest/meta-data/',
    'https://192.168.0.1/x',
    'https://142.250.1.1/x',
    'https://[::1]/x',
    'https://[::]/x',
    'https://[::ffff:127.0.0.1]/x',
    'https://[::ffff:7f00:1]/x',
    'https://[fe80::1]/x',
    'https://[fd00::1]/x',
    'https://[64:ff9b::7f00:1]/x',
    'https://[2607:f8b0::1]/x',
  ])('may not be %j', async (endpoint) => {
    const lookup = resolver('127.0.0.1');
    const made = notifier({ lookup, privateAddresses: true });
    const token = browser.subscription(endpoint);
    expect(made.validate?.(token)).toBe(false);
    expect(await made.notify(pushOf(token))).toEqual(REFUSED);
    expect(lookup.asked).toEqual([]);
  });

  it.each([
    ['no JSON', 'https://fcm.googleapis.com/x'],
    ['null', 'null'],
    ['a text', '"x"'],
    ['an array', '[]'],
    ['no keys', browser.subscription('https://fcm.googleapis.com/x', { keys: undefined })],
    ['keys that are no object', browser.subscription('https://fcm.googleapis.com/x', { keys: 'abc' })],
    ['an endpoint that is no text', browser.subscription('', { endpoint: ['https://fcm.googleapis.com/x'] })],
  ])('must be in a valid subscription: %s', (_name, token) => {
    expect(notifier().validate?.(token)).toBe(false);
  });

  it('must come with valid keys (RFC 8291 §3)', () => {
    const { keys } = JSON.parse(browser.subscription(''));
    const offCurve = Buffer.concat([Buffer.from([4]), Buffer.alloc(64, 1)]).toString('base64url');
    const wrong = [
      { ...keys, auth: 'AAAA' },
      { ...keys, auth: `${keys.auth}AAAA` },
      { ...keys, auth: 7 },
      { ...keys, p256dh: keys.p256dh.slice(4) },
      { ...keys, p256dh: `${keys.p256dh.slice(0, -1)}!` },
      { ...keys, p256dh: offCurve },
      { ...keys, p256dh: { toString: keys.p256dh } },
    ];
    const made = notifier();
    const valid = (change: object): boolean | undefined =>
      made.validate?.(browser.subscription('https://fcm.googleapis.com/x', { keys: change }));
    expect(wrong.map(valid)).toEqual(wrong.map(() => false));
    expect(valid(keys)).toBe(true);
  });
});

describe('the address of a Web Push host', () => {
  const NAME = 'push.example';
  const tokenFor = (host: string): string => browser.subscription(`https://${host}/x`);

  it.each([
    ['127.0.0.1'],
    ['10.1.2.3'],
    ['172.31.255.255'],
    ['192.168.1.1'],
    ['169.254.169.254'],
    ['100.64.0.1'],
    ['0.0.0.0'],
    ['255.255.255.255'],
    ['::1'],
    ['fe80::1%eth0'],
    ['fd12:3456::1'],
    ['::ffff:127.0.0.1'],
    ['64:ff9b::7f00:1'],
    ['2002:7f00:1::'],
    [['93.184.215.14', '127.0.0.1']],
    [['2606:2800:21f:cb07:6820:80da:af6b:8b2c', '::1']],
  ])('must not be private, even for an allowed name: %j', async (address) => {
    const lookup = resolver(address);
    const made = notifier({ hosts: [`${NAME}:${service.port}`], lookup });
    expect(await made.notify(pushOf(tokenFor(`${NAME}:${service.port}`)))).toEqual(PRIVATE);
    expect(lookup.asked).toEqual([NAME]);
    expect(service.connections).toBe(0);
  });

  it('is checked for each connection, as the connection uses it (DNS rebinding)', async () => {
    // The notifier checks every answer of the resolver, also after valid answers.
    const lookup = resolver([], '127.0.0.1', '127.0.0.1');
    const made = notifier({ hosts: [`${NAME}:${service.port}`], lookup });
    const token = tokenFor(`${NAME}:${service.port}`);
    for (let n = 0; n < 3; n += 1) expect(await made.notify(pushOf(token))).toEqual(PRIVATE);
    expect(lookup.asked).toHaveLength(3);
    expect(service.connections).toBe(0);
  });

  it('is looked up once per connection', async () => {
    const lookup = resolver('127.0.0.1', '127.0.0.2');
    const host = `localhost:${service.port}`;
    const made = notifier({ hosts: [host], lookup, privateAddresses: true });
    expect(await made.notify(pushOf(tokenFor(host)))).toEqual(SENT);
    expect(await made.notify(pushOf(tokenFor(host)))).toEqual(SENT);
    expect(lookup.asked).toEqual(['localhost']);
    expect(service.requests.map(({ headers }) => headers.host)).toEqual([host, host]);
  });

  it("is checked with the system's resolver, too", async () => {
    const host = `localhost:${service.port}`;
    expect(await notifier({ hosts: [host] }).notify(pushOf(tokenFor(host)))).toEqual(PRIVATE);
    const allowed = notifier({ hosts: [host], privateAddresses: true });
    expect(await allowed.notify(pushOf(tokenFor(host)))).toEqual(SENT);
    expect(service.connections).toBe(1);
  });

  it('is looked up once for concurrent pushes, and at most 16 names at once', async () => {
    const answers: (() => void)[] = [];
    const asked: string[] = [];
    const lookup: LookupFunction = (name, _options, callback) => {
      asked.push(name);
      answers.push(() => callback(Object.assign(new Error(name), { code: 'ENOTFOUND' }), ''));
    };
    const made = notifier({ hosts: ['*.push.example', 'push.example'], lookup });
    const hanging = Array.from({ length: 32 }, (_, at) =>
      made.notify(pushOf(tokenFor(`made-up-${at % 16}.push.example`))),
    );
    await vi.waitFor(() => expect(asked).toHaveLength(16));
    expect(await made.notify(pushOf(tokenFor('push.example')))).toEqual({
      outcome: 'retry',
      code: 'lookups_busy',
      fault: 'token',
    });
    for (const answer of answers) answer();
    const outcomes = await Promise.all(hanging);
    expect(outcomes).toEqual(outcomes.map(() => ({ outcome: 'rejected', code: 'ENOTFOUND' })));
    const later = made.notify(pushOf(tokenFor('push.example')));
    await vi.waitFor(() => expect(asked).toHaveLength(17));
    answers[16]?.();
    expect((await later).outcome).toBe('retry');
  });

  it('gives the outcome retry if the lookup fails', async () => {
    const lookup: LookupFunction = (_name, _options, callback) =>
      callback(Object.assign(new Error('getaddrinfo'), { code: 'EAI_AGAIN' }), []);
    const outcome = await notifier({ hosts: [NAME], lookup }).notify(pushOf(tokenFor(NAME)));
    expect(outcome).toEqual({ outcome: 'retry', code: 'EAI_AGAIN' });
  });

  it.each([
    ['*.push.example', 'rejected'],
    ['made-up.push.example', 'retry'],
  ])('counts an unknown name against the token if the device chose the name: %s', async (host, outcome) => {
    const lookup: LookupFunction = (name, _options, callback) =>
      callback(Object.assign(new Error(name), { code: 'ENOTFOUND' }), []);
    const result = await notifier({ hosts: [host], lookup }).notify(pushOf(tokenFor('made-up.push.example')));
    expect(result).toEqual({ outcome, code: 'ENOTFOUND' });
  });

  it('must be listed if the endpoint contains it', async () => {
    const token = tokenFor(`127.0.0.1:${service.port}`);
    expect(await notifier({ hosts: ['127.0.0.1'] }).notify(pushOf(token))).toEqual(REFUSED);
    expect(await notifier({ hosts: [`127.0.0.1:${service.port}`] }).notify(pushOf(token))).toEqual(SENT);
  });

  it.each([
    ['8.8.8.8', true],
    ['172.15.255.255', true],
    ['172.32.0.1', true],
    ['100.128.0.1', true],
    ['198.17.255.255', true],
    ['198.18.0.1', false],
    ['192.0.2.1', false],
    ['203.0.113.9', false],
    ['224.0.0.1', false],
    ['2606:4700::1111', true],
    ['64:ff9b::808:808', true],
    ['::ffff:8.8.8.8', true],
    ['64:ff9b::a00:1', false],
    ['64:ff9b:1::808:808', false],
    ['2001:0:1::1', false],
    ['2001:db8::1', false],
    ['ff02::1', false],
    ['::127.0.0.1', false],
    ['localhost', false],
    ['', false],
  ])('%s is public: %s', (address, expected) => {
    expect(isPublicAddress(address)).toBe(expected);
  });
});

describe('the destination of Web Push', () => {
  it('names the entry of the list, the host, and the endpoint for any form of the token', () => {
    const made = notifier({ hosts: ['*.push.example', 'other.example:8443'] });
    const tokens = ['https://a.push.example/x', 'https://b.push.example/x', 'https://other.example:8443/x', 'nonsense'];
    const found = tokens.map((endpoint) => made.destination?.(browser.subscription(endpoint, { more: 1 })));
    expect(found).toEqual([
      { service: '*.push.example', host: 'a.push.example', device: tokens[0] },
      { service: '*.push.example', host: 'b.push.example', device: tokens[1] },
      { service: 'other.example:8443', host: 'other.example:8443', device: tokens[2] },
      {},
    ]);
    expect([made.destination?.(''), made.destination?.('[1]'), made.destination?.('{"endpoint":7}')]).toEqual([
      {},
      {},
      {},
    ]);
  });
});

describe('a redirect of a push service', () => {
  it.each([301, 302, 303, 307, 308])('with %i is not followed', async (status) => {
    const other = await startPushProvider();
    service.answer(answering(status, { location: `${other.origin}/x` }));
    const host = `127.0.0.1:${service.port}`;
    const made = notifier({ hosts: [host, `127.0.0.1:${other.port}`] });
    const outcome = await made.notify(pushOf(browser.subscription(`https://${host}/x`)));
    expect(outcome).toEqual({ outcome: 'rejected', code: `http_${status}` });
    expect(other.connections).toBe(0);
    await other.close();
  });
});
