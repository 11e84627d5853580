import { memoryStore } from 'credential-relay/adapters/store/memory';
import { describe, expect, it } from 'vitest';
import { findVersion, type Mailbox } from '../../../src/relay/mailbox/record.js';
import { provider } from '../../support/notify/queue.js';
import { type Answer, device, sharedMailbox, somePayload, testRelay } from '../../support/relay/relay.js';

/* docs/protocol.md §8: a device that leaves or replaces its token does not change the mailbox for the other device. */

const tokenOf = (tokenData: string) => ({ notificationToken: { type: 'one', tokenData } });
const versionOf = ({ headers }: Answer): string => headers.get('Mailbox-Version') ?? '';
const waitFor = (version: string, seconds = 30) => ({
  headers: { Prefer: `wait=${seconds}`, 'Mailbox-Known-Version': version },
});

/** Two relays on one store, without change notifications between them. */
function twoProcesses() {
  const backing = new Map<string, unknown>();
  const push = provider(() => ({ outcome: 'sent' }));
  let polls = 0;
  const make = () => {
    const { changes: _, ...store } = memoryStore(backing);
    const { revision } = store;
    const counting = {
      ...store,
      async revision(key: string) {
        polls += 1;
        return revision?.(key);
      },
    };
    return testRelay({ store: counting, notifiers: [push], longPoll: { pollMs: 50 } });
  };
  return { here: make(), there: make(), push, polls: () => polls };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

describe('a token that a bound device brings on a read', () => {
  it('[§8 A32] wakes no held read of the other device, in this process or another, and delays no later change', async () => {
    const { here, there, push, polls } = twoProcesses();
    const { sender, url } = await sharedMailbox(here);
    const receiver = device(here);
    const version = versionOf(await receiver.read(url));
    for (const relay of [here, there]) {
      const held = device(relay, receiver.claim).read(url, waitFor(version));
      await until(() => relay.stats().waiters === 1);
      const answer = await sender.read(url, { body: tokenOf(`sender-${relay === here}`) });
      expect([versionOf(answer), answer.json.isPushNotificationSupported]).toEqual([version, true]);
      // The poller has seen the new revision, and has found the same version.
      const seen = polls();
      await until(() => polls() > seen + 2);
      expect(relay.stats().waiters).toBe(1);
      // Ends the held read, so that the next round starts without it.
      const superseding = await device(relay, receiver.claim).read(url, waitFor(version, 1));
      expect([superseding.status, versionOf(superseding)]).toEqual([204, version]);
      expect([(await held).status, versionOf(await held)]).toEqual([204, version]);
    }
    const held = device(there, receiver.claim).read(url, waitFor(version));
    await until(() => there.stats().waiters === 1);
    const payload = somePayload();
    // The version that the sender knows from before its tokens is still current.
    const updated = await sender.update(url, payload, { headers: { 'Mailbox-Known-Version': version } });
    expect(updated.status).toBe(200);
    expect((await held).json.payload).toEqual(payload);
    await receiver.update(url);
    await until(() => push.received.length > 0);
    expect(push.received.map(({ tokenData }) => tokenData)).toEqual(['sender-false']);
  });

  it('[§8] is stored before the relay holds the read, and the newer read of one device supersedes the older', async () => {
    const { here, push } = twoProcesses();
    const { sender, url } = await sharedMailbox(here);
    const version = versionOf(await device(here).read(url));
    const first = sender.read(url, { ...waitFor(version), body: tokenOf('first') });
    await until(() => here.stats().waiters === 1);
    const second = sender.read(url, { ...waitFor(version), body: tokenOf('second') });
    expect((await first).status).toBe(204);
    await until(() => here.stats().waiters === 1);
    const { json } = await device(here, sender.claim).update(url);
    expect(json).toEqual({ isPushNotificationSupported: true });
    const answer = await second;
    expect([answer.status, answer.json.isPushNotificationSupported]).toEqual([200, true]);
    expect(push.received).toEqual([]);
  });
});

it('[§8] a record that an earlier release has written since has its revision as the version', () => {
  const mailbox = { latest: { revision: 'one', version: 'zero', by: 'sender' } } as Mailbox;
  expect(findVersion(mailbox, 'one')).toEqual({ version: 'zero', by: 'sender' });
  expect(findVersion(mailbox, 'two')).toEqual({ version: 'two' });
  expect(findVersion({} as Mailbox, 'two')).toEqual({ version: 'two' });
});
