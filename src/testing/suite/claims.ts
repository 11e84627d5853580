/** Mailbox-Device-Claim: its form, and the answer to a missing or malformed one. */
import assert from 'node:assert/strict';
import type { Answer } from '../wire.js';
import { expectProblem, expectStatus } from './checks.js';
import { createBody, newClaim, newId, newPayload } from './fixtures.js';
import { type Mailbox, nowhere, ordinary, type Relay, type Test } from './relay.js';
import { expectUnchanged, stateOf } from './state.js';

const NIL = '00000000-0000-0000-0000-000000000000';

/** A claim in every form that is not the plain one. */
const malformedFormsOf = (claim: string): readonly string[] => [
  NIL,
  'malformed',
  `{${claim}}`,
  `urn:uuid:${claim}`,
  `"${claim}"`,
  claim.replaceAll('-', ''),
  claim.slice(0, -1),
  `${claim}0`,
  `${claim}-`,
  `g${claim.slice(1)}`,
  claim.replace('-', '_'),
  `${claim.slice(0, 7)}-${claim.slice(7, 8)}${claim.slice(9)}`,
  `${claim},${claim}`,
  `${claim}, ${newClaim()}`,
  `${claim} ${claim}`,
  `Bearer ${claim}`,
];

type Target = Pick<Mailbox, 'path'>;
type Operation = readonly [name: string, run: (mailbox: Target, claim: string | null) => Promise<Answer>];

const operations = (relay: Relay): readonly Operation[] => [
  ['create', (_mailbox, claim) => relay.create(claim)],
  ['read', (mailbox, claim) => relay.read(mailbox, claim)],
  ['update', (mailbox, claim) => relay.update(mailbox, claim)],
  ['relinquish', (mailbox, claim) => relay.relinquish(mailbox, claim)],
  ['delete', (mailbox, claim) => relay.cancel(mailbox, claim)],
];

export function claimTests(test: Test): void {
  test('General: a missing Mailbox-Device-Claim gets 400 before any look-up [§3 N10 A12]', async (relay) => {
    const mailbox = await relay.openBound('RWD');
    const before = await stateOf(relay, mailbox);
    for (const [name, run] of operations(relay)) {
      expectProblem(await run(mailbox, null), 400, 'claim_missing', { why: name });
      expectProblem(await run(nowhere(), null), 400, 'claim_missing', { why: `${name}, unknown mailbox` });
    }
    await expectUnchanged(relay, mailbox, before);
  });

  for (const [index, name] of ['create', 'read', 'update', 'relinquish', 'delete'].entries()) {
    test(`General: a malformed or nil Mailbox-Device-Claim gets 401 on ${name} [§3 A13 A14]`, async (relay) => {
      const mailbox = await relay.open('RWD');
      const before = await stateOf(relay, mailbox);
      const run = operations(relay)[index]?.[1];
      assert.ok(run);
      for (const claim of malformedFormsOf(mailbox.sender)) {
        expectProblem(await run(mailbox, claim), 401, 'claim_invalid', { why: claim });
      }
      expectProblem(await run(nowhere(), 'malformed'), 401, 'claim_invalid', { why: 'unknown mailbox' });
      await expectUnchanged(relay, mailbox, before);
    });
  }

  test('General: a repeated Mailbox-Device-Claim gets 401 [§3 A15]', async (relay) => {
    const mailbox = await relay.open('RWD');
    const update = JSON.stringify({ payload: newPayload() });
    for (const claims of [
      [mailbox.sender, mailbox.sender],
      [mailbox.sender, newClaim()],
    ]) {
      const headers = { ...ordinary(newClaim()), 'Mailbox-Device-Claim': claims };
      const create = await relay.send('POST', '/v1/m', { headers, chunks: [JSON.stringify(createBody())] });
      expectProblem(create, 401, 'claim_invalid', { why: 'create' });
      expectProblem(await relay.send('PUT', mailbox.path, { headers, chunks: [update] }), 401, 'claim_invalid');
      const bare = { 'Mailbox-Request-ID': newId(), 'Mailbox-Device-Claim': claims, 'Content-Length': '0' };
      expectProblem(await relay.send('POST', mailbox.path, { headers: bare }), 401, 'claim_invalid', { why: 'read' });
      expectProblem(await relay.send('DELETE', mailbox.path, { headers: bare }), 401, 'claim_invalid', {
        why: 'delete',
      });
    }
    expectStatus(await relay.read(mailbox, newClaim()), 200, 'nothing was bound');
  });

  test('General: a claim is a UUID of any version [§3 A14]', async (relay) => {
    for (const version of '12345678') {
      const claim = newClaim().replace(/^(.{14})./, `$1${version}`);
      expectStatus(await relay.create(claim), 200, claim);
      expectStatus(await relay.read(await relay.open(), claim), 200, claim);
    }
  });

  test('General: claims are compared case-insensitively [§3 A14]', async (relay) => {
    const sender = newClaim();
    const id = newId();
    const body = createBody();
    expectStatus(await relay.create(sender.toUpperCase(), { id, body }), 200);
    expectStatus(await relay.create(sender, { id, body }), 201, 'the same claim in lower case');

    const mailbox = await relay.openBound('RWD');
    const receiver = mailbox.receiver.toUpperCase();
    expectStatus(await relay.read(mailbox, receiver), 200, 'read');
    expectStatus(await relay.update(mailbox, receiver, { id }), 200, 'update');
    expectStatus(await relay.update(mailbox, mailbox.receiver, { id }), 201, 'its retry');
    expectStatus(await relay.cancel(mailbox, mailbox.sender.toUpperCase()), 200, 'delete');
  });

  test('ReadSecureContentFromMailbox: the sender in upper case is still the sender [§3 A14 A18]', async (relay) => {
    const mailbox = await relay.open();
    const answer = await relay.read(mailbox, mailbox.sender.toUpperCase());
    expectStatus(answer, 200);
    assert.equal(answer.headers.get('mailbox-receiver'), 'none');
    expectStatus(await relay.read(mailbox, newClaim()), 200, 'the place is still free');
  });
}
