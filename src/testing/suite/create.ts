/** CreateMailbox: the answer, and the stored parts of the request. */
import assert from 'node:assert/strict';
import { expectJson, expectStatus, versionOf } from './checks.js';
import { configured, createBody, display, newClaim, newId, newPayload, newToken } from './fixtures.js';
import { identifierOf, ordinary, type Test } from './relay.js';
import { stateOf } from './state.js';

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const DEFAULT_LIFETIME_MS = 48 * 3600 * 1000;

export function createTests(test: Test): void {
  test('CreateMailbox: answers 200 with urlLink and isPushNotificationSupported [§4 N18]', async (relay) => {
    const answer = expectJson(await relay.create(newClaim()), 200);
    assert.equal(typeof answer.urlLink, 'string');
    assert.equal(typeof answer.isPushNotificationSupported, 'boolean');
  });

  test('CreateMailbox: urlLink ends with a lower-case UUID of version 4 [§2 N12 N13]', async (relay) => {
    const { urlLink } = expectJson(await relay.create(newClaim()), 200);
    assert.match(identifierOf(urlLink), UUID_V4);
  });

  test('CreateMailbox: urlLink is an absolute URL without query, fragment and credentials [§2 N18]', async (relay) => {
    const { urlLink } = expectJson(await relay.create(newClaim(), { query: '?v=c' }), 200);
    const url = new URL(String(urlLink));
    assert.match(url.protocol, /^https?:$/);
    assert.deepEqual([url.search, url.hash, url.username, url.password], ['', '', '', '']);
  });

  test('CreateMailbox: no two mailboxes have one identifier [§2 N12]', async (relay) => {
    const mailboxes = await Promise.all(Array.from({ length: 20 }, () => relay.open()));
    assert.equal(new Set(mailboxes.map(({ id }) => id)).size, 20);
  });

  test('CreateMailbox: urlLink does not follow the Host of the request [§10 S10]', async (relay) => {
    for (const name of ['Host', 'X-Forwarded-Host', 'Forwarded', 'X-Forwarded-Prefix']) {
      const value = name === 'Forwarded' ? 'host=evil.example;proto=https' : 'evil.example';
      const headers = { ...ordinary(newClaim()), [name]: value };
      const answer = await relay.send('POST', '/v1/m', { headers, chunks: [JSON.stringify(createBody())] });
      const { urlLink } = expectJson(answer, 200, name);
      assert.doesNotMatch(String(urlLink), /evil/, name);
    }
  });

  test('CreateMailbox: unknown members are ignored at every level and not kept [§4 A34]', async (relay) => {
    const payload = newPayload();
    const body = createBody({
      payload: { ...payload, stray: 1 },
      displayInformation: { ...display(), stray: { deep: true } },
      notificationToken: { ...newToken(), stray: [] },
      mailboxConfiguration: { ...configured('RWD'), stray: null },
      stray: 'value',
    });
    const mailbox = await relay.open('RWD', body);
    const answer = expectJson(await relay.read(mailbox, newClaim()), 200);
    assert.deepEqual(answer.payload, payload);
    assert.deepEqual(answer.displayInformation, display());
    assert.equal('stray' in answer, false);
  });

  test('CreateMailbox: without a configuration a mailbox lives for 48 hours [§7 N22]', async (relay) => {
    const { expiration } = await stateOf(relay, await relay.open());
    const off = Math.abs(Date.parse(String(expiration)) - Date.now() - DEFAULT_LIFETIME_MS);
    assert.ok(off < 60_000, `expires at ${expiration}`);
  });

  test('CreateMailbox: isPushNotificationSupported is false without a token [§8 A36]', async (relay) => {
    const answer = expectJson(await relay.create(newClaim()), 200);
    assert.equal(answer.isPushNotificationSupported, false);
  });

  test('CreateMailbox: isPushNotificationSupported is false for a type that nobody handles [§8 A36]', async (relay) => {
    const body = createBody({ notificationToken: newToken() });
    const answer = expectJson(await relay.create(newClaim(), { body }), 200);
    assert.equal(answer.isPushNotificationSupported, false);
  });

  test('CreateMailbox: one claim under two request ids opens two mailboxes [§3 N39]', async (relay) => {
    const claim = newClaim();
    const first = expectJson(await relay.create(claim), 200);
    const second = expectJson(await relay.create(claim), 200);
    assert.notEqual(first.urlLink, second.urlLink);
  });

  test('CreateMailbox: two claims may use one request id [§3 A2]', async (relay) => {
    const id = newId();
    const first = expectJson(await relay.create(newClaim(), { id }), 200);
    const second = expectJson(await relay.create(newClaim(), { id }), 200);
    assert.notEqual(first.urlLink, second.urlLink);
  });

  test('CreateMailbox: answers with Mailbox-Version, which the next read of the sender repeats [§8]', async (relay) => {
    const answer = await relay.create(newClaim());
    assert.ok(versionOf(answer));
    const mailbox = await relay.open();
    assert.equal((await stateOf(relay, mailbox)).version, mailbox.version);
  });

  test('General: Mailbox-Device-Attestation may come with every operation [§3 N11 A30]', async (relay) => {
    const extra = { headers: { 'Mailbox-Device-Attestation': 'opaque-attestation' } };
    const body = createBody({ mailboxConfiguration: configured('RWD') });
    expectStatus(await relay.create(newClaim(), { ...extra, body }), 200, 'create');
    const mailbox = await relay.openBound('RWD');
    expectStatus(await relay.preview(mailbox, extra), 200, 'preview');
    expectStatus(await relay.read(mailbox, mailbox.receiver, extra), 200, 'read');
    expectStatus(await relay.update(mailbox, mailbox.receiver, extra), 200, 'update');
    expectStatus(await relay.relinquish(mailbox, mailbox.receiver, extra), 200, 'relinquish');
    expectStatus(await relay.cancel(mailbox, mailbox.sender, extra), 200, 'delete');
  });
}
