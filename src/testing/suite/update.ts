/** UpdateMailbox: the right to write, and the effect of a write. */
import assert from 'node:assert/strict';
import { expectJson, expectProblem, expectStatus } from './checks.js';
import { display, newClaim, newId, newPayload, newToken, secondsFromNow } from './fixtures.js';
import type { Test } from './relay.js';
import { expectUnchanged, stateOf } from './state.js';

export function updateTests(test: Test): void {
  test('UpdateMailbox: answers 200 with isPushNotificationSupported [§4 N19]', async (relay) => {
    const mailbox = await relay.openBound('RWD');
    for (const claim of [mailbox.sender, mailbox.receiver]) {
      const answer = expectJson(await relay.update(mailbox, claim), 200);
      assert.equal(answer.isPushNotificationSupported, false, 'no device left a token');
    }
  });

  test('UpdateMailbox: isPushNotificationSupported is false for a type that nobody handles [§8 A36]', async (relay) => {
    const mailbox = await relay.open('RWD');
    const body = { payload: newPayload(), notificationToken: newToken() };
    const answer = expectJson(await relay.update(mailbox, mailbox.sender, { body }), 200);
    assert.equal(answer.isPushNotificationSupported, false);
  });

  test('UpdateMailbox: replaces the payload for both devices [§4 N26]', async (relay) => {
    const mailbox = await relay.openBound('RWD');
    for (const writer of [mailbox.sender, mailbox.receiver]) {
      const payload = { type: 'AEAD_AES_256_GCM', data: newPayload().data };
      expectStatus(await relay.update(mailbox, writer, { body: { payload } }), 200);
      for (const reader of [mailbox.sender, mailbox.receiver]) {
        assert.deepEqual(expectJson(await relay.read(mailbox, reader), 200).payload, payload);
      }
    }
  });

  test('UpdateMailbox: a receiver bound later reads what the sender wrote last [§5 N34]', async (relay) => {
    const mailbox = await relay.open('RWD');
    const payload = newPayload();
    expectStatus(await relay.update(mailbox, mailbox.sender), 200);
    expectStatus(await relay.update(mailbox, mailbox.sender, { body: { payload } }), 200);
    assert.deepEqual(expectJson(await relay.read(mailbox, newClaim()), 200).payload, payload);
  });

  test('UpdateMailbox: an unbound claim gets 401 while the place is free, and is not bound [§5 A20]', async (relay) => {
    const mailbox = await relay.open('RWD');
    const before = await stateOf(relay, mailbox);
    const stranger = newClaim();
    expectProblem(await relay.update(mailbox, stranger), 401, 'not_bound');
    await expectUnchanged(relay, mailbox, before);
    expectStatus(await relay.read(mailbox, newClaim()), 200, 'the place is still free');
    expectProblem(await relay.update(mailbox, stranger), 401, 'not_bound', { why: 'now that it is taken' });
  });

  test('UpdateMailbox: a claim that lost the mailbox cannot write [§5 N17]', async (relay) => {
    const mailbox = await relay.openBound('RWD');
    const before = await stateOf(relay, mailbox);
    const loser = newClaim();
    expectProblem(await relay.read(mailbox, loser), 401, 'mailbox_taken');
    expectProblem(await relay.update(mailbox, loser), 401, 'not_bound');
    await expectUnchanged(relay, mailbox, before);
  });

  test('UpdateMailbox: display information, expiration and rights stay as created [§4 A34]', async (relay) => {
    const mailbox = await relay.openBound('RW');
    const before = await stateOf(relay, mailbox);
    const payload = newPayload();
    const body = {
      payload: { ...payload, stray: 1 },
      displayInformation: display({ title: 'Another' }),
      mailboxConfiguration: { accessRights: 'RWD', expiration: secondsFromNow(60) },
      expiration: secondsFromNow(60),
      urlLink: 'https://evil.example',
    };
    expectStatus(await relay.update(mailbox, mailbox.receiver, { body }), 200);
    const after = await stateOf(relay, mailbox);
    assert.deepEqual(after.payload, payload);
    assert.deepEqual(after.displayInformation, before.displayInformation);
    assert.equal(after.expiration, before.expiration);
    expectProblem(await relay.cancel(mailbox, mailbox.receiver), 401, 'right_missing', { why: 'no D was gained' });
  });

  test('UpdateMailbox: a refused update does not use its request id up [§3 A6]', async (relay) => {
    const mailbox = await relay.open('RWD');
    const receiver = newClaim();
    const [id, payload] = [newId(), newPayload()];
    const body = { payload };
    expectProblem(await relay.update(mailbox, receiver, { id, body }), 401, 'not_bound');
    expectStatus(await relay.read(mailbox, receiver), 200, 'binding');
    expectProblem(await relay.update(mailbox, receiver, { id, body: {} }), 400, 'body_invalid');
    const headers = { 'Mailbox-Known-Version': 'another' };
    expectProblem(await relay.update(mailbox, receiver, { id, body, headers }), 412, 'version_changed');
    expectStatus(await relay.update(mailbox, receiver, { id, body }), 200, 'the first that may');
    assert.deepEqual((await stateOf(relay, mailbox)).payload, payload);
  });
}
