/** Duplicates: a retry changes nothing and answers 201 with the fields of the first success. */
import assert from 'node:assert/strict';
import { countStatuses, expectJson, expectProblem, expectStatus, versionOf } from './checks.js';
import { configured, createBody, display, newClaim, newId, newPayload, newToken } from './fixtures.js';
import type { Mailbox, Test } from './relay.js';
import { expectUnchanged, stateOf } from './state.js';

/** How many updates of each device a relay has to remember. */
const REMEMBERED = 16;

export function idempotencyTests(test: Test): void {
  test('CreateMailbox: a retry gets 201 with the same urlLink [§3 N9 A1]', async (relay) => {
    const mailbox = await relay.open();
    for (let retry = 0; retry < 3; retry++) {
      const answer = await relay.create(mailbox.sender, { id: mailbox.createId, body: mailbox.body });
      const fields = expectJson(answer, 201);
      assert.equal(fields.urlLink, mailbox.urlLink);
      assert.equal(fields.isPushNotificationSupported, false);
      assert.equal(versionOf(answer, 201), mailbox.version, 'the version of the first success');
    }
  });

  test('CreateMailbox: the body of a retry is ignored even if it differs [§3 A4]', async (relay) => {
    const mailbox = await relay.open('RD');
    const before = await stateOf(relay, mailbox);
    const body = createBody({
      displayInformation: display({ title: 'Other' }),
      mailboxConfiguration: configured('RWD'),
    });
    const answer = expectJson(await relay.create(mailbox.sender, { id: mailbox.createId, body }), 201);
    assert.equal(answer.urlLink, mailbox.urlLink);
    await expectUnchanged(relay, mailbox, before);
    expectProblem(await relay.update(mailbox, mailbox.sender), 401, 'right_missing', { why: 'no W was gained' });
  });

  test('CreateMailbox: a late retry leaves a mailbox that has moved on alone [§3 N9]', async (relay) => {
    const mailbox = await relay.openBound('RWD');
    expectStatus(await relay.update(mailbox, mailbox.receiver), 200);
    const before = await stateOf(relay, mailbox);
    expectStatus(await relay.create(mailbox.sender, { id: mailbox.createId, body: mailbox.body }), 201);
    await expectUnchanged(relay, mailbox, before);
  });

  test('CreateMailbox: a retry of another claim opens another mailbox [§3 A2]', async (relay) => {
    const mailbox = await relay.open();
    const answer = expectJson(await relay.create(newClaim(), { id: mailbox.createId, body: mailbox.body }), 200);
    assert.notEqual(answer.urlLink, mailbox.urlLink);
  });

  test('UpdateMailbox: a retry gets 201 with the fields of the first success [§3 N9 A1]', async (relay) => {
    const mailbox = await relay.openBound('RWD');
    for (const claim of [mailbox.sender, mailbox.receiver]) {
      const id = newId();
      const extra = { id, body: { payload: newPayload() } };
      expectStatus(await relay.update(mailbox, claim, extra), 200);
      const before = await stateOf(relay, mailbox);
      const answer = await relay.update(mailbox, claim, extra);
      assert.equal(expectJson(answer, 201).isPushNotificationSupported, false);
      assert.equal(versionOf(answer, 201), before.version, 'the version of the first success');
      await expectUnchanged(relay, mailbox, before);
    }
  });

  test('CreateMailbox: a retry gets no Mailbox-Version after any later change [§8 A1]', async (relay) => {
    const hasVersion = async (mailbox: Mailbox): Promise<boolean> => {
      const answer = await relay.create(mailbox.sender, { id: mailbox.createId, body: mailbox.body });
      expectStatus(answer, 201);
      return answer.headers.has('mailbox-version');
    };
    const bound = await relay.openBound('RWD');
    assert.equal(await hasVersion(bound), false, 'a receiver is bound');
    expectStatus(await relay.relinquish(bound, bound.receiver), 200);
    assert.equal(await hasVersion(bound), false, 'the receiver is released');
    const updated = await relay.open('RWD');
    expectStatus(await relay.update(updated, updated.sender), 200);
    assert.equal(await hasVersion(updated), false, 'updated');
    const deleted = await relay.open();
    expectStatus(await relay.cancel(deleted, deleted.sender), 200);
    assert.equal(await hasVersion(deleted), false, 'deleted');
    const read = await relay.open();
    const token = { notificationToken: newToken() };
    expectStatus(await relay.read(read, read.sender, { body: token }), 200);
    assert.equal(await hasVersion(read), true, 'a read and a token are no changes');
  });

  test('UpdateMailbox: a retry gets no Mailbox-Version after any later change [§8 A1]', async (relay) => {
    const mailbox = await relay.openBound('RWD');
    for (const role of ['sender', 'receiver'] as const) {
      const other = role === 'sender' ? mailbox.receiver : mailbox.sender;
      for (const later of [mailbox[role], other]) {
        const id = newId();
        const first = await relay.update(mailbox, mailbox[role], { id });
        const again = await relay.update(mailbox, mailbox[role], { id });
        assert.equal(versionOf(again, 201), versionOf(first), 'still current');
        expectStatus(await relay.update(mailbox, later), 200);
        const late = await relay.update(mailbox, mailbox[role], { id });
        expectStatus(late, 201);
        assert.equal(late.headers.has('mailbox-version'), false, 'no longer current');
      }
    }
    const id = newId();
    expectStatus(await relay.update(mailbox, mailbox.sender, { id }), 200);
    const relinquish = { id: newId() };
    expectStatus(await relay.relinquish(mailbox, mailbox.receiver, relinquish), 200);
    const late = await relay.update(mailbox, mailbox.sender, { id });
    assert.equal(late.headers.has('mailbox-version'), false, 'after a relinquish');
    const again = await relay.relinquish(mailbox, mailbox.receiver, relinquish);
    expectStatus(again, 201);
    assert.equal(again.headers.has('mailbox-version'), false, 'a relinquish has no version, nor has its retry');
  });

  test('UpdateMailbox: the body of a retry is ignored even if it differs [§3 A4]', async (relay) => {
    const mailbox = await relay.openBound('RWD');
    const id = newId();
    expectStatus(await relay.update(mailbox, mailbox.receiver, { id }), 200);
    const before = await stateOf(relay, mailbox);
    expectStatus(await relay.update(mailbox, mailbox.receiver, { id }), 201, 'with another payload');
    await expectUnchanged(relay, mailbox, before);
  });

  test('UpdateMailbox: a late retry does not overwrite a newer write [§3 A5]', async (relay) => {
    const mailbox = await relay.openBound('RWD');
    const older = { id: newId(), body: { payload: newPayload() } };
    expectStatus(await relay.update(mailbox, mailbox.sender, older), 200);
    expectStatus(await relay.update(mailbox, mailbox.sender), 200, 'a newer write of the same device');
    expectStatus(await relay.update(mailbox, mailbox.receiver), 200, 'a newer write of the other device');
    const before = await stateOf(relay, mailbox);
    expectStatus(await relay.update(mailbox, mailbox.sender, older), 201, 'late retry');
    await expectUnchanged(relay, mailbox, before);
  });

  for (const role of ['sender', 'receiver'] as const) {
    test(`UpdateMailbox: the last 16 updates of the ${role} are known [§3 A5]`, async (relay) => {
      const mailbox = await relay.openBound('RWD');
      const ids = Array.from({ length: REMEMBERED }, newId);
      for (const id of ids) expectStatus(await relay.update(mailbox, mailbox[role], { id }), 200);
      const before = await stateOf(relay, mailbox);
      for (const id of ids) expectStatus(await relay.update(mailbox, mailbox[role], { id }), 201);
      await expectUnchanged(relay, mailbox, before);
    });
  }

  test('UpdateMailbox: updates of one device do not push those of the other out of memory [§3 A5]', async (relay) => {
    const mailbox = await relay.openBound('RWD');
    const id = newId();
    expectStatus(await relay.update(mailbox, mailbox.sender, { id }), 200);
    for (let round = 0; round < REMEMBERED + 4; round++) {
      expectStatus(await relay.update(mailbox, mailbox.receiver), 200);
    }
    expectStatus(await relay.update(mailbox, mailbox.sender, { id }), 201);
  });

  test('UpdateMailbox: refusals and retries do not push updates out of memory [§3 A6]', async (relay) => {
    const mailbox = await relay.open('RWD');
    const id = newId();
    expectStatus(await relay.update(mailbox, mailbox.sender, { id }), 200);
    for (let round = 0; round < REMEMBERED + 4; round++) {
      expectProblem(await relay.update(mailbox, mailbox.sender, { body: {} }), 400, 'body_invalid');
      expectStatus(await relay.update(mailbox, mailbox.sender, { id }), 201);
    }
  });

  test('UpdateMailbox: the id of the other device makes no duplicate [§3 A2]', async (relay) => {
    const mailbox = await relay.openBound('RWD');
    const id = newId();
    const payload = newPayload();
    expectStatus(await relay.update(mailbox, mailbox.sender, { id }), 200);
    expectStatus(await relay.update(mailbox, mailbox.receiver, { id, body: { payload } }), 200);
    assert.deepEqual((await stateOf(relay, mailbox)).payload, payload);
  });

  test('UpdateMailbox: the id of another mailbox makes no duplicate [§3 A2]', async (relay) => {
    const [mailbox, other] = [await relay.openBound('RWD'), await relay.open('RWD')];
    expectStatus(await relay.read(other, mailbox.receiver), 200, 'bound to both');
    const id = newId();
    expectStatus(await relay.update(mailbox, mailbox.receiver, { id }), 200);
    expectStatus(await relay.update(other, mailbox.receiver, { id }), 200);
  });

  test('General: the id of another operation makes no duplicate [§3 A3]', async (relay) => {
    const mailbox = await relay.openBound('RWD');
    const { createId: id, sender, receiver } = mailbox;
    expectStatus(await relay.update(mailbox, sender, { id }), 200, 'create, then update');
    expectStatus(await relay.read(mailbox, receiver, { id }), 200, 'read');
    expectStatus(await relay.update(mailbox, receiver, { id }), 200, 'read, then update');
    expectStatus(await relay.relinquish(mailbox, receiver, { id }), 200, 'update, then relinquish');
    expectStatus(await relay.cancel(mailbox, sender, { id }), 200, 'update, then delete');
    expectProblem(await relay.preview(mailbox), 404, 'mailbox_not_found');
  });

  test('UpdateMailbox: a stranger with the id of a device gets 401, not 201 [§5 A6 S6]', async (relay) => {
    const mailbox = await relay.openBound('RWD');
    const id = newId();
    expectStatus(await relay.update(mailbox, mailbox.sender, { id }), 200);
    expectProblem(await relay.update(mailbox, newClaim(), { id }), 401, 'not_bound');
  });

  test('CreateMailbox: of many with one id in flight exactly one gets 200, the others 201 [§3 A6]', async (relay) => {
    const claim = newClaim();
    const extra = { id: newId(), body: createBody() };
    const answers = await Promise.all(Array.from({ length: 10 }, () => relay.create(claim, extra)));
    assert.deepEqual(countStatuses(answers), { 200: 1, 201: 9 });
    assert.equal(new Set(answers.map((answer) => expectJson(answer, answer.status).urlLink)).size, 1);
  });

  test('UpdateMailbox: of two with one id in flight one gets 200, the other 201 [§3 A6]', async (relay) => {
    const mailbox = await relay.openBound('RWD');
    for (let round = 0; round < 5; round++) {
      const id = newId();
      const payloads = [newPayload(), newPayload()];
      const claim = round % 2 === 0 ? mailbox.sender : mailbox.receiver;
      const answers = await Promise.all(
        payloads.map((payload) => relay.update(mailbox, claim, { id, body: { payload } })),
      );
      assert.deepEqual(countStatuses(answers), { 200: 1, 201: 1 });
      const winner = payloads[answers.findIndex(({ status }) => status === 200)];
      assert.deepEqual((await stateOf(relay, mailbox)).payload, winner);
    }
  });

  test('RelinquishMailbox: of two with one id in flight one gets 200, the other 201 [§3 A6]', async (relay) => {
    const mailbox = await relay.openBound();
    const id = newId();
    const answers = await Promise.all([0, 1].map(() => relay.relinquish(mailbox, mailbox.receiver, { id })));
    assert.deepEqual(countStatuses(answers), { 200: 1, 201: 1 });
    assert.equal((await stateOf(relay, mailbox)).receiver, 'none');
  });
}
