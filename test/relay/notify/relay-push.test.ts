import type { Relay, RelayEvent, RelayOptions } from 'credential-relay';
import { memoryStore } from 'credential-relay/adapters/store/memory';
import { describe, expect, it } from 'vitest';
import { type Provider, provider } from '../../support/notify/queue.js';
import { createBody, type Device, device, sharedMailbox, somePayload, testRelay } from '../../support/relay/relay.js';

/* PROTOCOL §8: after an update and on delete the other device is told, if it left a token that somebody handles. */

const sent = () => ({ outcome: 'sent' });
const tokenOf = (tokenData: string, type = 'one') => ({ notificationToken: { type, tokenData } });

/** A relay with one provider, whose two devices have each left a token. */
async function pair(one: Provider = provider(sent), options: Partial<RelayOptions> = {}) {
  const events: RelayEvent[] = [];
  const relay = testRelay({ notifiers: [one], onEvent: (event) => events.push(event), ...options });
  const { sender, url, created } = await sharedMailbox(relay, createBody(tokenOf('of-sender')));
  const receiver = device(relay);
  await receiver.read(url, { body: tokenOf('of-receiver') });
  return { relay, one, sender, receiver, url, created, events };
}

/** Resolves when nothing waits and nothing is under way. */
async function quiet(relay: Relay): Promise<void> {
  while (relay.stats().pushes > 0) await new Promise((resolve) => setImmediate(resolve));
}

const told = ({ received }: Provider): string[] => received.map(({ tokenData }) => tokenData);

describe('isPushNotificationSupported [§8 A36]', () => {
  it('is true for a token that a notifier handles, on create, its retry, and update', async () => {
    const { sender, receiver, url, created } = await pair();
    expect(created.json.isPushNotificationSupported).toBe(true);
    const update = await receiver.update(url, somePayload(), { requestId: 'twice' });
    const again = await receiver.update(url, somePayload(), { requestId: 'twice' });
    expect([update.json, again.json]).toEqual([
      { isPushNotificationSupported: true },
      { isPushNotificationSupported: true },
    ]);
    expect((await sender.update(url)).json).toEqual({ isPushNotificationSupported: true });
  });

  it('is false without a token, for another type, and for a token that the provider cannot have issued', async () => {
    const picky = { ...provider(sent), validate: (tokenData: string) => tokenData !== 'bad' };
    const relay = testRelay({ notifiers: [picky] });
    for (const left of [{}, tokenOf('x', 'other'), tokenOf('bad')]) {
      const { created } = await sharedMailbox(relay, createBody(left));
      expect(created.json.isPushNotificationSupported).toBe(false);
    }
  });
});

describe('a push [§8 A35 N32]', () => {
  it.each<
    [name: string, act: (by: { sender: Device; receiver: Device; url: string }) => Promise<unknown>, who: string[]]
  >([
    ['an update of the receiver tells the sender', ({ receiver, url }) => receiver.update(url), ['of-sender']],
    ['an update of the sender tells the receiver', ({ sender, url }) => sender.update(url), ['of-receiver']],
    ['a delete of the receiver tells the sender', ({ receiver, url }) => receiver.delete(url), ['of-sender']],
    ['a cancel tells the receiver', ({ sender, url }) => sender.delete(url), ['of-receiver']],
    ['a read tells nobody', ({ receiver, url }) => receiver.read(url), []],
    ['a relinquish tells nobody', ({ receiver, url }) => receiver.relinquish(url), []],
    [
      'an update with a version that is not current tells nobody',
      ({ sender, url }) => sender.update(url, somePayload(), { headers: { 'Mailbox-Known-Version': 'old' } }),
      [],
    ],
    [
      'a repeated update tells once',
      async ({ sender, url }) => {
        await sender.update(url, somePayload(), { requestId: 'twice' });
        await sender.update(url, somePayload(), { requestId: 'twice' });
      },
      ['of-receiver'],
    ],
    [
      'the token is the newest that the device left',
      async ({ sender, receiver, url }) => {
        await receiver.update(url, somePayload(), { body: { payload: somePayload(), ...tokenOf('newer') } });
        await sender.update(url);
      },
      ['of-sender', 'newer'],
    ],
    [
      'a receiver that relinquished is told no more',
      async ({ sender, receiver, url }) => {
        await receiver.relinquish(url);
        await sender.update(url);
      },
      [],
    ],
  ])('%s', async (_name, act, who) => {
    const { relay, one, sender, receiver, url } = await pair();
    await act({ sender, receiver, url });
    await quiet(relay);
    expect(told(one).sort()).toEqual([...who].sort());
  });

  it('is sent neither after a bind nor after relay.remove', async () => {
    const { relay, one, url } = await pair();
    await relay.remove(url);
    await quiet(relay);
    expect(told(one)).toEqual([]);
  });

  it('finds the change stored already', async () => {
    const payload = somePayload();
    let seen: Promise<unknown> | undefined;
    const one: Provider = provider(() => {
      seen = found.sender.read(found.url).then(({ json }) => json.payload);
      return { outcome: 'sent' };
    });
    const found = await pair(one);
    await found.receiver.update(found.url, payload);
    await quiet(found.relay);
    expect(await seen).toEqual(payload);
  });

  it.each<[name: string, answer: (() => unknown) | undefined]>([
    ['hangs', undefined],
    [
      'throws',
      () => {
        throw new Error('broken');
      },
    ],
  ])('of a provider that %s neither delays nor fails the request', async (_name, answer) => {
    const broken = { ...provider(), ...(answer === undefined ? {} : { notify: answer as never }) };
    const { relay, receiver, url } = await pair(broken);
    expect((await receiver.update(url)).status).toBe(200);
    expect((await receiver.delete(url)).status).toBe(200);
    await relay.close();
  });
});

describe('a token that its provider calls gone', () => {
  it('is removed from the mailbox, by any relay of the store', async () => {
    const store = memoryStore();
    const one = provider(() => ({ outcome: 'gone' }));
    const { relay, sender, receiver, url, events } = await pair(one, { store });
    const other = testRelay({ store, notifiers: [one] });
    await receiver.update(url);
    await quiet(relay);
    while (!events.some(({ type }) => type === 'token.forgotten'))
      await new Promise((resolve) => setImmediate(resolve));
    expect((await device(other, sender.claim).update(url)).json).toEqual({ isPushNotificationSupported: false });
  });

  it('does not remove a token that the device has replaced', async () => {
    const one = provider();
    const { relay, sender, receiver, url, events } = await pair(one);
    await receiver.update(url);
    while (one.received.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await sender.update(url, somePayload(), { body: { payload: somePayload(), ...tokenOf('newer') } });
    one.received[0]?.answer({ outcome: 'gone' });
    while (one.received.length === 1) await new Promise((resolve) => setImmediate(resolve));
    one.received[1]?.answer({ outcome: 'sent' });
    await quiet(relay);
    expect(events.some(({ type }) => type === 'token.forgotten')).toBe(false);
    expect((await sender.update(url)).json).toEqual({ isPushNotificationSupported: true });
    await relay.close();
  });

  it('causes no failure if the mailbox was deleted in the meantime', async () => {
    const one = provider();
    const { relay, receiver, url, events } = await pair(one);
    await receiver.delete(url);
    while (one.received.length === 0) await new Promise((resolve) => setImmediate(resolve));
    one.received[0]?.answer({ outcome: 'gone' });
    await quiet(relay);
    expect(events.filter(({ type }) => type === 'relay.failed')).toEqual([]);
  });
});

it('no event of a push holds a token, and close ends the notifiers', async () => {
  const one = provider(() => ({ outcome: 'rejected', code: 'of-sender' }));
  const { relay, receiver, sender, url, events } = await pair(one);
  await receiver.update(url);
  await sender.update(url);
  await quiet(relay);
  await relay.close();
  expect(JSON.stringify(events)).not.toMatch(/of-sender|of-receiver/);
  expect(events.filter(({ type }) => type === 'push.failed').length).toBe(2);
  expect(one.closed).toBe(1);
});
