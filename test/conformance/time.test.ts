import type { RelayOptions } from 'credential-relay';
import { describe, expect, it } from 'vitest';
import { createBody, device, inSeconds, sharedMailbox, testRelay } from '../support/relay/relay.js';

const HOUR = 3600;
const START = Date.parse('2026-03-01T12:00:00.250Z');

/** A relay with a clock that the test sets. */
function atNoon(options: Partial<RelayOptions> = {}) {
  const clock = { now: START };
  const store = new Map<string, unknown>();
  return { clock, store, relay: testRelay({ store, clock: () => clock.now, ...options }) };
}
const bodyUntil = (expiration: string) => createBody({ mailboxConfiguration: { accessRights: 'RWD', expiration } });

describe('time [§7]', () => {
  it('CreateMailbox: a mailbox without a configuration lives for 48 h [§7 N22 A24]', async () => {
    const { relay } = atNoon();
    const { sender, url } = await sharedMailbox(relay, createBody({ mailboxConfiguration: undefined }));
    expect((await sender.read(url)).json.expiration).toBe('2026-03-03T12:00:00Z');
  });

  it('CreateMailbox: accepts an expiration up to 30 days ahead; the 400 to a later one names the maximum [§4 A25]', async () => {
    const { relay } = atNoon();
    const sender = device(relay);
    expect((await sender.create(bodyUntil('2026-03-31T12:00:00Z'))).status).toBe(200);
    const { status, json } = await sender.create(bodyUntil('2026-03-31T12:00:01Z'));
    expect({ status, code: json.code, maximum: json.maximum }).toEqual({
      status: 400,
      code: 'expiration_out_of_range',
      maximum: '2026-03-31T12:00:00Z',
    });
  });

  it("CreateMailbox: overMaximum: 'clamp' turns a later expiration into the maximum [§4 A25]", async () => {
    const { relay } = atNoon({ lifetime: { maximumSeconds: HOUR, defaultSeconds: 60, overMaximum: 'clamp' } });
    const { sender, url } = await sharedMailbox(relay, bodyUntil('2027-01-01T00:00:00Z'));
    expect((await sender.read(url)).json.expiration).toBe('2026-03-01T13:00:00Z');
  });

  it.each(['2026-03-01T12:00:00Z', '2026-03-01T11:59:59Z', '1999-12-31T23:59:59Z'])(
    'CreateMailbox: refuses the expiration %s, which is now or past [§4 A25]',
    async (expiration) => {
      const { relay } = atNoon();
      const { status, json } = await device(relay).create(bodyUntil(expiration));
      expect({ status, code: json.code }).toEqual({ status: 400, code: 'expiration_out_of_range' });
    },
  );

  it.each(['2026-02-29T12:00:00Z', '2026-03-02T24:00:00Z', '2026-03-02T12:00:60Z', '2026-13-01T12:00:00Z'])(
    'CreateMailbox: refuses the time %s, which is not real [§4 A26]',
    async (expiration) => {
      const { relay } = atNoon();
      const { status, json } = await device(relay).create(bodyUntil(expiration));
      expect({ status, field: json.field }).toEqual({ status: 400, field: 'mailboxConfiguration.expiration' });
    },
  );

  it('every operation finds a mailbox until the last millisecond, and answers 404 from its expiration on [§7 N20 A26]', async () => {
    const { relay, clock } = atNoon();
    const { sender, url } = await sharedMailbox(relay, bodyUntil('2026-03-01T12:00:10Z'));
    clock.now = Date.parse('2026-03-01T12:00:09.999Z');
    expect((await sender.read(url)).status).toBe(200);
    expect((await sender.preview(url)).status).toBe(200);
    expect((await sender.update(url)).status).toBe(200);
    clock.now += 1;
    const late = [
      await sender.read(url),
      await device(relay).read(url),
      await sender.preview(url),
      await sender.update(url),
      await sender.relinquish(url),
      await sender.delete(url),
    ];
    expect(late.map(({ status, json }) => [status, json.code])).toEqual(late.map(() => [404, 'mailbox_not_found']));
  });

  it('reads and previews do not extend the lifetime [§9 S3]', async () => {
    const { relay, clock } = atNoon();
    const { sender, url } = await sharedMailbox(relay, bodyUntil('2026-03-01T12:00:10Z'));
    clock.now += 9000;
    await sender.read(url);
    await sender.preview(url);
    await sender.update(url);
    clock.now += 1000;
    expect((await sender.read(url)).status).toBe(404);
  });

  it('the sweeper erases an expired mailbox without a request [§7 N21]', async () => {
    const { relay, clock, store } = atNoon({ sweepIntervalMs: 100 });
    await sharedMailbox(relay, bodyUntil('2026-03-01T12:00:10Z'));
    await sharedMailbox(relay, bodyUntil('2026-03-01T13:00:00Z'));
    const swept = new Promise<number>((resolve) => relay.on('sweep.completed', ({ erased }) => resolve(erased)));
    clock.now += 10_000;
    expect(await swept).toBe(1);
    expect(store.size).toBe(1);
    await relay.close();
  });
});

describe('a cancel is final [§3]', () => {
  const ONE_CREATE = { requestId: 'the-create' };

  it('CreateMailbox: a late retry gets 201 and the old urlLink, and opens no mailbox [§3]', async () => {
    const { relay } = atNoon();
    const sender = device(relay);
    const { json } = await sender.create(bodyUntil('2026-03-02T12:00:00Z'), ONE_CREATE);
    await sender.delete(json.urlLink);
    const retry = await sender.create(bodyUntil('2026-03-02T12:00:00Z'), ONE_CREATE);
    expect({ status: retry.status, urlLink: retry.json.urlLink }).toEqual({ status: 201, urlLink: json.urlLink });
    expect(retry.headers.has('Mailbox-Version')).toBe(false);
    expect((await sender.read(json.urlLink)).status).toBe(404);
    expect((await sender.preview(json.urlLink)).status).toBe(404);
  });

  it('the tombstone stays for 24 h at most, and holds nothing but its deadline [§3 §10 N40 A7 A9]', async () => {
    const { relay, clock, store } = atNoon();
    const sender = device(relay);
    const until = inSeconds(29 * 24 * HOUR, START);
    const { json } = await sender.create(bodyUntil(until), ONE_CREATE);
    await sender.delete(json.urlLink);
    const [entry] = [...store.values()] as Array<{ value: { record: object }; expiresAt: number }>;
    expect(Object.keys(entry?.value.record ?? {}).sort()).toEqual(['expiresAt', 'format', 'tombstone']);
    clock.now = START + 24 * HOUR * 1000;
    expect((await sender.create(bodyUntil(until), ONE_CREATE)).status).toBe(201);
    clock.now += 1000;
    const again = await sender.create(bodyUntil(until), ONE_CREATE);
    expect({ status: again.status, urlLink: again.json.urlLink }).toEqual({ status: 200, urlLink: json.urlLink });
  });

  it('the tombstone does not outlive the expiration of the mailbox [§3]', async () => {
    const { relay, clock, store } = atNoon({ sweepIntervalMs: 100 });
    const { sender, url } = await sharedMailbox(relay, bodyUntil('2026-03-01T12:00:10Z'));
    await sender.delete(url);
    const swept = new Promise<number>((resolve) => relay.on('sweep.completed', ({ erased }) => resolve(erased)));
    clock.now += 10_000;
    expect(await swept).toBe(1);
    expect(store.size).toBe(0);
    await relay.close();
  });
});
