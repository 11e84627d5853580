/** The two transfers that the drafts describe, from end to end. */
import assert from 'node:assert/strict';
import { expectJson, expectProblem, expectStatus } from './checks.js';
import { newClaim, newPayload, newToken } from './fixtures.js';
import type { Test } from './relay.js';

export function flowTests(test: Test): void {
  test('General: a stateless transfer: create, preview, read, delete [§1 N16 N27]', async (relay) => {
    const mailbox = await relay.open();
    expectStatus(await relay.preview(mailbox, { query: '?v=h' }), 200, 'preview');
    const receiver = newClaim();
    const answer = expectJson(await relay.read(mailbox, receiver), 200, 'read');
    assert.deepEqual(answer.payload, mailbox.body.payload);
    expectStatus(await relay.cancel(mailbox, receiver), 200, 'delete');
    expectProblem(await relay.read(mailbox, mailbox.sender), 404, 'mailbox_not_found');
  });

  test('General: a stateful transfer of any number of rounds, not in turns [§1 N26 N34 N35]', async (relay) => {
    const mailbox = await relay.open('RWD', { notificationToken: newToken() });
    const receiver = newClaim();
    const notificationToken = newToken();
    const first = expectJson(await relay.read(mailbox, receiver, { body: { notificationToken } }), 200, 'first read');
    assert.deepEqual(first.payload, mailbox.body.payload);

    const turns = 'RSRSSRRRSRSRSRSRSRSRSRSRSRSRSSSS';
    for (const [round, turn] of [...turns].entries()) {
      const [writer, reader] = turn === 'S' ? [mailbox.sender, receiver] : [receiver, mailbox.sender];
      const payload = newPayload();
      expectStatus(await relay.update(mailbox, writer, { body: { payload } }), 200, `write of round ${round}`);
      assert.deepEqual(expectJson(await relay.read(mailbox, reader), 200, `read of round ${round}`).payload, payload);
    }
    expectStatus(await relay.cancel(mailbox, receiver), 200, 'delete');
    expectProblem(await relay.update(mailbox, mailbox.sender), 404, 'mailbox_not_found');
  });

  test('General: a transfer that the sender cancels half-way [§1 N33]', async (relay) => {
    const mailbox = await relay.openBound('RWD');
    expectStatus(await relay.update(mailbox, mailbox.receiver), 200);
    expectStatus(await relay.cancel(mailbox, mailbox.sender), 200);
    expectProblem(await relay.read(mailbox, mailbox.receiver), 404, 'mailbox_not_found');
  });

  test('General: a transfer that goes on with another device of the receiver [§1 N30]', async (relay) => {
    const mailbox = await relay.openBound('RWD');
    expectStatus(await relay.relinquish(mailbox, mailbox.receiver), 200);
    const second = newClaim();
    expectStatus(await relay.read(mailbox, second), 200);
    const payload = newPayload();
    expectStatus(await relay.update(mailbox, second, { body: { payload } }), 200);
    assert.deepEqual(expectJson(await relay.read(mailbox, mailbox.sender), 200).payload, payload);
    expectStatus(await relay.cancel(mailbox, second), 200);
  });
}
