import type { Relay, RelayEvent, RelayOptions } from 'credential-relay';
import { memoryStore } from 'credential-relay/adapters/store/memory';
import { describe, expect, it, vi } from 'vitest';
import { type Provider, provider } from '../../support/notify/queue.js';
import { createBody, type Device, device, sharedMailbox, somePayload, testRelay } from '../../support/relay/relay.js';

/*
 * docs/protocol.md §8: after an update or a delete, the relay notifies the other device if it left a supported token.
 */

const sent = () => ({ outcome: 'sent' });
const tokenOf = (tokenData: string, type = 'one') => ({ notificationToken: { type, tokenData } });

/** A relay with one provider, and two devices that each left a token. */
async function pair(one: Provider = provider(sent), options: Partial<RelayOptions> = {}) {
  const events: RelayEvent[] = [];
  const relay = testRelay({ notifiers: [one], onEvent: (event) => events.push(event), ...options });
  const { sender, url, created } = await sharedMailbox(relay, createBody(tokenOf('of-sender')));
  const receiver = device(relay);
  await receiver.read(url, { body: tokenOf('of-receiver') });
  return { relay, one, sender, receiver, url, created, events };
}

/** Resolves when the queue is empty and no push is in progress. */
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

describe('token.declined', () => {
  const picky = (explain?: (tokenData: string) => unknown): Provider =>
    Object.assign(provider(sent), { validate: () => false, explainDecline: explain });

  it.each<[name: string, explain: ((tokenData: string) => unknown) | undefined, reason: string]>([
    ['a word of the notifier', () => 'host_not_listed', 'host_not_listed'],
    ['no explanation', undefined, 'token_invalid'],
    ['no word', () => 'Host not listed!', 'token_invalid'],
    ['a part of the token', () => 'secret_part', 'token_invalid'],
    [
      'an error',
      () => {
        throw new Error('secret_part');
      },
      'token_invalid',
    ],
  ])('names the reason: %s', async (_name, explain, reason) => {
    const events: RelayEvent[] = [];
    const relay = testRelay({ notifiers: [picky(explain)], onEvent: (event) => events.push(event) });
    const { created } = await sharedMailbox(relay, createBody(tokenOf('a-secret_part')));
    expect(created.json.isPushNotificationSupported).toBe(false);
    expect(events.filter(({ type }) => type === 'token.declined')).toEqual([
      { type: 'token.declined', tokenType: 'one', reason, tokens: 1 },
    ]);
    expect(JSON.stringify(events)).not.toContain('secret_part');
  });

  it('is emitted once a minute per type and reason, with the number of checks since', async () => {
    const at = vi.spyOn(performance, 'now');
    try {
      let word = 'one_reason';
      const events: RelayEvent[] = [];
      const relay = testRelay({ notifiers: [picky(() => word)], onEvent: (event) => events.push(event) });
      const declined = () => events.flatMap((event) => (event.type === 'token.declined' ? [event] : []));
      for (let count = 0; count < 4; count += 1) await sharedMailbox(relay, createBody(tokenOf('x')));
      expect(declined().map(({ tokens }) => tokens)).toEqual([1]);
      word = 'other_reason';
      await sharedMailbox(relay, createBody(tokenOf('x')));
      expect(declined().map(({ reason }) => reason)).toEqual(['one_reason', 'other_reason']);
      word = 'one_reason';
      const later = performance.now() + 61_000;
      at.mockImplementation(() => later);
      await sharedMailbox(relay, createBody(tokenOf('x')));
      const [, , last] = declined();
      expect(last?.reason).toBe('one_reason');
      expect(last?.tokens).toBeGreaterThanOrEqual(4);
    } finally {
      at.mockRestore();
    }
  });
});

describe('a push [§8 A35 N32]', () => {
  it.each<
    [name: string, act: (by: { sender: Device; receiver: Device; url: string }) => Promise<unknown>, who: string[]]
  >([
    ['notifies the sender of an update by the receiver', ({ receiver, url }) => receiver.update(url), ['of-sender']],
    ['notifies the receiver of an update by the sender', ({ sender, url }) => sender.update(url), ['of-receiver']],
    ['notifies the sender of a delete by the receiver', ({ receiver, url }) => receiver.delete(url), ['of-sender']],
    ['notifies the receiver of a cancel', ({ sender, url }) => sender.delete(url), ['of-receiver']],
    ['is not sent for a read', ({ receiver, url }) => receiver.read(url), []],
    ['is not sent for a relinquish', ({ receiver, url }) => receiver.relinquish(url), []],
    [
      'is not sent for an update with a version that is not current',
      ({ sender, url }) => sender.update(url, somePayload(), { headers: { 'Mailbox-Known-Version': 'old' } }),
      [],
    ],
    [
      'is sent once for a repeated update',
      async ({ sender, url }) => {
        await sender.update(url, somePayload(), { requestId: 'twice' });
        await sender.update(url, somePayload(), { requestId: 'twice' });
      },
      ['of-receiver'],
    ],
    [
      'uses the newest token of the device',
      async ({ sender, receiver, url }) => {
        await receiver.update(url, somePayload(), { body: { payload: somePayload(), ...tokenOf('newer') } });
        await sender.update(url);
      },
      ['of-sender', 'newer'],
    ],
    [
      'is not sent to a receiver that relinquished',
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

  it('is sent after the change is stored', async () => {
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
  ])('neither delays nor fails the request if the provider %s', async (_name, answer) => {
    const broken = { ...provider(), ...(answer === undefined ? {} : { notify: answer as never }) };
    const { relay, receiver, url } = await pair(broken);
    expect((await receiver.update(url)).status).toBe(200);
    expect((await receiver.delete(url)).status).toBe(200);
    await relay.close();
  });
});

describe('a token that its provider reports as gone', () => {
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

  it('stays if the device has replaced it', async () => {
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

it('the events of pushes contain no token, and close ends the notifiers', async () => {
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
