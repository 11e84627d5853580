import { randomUUID } from 'node:crypto';
import type { RelayEvent } from 'credential-relay';
import { describe, expect, it } from 'vitest';
import { createBody, device, inSeconds, send, sharedMailbox, somePayload, testRelay } from '../support/relay/relay.js';
import { dump } from '../support/store/stores.js';

/* Requirements that the black-box suite cannot check: stored data, TLS, and options of the operator. */

const HOUR = 3_600_000;
const token = () => ({ type: 'example.push', tokenData: randomUUID() });

/** The only record of a store without keys. */
function recordIn(store: ReadonlyMap<string, unknown>) {
  const [entry] = [...store.values()] as Array<{ value: { record: { sender: object; receiver?: object } } }>;
  return entry?.value.record;
}

describe('TLS', () => {
  const base = 'https://relay.example/share';
  const opening = (claim: string, more = {}) => ({
    'Mailbox-Device-Claim': claim,
    'Mailbox-Request-ID': randomUUID(),
    ...more,
  });

  it('where publicUrl is https, every operation over plain HTTP gets 403 and changes nothing [§6 N1]', async () => {
    const relay = testRelay({ publicUrl: base });
    const claim = randomUUID();
    const created = await send(relay, 'POST', `${base}/v1/m`, opening(claim), createBody());
    expect(created.status).toBe(200);
    const sender = device(relay, claim);
    const plain = created.json.urlLink.replace('https:', 'http:');
    const answers = [
      await send(relay, 'POST', 'http://relay.example/share/v1/m', opening(claim), createBody()),
      await sender.preview(plain),
      await device(relay).read(plain),
      await sender.update(plain),
      await sender.relinquish(plain),
      await sender.delete(plain),
    ];
    expect(answers.map(({ status, json }) => [status, json.code])).toEqual(answers.map(() => [403, 'tls_required']));
    const { headers } = await sender.read(created.json.urlLink);
    expect(headers.get('Mailbox-Receiver')).toBe('none');
    expect(headers.get('Mailbox-Version')).toBe(created.headers.get('Mailbox-Version'));
  });

  it('the relay reads X-Forwarded-Proto only with trustProxy [§6 N1]', async () => {
    const headers = () => opening(randomUUID(), { 'X-Forwarded-Proto': 'https' });
    const plain = 'http://relay.example/share/v1/m';
    const open = (trustProxy: boolean) =>
      send(testRelay({ publicUrl: base, trustProxy }), 'POST', plain, headers(), createBody());
    expect((await open(false)).status).toBe(403);
    expect((await open(true)).status).toBe(200);
  });
});

describe('stored data', () => {
  it('UpdateMailbox: a token replaces only the token of the caller; an update without one keeps it [§4 A31]', async () => {
    const store = new Map<string, unknown>();
    const relay = testRelay({ store });
    const [first, second, third] = [token(), token(), token()];
    const { sender, url } = await sharedMailbox(relay, createBody({ notificationToken: first }));
    const receiver = device(relay);
    await receiver.read(url, { body: { notificationToken: second } });

    await sender.update(url);
    expect(recordIn(store)).toMatchObject({ sender: { token: first }, receiver: { token: second } });
    await receiver.update(url, undefined, { body: { payload: somePayload(), notificationToken: third } });
    expect(recordIn(store)).toMatchObject({ sender: { token: first }, receiver: { token: third } });
    await receiver.update(url);
    expect(recordIn(store)).toMatchObject({ sender: { token: first }, receiver: { token: third } });
  });

  it('ReadSecureContentFromMailbox: the relay stores the latest token of each bound device [§4 A32]', async () => {
    const store = new Map<string, unknown>();
    const relay = testRelay({ store });
    const { sender, url } = await sharedMailbox(relay);
    const receiver = device(relay);
    const [senders, first, later, losers] = [token(), token(), token(), token()];
    const read = async (reader: typeof receiver, notificationToken: unknown): Promise<number> =>
      (await reader.read(url, { body: { notificationToken } })).status;
    expect(await read(sender, senders)).toBe(200);
    expect(await read(receiver, first)).toBe(200);
    expect(recordIn(store)).toMatchObject({ sender: { token: senders }, receiver: { token: first } });
    expect(await read(receiver, later)).toBe(200);
    expect(await read(device(relay), losers)).toBe(401);
    expect(recordIn(store)).toMatchObject({ sender: { token: senders }, receiver: { token: later } });
    // A read without a token, or with the stored one, writes nothing: the record keeps its revision.
    const before = dump(store);
    for (const same of [undefined, null, later]) expect(await read(receiver, same)).toBe(200);
    expect(dump(store)).toBe(before);
    for (const { tokenData } of [first, losers]) expect(before).not.toContain(tokenData);
  });

  it('ReadSecureContentFromMailbox: a read without the right R stores no token [§5 A23 A32]', async () => {
    const store = new Map<string, unknown>();
    const relay = testRelay({ store });
    const { sender, url } = await sharedMailbox(
      relay,
      createBody({ mailboxConfiguration: { accessRights: 'W', expiration: inSeconds(60) } }),
    );
    const [senders, losers] = [token(), token()];
    expect((await sender.read(url, { body: { notificationToken: senders } })).status).toBe(200);
    expect((await device(relay).read(url, { body: { notificationToken: losers } })).status).toBe(401);
    expect(recordIn(store)).toMatchObject({ sender: { token: senders } });
    expect(dump(store)).not.toContain(losers.tokenData);
  });

  it('RelinquishMailbox: the relay forgets the token of the released device [§5 A38]', async () => {
    const store = new Map<string, unknown>();
    const relay = testRelay({ store });
    const { url } = await sharedMailbox(relay);
    const receiver = device(relay);
    const notificationToken = token();
    await receiver.read(url, { body: { notificationToken } });
    expect(dump(store)).toContain(notificationToken.tokenData);
    expect((await receiver.relinquish(url)).status).toBe(200);
    expect(dump(store)).not.toContain(notificationToken.tokenData);
  });

  it('no operation stores or reports Mailbox-Device-Attestation [§3 A30]', async () => {
    const store = new Map<string, unknown>();
    const events: RelayEvent[] = [];
    const relay = testRelay({ store, onEvent: (event) => events.push(event) });
    const headers = { 'Mailbox-Device-Attestation': 'planted-attestation' };
    const [sender, receiver] = [device(relay), device(relay)];
    const { json } = await sender.create(createBody(), { headers });
    const answers = [
      await receiver.preview(json.urlLink, { headers }),
      await receiver.read(json.urlLink, { headers }),
      await receiver.update(json.urlLink, undefined, { headers }),
      await receiver.relinquish(json.urlLink, { headers }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(dump(store) + JSON.stringify(events)).not.toContain('planted');
  });

  it('the relay never stores, shows or reports a Secret that a client forgot to strip [§2 N41]', async () => {
    const store = new Map<string, unknown>();
    const events: RelayEvent[] = [];
    const relay = testRelay({ store, onEvent: (event) => events.push(event) });
    const { sender, url } = await sharedMailbox(relay);
    const shared = `${url}?v=c#planted-secret`;
    const answers = [await sender.preview(shared), await sender.read(shared), await sender.update(shared)];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    const seen = answers.map(({ text, headers }) => text + JSON.stringify([...headers])).join('');
    expect(seen + dump(store) + JSON.stringify(events)).not.toContain('planted');
  });
});

describe('answers', () => {
  it('every body is JSON or HTML, as the endpoint says, or empty [§4 N3]', async () => {
    const relay = testRelay();
    const { sender, url, created } = await sharedMailbox(relay);
    const receiver = device(relay);
    const types = [
      created,
      await sender.preview(url),
      await receiver.read(url),
      await receiver.update(url),
      await device(relay).read(url),
      await receiver.relinquish(url),
      await sender.delete(url),
      await sender.preview(url),
    ].map(({ headers, text }) => (text === '' ? 'empty' : headers.get('Content-Type')));
    expect(types).toEqual([
      'application/json',
      'text/html; charset=utf-8',
      'application/json',
      'application/json',
      'application/problem+json',
      'empty',
      'empty',
      'application/problem+json',
    ]);
  });

  it('the two devices need never be online at the same time [§1 N36]', async () => {
    const clock = { now: Date.now() };
    const relay = testRelay({ clock: () => clock.now });
    const expiration = inSeconds(30 * 24 * 3600 - 60, clock.now);
    const message = somePayload();
    const body = createBody({ payload: message, mailboxConfiguration: { accessRights: 'RWD', expiration } });
    const { sender, url } = await sharedMailbox(relay, body);
    const receiver = device(relay);
    let last = message;
    for (const present of [receiver, sender, receiver]) {
      clock.now += 9 * 24 * HOUR;
      expect((await present.read(url)).json.payload).toEqual(last);
      last = somePayload();
      expect((await present.update(url, last)).status).toBe(200);
    }
  });

  it('CreateMailbox: a replay after the expiration opens a new mailbox [§3 A7]', async () => {
    const clock = { now: Date.now() };
    const relay = testRelay({ clock: () => clock.now });
    const sender = device(relay);
    const until = (seconds: number) =>
      createBody({ mailboxConfiguration: { accessRights: 'RWD', expiration: inSeconds(seconds, clock.now) } });
    const first = await sender.create(until(60), { requestId: 'one' });
    await device(relay).read(first.json.urlLink);
    clock.now += HOUR;
    const body = until(60);
    const again = await sender.create(body, { requestId: 'one' });
    expect(again.status).toBe(200);
    const { json, headers } = await sender.read(again.json.urlLink);
    expect({ payload: json.payload, receiver: headers.get('Mailbox-Receiver') }).toEqual({
      payload: body.payload,
      receiver: 'none',
    });
  });
});

describe('the options of the operator', () => {
  it("CreateMailbox: a request without accessRights gets the operator's [§5 A22]", async () => {
    const relay = testRelay({ accessRights: 'RW' });
    const { sender, url } = await sharedMailbox(relay, createBody({ mailboxConfiguration: undefined }));
    const receiver = device(relay);
    await receiver.read(url);
    expect((await sender.update(url)).status).toBe(200);
    expect((await receiver.delete(url)).json.code).toBe('right_missing');
  });

  it('General: limits bound bodies and display information [§7 R16]', async () => {
    const limits = { bodyBytes: 1000, titleCharacters: 5, descriptionCharacters: 6, imageUrlCharacters: 30 };
    const relay = testRelay({ limits });
    const display = { title: '12345', description: '123456', imageURL: 'https://example.com/i.png' };
    const create = (displayInformation: object, more = {}) =>
      device(relay).create(createBody({ displayInformation, ...more }));
    expect((await create(display)).status).toBe(200);
    for (const [field, value] of [
      ['title', '123456'],
      ['description', '1234567'],
      ['imageURL', 'https://example.com/123456.png?'],
    ] as const) {
      const { status, json } = await create({ ...display, [field]: value });
      expect([status, json.field]).toEqual([400, `displayInformation.${field}`]);
    }
    expect((await create(display, { stray: 'x'.repeat(1000) })).status).toBe(413);
  });
});
