import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { apnsNotifier } from 'credential-relay/adapters/notify/apns';
import { fcmNotifier } from 'credential-relay/adapters/notify/fcm';
import { webPushNotifier } from 'credential-relay/adapters/notify/web-push';
import { webhookNotifier } from 'credential-relay/adapters/notify/webhook';
import { describe, expect, it } from 'vitest';
import webPush from 'web-push';
import { refusalOf } from '../../support/notify/checks.js';

/* Each message names the option and the mistake. The mistakes are those of JavaScript, and of the environment. */

const ENVIRONMENT = 'is the environment variable set?';
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const pem = String(ec.export({ type: 'pkcs8', format: 'pem' }));
const rsa = String(
  generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' }),
);
const account = { project_id: 'project', client_email: 'a@b.example', private_key: rsa };
const CERTIFICATE = '-----BEGIN CERTIFICATE-----\\nMIIB\\n-----END CERTIFICATE-----';

type Row = readonly [option: string, given: object, message: string];

const apns: readonly Row[] = [
  ['teamId', { teamId: undefined }, 'is required and must be a string'],
  ['keyId', { keyId: 'f6g7h8i9j0' }, 'must be 10 of the characters A-Z 0-9'],
  ['privateKey', { privateKey: undefined }, 'the variable is not set'],
  ['privateKey', { privateKey: './AuthKey.p8' }, 'not its path'],
  ['privateKey', { privateKey: Buffer.from(pem) }, "not its bytes: readFileSync(path, 'utf8')"],
  ['privateKey', { privateKey: pem.replaceAll('\n', '\\n') }, 'with its line ends'],
  ['privateKey', { privateKey: rsa }, 'must be a P-256 private key'],
  ['privateKey', { privateKey: Promise.resolve(pem) }, 'is a promise: await it first'],
  ['topic', { topic: 'com.example app' }, 'must be a topic'],
  ['origin', { origin: 'api.sandbox.push.apple.com' }, 'must be an https origin'],
  ['types.0', { types: [undefined] }, ENVIRONMENT],
  ['clock', { clock: () => new Date() }, 'must return Unix time in ms'],
  ['clock', { clock: () => Date.now() / 1000 }, 'must return milliseconds, not seconds'],
  ['timeoutMs', { timeoutMs: 5 }, 'in milliseconds'],
  ['ca', { ca: CERTIFICATE }, 'with their line ends'],
  ['ca', { ca: pem }, 'must be PEM certificates'],
];

const fcm: readonly Row[] = [
  ['serviceAccount', { serviceAccount: undefined }, 'must be the parsed JSON file of the account'],
  ['serviceAccount', { serviceAccount: '' }, ENVIRONMENT],
  ['serviceAccount', { serviceAccount: './account.json' }, 'not its path'],
  ['serviceAccount', { serviceAccount: JSON.stringify(account) }, 'call JSON.parse with this text'],
  ['serviceAccount', { serviceAccount: Buffer.from(JSON.stringify(account)) }, 'not its bytes: call JSON.parse'],
  ['serviceAccount', { serviceAccount: { ...account, type: 'authorized_user' } }, 'the type service_account'],
  ['serviceAccount', account, 'pass the account as this option'],
  ['serviceAccount.private_key', { serviceAccount: { ...account, private_key: pem } }, 'must be an RSA private key'],
];

const vapid = webPush.generateVAPIDKeys();
const web: readonly Row[] = [
  ...['https://push.example', 'Push.Example', 'push.example:443', '*', '*.com', '.push.example', 'a..example'].map(
    (host): Row => ['hosts.0', { hosts: [host] }, 'must be a host such as push.example'],
  ),
  ['onlyHosts.0', { onlyHosts: ['https://push.example'] }, 'must be a host such as push.example'],
  ['hosts.1', { hosts: ['push.example', undefined] }, ENVIRONMENT],
  ['hosts', { hosts: 'push.example' }, "must be a list of hosts, such as ['push.example']"],
  ...['a@b.example', 'mailto:', 'mailto: a@b.example', 'mailto:<a@b.example>', 'mailto:undefined', 'http://a.b'].map(
    (subject): Row => ['subject', { subject }, 'must be https://… or mailto: and an address'],
  ),
];

const webhook: readonly Row[] = [
  ['url', { url: '' }, ENVIRONMENT],
  ['url', { url: 'https://undefined/push' }, ENVIRONMENT],
  ['headers', { headers: { authorization: 'Bearer undefined' } }, ENVIRONMENT],
  ['headers', { headers: new Headers({ a: 'b' }) }, 'must be an object of strings'],
];

const secret = `whsec_${randomBytes(32).toString('base64')}`;
const FACTORIES: ReadonlyArray<readonly [name: string, make: (given: object) => unknown, rows: readonly Row[]]> = [
  [
    'apnsNotifier',
    (given) =>
      apnsNotifier({ teamId: 'A1B2C3D4E5', keyId: 'F6G7H8I9J0', privateKey: ec, topic: 'com.example', ...given }),
    apns,
  ],
  ['fcmNotifier', (given) => fcmNotifier(given as never), fcm],
  ['webPushNotifier', (given) => webPushNotifier({ subject: 'mailto:a@b.example', ...vapid, ...given }), web],
  [
    'webhookNotifier',
    (given) => webhookNotifier({ url: 'https://a.example', secret, types: ['t'], ...given }),
    webhook,
  ],
];

describe.each(FACTORIES)('%s', (name, make, rows) => {
  it.each(rows)('%s of %o: %s', (option, given, message) => {
    const refusal = refusalOf(() => make(given));
    expect(refusal.startsWith(`${name}.${option}: `), refusal).toBe(true);
    expect(refusal).toContain(message);
    expect(refusal).not.toContain('MI');
  });
});
