/** Errors: the problem document, values that it never contains, and the precedence of errors. */
import assert from 'node:assert/strict';
import type { Answer } from '../wire.js';
import { expectProblem, expectStatus, jsonOf } from './checks.js';
import { createBody, display, newClaim, newPayload } from './fixtures.js';
import { nowhere, type Test } from './relay.js';

export function errorTests(test: Test): void {
  test('General: errors are problem documents with a stable code [§6 A16]', async (relay) => {
    const mailbox = await relay.openBound();
    const answers: readonly (readonly [number, string, Answer])[] = [
      [400, 'body_invalid', await relay.create(newClaim(), { body: {} })],
      [400, 'claim_missing', await relay.create(null)],
      [400, 'request_id_missing', await relay.create(newClaim(), { id: null })],
      [401, 'claim_invalid', await relay.create('malformed')],
      [401, 'mailbox_taken', await relay.read(mailbox, newClaim())],
      [401, 'not_bound', await relay.update(mailbox, newClaim())],
      [401, 'right_missing', await relay.update(mailbox, mailbox.sender)],
      [404, 'mailbox_not_found', await relay.read(nowhere(), newClaim())],
      [404, 'unsupported_version', await relay.preview({ path: '/v2/m' })],
      [405, 'method_not_allowed', await relay.call('PUT', '/v1/m', newClaim())],
      [415, 'media_type', await relay.create(newClaim(), { headers: { 'Content-Type': 'text/plain' } })],
    ];
    for (const [status, code, answer] of answers) expectProblem(answer, status, code);
  });

  test('General: no error repeats a claim, a token, an attestation or the request body [§6 S9]', async (relay) => {
    const [claim, known] = [newClaim(), 'planted-attestation'];
    const payload = { ...newPayload(), data: 'plantedplantedpayload!' };
    const secrets = { type: 'planted type', tokenData: 'planted-token-data' };
    const body = {
      ...createBody({ payload, displayInformation: display({ imageURL: 'http://planted.example/' }) }),
      notificationToken: secrets,
    };
    const headers = { 'Mailbox-Device-Attestation': known };
    const mailbox = await relay.openBound('RWD', { displayInformation: display({ title: 'planted-title' }) });
    const odd = `${claim}-planted`;
    const answers = [
      await relay.create(claim, { body, headers }),
      await relay.create(claim, { body: { ...body, payload: { ...payload, data: 7 } }, headers }),
      await relay.create(claim, { body: `planted-text ${JSON.stringify(body)}`, headers }),
      await relay.create(claim, { body: `${JSON.stringify(body).slice(0, -1)} planted`, headers }),
      await relay.create(odd, { body, headers }),
      await relay.read(mailbox, claim, { headers }),
      await relay.read(mailbox, odd, { headers }),
      await relay.read(mailbox, claim, { headers, body: { notificationToken: { ...secrets, type: 7 } } }),
      await relay.update(mailbox, claim, { headers, body: { payload: newPayload(), notificationToken: secrets } }),
      await relay.update(mailbox, mailbox.receiver, { headers, body: { payload, notificationToken: secrets } }),
      await relay.relinquish(mailbox, claim, { headers }),
      await relay.cancel(mailbox, claim, { headers }),
      await relay.cancel(nowhere(), claim, { headers }),
    ];
    const stored = String((mailbox.body.payload as { data: string }).data);
    for (const answer of answers) {
      assert.ok(answer.status >= 400 && answer.status < 500, `${answer.status} ${answer.text}`);
      assert.equal(typeof jsonOf(answer).code, 'string');
      for (const secret of [claim, mailbox.sender, mailbox.receiver, stored, 'planted']) {
        assert.equal(answer.text.toLowerCase().includes(secret.toLowerCase()), false, answer.text);
      }
    }
  });

  test('General: the path is judged before the headers [§5]', async (relay) => {
    expectProblem(await relay.read({ path: '/v2/m' }, null, { id: null }), 404, 'unsupported_version');
    expectProblem(await relay.read({ path: '/v1/m/' }, null), 404, ['not_found', 'mailbox_not_found']);
    expectProblem(await relay.update({ path: '/v2/m' }, 'malformed'), 404, 'unsupported_version');
  });

  test('General: the headers are judged before the body [§5]', async (relay) => {
    const bad = { body: '{', headers: { 'Content-Type': 'text/plain' } };
    expectProblem(await relay.create(null, bad), 400, 'claim_missing');
    expectProblem(await relay.create('malformed', bad), 401, 'claim_invalid');
    expectProblem(await relay.create(newClaim(), { ...bad, id: null }), 400, 'request_id_missing');
    expectProblem(await relay.create(newClaim(), { ...bad, id: 'not visible' }), 400, 'request_id_invalid');
  });

  test('General: the type of a body is judged before its syntax [§5]', async (relay) => {
    const headers = { 'Content-Type': 'text/plain' };
    expectProblem(await relay.create(newClaim(), { body: '{', headers }), 415, 'media_type');
  });

  test('General: the claim is judged before the rights, and the rights before the version [§5]', async (relay) => {
    const mailbox = await relay.openBound('RD');
    const headers = { 'Mailbox-Known-Version': 'another' };
    expectProblem(await relay.update(mailbox, newClaim(), { headers }), 401, 'not_bound');
    expectProblem(await relay.update(mailbox, mailbox.sender, { headers }), 401, 'right_missing');
  });

  test('General: an error leaves the connection and the mailbox usable [§6]', async (relay) => {
    const mailbox = await relay.openBound('RWD');
    for (let round = 0; round < 5; round++) {
      expectProblem(await relay.update(mailbox, mailbox.sender, { body: '{' }), 400, 'body_invalid');
      expectStatus(await relay.update(mailbox, mailbox.sender), 200);
    }
  });
}
