import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { createBody } from '../protocol/bodies.js';
import { claimField, createShare, idField, JSON_TYPE, newDevice, operation } from '../protocol/device.js';
import { type Answer, send } from '../protocol/http.js';
import { expectProblem } from './expect.js';
import type { RunningHost } from './hosts.js';

const UNKNOWN = '00000000-0000-4000-8000-000000000000';
const ON_COLLECTION = 'POST, OPTIONS';
const ON_MAILBOX = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';

/** Paths, methods and header fields, through a host. */
export function requests(host: () => RunningHost): void {
  const at = (path: string): string => host().base + path;

  test('every answer has the request id, errors too', async () => {
    const id = '~!"weird\\-ID#'.padEnd(128, 'x');
    for (const url of [at('/v1/m'), at(`/v1/m/${UNKNOWN}`), at('/v2/m')]) {
      const answer = await send({
        method: 'POST',
        url,
        fields: [idField(id), claimField(randomUUID()), JSON_TYPE],
        body: JSON.stringify(createBody()),
      });
      expect(answer.headers['mailbox-request-id'], url).toBe(id);
    }
  });

  test('an unknown mailbox gets 404 from the relay', async () => {
    const url = await createShare(host().base);
    const id = url.slice(url.lastIndexOf('/') + 1);
    const expected: ReadonlyArray<readonly [path: string, code: string]> = [
      ['/v2/m', 'unsupported_version'],
      [`/v2/m/${id}`, 'unsupported_version'],
      [`/V1/m/${id}`, 'not_found'],
      [`/v1/M/${id}`, 'not_found'],
      ['/v1/m/', 'not_found'],
      [`/v1/m/${id}/`, 'not_found'],
      [`/v1/m/${id}/x`, 'not_found'],
      ['/v1/m/1', 'mailbox_not_found'],
      [`/v1/m/${UNKNOWN}`, 'mailbox_not_found'],
    ];
    for (const [path, code] of expected) {
      const answer = await send({ method: 'GET', url: at(path) });
      expect(answer.json, path).toMatchObject({ status: 404 });
      // A version in the wrong case is no version, or no path: either way it is not there.
      if (!path.startsWith('/V1')) expectProblem(answer, 404, code);
    }
    for (const live of [`${url}?v=c`, at(`/v1/m/${id.toUpperCase()}`)]) {
      expect(await send({ method: 'GET', url: live })).toMatchObject({ status: 200 });
    }
  });

  test('a wrong method gets a 405 that names the right ones', async () => {
    const url = await createShare(host().base);
    for (const method of ['GET', 'PUT', 'PATCH', 'DELETE', 'REPORT']) {
      await expectAllow(send({ method, url: at('/v1/m') }), 405, ON_COLLECTION);
    }
    await expectAllow(send({ method: 'REPORT', url }), 405, ON_MAILBOX);
  });

  test('the relay accepts a request line with an absolute URL', async () => {
    const url = await createShare(host().base);
    expect(await send({ method: 'GET', url, target: `${url}?v=h` })).toMatchObject({ status: 200 });
  });

  test('OPTIONS gets a 204 that names the methods', async () => {
    const url = await createShare(host().base);
    await expectAllow(send({ method: 'OPTIONS', url: at('/v1/m') }), 204, ON_COLLECTION);
    await expectAllow(send({ method: 'OPTIONS', url }), 204, ON_MAILBOX);
  });

  test('a repeated Device Claim gets 401', async () => {
    const sender = newDevice();
    const url = await createShare(host().base, sender);
    for (const second of [sender.claim, randomUUID()]) {
      const { fields = [], ...call } = operation('POST', url, sender.claim);
      const answer = await send({ ...call, fields: [...fields, claimField(second)] });
      expectProblem(answer, 401, 'claim_invalid');
      expect(answer.headers['www-authenticate']).toBe('Mailbox-Device-Claim realm="mailbox"');
    }
  });

  test('a repeated request id gets 400 without an echo', async () => {
    const sender = newDevice();
    const url = await createShare(host().base, sender);
    for (const ids of [['a', 'a'], ['a', 'b'], ['a b'], ['']]) {
      const fields = [claimField(sender.claim), ...ids.map(idField)];
      const answer = await send({ method: 'POST', url, fields });
      expectProblem(answer, 400, 'request_id_invalid');
      expect(answer.headers).not.toHaveProperty('mailbox-request-id');
    }
  });
}

async function expectAllow(sent: Promise<Answer>, status: number, allow: string): Promise<void> {
  const answer = await sent;
  expect(answer).toMatchObject({ status, headers: { allow } });
  if (status === 204) {
    expect(answer.text).toBe('');
    expect(answer.headers).not.toHaveProperty('content-length');
  } else expectProblem(answer, status, 'method_not_allowed');
}
