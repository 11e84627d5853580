/** Paths, versions and methods: 404, 405, OPTIONS, HEAD and the query. */
import assert from 'node:assert/strict';
import { type Answer, exchange } from '../wire.js';
import { expectProblem, expectStatus } from './checks.js';
import { newClaim, newId } from './fixtures.js';
import { nowhere, type Test } from './relay.js';
import { expectUnchanged, stateOf } from './state.js';

const MAILBOX_METHODS = ['DELETE', 'GET', 'HEAD', 'PATCH', 'POST', 'PUT'];

/** The methods of Allow without OPTIONS, which a relay may list or not. */
const allowed = (answer: Answer): string[] =>
  (answer.headers.get('allow') ?? '')
    .split(',')
    .map((method) => method.trim())
    .filter((method) => method !== '' && method !== 'OPTIONS')
    .sort();

/** Every second letter in upper case. */
const mixedCase = (id: string): string => {
  let letters = 0;
  return id.replace(/[a-f]/g, (letter) => (letters++ % 2 === 0 ? letter.toUpperCase() : letter));
};

export function pathTests(test: Test): void {
  test('General: an unknown mailbox gets 404 on every operation [§6 N27 A16]', async (relay) => {
    const claim = newClaim();
    expectProblem(await relay.preview(nowhere()), 404, 'mailbox_not_found', { why: 'preview' });
    expectProblem(await relay.read(nowhere(), claim), 404, 'mailbox_not_found', { why: 'read' });
    expectProblem(await relay.update(nowhere(), claim), 404, 'mailbox_not_found', { why: 'update' });
    expectProblem(await relay.relinquish(nowhere(), claim), 404, 'mailbox_not_found', { why: 'relinquish' });
    expectProblem(await relay.cancel(nowhere(), claim), 404, 'mailbox_not_found', { why: 'delete' });
  });

  test('General: a malformed or changed identifier gets 404 [§6 A16]', async (relay) => {
    const { id, sender } = await relay.open('RWD');
    const last = id.endsWith('0') ? '1' : '0';
    const others = [
      'malformed',
      '0',
      id.replaceAll('-', ''),
      `{${id}}`,
      `urn:uuid:${id}`,
      `${id}0`,
      `${id}%20`,
      `${id}%00`,
      `${id}%0a`,
      id.slice(0, -1),
      `${id.slice(0, -1)}${last}`,
      '__proto__',
      'constructor',
      '..%2f..%2fetc',
      'x'.repeat(1000),
    ].filter((other) => other !== id);
    for (const other of others) {
      const mailbox = { path: `/v1/m/${other}` };
      const codes = ['mailbox_not_found', 'not_found'];
      expectProblem(await relay.preview(mailbox), 404, codes, { why: `preview of ${other}` });
      expectProblem(await relay.read(mailbox, sender), 404, codes, { why: `read of ${other}` });
      expectProblem(await relay.cancel(mailbox, sender), 404, codes, { why: `delete of ${other}` });
    }
  });

  test('General: an identifier is matched without regard to case on every operation [§2 N13]', async (relay) => {
    const mailbox = await relay.open('RWD');
    const [upper, mixed] = [mailbox.id.toUpperCase(), mixedCase(mailbox.id)].map((id) => ({ path: `/v1/m/${id}` }));
    assert.ok(upper !== undefined && mixed !== undefined);
    assert.equal(mailbox.id, mailbox.id.toLowerCase(), 'an identifier that the relay makes is in lower case');
    const receiver = newClaim();
    for (const other of [upper, mixed]) {
      expectStatus(await relay.preview(other), 200, 'preview');
      expectStatus(await relay.read(other, mailbox.sender), 200, 'read of the sender');
      expectStatus(await relay.read(other, receiver), 200, 'read that binds, and read again');
      expectProblem(await relay.read(other, newClaim()), 401, 'mailbox_taken');
      const id = newId();
      expectStatus(await relay.update(other, receiver, { id }), 200, 'update');
      expectStatus(await relay.update(mailbox, receiver, { id }), 201, 'its retry under the identifier as made');
    }
    const relinquish = newId();
    expectStatus(await relay.relinquish(upper, receiver, { id: relinquish }), 200, 'relinquish');
    expectStatus(await relay.relinquish(mixed, receiver, { id: relinquish }), 201, 'its retry');
    const page = (await relay.preview(upper)).text;
    assert.ok(page.includes(mailbox.urlLink), 'og:url is the urlLink');
    assert.equal(page.includes(mailbox.id.toUpperCase()), false, 'no other form of the identifier');
    expectStatus(await relay.cancel(upper, mailbox.sender), 200, 'delete');
    expectProblem(await relay.preview(mailbox), 404, 'mailbox_not_found');
  });

  test('General: an identifier that is no valid percent-encoding gets 404 [§6]', async (relay) => {
    for (const path of ['/v1/m/%ff', '/v1/m/%', '/v1/m/%zz']) {
      const answer = await relay.read({ path }, newClaim());
      expectProblem(answer, 404, ['mailbox_not_found', 'not_found'], { why: path });
    }
  });

  test('General: further segments, a trailing slash and other cases of the path get 404 [§6]', async (relay) => {
    const { id, path, sender } = await relay.open();
    const paths = [`${path}/`, `${path}/more`, `${path}/more/`, '/v1/m/', '/v1/m//', `/V1/m/${id}`, `/v1/M/${id}`];
    for (const other of paths) {
      const codes = ['not_found', 'mailbox_not_found'];
      expectProblem(await relay.preview({ path: other }), 404, codes, { why: other });
      expectProblem(await relay.read({ path: other }, sender), 404, codes, { why: `POST ${other}` });
    }
  });

  test('General: an unknown version gets 404 unsupported_version, on any method [§6 N5 A29]', async (relay) => {
    const { id, sender } = await relay.open();
    for (const version of ['v0', 'v2', 'v10', 'v99999999999999999999']) {
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
        for (const path of [`/${version}/m`, `/${version}/m/${id}`]) {
          const answer = await relay.call(method, path, sender);
          expectProblem(answer, 404, 'unsupported_version', { why: `${method} ${path}` });
        }
      }
    }
  });

  test('General: the query is ignored on every operation [§2 R2]', async (relay) => {
    const query = '?v=c&accessRights=RWD&v=h&x=%00';
    expectStatus(await relay.create(newClaim(), { query }), 200, 'create');
    const mailbox = await relay.openBound('RWD');
    expectStatus(await relay.preview(mailbox, { query }), 200, 'preview');
    expectStatus(await relay.read(mailbox, mailbox.receiver, { query }), 200, 'read');
    expectStatus(await relay.update(mailbox, mailbox.receiver, { query }), 200, 'update');
    expectStatus(await relay.relinquish(mailbox, mailbox.receiver, { query }), 200, 'relinquish');
    expectStatus(await relay.cancel(mailbox, mailbox.sender, { query }), 200, 'delete');
  });

  test('CreateMailbox: a wrong method gets 405 with Allow before all headers [§5 §6 A28]', async (relay) => {
    for (const method of ['GET', 'PUT', 'PATCH', 'DELETE']) {
      const answer = await relay.call(method, '/v1/m', null, { id: null });
      expectProblem(answer, 405, 'method_not_allowed', { why: method });
      assert.deepEqual(allowed(answer), ['POST'], method);
    }
    expectStatus(await relay.call('HEAD', '/v1/m', null), 405, 'HEAD');
  });

  for (const method of ['TRACE', 'PROPFIND']) {
    test(`General: ${method} on a mailbox gets 405 with Allow, whether it exists or not [§5 §6 A28]`, async (relay) => {
      for (const { path } of [await relay.open(), nowhere()]) {
        const answer = await relay.send(method, path, { headers: { 'Mailbox-Request-ID': newId() } });
        expectProblem(answer, 405, 'method_not_allowed', { why: path });
        assert.deepEqual(allowed(answer), MAILBOX_METHODS);
      }
    });
  }

  test('General: OPTIONS gets 204 with Allow and changes nothing [§6 A28]', async (relay) => {
    const collection = await relay.call('OPTIONS', '/v1/m', null, { id: null });
    expectStatus(collection, 204);
    assert.deepEqual(allowed(collection), ['POST']);

    const mailbox = await relay.open();
    const before = await stateOf(relay, mailbox);
    const answer = await relay.call('OPTIONS', mailbox.path, newClaim());
    expectStatus(answer, 204);
    assert.equal(answer.text, '');
    assert.deepEqual(allowed(answer), MAILBOX_METHODS);
    await expectUnchanged(relay, mailbox, before);
  });

  test('General: CORS is off [§6 A28]', async (relay) => {
    const mailbox = await relay.open();
    const headers = { Origin: 'https://evil.example', 'Access-Control-Request-Method': 'POST' };
    const answers = [
      await relay.send('OPTIONS', mailbox.path, { headers }),
      await relay.send('GET', mailbox.path, { headers }),
      await relay.call('POST', mailbox.path, mailbox.sender, { headers: { Origin: 'https://evil.example' } }),
    ];
    for (const answer of answers) {
      const names = [...answer.headers.keys()].filter((name) => name.startsWith('access-control-'));
      assert.deepEqual(names, []);
    }
  });

  test('ReadDisplayInformationFromMailbox: HEAD is GET without the body [§9 A28]', async (relay) => {
    const mailbox = await relay.open();
    const get = await relay.preview(mailbox, { id: null });
    const url = new URL(relay.url(mailbox.path));
    const lines = [`HEAD ${url.pathname} HTTP/1.1`, `Host: ${url.host}`, 'Connection: close', '', ''];
    const [head = '', ...rest] = (await exchange(url.href, lines.join('\r\n'))).split('\r\n\r\n');
    assert.match(head, /^HTTP\/1\.1 200 /);
    assert.equal(rest.join('\r\n\r\n'), '', 'a HEAD has no body');

    const headers = new Map<string, string>();
    for (const line of head.split('\r\n').slice(1)) {
      const colon = line.indexOf(':');
      headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
    }
    for (const name of get.headers.keys()) {
      // These belong to the body's framing and to the connection.
      if (['connection', 'keep-alive', 'transfer-encoding', 'content-length'].includes(name)) continue;
      assert.ok(headers.has(name), name);
    }
    assert.equal(headers.get('content-type'), get.headers.get('content-type'));
    const length = headers.get('content-length');
    if (length !== undefined) assert.equal(Number(length), Buffer.byteLength(get.text));
  });

  test('ReadDisplayInformationFromMailbox: HEAD of no mailbox gets 404 without a body [§6 A28]', async (relay) => {
    const answer = await relay.call('HEAD', nowhere().path, null);
    expectStatus(answer, 404);
    assert.equal(answer.text, '');
  });
}
