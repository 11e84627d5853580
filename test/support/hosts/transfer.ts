import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { createBody, somePayload } from '../protocol/bodies.js';
import { createShare, newDevice, operation } from '../protocol/device.js';
import { type Answer, send } from '../protocol/http.js';
import { expectProblem } from './expect.js';
import type { RunningHost } from './hosts.js';

/** Tests of transfers through a host. */
export function transfers(host: () => RunningHost): void {
  test('a whole transfer', async () => {
    const { base } = host();
    const [sender, receiver, other] = [newDevice(), newDevice(), newDevice()];
    const [first, second, third] = [somePayload(), somePayload(), somePayload()];

    const created = await sender.create(base, createBody({ payload: first }));
    expect(created.status).toBe(200);
    expect(created.json).toMatchObject({ isPushNotificationSupported: false });
    const url = String(created.json.urlLink);
    expect(url).toMatch(new RegExp(`^${base}/v1/m/[0-9a-f-]{36}$`));

    await expectPreview(url);

    expectPayload(await receiver.read(url), first);
    expectProblem(await other.read(url), 401, 'mailbox_taken');
    expect(await receiver.update(url, second)).toMatchObject({ status: 200 });
    expectPayload(await sender.read(url), second);
    expect(await sender.update(url, third)).toMatchObject({ status: 200 });
    expectPayload(await receiver.read(url), third);

    expectNothing(await receiver.relinquish(url));
    expectProblem(await receiver.read(url), 401, 'claim_released');
    expectPayload(await other.read(url), third);

    expectNothing(await other.delete(url));
    expectProblem(await other.read(url), 404, 'mailbox_not_found');
    expectProblem(await sender.read(url), 404, 'mailbox_not_found');
    expectProblem(await send({ method: 'GET', url }), 404, 'mailbox_not_found');
  });

  test('a retry gets 201 and changes nothing', async () => {
    const sender = newDevice();
    const create = operation('POST', `${host().base}/v1/m`, sender.claim, createBody());
    const url = String((await send(create)).json.urlLink);
    const again = await send(create);
    expect(again.status).toBe(201);
    expect(again.json).toEqual({ urlLink: url, isPushNotificationSupported: false });

    const [first, second] = [somePayload(), somePayload()];
    const update = operation('PUT', url, sender.claim, { payload: first });
    expect(await send(update)).toMatchObject({ status: 200 });
    expect(await sender.update(url, second)).toMatchObject({ status: 200 });
    expect(await send(update)).toMatchObject({ status: 201 });
    expectPayload(await sender.read(url), second);
  });

  test('a read accepts a body of {} and an empty one', async () => {
    const receiver = newDevice();
    const url = await createShare(host().base);
    expect(await send(operation('POST', url, receiver.claim))).toMatchObject({ status: 200 });
    expect(await send(operation('POST', url, receiver.claim, {}))).toMatchObject({ status: 200 });
    expect(await send({ ...operation('POST', url, receiver.claim), chunked: true })).toMatchObject({ status: 200 });
  });

  test('PATCH and DELETE ignore a body', async () => {
    const [sender, receiver] = [newDevice(), newDevice()];
    const url = await createShare(host().base, sender);
    await receiver.read(url);
    expect(await send(operation('PATCH', url, receiver.claim, { a: 1 }))).toMatchObject({ status: 200 });
    expect(await send(operation('DELETE', url, sender.claim, { a: 1 }))).toMatchObject({ status: 200 });
  });

  test('the relay ignores cookies and other credentials of the browser', async () => {
    const url = await createShare(host().base);
    const call = operation('POST', url, randomUUID());
    const fields = [...(call.fields ?? []), ['Cookie', 'session=1'], ['Authorization', 'Bearer x']] as const;
    const answer = await send({ ...call, fields });
    expect(answer.status).toBe(200);
    expect(answer.headers).not.toHaveProperty('set-cookie');
  });
}

/** Asserts GET and HEAD of the share URL. */
async function expectPreview(url: string): Promise<void> {
  const page = await send({ method: 'GET', url });
  expect(page).toMatchObject({
    status: 200,
    headers: { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store, no-transform' },
  });
  expect(page.text).toContain('<meta property="og:title" content="Hotel Pass">');
  expect(page.text).toContain(`<meta property="og:url" content="${url}">`);
  expect(page.headers['content-length']).toBe(String(Buffer.byteLength(page.text)));

  const head = await send({ method: 'HEAD', url });
  expect(head).toMatchObject({ status: 200, text: '' });
  const names = ['content-type', 'content-length', 'content-security-policy', 'cache-control'];
  for (const name of names) expect(head.headers[name], name).toBe(page.headers[name]);
}

function expectPayload(answer: Answer, payload: object): void {
  expect(answer).toMatchObject({ status: 200, headers: { 'content-type': 'application/json' } });
  expect(answer.json).toMatchObject({ payload });
}

/** Asserts a success without a body and without a content type. */
function expectNothing(answer: Answer): void {
  expect(answer).toMatchObject({ status: 200, text: '', headers: { 'content-length': '0' } });
  expect(answer.headers).not.toHaveProperty('content-type');
}
