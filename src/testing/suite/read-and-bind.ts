/** ReadSecureContentFromMailbox: the answer, and the binding of the receiver. */
import assert from 'node:assert/strict';
import { expectJson, expectProblem, expectStatus, versionOf } from './checks.js';
import { newClaim, newPayload, newToken } from './fixtures.js';
import { ordinary, type Test } from './relay.js';
import { expectUnchanged, stateOf } from './state.js';

export function readTests(test: Test): void {
  test('ReadSecureContentFromMailbox: answers the payload and all beside it [§4 N29 A40]', async (relay) => {
    const mailbox = await relay.open();
    const answer = expectJson(await relay.read(mailbox, newClaim()), 200);
    assert.deepEqual(answer.payload, mailbox.body.payload);
    assert.deepEqual(answer.displayInformation, mailbox.body.displayInformation);
    assert.match(String(answer.expiration), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  });

  test('ReadSecureContentFromMailbox: the first claim other than the sender is bound [§5 N16]', async (relay) => {
    const mailbox = await relay.open();
    const [first, second] = [newClaim(), newClaim()];
    expectStatus(await relay.read(mailbox, first), 200, 'the first');
    expectProblem(await relay.read(mailbox, second), 401, 'mailbox_taken');
    expectStatus(await relay.read(mailbox, first), 200, 'the first again');
  });

  test('ReadSecureContentFromMailbox: a second claim gets and changes nothing [§5 N15 N17]', async (relay) => {
    const mailbox = await relay.openBound('RWD');
    const before = await stateOf(relay, mailbox);
    for (let attempt = 0; attempt < 3; attempt++) {
      const answer = await relay.read(mailbox, newClaim(), { body: { notificationToken: newToken() } });
      const problem = expectProblem(answer, 401, 'mailbox_taken');
      for (const name of ['payload', 'displayInformation', 'expiration']) assert.equal(name in problem, false, name);
      assert.equal(answer.headers.has('mailbox-receiver'), false, 'no Mailbox-Receiver');
      assert.equal(answer.headers.has('mailbox-version'), false, 'no Mailbox-Version');
    }
    await expectUnchanged(relay, mailbox, before);
    expectStatus(await relay.read(mailbox, mailbox.receiver), 200, 'the receiver is still bound');
  });

  test('ReadSecureContentFromMailbox: the sender reads, and its reads never bind [§5 A18]', async (relay) => {
    const mailbox = await relay.open();
    for (let round = 0; round < 3; round++) {
      const answer = expectJson(await relay.read(mailbox, mailbox.sender), 200);
      assert.deepEqual(answer.payload, mailbox.body.payload);
    }
    expectStatus(await relay.read(mailbox, newClaim()), 200, 'the place is still free');
    expectStatus(await relay.read(mailbox, mailbox.sender), 200, 'the sender beside the receiver');
  });

  test('ReadSecureContentFromMailbox: Mailbox-Receiver says none or bound [§8 S2]', async (relay) => {
    const mailbox = await relay.open();
    const receiver = newClaim();
    assert.equal((await stateOf(relay, mailbox)).receiver, 'none');
    expectStatus(await relay.read(mailbox, receiver), 200);
    assert.equal((await stateOf(relay, mailbox)).receiver, 'bound');
    expectStatus(await relay.relinquish(mailbox, receiver), 200);
    assert.equal((await stateOf(relay, mailbox)).receiver, 'none');
    expectStatus(await relay.read(mailbox, newClaim()), 200);
    assert.equal((await stateOf(relay, mailbox)).receiver, 'bound');
  });

  test('ReadSecureContentFromMailbox: any number of reads with one request id are reads [§3]', async (relay) => {
    const mailbox = await relay.openBound('RWD');
    const id = 'one-id-for-all-reads';
    for (let round = 0; round < 3; round++) {
      const payload = newPayload();
      expectStatus(await relay.update(mailbox, mailbox.sender, { body: { payload } }), 200);
      const answer = expectJson(await relay.read(mailbox, mailbox.receiver, { id }), 200);
      assert.deepEqual(answer.payload, payload);
    }
  });

  test('ReadSecureContentFromMailbox: a body may be empty, absent or JSON with a token [§4 A32]', async (relay) => {
    const mailbox = await relay.openBound();
    const { receiver, path } = mailbox;
    const bodies = [undefined, {}, { notificationToken: newToken() }, { stray: [1] }];
    for (const body of bodies) {
      expectStatus(await relay.read(mailbox, receiver, { body }), 200, JSON.stringify(body) ?? 'no body');
    }
    // Clients that always send a type send it for an empty body too.
    for (const type of ['application/json', 'application/x-www-form-urlencoded']) {
      expectStatus(await relay.read(mailbox, receiver, { headers: { 'Content-Type': type } }), 200, `empty ${type}`);
    }
    const chunked = { ...ordinary(receiver), 'Transfer-Encoding': 'chunked' };
    expectStatus(await relay.send('POST', path, { headers: chunked }), 200, 'an empty stream');
  });

  test('ReadSecureContentFromMailbox: a bound device may bring a token on any read [§4 A32]', async (relay) => {
    const mailbox = await relay.openBound('RWD');
    const before = await stateOf(relay, mailbox);
    for (const claim of [mailbox.sender, mailbox.receiver]) {
      const [first, second] = [newToken(), newToken()];
      for (const notificationToken of [first, second, second, null]) {
        const answer = await relay.read(mailbox, claim, { body: { notificationToken } });
        const fields = expectJson(answer, 200);
        assert.deepEqual(fields.payload, mailbox.body.payload);
        // The relay has no notifier for the type of the token.
        assert.equal(fields.isPushNotificationSupported, notificationToken === null ? undefined : false);
        assert.equal(versionOf(answer), before.version, 'a token changes no Mailbox-Version');
      }
      assert.equal('isPushNotificationSupported' in expectJson(await relay.read(mailbox, claim), 200), false);
    }
    await expectUnchanged(relay, mailbox, before);
    const headers = { 'Mailbox-Known-Version': before.version };
    expectStatus(await relay.update(mailbox, mailbox.sender, { headers }), 200, 'the version is still current');
    const fresh = await relay.open();
    const binding = await relay.read(fresh, newClaim(), { body: { notificationToken: newToken() } });
    assert.equal(expectJson(binding, 200).isPushNotificationSupported, false, 'the read that binds');
  });

  test('ReadSecureContentFromMailbox: never contains the token or claim of a device [§10 N38 N39]', async (relay) => {
    const [senderToken, receiverToken] = [newToken(), newToken()];
    const mailbox = await relay.open('RWD', { notificationToken: senderToken });
    const receiver = newClaim();
    const first = await relay.read(mailbox, receiver, { body: { notificationToken: receiverToken } });
    for (const answer of [first, await relay.read(mailbox, mailbox.sender), await relay.read(mailbox, receiver)]) {
      expectStatus(answer, 200);
      const everything = answer.text + JSON.stringify([...answer.headers]);
      const secrets = [senderToken.tokenData, receiverToken.tokenData, mailbox.sender, receiver];
      for (const secret of secrets) assert.equal(everything.includes(String(secret)), false, everything);
    }
  });

  test('ReadSecureContentFromMailbox: one claim may be bound to many mailboxes [§5 N39]', async (relay) => {
    const claim = newClaim();
    const mailboxes = [await relay.open(), await relay.open(), await relay.open()];
    for (const mailbox of mailboxes) {
      const answer = expectJson(await relay.read(mailbox, claim), 200);
      assert.deepEqual(answer.payload, mailbox.body.payload);
    }
  });

  test('ReadSecureContentFromMailbox: a sender is bound elsewhere as any claim is [§5 N16]', async (relay) => {
    const own = await relay.open();
    const other = await relay.open();
    expectStatus(await relay.read(other, own.sender), 200);
    expectProblem(await relay.read(other, newClaim()), 401, 'mailbox_taken');
    expectProblem(await relay.cancel(own, other.sender), 401, 'not_bound', { why: 'bound there is not bound here' });
  });
}
