/** The one test that has to let time pass. */
import assert from 'node:assert/strict';
import { expectProblem, expectStatus } from './checks.js';
import { newClaim, newId, secondsFromNow } from './fixtures.js';
import type { Test } from './relay.js';

/** How far the clocks of the suite and the relay may be apart. */
const TOLERANCE_MS = 1000;
const POLL_MS = 40;

export function expiryTests(test: Test): void {
  test('General: an expired mailbox is gone at its expiration for every operation [§7 N20 A26]', async (relay) => {
    // Whole seconds: two to three from now, so that even a slow machine has time to bind before the end.
    const expiration = secondsFromNow(3);
    const mailbox = await relay.openBound('RWD', { mailboxConfiguration: { accessRights: 'RWD', expiration } });
    const id = newId();
    expectStatus(await relay.update(mailbox, mailbox.sender, { id }), 200, 'before the expiration');

    const deadline = Date.parse(expiration);
    let answer = await relay.read(mailbox, mailbox.sender);
    while (answer.status !== 404) {
      expectStatus(answer, 200, 'until it is gone');
      assert.ok(Date.now() < deadline + TOLERANCE_MS, `alive after its expiration ${expiration}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      answer = await relay.read(mailbox, mailbox.sender);
    }
    assert.ok(Date.now() >= deadline - TOLERANCE_MS, `gone before its expiration ${expiration}`);

    const gone = { why: 'expired' };
    expectProblem(answer, 404, 'mailbox_not_found', gone);
    expectProblem(await relay.preview(mailbox), 404, 'mailbox_not_found', gone);
    expectStatus(await relay.call('HEAD', mailbox.path, null), 404, 'HEAD');
    expectProblem(await relay.read(mailbox, mailbox.receiver), 404, 'mailbox_not_found', gone);
    expectProblem(await relay.read(mailbox, newClaim()), 404, 'mailbox_not_found', gone);
    expectProblem(await relay.update(mailbox, mailbox.sender), 404, 'mailbox_not_found', gone);
    expectProblem(await relay.update(mailbox, mailbox.sender, { id }), 404, 'mailbox_not_found', gone);
    expectProblem(await relay.relinquish(mailbox, mailbox.receiver), 404, 'mailbox_not_found', gone);
    expectProblem(await relay.cancel(mailbox, mailbox.receiver), 404, 'mailbox_not_found', gone);
    expectProblem(await relay.cancel(mailbox, mailbox.sender), 404, 'mailbox_not_found', gone);
  });
}
