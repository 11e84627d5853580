/** Mailbox-Version, and the conditional update that it makes possible. */
import assert from 'node:assert/strict';
import { countStatuses, expectProblem, expectStatus, versionOf } from './checks.js';
import { newClaim, newId, newPayload } from './fixtures.js';
import type { Test } from './relay.js';
import { expectUnchanged, stateOf } from './state.js';

const known = (version: string) => ({ 'Mailbox-Known-Version': version });

export function versionTests(test: Test): void {
  test('General: Mailbox-Version changes with every update, bind and relinquish [§8]', async (relay) => {
    const mailbox = await relay.open('RWD');
    const receiver = newClaim();
    const versions = [mailbox.version];
    versions.push(versionOf(await relay.read(mailbox, receiver)));
    versions.push(versionOf(await relay.update(mailbox, receiver)));
    versions.push(versionOf(await relay.update(mailbox, mailbox.sender)));
    versions.push(versionOf(await relay.update(mailbox, mailbox.sender)));
    expectStatus(await relay.relinquish(mailbox, receiver), 200);
    versions.push((await stateOf(relay, mailbox)).version);
    versions.push(versionOf(await relay.read(mailbox, newClaim())));
    assert.equal(new Set(versions).size, versions.length, versions.join(' '));
  });

  test('General: an update changes Mailbox-Version even if the payload is the same [§8]', async (relay) => {
    const mailbox = await relay.open('RWD');
    const body = { payload: mailbox.body.payload };
    assert.notEqual(versionOf(await relay.update(mailbox, mailbox.sender, { body })), mailbox.version);
  });

  test('General: Mailbox-Version is that of the state answered, the same for both devices [§8]', async (relay) => {
    const mailbox = await relay.openBound('RWD');
    assert.equal((await stateOf(relay, mailbox)).version, mailbox.version, 'after the bind');
    const updated = versionOf(await relay.update(mailbox, mailbox.receiver));
    assert.equal((await stateOf(relay, mailbox)).version, updated, 'the sender after the update');
    assert.equal(versionOf(await relay.read(mailbox, mailbox.receiver)), updated, 'the receiver after the update');
  });

  test('General: Mailbox-Version does not change with a read, a preview or a refusal [§8 R8]', async (relay) => {
    const mailbox = await relay.openBound('RWD');
    const before = await stateOf(relay, mailbox);
    await relay.read(mailbox, mailbox.receiver);
    await relay.preview(mailbox);
    await relay.read(mailbox, newClaim());
    await relay.update(mailbox, newClaim());
    await relay.update(mailbox, mailbox.sender, { body: {} });
    await relay.relinquish(mailbox, mailbox.sender);
    await relay.cancel(mailbox, newClaim());
    await expectUnchanged(relay, mailbox, before);
  });

  test('UpdateMailbox: Mailbox-Known-Version that is current lets the update pass [§8]', async (relay) => {
    const mailbox = await relay.openBound('RWD');
    const first = await relay.update(mailbox, mailbox.sender, { headers: known(mailbox.version) });
    expectStatus(first, 200);
    const payload = newPayload();
    const headers = known(versionOf(first));
    expectStatus(await relay.update(mailbox, mailbox.receiver, { headers, body: { payload } }), 200);
    assert.deepEqual((await stateOf(relay, mailbox)).payload, payload);
  });

  test('UpdateMailbox: Mailbox-Known-Version that is not current gets 412 and changes nothing [§8 A42]', async (relay) => {
    const mailbox = await relay.openBound('RWD');
    const stale = mailbox.version;
    expectStatus(await relay.update(mailbox, mailbox.receiver), 200, 'the newer write');
    const before = await stateOf(relay, mailbox);
    for (const version of [stale, 'another', `${before.version}x`]) {
      const answer = await relay.update(mailbox, mailbox.sender, { headers: known(version) });
      expectProblem(answer, 412, 'version_changed', { why: version });
    }
    await expectUnchanged(relay, mailbox, before);
  });

  test('UpdateMailbox: the version of another mailbox is not current [§8]', async (relay) => {
    const [mailbox, other] = [await relay.open('RWD'), await relay.openBound('RWD')];
    for (const foreign of [other.version, versionOf(await relay.update(other, other.receiver))]) {
      if (foreign === mailbox.version) continue;
      const answer = await relay.update(mailbox, mailbox.sender, { headers: known(foreign) });
      expectProblem(answer, 412, 'version_changed');
    }
    expectStatus(await relay.update(mailbox, mailbox.sender, { headers: known(mailbox.version) }), 200);
  });

  test('UpdateMailbox: the retry of a conditional update is a duplicate, not a conflict [§5]', async (relay) => {
    const mailbox = await relay.openBound('RWD');
    const id = newId();
    const headers = known(mailbox.version);
    expectStatus(await relay.update(mailbox, mailbox.sender, { id, headers }), 200);
    expectStatus(await relay.update(mailbox, mailbox.sender, { id, headers }), 201);
  });

  test('UpdateMailbox: of many updates of one version at once exactly one passes [§8 A42]', async (relay) => {
    const mailbox = await relay.openBound('RWD');
    const writes = Array.from({ length: 20 }, (_, index) => ({
      claim: index % 2 === 0 ? mailbox.sender : mailbox.receiver,
      payload: newPayload(),
    }));
    const headers = known(mailbox.version);
    const answers = await Promise.all(
      writes.map(({ claim, payload }) => relay.update(mailbox, claim, { headers, body: { payload } })),
    );
    assert.deepEqual(countStatuses(answers), { 200: 1, 412: 19 });
    const winner = writes[answers.findIndex(({ status }) => status === 200)];
    assert.deepEqual((await stateOf(relay, mailbox)).payload, winner?.payload);
  });
}
