import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { Agent } from 'node:https';
import type { Duplex } from 'node:stream';
import { HttpsProxyAgent } from 'https-proxy-agent';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import webPush from 'web-push';
import { apnsNotifier } from '../../../adapters/notify/apns/index.js';
import { fcmNotifier } from '../../../adapters/notify/fcm/index.js';
import { webPushNotifier } from '../../../adapters/notify/web-push/index.js';
import { webhookNotifier } from '../../../adapters/notify/webhook/index.js';
import type { Notifier } from '../../../src/relay/notify/contract.js';
import { type ConnectProxy, startConnectProxy } from '../../support/network/connect-proxy.js';
import { LOCALHOST } from '../../support/network/tls.js';
import { type ApnsServer, startApns } from '../../support/notify/apns.js';
import { newBrowser } from '../../support/notify/browser.js';
import { expectNoSecret, pushOf, refusalOf } from '../../support/notify/checks.js';
import { answering, type PushProvider, startPushProvider } from '../../support/notify/provider.js';

/*
 * Pushes leave through an egress proxy. The providers have the origin https://localhost:9, where nothing listens: only
 * the proxy leads to them.
 */

interface Way {
  readonly agent?: Agent | HttpsProxyAgent<string>;
  readonly proxy?: string | URL | false;
  readonly timeoutMs?: number;
}

const ORIGIN = 'https://localhost:9';
const VAPID = webPush.generateVAPIDKeys();
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' });
const ca = LOCALHOST.cert;
const SENT = { outcome: 'sent' };

const SIBLINGS: Record<string, [make: (way: Way) => Notifier, token: string]> = {
  apnsNotifier: [
    (way) =>
      apnsNotifier({
        ...{ teamId: 'A1B2C3D4E5', keyId: 'F6G7H8I9J0', privateKey: ec, topic: 'com.example.app', origin: ORIGIN, ca },
        ...way,
      }),
    'aa'.repeat(32),
  ],
  fcmNotifier: [
    (way) =>
      fcmNotifier({
        serviceAccount: {
          ...{ project_id: 'project', client_email: 'a@b.example', private_key: String(rsa) },
          token_uri: `${ORIGIN}/token`,
        },
        ...{ origin: ORIGIN, ca, ...way },
      }),
    'registration-token',
  ],
  webPushNotifier: [
    (way) => webPushNotifier({ subject: 'https://relay.example', ...VAPID, onlyHosts: ['localhost:9'], ca, ...way }),
    newBrowser().subscription(`${ORIGIN}/push`),
  ],
  webhookNotifier: [
    (way) =>
      webhookNotifier({
        url: `${ORIGIN}/push`,
        secret: `whsec_${randomBytes(32).toString('base64')}`,
        ...{ types: ['t'], ca, ...way },
      }),
    'token',
  ],
};

/** The agent of a host, which connects to another address than the request names. */
class Elsewhere extends Agent {
  readonly #port: number;

  constructor(port: number) {
    super();
    this.#port = port;
  }

  override createConnection(options: object, done?: (error: Error | null, stream: Duplex) => void) {
    return super.createConnection({ ...options, host: '127.0.0.1', port: this.#port }, done);
  }
}

let apns: ApnsServer;
let provider: PushProvider;
let proxies: ConnectProxy[] = [];
let open: Notifier[] = [];

/** A notifier, its token, and the number of pushes that its provider has received. */
function sibling(name: string, way: Way): { push(): ReturnType<Notifier['notify']>; received(): number } {
  const [make, token] = SIBLINGS[name] as (typeof SIBLINGS)[string];
  const notifier = make(way);
  open.push(notifier);
  return {
    push: () => notifier.notify(pushOf(token)),
    received: () => apns.requests.length + provider.requests.filter(({ path }) => path !== '/token').length,
  };
}

async function proxyOf(name: string, options = {}): Promise<ConnectProxy> {
  const proxy = await startConnectProxy(name === 'apnsNotifier' ? apns.port : provider.port, options);
  proxies.push(proxy);
  return proxy;
}

beforeEach(async () => {
  for (const variable of ['HTTPS_PROXY', 'https_proxy', 'NO_PROXY', 'no_proxy']) vi.stubEnv(variable, undefined);
  apns = await startApns();
  provider = await startPushProvider();
  provider.answer(answering(200, {}, { access_token: 'access', expires_in: 3600 }), '/token');
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all(open.map((notifier) => notifier.close?.()));
  await Promise.all([...proxies.map((proxy) => proxy.close()), apns.close(), provider.close()]);
  proxies = [];
  open = [];
});

describe.each(Object.keys(SIBLINGS))('%s behind an egress proxy', (name) => {
  it('sends through the proxy of the option, with its credentials, over one connection', async () => {
    const proxy = await proxyOf(name);
    const one = sibling(name, { proxy: new URL(proxy.url.replace('//', '//user:p%40ss@')) });
    expect(await one.push()).toEqual(SENT);
    expect(await one.push()).toEqual(SENT);
    expect(one.received()).toBe(2);
    expect(proxy.targets).toEqual(['localhost:9']);
    expect(proxy.credentials).toEqual([`Basic ${Buffer.from('user:p@ss').toString('base64')}`]);
  });

  it.each(['HTTPS_PROXY', 'https_proxy'])('sends through the proxy of the environment (%s)', async (variable) => {
    const proxy = await proxyOf(name);
    vi.stubEnv(variable, proxy.url);
    expect(await sibling(name, {}).push()).toEqual(SENT);
    expect(proxy.targets).toEqual(['localhost:9']);
  });

  it('connects directly to a host of NO_PROXY, and with proxy: false', async () => {
    const proxy = await proxyOf(name);
    vi.stubEnv('HTTPS_PROXY', proxy.url);
    const direct = { outcome: 'retry', code: 'ECONNREFUSED' };
    // A direct connection to a loopback address is what the check of addresses refuses.
    const expected = name === 'webPushNotifier' ? { outcome: 'rejected', code: 'private_address' } : direct;
    expect(await sibling(name, { proxy: false }).push()).toEqual(expected);
    vi.stubEnv('NO_PROXY', 'example.com, localhost');
    expect(await sibling(name, {}).push()).toEqual(expected);
    expect(proxy.targets).toEqual([]);
  });

  it('sends through an agent of npm, and through an agent of node:https', async () => {
    const proxy = await proxyOf(name);
    expect(await sibling(name, { agent: new HttpsProxyAgent(proxy.url) }).push()).toEqual(SENT);
    expect([...new Set(proxy.targets)]).toEqual(['localhost:9']);
    const agent = new Elsewhere(name === 'apnsNotifier' ? apns.port : provider.port);
    expect(await sibling(name, { agent }).push()).toEqual(SENT);
    agent.destroy();
  });

  it('names a proxy that refuses or is down, without its credentials', async () => {
    const proxy = await proxyOf(name);
    proxy.refuse(407);
    const url = proxy.url.replace('//', '//user:secret-of-the-proxy@');
    const refused = await sibling(name, { proxy: url }).push();
    expect(refused).toMatchObject({ outcome: 'retry', code: 'proxy_http_407' });
    await proxy.close();
    proxies = [];
    const down = await sibling(name, { proxy: url }).push();
    expect(down).toMatchObject({ outcome: 'retry', code: 'proxy_ECONNREFUSED' });
    expectNoSecret([refused, down], ['secret-of-the-proxy']);
  });

  it('does not wait longer than timeoutMs for a proxy that hangs', async () => {
    const proxy = await proxyOf(name);
    proxy.refuse(0);
    const started = performance.now();
    const outcome = await sibling(name, { proxy: proxy.url, timeoutMs: 200 }).push();
    expect(outcome).toMatchObject({ outcome: 'retry', code: expect.stringMatching(/^(proxy_)?timeout$/) });
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it.each([
    [{ proxy: 'socks5://proxy.example' }, `${name}.proxy: must be the http or https URL of a proxy, or false`],
    [{ proxy: '' }, `${name}.proxy: must be the http or https URL of a proxy, or false`],
    [{ proxy: 'http://proxy.example', agent: new Agent() }, `${name}.proxy: cannot be combined with agent`],
    [{ agent: {} as Agent }, `${name}.agent: must be an Agent for https: of node:https, or such as HttpsProxyAgent`],
  ])('names a wrong option: %j', (way, message) => {
    expect(refusalOf(() => sibling(name, way))).toBe(message);
  });

  it('sends credentials with a bare % as they are', async () => {
    const proxy = await proxyOf(name);
    const one = sibling(name, { proxy: proxy.url.replace('//', '//user:100%@') });
    expect(await one.push()).toEqual(SENT);
    expect(proxy.credentials).toEqual([`Basic ${Buffer.from('user:100%').toString('base64')}`]);
  });

  it('names a proxy of the environment that it cannot use, without its value', () => {
    vi.stubEnv('HTTPS_PROXY', 'socks5://user:secret-of-the-proxy@proxy.example');
    const message = refusalOf(() => sibling(name, {}));
    expect(message).toMatch(new RegExp(`^${name}.proxy: the environment variable HTTPS_PROXY must be`));
    expectNoSecret(message, ['secret-of-the-proxy']);
  });
});

describe('the proxy of webPushNotifier', () => {
  it('gets no endpoint of a host that is not on the list', async () => {
    const proxy = await proxyOf('webPushNotifier');
    const notifier = webPushNotifier({ subject: 'https://relay.example', ...VAPID, proxy: proxy.url, ca });
    open.push(notifier);
    for (const endpoint of ['https://169.254.169.254/x', 'https://localhost:9/x', 'https://evil.example/x']) {
      const token = newBrowser().subscription(endpoint);
      expect(await notifier.notify(pushOf(token))).toEqual({ outcome: 'rejected', code: 'subscription_invalid' });
    }
    expect(proxy.targets).toEqual([]);
  });

  it('may be https', async () => {
    const proxy = await proxyOf('webPushNotifier', { tls: true });
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    expect(await sibling('webPushNotifier', { proxy: proxy.url }).push()).toEqual(SENT);
    expect(proxy.targets).toEqual(['localhost:9']);
  });

  it('answers for a name that the device made up: the failure counts against the token', async () => {
    const proxy = await proxyOf('webPushNotifier');
    proxy.refuse(502);
    const notifier = webPushNotifier({ subject: 'https://relay.example', ...VAPID, proxy: proxy.url, ca });
    open.push(notifier);
    const token = newBrowser().subscription('https://made-up.notify.windows.com/x');
    expect(await notifier.notify(pushOf(token))).toEqual({ outcome: 'retry', code: 'proxy_http_502', fault: 'token' });
  });
});
