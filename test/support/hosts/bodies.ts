import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { createBody } from '../protocol/bodies.js';
import { claimField, createShare, idField, JSON_TYPE, newDevice, operation } from '../protocol/device.js';
import { announce, begin, type Call, send } from '../protocol/http.js';
import { expectProblem } from './expect.js';
import type { RunningHost } from './hosts.js';
import type { BodyHandling } from './site.js';

/** Above the relay's limit of 64 KiB, and below the limits of the hosts' parsers (100 kB or more). */
const OVER_LIMIT = 70_000;
const FAR_OVER_LIMIT = 1_000_000;

/** Tests of oversized, deeply nested, wrongly typed and incomplete bodies. */
export function bodies(host: () => RunningHost, handling: BodyHandling): void {
  const create = (body: object): Call => operation('POST', `${host().base}/v1/m`, randomUUID(), body);
  const raw = (body: string, type = 'application/json'): Call => ({
    method: 'POST',
    url: `${host().base}/v1/m`,
    fields: [claimField(randomUUID()), idField(randomUUID()), ['Content-Type', type]],
    body,
  });
  const large = (): object => createBody({ payload: { type: 'AEAD_AES_128_GCM', data: 'A'.repeat(OVER_LIMIT) } });
  const isHealthy = async (): Promise<void> => {
    expect(await newDevice().create(host().base)).toMatchObject({ status: 200 });
  };

  test('a body over the limit gets 413, with a Content-Length', async () => {
    expectProblem(await send(create(large())), 413, 'body_too_large');
    await isHealthy();
  });

  test('a body over the limit gets 413, in chunks', async () => {
    expectProblem(await send({ ...create(large()), chunked: true }), 413, 'body_too_large');
    await isHealthy();
  });

  test('a body in chunks is accepted', async () => {
    expect(await send({ ...create(createBody()), chunked: true })).toMatchObject({ status: 200 });
  });

  if (handling === 'unread') {
    test('a body far over the limit gets a 413 that the client can read, and the connection stays usable', async () => {
      const huge = { ...raw('A'.repeat(FAR_OVER_LIMIT)), keepAlive: true };
      for (const chunked of [false, true]) {
        const answer = await send({ ...huge, chunked });
        expectProblem(answer, 413, 'body_too_large');
        expect(answer.headers.connection).toBe('keep-alive');
      }
      await isHealthy();
    });

    test('a body announced as far over the limit gets 413 before it is sent', async () => {
      expectProblem(await announce(raw(''), 1024 ** 3), 413, 'body_too_large');
      await isHealthy();
    });
  }

  test('a body that is not application/json gets 415', async () => {
    expectProblem(await send(raw(JSON.stringify(createBody()), 'text/plain')), 415, 'media_type');
  });

  test('a body that is not JSON gets 400', async () => {
    const sent = raw('{"payload":');
    const answer = await send(sent);
    // The host refuses a body that it parses.
    if (handling === 'unread') expectProblem(answer, 400, 'body_invalid');
    else expect(answer).toMatchObject({ status: 400, text: 'the host failed' });
    await isHealthy();
  });

  test('a body may be nested 16 deep, not deeper', async () => {
    const nested = (depth: number): object => createBody({ more: JSON.parse('['.repeat(depth) + ']'.repeat(depth)) });
    expect(await send(create(nested(15)))).toMatchObject({ status: 200 });
    expectProblem(await send(create(nested(16))), 400, 'body_invalid');
  });

  test('a wrong member gets a 400 that names it', async () => {
    const answer = await send(create(createBody({ payload: { type: 'AEAD_AES_128_GCM', data: '?' } })));
    expectProblem(answer, 400, 'body_invalid');
    expect(JSON.parse(answer.text)).toMatchObject({ field: 'payload.data' });
    expectProblem(await send(raw('[]')), 400, 'body_invalid');
  });

  test('a client that disconnects in the middle of its body does no harm', async () => {
    const sender = newDevice();
    const url = await createShare(host().base, sender);
    const arrived = host().nextRequest();
    const answered = handling === 'unread' ? host().nextAnswer() : undefined;
    const socket = begin(
      { method: 'PUT', url, fields: [claimField(sender.claim), idField(randomUUID()), JSON_TYPE] },
      '{"payload":{"type":"AEAD_AES_128_GCM","data":"AAAA"}',
    );
    const request = await arrived;
    const closed = new Promise((resolve) => request.once('close', resolve));
    socket.destroy();
    await closed;
    if (answered !== undefined) expect(await answered).toMatchObject({ status: 400, code: 'body_invalid' });
    expect(await sender.read(url)).toMatchObject({ status: 200, headers: { 'mailbox-version': expect.any(String) } });
    await isHealthy();
  });
}
