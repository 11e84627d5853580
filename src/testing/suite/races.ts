/** Many devices at once: one effect, and every other gets an honest answer. */
import assert from 'node:assert/strict';
import { countStatuses, expectJson, expectProblem, expectStatus, versionOf } from './checks.js';
import { newClaim, newPayload } from './fixtures.js';
import type { Test } from './relay.js';
import { stateOf } from './state.js';

const CLAIMS = 50;

export function raceTests(test: Test): void {
  test('ReadSecureContentFromMailbox: of 50 claims at once exactly one is bound [§5 N15 N16 S1]', async (relay) => {
    const mailbox = await relay.open();
    const claims = Array.from({ length: CLAIMS }, newClaim);
    const answers = await Promise.all(claims.map((claim) => relay.read(mailbox, claim)));
    assert.deepEqual(countStatuses(answers), { 200: 1, 401: CLAIMS - 1 });

    const { data } = mailbox.body.payload as { data: string };
    for (const answer of answers) {
      if (answer.status === 200) continue;
      expectProblem(answer, 401, 'mailbox_taken');
      assert.equal(answer.text.includes(data), false, 'no content for the others');
    }
    for (const [index, claim] of claims.entries()) {
      expectStatus(await relay.read(mailbox, claim), answers[index]?.status ?? 0, 'the same answer afterwards');
    }
  });

  test('ReadSecureContentFromMailbox: one claim many times at once is bound once [§5 N16]', async (relay) => {
    const mailbox = await relay.open();
    const claim = newClaim();
    const answers = await Promise.all(Array.from({ length: 20 }, () => relay.read(mailbox, claim)));
    const versions = new Set(answers.map((answer) => versionOf(answer)));
    assert.equal(versions.size, 1, 'one bind is one change');
  });

  test('ReadSecureContentFromMailbox: one of 20 at once takes a place given up [§5 N30 S4]', async (relay) => {
    const mailbox = await relay.openBound();
    expectStatus(await relay.relinquish(mailbox, mailbox.receiver), 200);
    const claims = [...Array.from({ length: 20 }, newClaim), mailbox.receiver];
    const answers = await Promise.all(claims.map((claim) => relay.read(mailbox, claim)));
    assert.deepEqual(countStatuses(answers), { 200: 1, 401: 20 });
    assert.equal(answers.at(-1)?.status, 401, 'the released claim is not the one');
  });

  test('RelinquishMailbox: of many at once exactly one gets 200 [§5]', async (relay) => {
    const mailbox = await relay.openBound();
    const answers = await Promise.all(Array.from({ length: 10 }, () => relay.relinquish(mailbox, mailbox.receiver)));
    assert.deepEqual(countStatuses(answers), { 200: 1, 401: 9 });
  });

  test('DeleteMailbox: of many at once exactly one gets 200, the others 404 [§3 N27]', async (relay) => {
    const mailbox = await relay.openBound();
    const claims = Array.from({ length: 10 }, (_, index) => (index % 2 === 0 ? mailbox.sender : mailbox.receiver));
    const answers = await Promise.all(claims.map((claim) => relay.cancel(mailbox, claim)));
    assert.deepEqual(countStatuses(answers), { 200: 1, 404: 9 });
  });

  test('UpdateMailbox: of updates at once each is whole and the last one stays [§4 N26 A42]', async (relay) => {
    const mailbox = await relay.openBound('RWD');
    const writes = Array.from({ length: 8 }, (_, index) => ({
      claim: index % 2 === 0 ? mailbox.sender : mailbox.receiver,
      payload: newPayload(),
    }));
    const answers = await Promise.all(
      writes.map(({ claim, payload }) => relay.update(mailbox, claim, { body: { payload } })),
    );
    const versions = answers.map((answer) => versionOf(answer));
    assert.equal(new Set(versions).size, versions.length, 'each update has its own version');
    const { version, payload } = await stateOf(relay, mailbox);
    assert.deepEqual(payload, writes[versions.indexOf(version)]?.payload, 'the payload is that of its version');
  });

  test('DeleteMailbox: a delete among reads and updates at once is final [§3 R13]', async (relay) => {
    const mailbox = await relay.openBound('RWD');
    const others = Array.from({ length: 5 }, () => [
      relay.read(mailbox, mailbox.receiver),
      relay.update(mailbox, mailbox.receiver),
      relay.create(mailbox.sender, { id: mailbox.createId, body: mailbox.body }),
    ]).flat();
    const answers = await Promise.all([relay.cancel(mailbox, mailbox.sender), ...others]);
    expectStatus(answers[0] as (typeof answers)[number], 200, 'the delete');
    for (const { status, text } of answers) assert.ok([200, 201, 404].includes(status), `${status} ${text}`);
    expectProblem(await relay.read(mailbox, mailbox.receiver), 404, 'mailbox_not_found');
    expectProblem(await relay.preview(mailbox), 404, 'mailbox_not_found');
    expectJson(await relay.create(mailbox.sender, { id: mailbox.createId, body: mailbox.body }), 201);
    expectProblem(await relay.preview(mailbox), 404, 'mailbox_not_found', { why: 'after a late retry' });
  });
}
