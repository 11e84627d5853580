/** accessRights: the effect of each letter, and operations that need no right. */
import assert from 'node:assert/strict';
import { expectJson, expectProblem, expectStatus } from './checks.js';
import { newClaim, secondsFromNow } from './fixtures.js';
import type { Test } from './relay.js';
import { expectUnchanged, stateOf } from './state.js';

export function rightsTests(test: Test): void {
  test('UpdateMailbox: the default rights RD forbid it to both devices [§5 N23 A22]', async (relay) => {
    const expiration = secondsFromNow(60);
    for (const over of [{}, { mailboxConfiguration: { expiration } }]) {
      const mailbox = await relay.openBound(undefined, over);
      const before = await stateOf(relay, mailbox);
      expectProblem(await relay.update(mailbox, mailbox.sender), 401, 'right_missing');
      expectProblem(await relay.update(mailbox, mailbox.receiver), 401, 'right_missing');
      await expectUnchanged(relay, mailbox, before);
    }
  });

  test('DeleteMailbox: the default rights RD allow it to the receiver [§5 N23]', async (relay) => {
    const mailbox = await relay.openBound();
    expectStatus(await relay.cancel(mailbox, mailbox.receiver), 200);
    expectProblem(await relay.read(mailbox, mailbox.receiver), 404, 'mailbox_not_found');
  });

  test('ReadSecureContentFromMailbox: without R a claim gets 401 and is not bound [§5 A23]', async (relay) => {
    for (const rights of ['W', 'D', 'WD']) {
      const mailbox = await relay.open(rights);
      const before = await stateOf(relay, mailbox);
      const claim = newClaim();
      for (const reader of [claim, claim, newClaim()]) {
        const problem = expectProblem(await relay.read(mailbox, reader), 401, 'right_missing', { why: rights });
        assert.equal('payload' in problem, false);
      }
      expectProblem(await relay.update(mailbox, claim), 401, 'not_bound', { why: rights });
      expectProblem(await relay.relinquish(mailbox, claim), 401, [], { why: rights });
      expectProblem(await relay.cancel(mailbox, claim), 401, 'not_bound', { why: rights });
      await expectUnchanged(relay, mailbox, before);
    }
  });

  for (const rights of ['R', 'W', 'D', 'RW', 'WD', 'RWD']) {
    test(`General: the sender never loses read and cancel, with ${rights} [§5 N33 A22]`, async (relay) => {
      const mailbox = await relay.open(rights);
      expectStatus(await relay.read(mailbox, mailbox.sender), 200, 'read');
      expectStatus(await relay.cancel(mailbox, mailbox.sender), 200, 'cancel');
      expectProblem(await relay.read(mailbox, mailbox.sender), 404, 'mailbox_not_found');
    });
  }

  test('UpdateMailbox: W allows it to both devices, in any order of the letters [§5 N23]', async (relay) => {
    for (const rights of ['RW', 'WR', 'DWR']) {
      const mailbox = await relay.openBound(rights);
      expectStatus(await relay.update(mailbox, mailbox.sender), 200, rights);
      expectStatus(await relay.update(mailbox, mailbox.receiver), 200, rights);
    }
    const writeOnly = await relay.open('W');
    expectStatus(await relay.update(writeOnly, writeOnly.sender), 200, 'W alone');
  });

  test('UpdateMailbox: without W the sender and the receiver get 401 [§5 A22]', async (relay) => {
    for (const rights of ['R', 'RD', 'DR']) {
      const mailbox = await relay.openBound(rights);
      expectProblem(await relay.update(mailbox, mailbox.sender), 401, 'right_missing', { why: rights });
      expectProblem(await relay.update(mailbox, mailbox.receiver), 401, 'right_missing', { why: rights });
      assert.deepEqual((await stateOf(relay, mailbox)).payload, mailbox.body.payload, rights);
    }
  });

  test('DeleteMailbox: without D the receiver gets 401 and the mailbox lives [§5 A21]', async (relay) => {
    for (const rights of ['R', 'RW']) {
      const mailbox = await relay.openBound(rights);
      expectProblem(await relay.cancel(mailbox, mailbox.receiver), 401, 'right_missing', { why: rights });
      assert.deepEqual(expectJson(await relay.read(mailbox, mailbox.receiver), 200).payload, mailbox.body.payload);
    }
  });

  test('RelinquishMailbox: needs no right [§5]', async (relay) => {
    for (const rights of ['R', 'RW', 'RD', 'RWD']) {
      const mailbox = await relay.openBound(rights);
      expectStatus(await relay.relinquish(mailbox, mailbox.receiver), 200, rights);
      assert.equal((await stateOf(relay, mailbox)).receiver, 'none', rights);
    }
  });
}
