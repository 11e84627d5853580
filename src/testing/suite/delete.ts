/** DeleteMailbox: the right to end a transfer, and the finality of the end. */
import assert from 'node:assert/strict';
import { expectJson, expectProblem, expectStatus } from './checks.js';
import { newClaim, newId } from './fixtures.js';
import type { BoundMailbox, Mailbox, Relay, Test } from './relay.js';
import { expectUnchanged, stateOf } from './state.js';

export function deleteTests(test: Test): void {
  test('DeleteMailbox: the sender cancels before a receiver is bound [§5 N33]', async (relay) => {
    const mailbox = await relay.open();
    expectStatus(await relay.cancel(mailbox, mailbox.sender), 200);
    await expectGone(relay, { ...mailbox, receiver: newClaim() });
  });

  test('DeleteMailbox: the sender cancels after a receiver is bound [§5 N33]', async (relay) => {
    const mailbox = await relay.openBound('RWD');
    expectStatus(await relay.cancel(mailbox, mailbox.sender), 200);
    await expectGone(relay, mailbox);
  });

  test('DeleteMailbox: the bound receiver ends the transfer [§5 N27]', async (relay) => {
    const mailbox = await relay.openBound('RWD');
    expectStatus(await relay.cancel(mailbox, mailbox.receiver), 200);
    await expectGone(relay, mailbox);
  });

  test('DeleteMailbox: any other claim gets 401 and the mailbox lives [§5 N27 A21]', async (relay) => {
    for (const mailbox of [await relay.open(), await relay.openBound()]) {
      const before = await stateOf(relay, mailbox);
      expectProblem(await relay.cancel(mailbox, newClaim()), 401, 'not_bound');
      await expectUnchanged(relay, mailbox, before);
    }
  });

  test('DeleteMailbox: a repeated delete gets 404, with the same request id and another [§3 N27 A9]', async (relay) => {
    const mailbox = await relay.openBound();
    const id = newId();
    expectStatus(await relay.cancel(mailbox, mailbox.receiver, { id }), 200);
    expectProblem(await relay.cancel(mailbox, mailbox.receiver, { id }), 404, 'mailbox_not_found');
    expectProblem(await relay.cancel(mailbox, mailbox.receiver), 404, 'mailbox_not_found');
    expectProblem(await relay.cancel(mailbox, mailbox.sender, { id }), 404, 'mailbox_not_found');
    expectProblem(await relay.cancel(mailbox, newClaim(), { id }), 404, 'mailbox_not_found');
  });

  test('DeleteMailbox: the retry of an earlier update gets 404 [§3]', async (relay) => {
    const mailbox = await relay.openBound('RWD');
    const id = newId();
    expectStatus(await relay.update(mailbox, mailbox.sender, { id }), 200);
    expectStatus(await relay.cancel(mailbox, mailbox.sender), 200);
    expectProblem(await relay.update(mailbox, mailbox.sender, { id }), 404, 'mailbox_not_found');
  });

  for (const by of ['sender', 'receiver'] as const) {
    test(`CreateMailbox: a late retry after a delete by the ${by} gets 201 and opens nothing [§3]`, async (relay) => {
      const mailbox = await relay.openBound('RWD');
      expectStatus(await relay.cancel(mailbox, mailbox[by]), 200);
      for (let retry = 0; retry < 2; retry++) {
        const answer = await relay.create(mailbox.sender, { id: mailbox.createId, body: mailbox.body });
        assert.equal(expectJson(answer, 201).urlLink, mailbox.urlLink);
        assert.equal(answer.headers.has('mailbox-version'), false, 'a 201 carries no Mailbox-Version');
        await expectGone(relay, mailbox);
      }
    });
  }

  test('CreateMailbox: after a delete the same claim opens a new mailbox under a new id [§3]', async (relay) => {
    const mailbox = await relay.open();
    expectStatus(await relay.cancel(mailbox, mailbox.sender), 200);
    const answer = expectJson(await relay.create(mailbox.sender, { body: mailbox.body }), 200);
    assert.notEqual(answer.urlLink, mailbox.urlLink);
    await expectGone(relay, { ...mailbox, receiver: newClaim() });
  });

  test('DeleteMailbox: ends one mailbox and no other of the same devices [§5 N39]', async (relay) => {
    const [mailbox, other] = [await relay.openBound(), await relay.open()];
    expectStatus(await relay.read(other, mailbox.receiver), 200, 'bound to both');
    expectStatus(await relay.cancel(mailbox, mailbox.receiver), 200);
    expectStatus(await relay.read(other, mailbox.receiver), 200, 'the other lives');
  });
}

async function expectGone(relay: Relay, mailbox: Mailbox & Pick<BoundMailbox, 'receiver'>): Promise<void> {
  expectProblem(await relay.preview(mailbox), 404, 'mailbox_not_found', { why: 'preview' });
  for (const claim of [mailbox.sender, mailbox.receiver, newClaim()]) {
    expectProblem(await relay.read(mailbox, claim), 404, 'mailbox_not_found', { why: 'read' });
    expectProblem(await relay.update(mailbox, claim), 404, 'mailbox_not_found', { why: 'update' });
    expectProblem(await relay.relinquish(mailbox, claim), 404, 'mailbox_not_found', { why: 'relinquish' });
    expectProblem(await relay.cancel(mailbox, claim), 404, 'mailbox_not_found', { why: 'delete' });
  }
}
