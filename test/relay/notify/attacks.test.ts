import { generateKeyPairSync } from 'node:crypto';
import type { LookupFunction } from 'node:net';
import type { Notifier, RelayEvent } from 'credential-relay';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import webPush from 'web-push';
import { apnsNotifier } from '../../../adapters/notify/apns/index.js';
import { webPushNotifier } from '../../../adapters/notify/web-push/index.js';
import { LOCALHOST } from '../../support/network/tls.js';
import { reply, startApns } from '../../support/notify/apns.js';
import { newBrowser } from '../../support/notify/browser.js';
import { type PushProvider, startPushProvider } from '../../support/notify/provider.js';
import { createBody, device, sharedMailbox, testRelay } from '../../support/relay/relay.js';

/*
 * Attackers leave tokens that are invalid, rate-limited or unresponsive, and write to their own mailboxes. The push of
 * another sender, to another token, arrives within five seconds. The test uses real relays, notifiers and servers.
 */

const LIMIT_MS = 5_000;
const VAPID = webPush.generateVAPIDKeys();
const browser = newBrowser();
const closers: (() => Promise<unknown>)[] = [];

let service: PushProvider;
let other: PushProvider;

beforeEach(async () => {
  [service, other] = [await startPushProvider(), await startPushProvider()];
  closers.push(
    () => service.close(),
    () => other.close(),
  );
});

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function relayWith(notifier: Notifier) {
  const events: RelayEvent[] = [];
  const relay = testRelay({ notifiers: [notifier], onEvent: (event) => events.push(event) });
  closers.push(() => relay.close());
  /** Creates a mailbox with a token of the sender, and lets the receiver update it. */
  const push = async (tokenData: string): Promise<void> => {
    const notificationToken = { type: notifier.types[0] ?? '', tokenData };
    const { url } = await sharedMailbox(relay, createBody({ notificationToken }));
    const receiver = device(relay);
    await receiver.read(url);
    await receiver.update(url);
  };
  return { relay, push, of: (type: RelayEvent['type']) => events.filter((event) => event.type === type) };
}

/** Web Push to both services, and to invented subdomains of allowed host names. */
function browserPush(): Notifier {
  const lookup: LookupFunction = (name, options, callback) => {
    if (name.endsWith('.notify.windows.com')) callback(Object.assign(new Error(name), { code: 'ENOTFOUND' }), []);
    else if (options.all === true) callback(null, [{ address: '127.0.0.1', family: 4 }]);
    else callback(null, '127.0.0.1', 4);
  };
  return webPushNotifier({
    subject: 'mailto:ops@relay.example',
    ...VAPID,
    hosts: ['*.notify.windows.com', `localhost:${service.port}`, `localhost:${other.port}`],
    privateAddresses: true,
    lookup,
    ca: LOCALHOST.cert,
  });
}

const endpoint = ({ port }: PushProvider, path: string): string =>
  browser.subscription(`https://localhost:${port}${path}`);

/** Milliseconds until a service receives a push for a path. */
async function arrival({ requests }: PushProvider, path: string, began: number): Promise<number> {
  while (!requests.some((request) => request.path === path)) {
    if (performance.now() - began > 2 * LIMIT_MS) return Number.POSITIVE_INFINITY;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return performance.now() - began;
}

describe("a victim's push arrives", () => {
  it('although an attacker leaves twelve tokens of services that do not exist', async () => {
    const { push, of } = relayWith(browserPush());
    for (let label = 0; label < 12; label += 1)
      await push(browser.subscription(`https://dead${label}.notify.windows.com/x`));
    await vi.waitFor(() => expect(of('push.failed').length).toBeGreaterThanOrEqual(12), 5_000);
    const began = performance.now();
    await push(endpoint(service, '/victim'));
    expect(await arrival(service, '/victim', began)).toBeLessThan(LIMIT_MS);
    expect(of('push.failed').every((event) => 'outcome' in event && event.outcome === 'rejected')).toBe(true);
    expect(of('push.paused')).toEqual([]);
  });

  it('although APNs limits the token of an attacker (429)', async () => {
    const apns = await startApns();
    closers.push(() => apns.close());
    apns.answer((request) =>
      request.headers[':path']?.endsWith('victim') ? reply(request, 200) : reply(request, 429, 'TooManyRequests'),
    );
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { push, of } = relayWith(
      apnsNotifier({
        teamId: 'TEAM123456',
        keyId: 'KEY1234567',
        privateKey,
        topic: 'com.example.app',
        origin: apns.origin,
        ca: LOCALHOST.cert,
      }),
    );
    for (let mailbox = 0; mailbox < 10; mailbox += 1) await push('limited');
    for (let token = 0; token < 20; token += 1) await push(`limited${token}`);
    await apns.arrived(21);
    await push('victim');
    await vi.waitFor(() => expect(of('push.sent').length).toBe(1), LIMIT_MS);
    expect(of('push.paused')).toEqual([]);
    // The queue sends one push at a time for one token in ten mailboxes.
    expect(apns.requests.filter(({ headers }) => headers[':path'] === '/3/device/limited').length).toBeLessThan(5);
  });

  it('although 1,000 endpoints of its service, or of another service, hang', { timeout: 60_000 }, async () => {
    const { relay, push, of } = relayWith(browserPush());
    service.answer((response, { path }) => {
      if (path.startsWith('/victim')) response.writeHead(201).end();
    });
    for (let mailbox = 0; mailbox < 1_000; mailbox += 1) await push(endpoint(service, `/hangs${mailbox}`));
    const times: number[] = [];
    for (const [provider, path] of [
      [other, '/victim1'],
      [service, '/victim2'],
      [service, '/victim3'],
    ] as const) {
      const began = performance.now();
      await push(endpoint(provider, path));
      times.push(await arrival(provider, path, began));
    }
    for (const time of times) expect(time).toBeLessThan(LIMIT_MS);
    expect(relay.stats().pushes).toBeGreaterThan(500);
    await vi.waitFor(() => expect(of('push.sent').length).toBe(3));
  });
});
