/** RelinquishMailbox: the receiver gives its place up, for another and not for itself. */
import assert from 'node:assert/strict';
import { expectJson, expectProblem, expectStatus } from './checks.js';
import { newClaim, newId, newPayload } from './fixtures.js';
import type { Test } from './relay.js';
import { expectUnchanged, stateOf } from './state.js';

/** How many released claims a relay has to remember. */
const REMEMBERED = 16;

export function relinquishTests(test: Test): void {
  test('RelinquishMailbox: the bound receiver makes room for another [§5 N30]', async (relay) => {
    const mailbox = await relay.openBound();
    expectStatus(await relay.relinquish(mailbox, mailbox.receiver), 200);
    const next = newClaim();
    expectStatus(await relay.read(mailbox, next), 200, 'the next receiver');
    expectProblem(await relay.read(mailbox, newClaim()), 401, 'mailbox_taken');
    expectStatus(await relay.cancel(mailbox, next), 200, 'which is bound as the first was');
  });

  test('RelinquishMailbox: the payload stays, and the next receiver sees the latest [§5 A39]', async (relay) => {
    const mailbox = await relay.openBound('RWD');
    const payload = newPayload();
    expectStatus(await relay.update(mailbox, mailbox.receiver, { body: { payload } }), 200);
    expectStatus(await relay.relinquish(mailbox, mailbox.receiver), 200);
    const after = await stateOf(relay, mailbox);
    assert.deepEqual(after.payload, payload);
    const answer = expectJson(await relay.read(mailbox, newClaim()), 200);
    assert.deepEqual(answer.payload, payload);
    assert.equal(answer.expiration, after.expiration);
  });

  test('RelinquishMailbox: the released claim does not get the place back [§5 A38 S4]', async (relay) => {
    const mailbox = await relay.openBound('RWD');
    expectStatus(await relay.relinquish(mailbox, mailbox.receiver), 200);
    const before = await stateOf(relay, mailbox);
    const released = mailbox.receiver;
    const codes = ['claim_released', 'not_bound'];
    const problem = expectProblem(await relay.read(mailbox, released), 401, 'claim_released');
    assert.equal('payload' in problem, false);
    expectProblem(await relay.read(mailbox, released.toUpperCase()), 401, 'claim_released');
    expectProblem(await relay.update(mailbox, released), 401, codes);
    expectProblem(await relay.cancel(mailbox, released), 401, codes);
    expectProblem(await relay.relinquish(mailbox, released), 401, codes);
    await expectUnchanged(relay, mailbox, before);
    expectStatus(await relay.read(mailbox, newClaim()), 200, 'the place is free');
    expectProblem(await relay.read(mailbox, released), 401, ['claim_released', 'mailbox_taken']);
  });

  test('RelinquishMailbox: a released claim may be bound to another mailbox [§5]', async (relay) => {
    const mailbox = await relay.openBound();
    expectStatus(await relay.relinquish(mailbox, mailbox.receiver), 200);
    expectStatus(await relay.read(await relay.open(), mailbox.receiver), 200);
  });

  test('RelinquishMailbox: the last 16 released claims stay refused [§5 A38]', async (relay) => {
    const mailbox = await relay.open();
    const released: string[] = [];
    for (let round = 0; round < REMEMBERED; round++) {
      const claim = newClaim();
      expectStatus(await relay.read(mailbox, claim), 200, `binding number ${round}`);
      expectStatus(await relay.relinquish(mailbox, claim), 200, `releasing number ${round}`);
      released.push(claim);
    }
    for (const claim of released) expectProblem(await relay.read(mailbox, claim), 401, 'claim_released');
    expectStatus(await relay.read(mailbox, newClaim()), 200, 'the place is free');
  });

  test('RelinquishMailbox: the newest released claim is refused after 20 others [§5 A38]', async (relay) => {
    const mailbox = await relay.open();
    let newest = '';
    for (let round = 0; round < REMEMBERED + 4; round++) {
      newest = newClaim();
      expectStatus(await relay.read(mailbox, newest), 200, `binding number ${round}`);
      expectStatus(await relay.relinquish(mailbox, newest), 200, `releasing number ${round}`);
    }
    expectProblem(await relay.read(mailbox, newest), 401, 'claim_released');
  });

  test('RelinquishMailbox: the sender gets 401, with a receiver and without [§5 A37]', async (relay) => {
    for (const mailbox of [await relay.open('RWD'), await relay.openBound('RWD')]) {
      const before = await stateOf(relay, mailbox);
      expectProblem(await relay.relinquish(mailbox, mailbox.sender), 401);
      await expectUnchanged(relay, mailbox, before);
      expectStatus(await relay.update(mailbox, mailbox.sender), 200, 'the sender is still bound');
    }
  });

  test('RelinquishMailbox: any other claim gets 401, with a receiver and without [§5 A37]', async (relay) => {
    for (const mailbox of [await relay.open(), await relay.openBound()]) {
      const before = await stateOf(relay, mailbox);
      const stranger = newClaim();
      expectProblem(await relay.relinquish(mailbox, stranger), 401);
      await expectUnchanged(relay, mailbox, before);
    }
    const mailbox = await relay.open();
    const stranger = newClaim();
    expectProblem(await relay.relinquish(mailbox, stranger), 401);
    expectStatus(await relay.read(mailbox, stranger), 200, 'a refused relinquish releases nobody');
  });

  test('RelinquishMailbox: a retry gets 201, also when another receiver is bound [§3 N31 A8]', async (relay) => {
    const mailbox = await relay.openBound();
    const id = newId();
    expectStatus(await relay.relinquish(mailbox, mailbox.receiver, { id }), 200);
    const duplicate = await relay.relinquish(mailbox, mailbox.receiver, { id });
    expectStatus(duplicate, 201);
    assert.equal(duplicate.headers.has('mailbox-version'), false, 'a 201 carries no Mailbox-Version');
    const next = newClaim();
    expectStatus(await relay.read(mailbox, next), 200, 'the next receiver');
    const before = await stateOf(relay, mailbox);
    expectStatus(await relay.relinquish(mailbox, mailbox.receiver, { id }), 201, 'late retry');
    await expectUnchanged(relay, mailbox, before);
    expectStatus(await relay.read(mailbox, next), 200, 'the next receiver is still bound');
  });

  test('RelinquishMailbox: only the retry of the relinquish is known of a released device [§3 §5 A8]', async (relay) => {
    const mailbox = await relay.openBound('RWD');
    const [updateId, id] = [newId(), newId()];
    expectStatus(await relay.update(mailbox, mailbox.receiver, { id: updateId }), 200);
    expectStatus(await relay.relinquish(mailbox, mailbox.receiver, { id }), 200);
    const codes = ['claim_released', 'not_bound'];
    expectProblem(await relay.update(mailbox, mailbox.receiver, { id: updateId }), 401, codes, { why: 'old update' });
    expectProblem(await relay.update(mailbox, mailbox.receiver, { id }), 401, codes, { why: 'other operation' });
    expectProblem(await relay.relinquish(mailbox, mailbox.receiver), 401, codes, { why: 'a new id' });
    expectProblem(await relay.relinquish(mailbox, newClaim(), { id }), 401, [], { why: 'another claim' });
  });

  test('RelinquishMailbox: its retry gets 404 once the mailbox is gone [§5 §6]', async (relay) => {
    const mailbox = await relay.openBound();
    const id = newId();
    expectStatus(await relay.relinquish(mailbox, mailbox.receiver, { id }), 200);
    expectStatus(await relay.cancel(mailbox, mailbox.sender), 200);
    expectProblem(await relay.relinquish(mailbox, mailbox.receiver, { id }), 404, 'mailbox_not_found');
  });
}
