/** Mailbox-Request-ID: where it is required, its form, and its echo in every answer. */
import assert from 'node:assert/strict';
import type { Answer } from '../wire.js';
import { expectProblem, expectStatus } from './checks.js';
import { configured, createBody, newClaim, newId, newPayload } from './fixtures.js';
import { type BoundMailbox, nowhere, ordinary, type Relay, type Test } from './relay.js';
import { expectUnchanged, stateOf } from './state.js';

/** Every visible ASCII character, `!` to `~`: 94 of the 128 that are allowed. */
const VISIBLE = String.fromCharCode(...Array.from({ length: 94 }, (_, index) => 0x21 + index));

const NOT_IDS = ['two words', 'tab\there', 'caf\u00e9', '\u00ff', 'x'.repeat(129), `${newId()}, ${newId()}`];

type Operation = readonly [name: string, run: (id: string | null) => Promise<Answer>];

/** Every operation on a bound mailbox, the last of them its end. */
const operations = (relay: Relay, mailbox: BoundMailbox): readonly Operation[] => [
  ['preview', (id) => relay.preview(mailbox, { id })],
  ['create', (id) => relay.create(newClaim(), { id })],
  ['read', (id) => relay.read(mailbox, mailbox.receiver, { id })],
  ['update', (id) => relay.update(mailbox, mailbox.receiver, { id })],
  ['relinquish', (id) => relay.relinquish(mailbox, mailbox.receiver, { id })],
  ['delete', (id) => relay.cancel(mailbox, mailbox.sender, { id })],
];

export function headerTests(test: Test): void {
  test('General: every success gives Mailbox-Request-ID back byte for byte [§3 N6]', async (relay) => {
    for (const [name, run] of operations(relay, await relay.openBound('RWD'))) {
      const id = `${VISIBLE}-${name}`;
      const answer = await run(id);
      expectStatus(answer, 200, name);
      assert.equal(answer.headers.get('mailbox-request-id'), id, name);
    }
  });

  test('General: every kind of refusal gives Mailbox-Request-ID back [§3 N6]', async (relay) => {
    const mailbox = await relay.openBound('RWD');
    const claim = mailbox.sender;
    const large = 'x'.repeat(relay.bodyLimitBytes + 1);
    const refusals: readonly (readonly [number, (id: string) => Promise<Answer>])[] = [
      [400, (id) => relay.create(newClaim(), { id, body: {} })],
      [400, (id) => relay.create(null, { id })],
      [401, (id) => relay.read(mailbox, newClaim(), { id })],
      [401, (id) => relay.read(mailbox, 'malformed', { id })],
      [404, (id) => relay.read(nowhere(), newClaim(), { id })],
      [404, (id) => relay.preview({ path: '/v2/m' }, { id })],
      [404, (id) => relay.preview({ path: `${mailbox.path}/more` }, { id })],
      [405, (id) => relay.call('PUT', '/v1/m', claim, { id, body: {} })],
      [412, (id) => relay.update(mailbox, claim, { id, headers: { 'Mailbox-Known-Version': 'another' } })],
      [413, (id) => relay.send('PUT', mailbox.path, { headers: ordinary(claim, id), chunks: [large] })],
      [415, (id) => relay.update(mailbox, claim, { id, headers: { 'Content-Type': 'text/plain' } })],
    ];
    for (const [status, run] of refusals) {
      const id = newId().toUpperCase();
      const answer = await run(id);
      expectStatus(answer, status);
      assert.equal(answer.headers.get('mailbox-request-id'), id, `on ${status}`);
    }
  });

  test('General: duplicates and OPTIONS give Mailbox-Request-ID back [§3 N6]', async (relay) => {
    const mailbox = await relay.openBound('RWD');
    const id = newId();
    expectStatus(await relay.update(mailbox, mailbox.sender, { id }), 200);
    const duplicate = await relay.update(mailbox, mailbox.sender, { id });
    expectStatus(duplicate, 201);
    assert.equal(duplicate.headers.get('mailbox-request-id'), id);
    const options = await relay.call('OPTIONS', mailbox.path, null, { id });
    expectStatus(options, 204);
    assert.equal(options.headers.get('mailbox-request-id'), id);
  });

  test('General: Mailbox-Request-ID is optional on read and preview, and the relay invents none [§3 A10]', async (relay) => {
    const mailbox = await relay.open();
    for (const answer of [
      await relay.preview(mailbox, { id: null }),
      await relay.read(mailbox, newClaim(), { id: null }),
    ]) {
      expectStatus(answer, 200);
      assert.equal(answer.headers.has('mailbox-request-id'), false);
    }
  });

  test('General: create, update, relinquish and delete require Mailbox-Request-ID [§3 A10]', async (relay) => {
    const mailbox = await relay.openBound('RWD');
    const before = await stateOf(relay, mailbox);
    for (const [why, run] of operations(relay, mailbox)) {
      if (why === 'preview' || why === 'read') continue;
      expectProblem(await run(null), 400, 'request_id_missing', { why });
    }
    expectProblem(await relay.update(nowhere(), newClaim(), { id: null }), 400, 'request_id_missing');
    await expectUnchanged(relay, mailbox, before);
  });

  test('General: Mailbox-Request-ID has 1 to 128 visible ASCII characters [§3 A11]', async (relay) => {
    const longest = VISIBLE.padEnd(128, '~');
    for (const id of ['!', newId(), longest]) {
      for (const [name, run] of operations(relay, await relay.openBound('RWD'))) {
        const answer = await run(id);
        expectStatus(answer, 200, `${name} with ${id}`);
        assert.equal(answer.headers.get('mailbox-request-id'), id, name);
      }
    }
  });

  test('General: an invalid Mailbox-Request-ID is refused and not given back [§3 A11]', async (relay) => {
    const mailbox = await relay.openBound('RWD');
    const before = await stateOf(relay, mailbox);
    for (const id of NOT_IDS) {
      for (const [name, run] of operations(relay, mailbox)) {
        const why = `${name} with ${JSON.stringify(id)}`;
        const answer = await run(id);
        expectProblem(answer, 400, 'request_id_invalid', { why });
        assert.equal(answer.headers.has('mailbox-request-id'), false, why);
      }
    }
    await expectUnchanged(relay, mailbox, before);
  });

  test('General: an empty Mailbox-Request-ID is refused [§3 A11]', async (relay) => {
    const answer = await relay.create(newClaim(), { id: '' });
    expectProblem(answer, 400, ['request_id_invalid', 'request_id_missing']);
  });

  test('General: a repeated Mailbox-Request-ID is refused and not given back [§3 A15]', async (relay) => {
    const id = newId();
    for (const ids of [
      [id, id],
      [id, newId()],
    ]) {
      const headers = { ...ordinary(newClaim()), 'Mailbox-Request-ID': ids };
      const answer = await relay.send('POST', '/v1/m', { headers, chunks: [JSON.stringify(createBody())] });
      expectProblem(answer, 400, 'request_id_invalid');
      assert.equal(answer.headers.has('mailbox-request-id'), false);
    }
  });

  test('General: header names are case-insensitive [§3 A15]', async (relay) => {
    const body = createBody({ mailboxConfiguration: configured('RWD') });
    const headers = {
      'MAilbox-Device-Claim': newClaim(),
      'mailbox-request-id': 'Case',
      'CONTENT-TYPE': 'application/json',
    };
    const answer = await relay.send('POST', '/v1/m', { headers, chunks: [JSON.stringify(body)] });
    expectStatus(answer, 200);
    assert.equal(answer.headers.get('mailbox-request-id'), 'Case');
  });

  test('General: header names from before SCT-05 are not supported [§3]', async (relay) => {
    const mailbox = await relay.openBound('RWD');
    const headers = { deviceClaim: mailbox.sender, deviceAttestation: 'opaque' };
    expectProblem(await relay.create(null, { headers }), 400, 'claim_missing');
    expectProblem(await relay.update(mailbox, null, { headers }), 400, 'claim_missing');
  });

  test('UpdateMailbox: ids that differ only in case are two ids [§3 A11]', async (relay) => {
    const mailbox = await relay.open('RWD');
    const [first, second] = [newPayload(), newPayload()];
    expectStatus(await relay.update(mailbox, mailbox.sender, { id: 'id-a', body: { payload: first } }), 200);
    expectStatus(await relay.update(mailbox, mailbox.sender, { id: 'ID-A', body: { payload: second } }), 200);
    assert.deepEqual((await stateOf(relay, mailbox)).payload, second);
  });
}
