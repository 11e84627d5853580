import { randomBytes, randomUUID } from 'node:crypto';

/* Copied into the projects of the matrix, and bundled there with the program under test. */

/**
 * A whole transfer: create, preview, read, a third device refused, a held read answered by an update, delete, 404.
 *
 * @param {string} base - Where the relay is mounted.
 * @param {(url: string, init?: RequestInit) => Promise<Response>} [send] - Default: `fetch`.
 */
export async function transfer(base, send = (url, init) => fetch(url, init)) {
  const payload = () => ({ type: 'AEAD_AES_128_GCM', data: randomBytes(36).toString('base64') });
  const device = () => {
    const claim = randomUUID();
    return (method, url, body, headers = {}) =>
      send(url, {
        method,
        headers: {
          'mailbox-device-claim': claim,
          'mailbox-request-id': randomUUID(),
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
  };
  const expectStatus = async (step, answer, status) => {
    if (answer.status === status) return answer;
    throw new Error(`${step}: ${answer.status} in place of ${status}: ${(await answer.text()).slice(0, 300)}`);
  };
  const [sender, receiver, third] = [device(), device(), device()];
  const [first, second] = [payload(), payload()];

  const displayInformation = { title: 'Hotel Pass', description: 'A pass', imageURL: 'https://example.com/i.png' };
  const mailboxConfiguration = {
    accessRights: 'RWD',
    expiration: `${new Date(Date.now() + 3_600_000).toISOString().slice(0, 19)}Z`,
  };
  const created = await sender('POST', `${base}/v1/m`, { payload: first, displayInformation, mailboxConfiguration });
  const { urlLink } = await (await expectStatus('create', created, 200)).json();
  const page = await (await expectStatus('preview', await send(urlLink), 200)).text();
  if (!page.includes('Hotel Pass')) throw new Error('preview: no title');
  const read = await expectStatus('read', await receiver('POST', urlLink), 200);
  if ((await read.json()).payload.data !== first.data) throw new Error('read: another payload');
  await expectStatus('read by a third device', await third('POST', urlLink), 401);

  const version = read.headers.get('mailbox-version');
  const held = receiver('POST', urlLink, undefined, { prefer: 'wait=20', 'mailbox-known-version': version });
  await new Promise((resolve) => setTimeout(resolve, 100));
  await expectStatus('update', await sender('PUT', urlLink, { payload: second }), 200);
  const answered = await (await expectStatus('held read', await held, 200)).json();
  if (answered.payload.data !== second.data) throw new Error('held read: another payload');
  await expectStatus('delete', await receiver('DELETE', urlLink), 200);
  await expectStatus('read of a deleted mailbox', await receiver('POST', urlLink), 404);
}
