import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { createMailboxClient, type NotificationToken, type TransferState } from 'credential-relay/client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DISPLAY, hastyReceiver, hastySender, words } from '../support/client/devices.js';
import { type RelayServer, startRelay } from '../support/client/relay-server.js';

/*
 * The notification token of a device over the life of a share [§4, §8]. A gate in front of a real relay notes the
 * tokens, and answers `isPushNotificationSupported` to a read with a token as the protocol requires; or, as a relay of
 * an older version, does not.
 */

const token = (tokenData: string): NotificationToken => ({ type: 'com.apple.apns', tokenData });
const stateful = { accessRights: 'RWD' } as const;

let relay: RelayServer;
let url: string;
let close: () => void;
/** `METHOD token`, or `METHOD -`, of each request with a body or of a read. */
let log: string[] = [];
let isOld = false;
let isDown = false;

async function toToken(request: IncomingMessage, body: Buffer): Promise<string | undefined> {
  const text = body.toString();
  const data = text === '' ? undefined : JSON.parse(text).notificationToken?.tokenData;
  log.push(`${request.method}${(request.headers.prefer ?? '') && ' held'} ${data ?? '-'}`);
  return data;
}

beforeAll(async () => {
  const gate = createServer(async (request, response) => {
    const body = await buffer(request);
    if (isDown) return response.destroy();
    const data = await toToken(request, body);
    const isRead = request.method === 'POST' && request.url?.endsWith('/v1/m') === false;
    const { 'content-length': _length, host: _host, connection: _connection, ...headers } = request.headers;
    const answer = await fetch(`${relay.url.replace('/relay', '')}${request.url}`, {
      method: request.method ?? '',
      headers: headers as Record<string, string>,
      ...(body.length > 0 && { body }),
    });
    let text = await answer.text();
    if (isRead && answer.status === 200) {
      const { isPushNotificationSupported: _own, ...content } = JSON.parse(text);
      const answered = data !== undefined && !isOld ? { isPushNotificationSupported: data !== 'unknown' } : {};
      text = JSON.stringify({ ...content, ...answered });
    }
    const sent = [...answer.headers].filter(([name]) => name.startsWith('mailbox-') || name === 'content-type');
    response.writeHead(answer.status, Object.fromEntries(sent)).end(text.replaceAll(relay.url, url));
  });
  await new Promise<void>((resolve) => gate.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(gate.address() as AddressInfo).port}/relay`;
  relay = await startRelay();
  close = () => {
    gate.closeAllConnections();
    gate.close();
  };
});
afterAll(async () => {
  close();
  await relay.close();
});
beforeEach(() => {
  log = [];
  isOld = false;
  isDown = false;
});

const polling = { waitSeconds: 0 } as const;

describe('A notification token [§4, §8]', () => {
  it('open leaves the token with the read that binds, and with no other read', async () => {
    const share = await hastySender(url).share(words('key'), DISPLAY, stateful);
    const received = hastyReceiver(polling).open(share.url, { notificationToken: token('a') });
    expect(received.isPushNotificationSupported).toBeUndefined();
    await received.next();
    await received.check();
    expect([log, received.isPushNotificationSupported]).toEqual([['POST -', 'POST a', 'POST -'], true]);
    expect(share.isPushNotificationSupported).toBe(false);
  });

  it('A bound receiver and a sender replace the token by a read, and get the answer of the relay', async () => {
    const share = await hastySender(url).share(words('key'), DISPLAY, { ...stateful, notificationToken: token('s') });
    const received = hastyReceiver(polling).open(share.url);
    await received.next();
    log = [];
    expect(await received.setNotificationToken(token('b'))).toBe(true);
    expect(await share.setNotificationToken(token('unknown'))).toBe(false);
    expect([received, share].map((each) => each.isPushNotificationSupported)).toEqual([true, false]);
    await received.setNotificationToken(token('b'));
    await received.reply(words('request'));
    expect((await share.next())?.content).toEqual({ text: 'request' });
    expect(log).toEqual(['POST b', 'POST unknown', 'PUT -', 'POST -']);
  });

  it('A message that the read of setNotificationToken finds is not lost', async () => {
    const share = await hastySender(url).share(words('key'), DISPLAY, stateful);
    const received = hastyReceiver(polling).open(share.url);
    await received.next();
    await received.reply(words('request'));
    await share.setNotificationToken(token('s'));
    expect(await share.check()).toEqual(words('request'));
  });

  it('A receiver that is not bound sends nothing, and leaves the token with the read that binds', async () => {
    const share = await hastySender(url).share(words('key'), DISPLAY);
    const received = hastyReceiver(polling).open(share.url, { notificationToken: token('a') });
    expect(await received.setNotificationToken(token('b'))).toBeUndefined();
    await received.next();
    expect(log).toEqual(['POST -', 'POST b']);
  });

  it('A token that did not arrive is in the state, and the first read after resume leaves it', async () => {
    const share = await hastySender(url).share(words('key'), DISPLAY, stateful);
    const states: TransferState[] = [];
    const options = { ...polling, retryTimeoutMs: 0, onState: (state: TransferState) => void states.push(state) };
    const received = hastyReceiver(options).open(share.url);
    await received.next();
    isDown = true;
    await expect(received.setNotificationToken(token('b'))).rejects.toMatchObject({ code: 'unreachable' });
    isDown = false;
    log = [];
    const saved = JSON.parse(JSON.stringify(states.at(-1))) as TransferState;
    const resumed = await hastyReceiver(options).resume(saved);
    await resumed.check();
    await resumed.check();
    expect([log, resumed.isPushNotificationSupported]).toEqual([['POST b', 'POST -'], true]);
    const replaced = await hastyReceiver(options).resume(saved, { notificationToken: token('c') });
    await replaced.check();
    expect([log.at(-1), states.at(-1)?.notificationToken]).toEqual(['POST c', token('c')]);
  });

  it('A token that did not arrive goes with the next reply', async () => {
    const share = await hastySender(url, { retryTimeoutMs: 0 }).share(words('key'), DISPLAY, stateful);
    const received = hastyReceiver(polling).open(share.url);
    await received.next();
    await share.check();
    isDown = true;
    await expect(share.setNotificationToken(token('s'))).rejects.toMatchObject({ code: 'unreachable' });
    isDown = false;
    log = [];
    await share.reply(words('more'));
    await share.check();
    expect(log).toEqual(['PUT s', 'POST -']);
  });

  it('After a pending reply with an older token, the next read leaves the newer token again', async () => {
    const share = await hastySender(url, { retryTimeoutMs: 0 }).share(words('key'), DISPLAY, stateful);
    const received = hastyReceiver({ ...polling, retryTimeoutMs: 0 }).open(share.url);
    await received.next();
    isDown = true;
    const reply = received.reply(words('request'), { notificationToken: token('old') });
    await expect(reply).rejects.toMatchObject({ code: 'unreachable' });
    isDown = false;
    log = [];
    await received.setNotificationToken(token('new'));
    await received.check();
    expect(log).toEqual(['POST new', 'PUT old', 'POST new']);
    expect(received.state.isTokenLeft).toBe(true);
  });

  it('A relay of an older version gets the token with one read, and with the next reply', async () => {
    isOld = true;
    const share = await hastySender(url).share(words('key'), DISPLAY, stateful);
    const received = hastyReceiver(polling).open(share.url, { notificationToken: token('a') });
    await received.next();
    expect(await received.setNotificationToken(token('b'))).toBeUndefined();
    await received.check();
    await received.reply(words('request'));
    await received.check();
    expect(log).toEqual(['POST -', 'POST a', 'POST b', 'POST -', 'PUT b', 'POST -']);
  });

  it('A read with a token is not held, and the next one is', async () => {
    const share = await hastySender(url, { retryTimeoutMs: 0 }).share(words('key'), DISPLAY, stateful);
    const received = hastyReceiver().open(share.url);
    await received.next();
    expect(await share.check()).toBeUndefined();
    isDown = true;
    await expect(share.setNotificationToken(token('s'))).rejects.toMatchObject({ code: 'unreachable' });
    isDown = false;
    log = [];
    const next = share.next();
    await expect.poll(() => log).toEqual(['POST s', 'POST held -']);
    await received.reply(words('request'));
    expect(await next).toEqual(words('request'));
  });

  it('A token that the relay refuses fails one call, and no later one', async () => {
    const long = token('x'.repeat(9000));
    const share = await hastySender(url, polling).share(words('key'), DISPLAY, stateful);
    const received = hastyReceiver(polling).open(share.url, { notificationToken: long });
    await expect(received.next()).rejects.toMatchObject({ code: 'refused', status: 400 });
    expect(await received.next()).toEqual(words('key'));
    for (const device of [share, received]) {
      await expect(device.setNotificationToken(long)).rejects.toMatchObject({ code: 'refused', status: 400 });
      expect(await device.check()).toBeUndefined();
    }
    await expect(received.reply(words('no'), { notificationToken: long })).rejects.toMatchObject({ code: 'refused' });
    expect(await received.check()).toBeUndefined();
    await received.reply(words('request'));
    expect(await share.check()).toEqual(words('request'));
    expect(await received.setNotificationToken(token('b'))).toBe(true);
  });

  it('A share that has ended takes no token', async () => {
    const share = await hastySender(url).share(words('key'), DISPLAY);
    await share.cancel();
    await expect(share.setNotificationToken(token('s'))).rejects.toMatchObject({ code: 'gone' });
  });

  it('read of createMailboxClient returns the answer about the token', async () => {
    const share = await hastySender(url).share(words('key'), DISPLAY);
    const client = createMailboxClient();
    expect((await client.read(share.url, token('a'))).body.isPushNotificationSupported).toBe(true);
    expect((await client.read(share.url)).body.isPushNotificationSupported).toBeUndefined();
  });
});
