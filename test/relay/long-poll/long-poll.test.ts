import { randomUUID } from 'node:crypto';
import type { Relay } from 'credential-relay';
import { memoryStore } from 'credential-relay/adapters/store/memory';
import { describe, expect, it } from 'vitest';
import { type Answer, type Device, device, sharedMailbox, somePayload, testRelay } from '../../support/relay/relay.js';

const waitFor = (version: string, seconds = 30) => ({
  headers: { Prefer: `wait=${seconds}`, 'Mailbox-Known-Version': version },
});

/** Resolves once the relay holds `count` reads. */
async function held(relay: Relay, count: number): Promise<void> {
  while (relay.stats().waiters !== count) await new Promise((resolve) => setImmediate(resolve));
}

async function boundPair(relay: Relay): Promise<{ sender: Device; receiver: Device; url: string; version: string }> {
  const { sender, url } = await sharedMailbox(relay);
  const receiver = device(relay);
  const read = await receiver.read(url);
  return { sender, receiver, url, version: read.headers.get('Mailbox-Version') ?? '' };
}

describe('ReadSecureContentFromMailbox with Prefer: wait', () => {
  it('is held until the other device updates, and answers with the new payload [R14 A42]', async () => {
    const relay = testRelay();
    const { sender, receiver, url, version } = await boundPair(relay);
    const waiting = sender.read(url, waitFor(version));
    await held(relay, 1);
    const payload = somePayload();
    const update = await receiver.update(url, payload);
    const answer = await waiting;
    expect(answer.status).toBe(200);
    expect(answer.json.payload).toEqual(payload);
    expect(answer.headers.get('Mailbox-Version')).toBe(update.headers.get('Mailbox-Version'));
    expect(answer.headers.get('Preference-Applied')).toBe('wait=30');
    expect(relay.stats().waiters).toBe(0);
  });

  it('answers at once if the version is not current', async () => {
    const relay = testRelay();
    const { sender, url } = await boundPair(relay);
    const answer = await sender.read(url, waitFor('another'));
    expect(answer.status).toBe(200);
    expect(answer.json.payload).toBeDefined();
  });

  it('answers 204 with the same version when nothing happens in time', async () => {
    const relay = testRelay();
    const { sender, url, version } = await boundPair(relay);
    const answer = await sender.read(url, waitFor(version, 1));
    expect([answer.status, answer.text]).toEqual([204, '']);
    expect(answer.headers.get('Mailbox-Version')).toBe(version);
    expect(answer.headers.get('Preference-Applied')).toBe('wait=1');
  });

  it.each<
    [name: string, end: (pair: Awaited<ReturnType<typeof boundPair>>, relay: Relay) => Promise<unknown>, status: number]
  >([
    ['delete', ({ receiver, url }) => receiver.delete(url), 404],
    ['relay.remove', ({ url }, relay) => relay.remove(url), 404],
    ['relinquish', ({ receiver, url }) => receiver.relinquish(url), 200],
  ])('ends for the sender by %s', async (_name, end, status) => {
    const relay = testRelay();
    const pair = await boundPair(relay);
    const waiting = pair.sender.read(pair.url, waitFor(pair.version));
    await held(relay, 1);
    await end(pair, relay);
    expect((await waiting).status).toBe(status);
  });

  it('ends with 401 for a receiver that relinquishes meanwhile', async () => {
    const relay = testRelay();
    const { receiver, url, version } = await boundPair(relay);
    const waiting = receiver.read(url, waitFor(version));
    await held(relay, 1);
    await receiver.relinquish(url);
    const answer = await waiting;
    expect([answer.status, answer.json.code]).toEqual([401, 'claim_released']);
  });

  it('is superseded by a newer wait of the same device, and not by the other device', async () => {
    const relay = testRelay();
    const { sender, receiver, url, version } = await boundPair(relay);
    const older = sender.read(url, waitFor(version));
    await held(relay, 1);
    const others = receiver.read(url, waitFor(version));
    await held(relay, 2);
    const newer = sender.read(url, waitFor(version));
    expect((await older).status).toBe(204);
    await held(relay, 2);
    await receiver.delete(url);
    expect((await Promise.all([others, newer])).map(({ status }) => status)).toEqual([404, 404]);
  });

  it('is answered at once, with wait=0 and Retry-After, when too many wait', async () => {
    const relay = testRelay({ longPoll: { maximumWaiters: 1 } });
    const { sender, receiver, url, version } = await boundPair(relay);
    const waiting = sender.read(url, waitFor(version));
    await held(relay, 1);
    const answer = await receiver.read(url, waitFor(version));
    expect(answer.status).toBe(204);
    expect(answer.headers.get('Preference-Applied')).toBe('wait=0');
    expect(answer.headers.get('Retry-After')).toMatch(/^\d+$/);
    await receiver.delete(url);
    await waiting;
  });

  it('wakes waiters in the process of the change at once, without a notification of the store', async () => {
    const { changes: _, ...deaf } = memoryStore();
    const relay = testRelay({ store: deaf, longPoll: { pollMs: 600_000 } });
    const { sender, receiver, url, version } = await boundPair(relay);
    const waiting = sender.read(url, waitFor(version));
    await held(relay, 1);
    await receiver.update(url);
    expect((await waiting).status).toBe(200);
  });

  it('drain ends held reads, and no read is held after it', async () => {
    const relay = testRelay();
    const { sender, url, version } = await boundPair(relay);
    const waiting = sender.read(url, waitFor(version));
    await held(relay, 1);
    await relay.drain();
    const answers: Answer[] = [await waiting, await sender.read(url, waitFor(version))];
    expect(answers.map(({ status }) => status)).toEqual([204, 204]);
    expect(answers.map(({ headers }) => headers.get('Preference-Applied'))).toEqual(['wait=30', 'wait=0']);
  });

  it('releases everything when the client disconnects', async () => {
    const relay = testRelay();
    const { sender, url, version } = await boundPair(relay);
    const gone = new AbortController();
    const request = new Request(url, {
      method: 'POST',
      headers: {
        'Mailbox-Device-Claim': sender.claim,
        'Mailbox-Request-ID': randomUUID(),
        ...waitFor(version).headers,
      },
      signal: gone.signal,
    });
    const waiting = relay.fetch(request);
    await held(relay, 1);
    gone.abort();
    await waiting;
    expect(relay.stats().waiters).toBe(0);
  });
});
