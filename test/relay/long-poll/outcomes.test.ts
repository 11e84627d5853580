import type { AuthenticationHook, AuthorizationHook } from 'credential-relay';
import { describe, expect, it } from 'vitest';
import { HANDLERS, type Served, serveInTests, waitersReach } from '../../support/long-poll/served.js';
import { createBody, inSeconds, somePayload } from '../../support/protocol/bodies.js';
import { type BoundPair, createBoundPair, newDevice, waitFields } from '../../support/protocol/device.js';
import type { Field, Sent } from '../../support/protocol/http.js';

/* docs/protocol.md §8: the outcomes of a long poll, with each handler over real sockets. */

const RETURNED_SOON_MS = 900;
const serve = serveInTests();

/** Starts a long poll, and resolves once the relay holds it. */
async function holding({ relay }: Served, start: () => Sent): Promise<Sent> {
  const before = relay.stats().waiters;
  const sent = start();
  await waitersReach(relay, before + 1);
  return sent;
}

describe.each(HANDLERS)('ReadSecureContentFromMailbox with Prefer: wait, %s handler', (handler) => {
  it('answers the sender with an update of the receiver', async () => {
    const served = await serve(handler);
    const { sender, receiver, url, version } = await createBoundPair(served.base);
    const waiting = await holding(served, () => sender.wait(url, version));
    const payload = somePayload();
    const update = await receiver.update(url, payload);
    const answer = await waiting.answer;
    expect([answer.status, answer.json.payload]).toEqual([200, payload]);
    expect(answer.json).toMatchObject({ displayInformation: {}, expiration: expect.any(String) });
    expect(answer.headers).toMatchObject({
      'mailbox-version': update.version,
      'mailbox-receiver': 'bound',
      'preference-applied': 'wait=30',
      'cache-control': 'no-store, no-transform',
      'content-type': 'application/json',
    });
    expect(answer.version).not.toBe(version);
  });

  it('answers the receiver with an update of the sender, without Mailbox-Receiver', async () => {
    const served = await serve(handler);
    const { sender, receiver, url, version } = await createBoundPair(served.base);
    const waiting = await holding(served, () => receiver.wait(url, version));
    const payload = somePayload();
    await sender.update(url, payload);
    const { status, headers, json } = await waiting.answer;
    expect([status, json.payload, headers['mailbox-receiver']]).toEqual([200, payload, undefined]);
  });

  it('shows the sender a receiver that binds and relinquishes, and another receiver that binds', async () => {
    const served = await serve(handler);
    const sender = newDevice();
    const created = await sender.create(served.base);
    const url = created.json.urlLink;
    const [one, two] = [newDevice(), newDevice()];
    const seen: unknown[] = [];
    let { version } = created;
    for (const change of [() => one.read(url), () => one.relinquish(url), () => two.read(url)]) {
      const waiting = await holding(served, () => sender.wait(url, version));
      await change();
      const answer = await waiting.answer;
      seen.push([answer.status, answer.headers['mailbox-receiver'], answer.version !== version]);
      version = answer.version;
    }
    expect(seen).toEqual([
      [200, 'bound', true],
      [200, 'none', true],
      [200, 'bound', true],
    ]);
  });

  it.each<[name: string, end: (pair: BoundPair, served: Served) => Promise<unknown>, sender: number, receiver: number]>(
    [
      ['delete by the receiver', ({ receiver, url }) => receiver.delete(url), 404, 404],
      ['delete by the sender', ({ sender, url }) => sender.delete(url), 404, 404],
      ['relay.remove', ({ url }, { relay }) => relay.remove(url), 404, 404],
      ['relinquish', ({ receiver, url }) => receiver.relinquish(url), 200, 401],
    ],
  )('ends at once by %s, for both devices', async (_name, end, sender, receiver) => {
    const served = await serve(handler);
    const pair = await createBoundPair(served.base);
    const waits = [
      await holding(served, () => pair.sender.wait(pair.url, pair.version)),
      await holding(served, () => pair.receiver.wait(pair.url, pair.version)),
    ];
    await end(pair, served);
    const answers = await Promise.all(waits.map(({ answer }) => answer));
    expect(answers.map(({ status }) => status)).toEqual([sender, receiver]);
    for (const { ms } of answers) expect(ms).toBeLessThan(RETURNED_SOON_MS);
    expect(served.relay.stats().waiters).toBe(0);
  });

  it('ends in time: 204 after the requested or granted seconds; 404 when the mailbox expires', async () => {
    const { base } = await serve(handler, { longPoll: { maximumSeconds: 2 } });
    const lasting = await serve(handler);
    const [asked, capped, expiring] = await Promise.all([
      createBoundPair(base),
      createBoundPair(base),
      createBoundPair(
        lasting.base,
        createBody({ mailboxConfiguration: { accessRights: 'RWD', expiration: inSeconds(2) } }),
      ),
    ]);
    const [timed, cut, expired] = await Promise.all([
      asked.sender.wait(asked.url, asked.version, 1).answer,
      capped.receiver.wait(capped.url, capped.version, 3600).answer,
      expiring.sender.wait(expiring.url, expiring.version, 30).answer,
    ]);
    expect([timed.status, timed.text, timed.version]).toEqual([204, '', asked.version]);
    expect(timed.headers).toMatchObject({ 'preference-applied': 'wait=1', 'cache-control': 'no-store, no-transform' });
    for (const absent of ['content-type', 'content-length', 'transfer-encoding', 'retry-after']) {
      expect(timed.headers).not.toHaveProperty(absent);
    }
    expect(timed.ms).toBeGreaterThan(950);
    expect(timed.ms).toBeLessThan(1600);
    expect([cut.status, cut.headers['preference-applied']]).toEqual([204, 'wait=2']);
    expect(cut.ms).toBeGreaterThan(1950);
    expect([expired.status, expired.json.code]).toEqual([404, 'mailbox_not_found']);
    expect(expired.ms).toBeLessThan(2100);
  });

  it('answers at once if the mailbox has changed already, and without one of the two headers', async () => {
    const { base } = await serve(handler);
    const { sender, url, version } = await createBoundPair(base);
    const [wait, known] = waitFields(version) as [Field, Field];
    const stale = await sender.read(url, { headers: waitFields('another') });
    expect([stale.status, stale.headers['preference-applied'], stale.version]).toEqual([200, 'wait=30', version]);
    for (const fields of [[wait], [known], [known, ['Prefer', 'wait=soon']]] as Field[][]) {
      const answer = await sender.read(url, { headers: fields });
      expect([answer.status, answer.headers['preference-applied']]).toEqual([200, undefined]);
      expect(answer.json.payload).toBeDefined();
      expect(answer.ms).toBeLessThan(RETURNED_SOON_MS);
    }
  });

  it('with wait=0 answers at once whether there is a change, and ends no wait of the same device', async () => {
    const served = await serve(handler);
    const { sender, receiver, url, version } = await createBoundPair(served.base);
    const waiting = await holding(served, () => sender.wait(url, version));
    const none = await sender.wait(url, version, 0).answer;
    expect([none.status, none.version]).toEqual([204, version]);
    expect([none.headers['preference-applied'], none.headers['retry-after']]).toEqual(['wait=0', undefined]);
    expect(served.relay.stats().waiters).toBe(1);
    await receiver.update(url);
    expect((await sender.wait(url, version, 0).answer).status).toBe(200);
    expect((await waiting.answer).status).toBe(200);
  });

  it('is superseded by a newer wait of the same device, and not by the other device', async () => {
    const served = await serve(handler);
    const { sender, receiver, url, version } = await createBoundPair(served.base);
    const older = await holding(served, () => sender.wait(url, version));
    const others = await holding(served, () => receiver.wait(url, version));
    const newer = sender.wait(url, version);
    const ended = await older.answer;
    expect([ended.status, ended.version, ended.headers['preference-applied']]).toEqual([204, version, 'wait=30']);
    await waitersReach(served.relay, 2);
    await receiver.delete(url);
    expect((await Promise.all([others.answer, newer.answer])).map(({ status }) => status)).toEqual([404, 404]);
  });

  it('is held as long with a body, and binds with any known version', async () => {
    const served = await serve(handler);
    const sender = newDevice();
    const { json, version } = await sender.create(served.base);
    const receiver = newDevice();
    const token = { notificationToken: { type: 'com.example', tokenData: 'abcd' } };
    // The relay compares the stored version, not the version of the request: a bind changes the stored version.
    const first = await receiver.wait(json.urlLink, version, 30, token).answer;
    expect([first.status, first.version === version]).toEqual([200, false]);
    const waiting = await holding(served, () => receiver.wait(json.urlLink, first.version, 30, token));
    const payload = somePayload();
    await sender.update(json.urlLink, payload);
    expect((await waiting.answer).json.payload).toEqual(payload);
  });

  it('refuses a device without permission at once', async () => {
    const { relay, base } = await serve(handler);
    const { receiver, url, version } = await createBoundPair(base);
    const stranger = newDevice();
    expect((await stranger.wait(url, version).answer).json.code).toBe('mailbox_taken');
    await receiver.relinquish(url);
    expect((await receiver.wait(url, version).answer).json.code).toBe('claim_released');
    const nowhere = url.replace(/[^/]+$/, '00000000-0000-4000-8000-000000000000');
    expect((await stranger.wait(nowhere, version).answer).status).toBe(404);
    expect(relay.stats().waiters).toBe(0);
  });

  it('is the only operation that waits', async () => {
    const { relay, base } = await serve(handler);
    const { sender, receiver, url, version } = await createBoundPair(base);
    const fields = waitFields(version);
    const update = await sender.update(url, somePayload(), { headers: fields });
    const answers = [
      update,
      await receiver.relinquish(url, { headers: waitFields(update.version) }),
      await sender.delete(url, { headers: waitFields(update.version) }),
      await sender.create(base, undefined, { headers: fields }),
    ];
    for (const { status, headers, ms } of answers) {
      expect([status, headers['preference-applied']]).toEqual([200, undefined]);
      expect(ms).toBeLessThan(RETURNED_SOON_MS);
    }
    expect(relay.stats().waiters).toBe(0);
  });

  it('is not held with more than 100 header fields, and answers with Retry-After', async () => {
    const served = await serve(handler);
    const { sender, receiver, url, version } = await createBoundPair(served.base);
    const padding = (count: number): Field[] => Array.from({ length: count }, (_, index) => [`X-${index}`, '1']);
    const many = await sender.read(url, { headers: [...waitFields(version), ...padding(100)] });
    expect([many.status, many.version, many.headers['preference-applied']]).toEqual([204, version, 'wait=0']);
    expect(Number(many.headers['retry-after'])).toBeGreaterThan(0);
    const few = sender.read(url, { headers: [...waitFields(version), ...padding(80)] });
    await waitersReach(served.relay, 1);
    await receiver.update(url);
    expect((await few).status).toBe(200);
    const fresh = await sender.read(url, { headers: [...waitFields(version), ...padding(100)] });
    expect([fresh.status, fresh.headers['preference-applied']]).toEqual([200, 'wait=30']);
  });

  it('uses no slot before it is admitted, so that refused requests leave the slots to others', async () => {
    let admit: () => void = () => {};
    let admitted: Promise<void> | undefined;
    const authorize: AuthorizationHook = async ({ role }) => {
      if (role === 'receiver') await admitted;
    };
    const served = await serve(handler, { longPoll: { maximumWaiters: 1 }, authorize });
    const { sender, receiver, url, version } = await createBoundPair(served.base);
    admitted = new Promise((resolve) => {
      admit = resolve;
    });
    const early = receiver.wait(url, version);
    const waiting = await holding(served, () => sender.wait(url, version));
    admit();
    const declined = await early.answer;
    expect([declined.status, declined.headers['preference-applied']]).toEqual([204, 'wait=0']);
    expect(Number(declined.headers['retry-after'])).toBeGreaterThan(0);
    await receiver.update(url);
    expect((await waiting.answer).status).toBe(200);
  });

  it('calls the hooks once, before the read is held', async () => {
    const asked: string[] = [];
    const others: AuthenticationHook = () => {
      asked.push(`authenticate while ${served.relay.stats().waiters} wait`);
      return { via: ['test'] };
    };
    const served = await serve(handler, {
      authenticate: { default: others },
      authorize: async () => void asked.push('authorize'),
    });
    const { sender, receiver, url, version } = await createBoundPair(served.base);
    asked.length = 0;
    const waiting = await holding(served, () => sender.wait(url, version));
    expect(asked).toEqual(['authenticate while 0 wait', 'authorize']);
    await receiver.update(url);
    await waiting.answer;
    expect(asked).toHaveLength(4); // The update makes the other two calls.
  });
});
