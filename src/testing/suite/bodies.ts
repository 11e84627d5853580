/** Bodies as bytes: type, encoding, size, syntax and depth. */
import assert from 'node:assert/strict';
import { expectJson, expectProblem, expectStatus } from './checks.js';
import { createBody, display, type Json, newClaim, newId, newPayload } from './fixtures.js';
import { identifierOf, nowhere, ordinary, type Test } from './relay.js';
import { expectUnchanged, stateOf } from './state.js';

const NOT_JSON = [
  '{',
  '{}}',
  'text',
  "{'payload':1}",
  '{"payload":1,}',
  '{"a":1}{"a":2}',
  '{"a":NaN}',
  '{"a":"\n"}',
  '// {}',
  '',
];
/** The byte order mark of UTF-8. */
const MARK = Buffer.from([0xef, 0xbb, 0xbf]);

const NOT_OBJECTS = ['[]', 'null', 'true', '7', '"text"', '[{}]'];

/** Containers inside containers: the outermost is the body itself. */
const nested = (depth: number, open: string, close: string): string => open.repeat(depth) + close.repeat(depth);

/** A create with one more, unknown, member, given as JSON text. */
const withMember = (json: string): string => JSON.stringify(createBody()).replace(/\}$/, `,"stray":${json}}`);

export function bodyTests(test: Test): void {
  test('General: a body that is not JSON gets 400 [§6 N24]', async (relay) => {
    const mailbox = await relay.open('RWD');
    for (const body of NOT_JSON) {
      expectProblem(await relay.create(newClaim(), { body }), 400, 'body_invalid', { why: `create ${body}` });
      const update = await relay.update(mailbox, mailbox.sender, { body });
      expectProblem(update, 400, 'body_invalid', { why: `update ${body}` });
      if (body === '') continue;
      expectProblem(await relay.read(mailbox, newClaim(), { body }), 400, 'body_invalid', { why: `read ${body}` });
    }
    expectStatus(await relay.read(mailbox, newClaim()), 200, 'a refused read binds nobody');
  });

  test('General: a body that is not an object gets 400 [§6]', async (relay) => {
    const mailbox = await relay.open('RWD');
    for (const body of NOT_OBJECTS) {
      expectProblem(await relay.create(newClaim(), { body }), 400, 'body_invalid', { why: `create ${body}` });
      const update = await relay.update(mailbox, mailbox.sender, { body });
      expectProblem(update, 400, 'body_invalid', { why: `update ${body}` });
      expectProblem(await relay.read(mailbox, newClaim(), { body }), 400, 'body_invalid', { why: `read ${body}` });
    }
  });

  test('General: a byte order mark before the JSON is ignored [§4 A43]', async (relay) => {
    const marked = (value: unknown): Buffer => Buffer.concat([MARK, Buffer.from(JSON.stringify(value))]);
    const body = createBody();
    const { urlLink } = expectJson(await relay.create(newClaim(), { body: marked(body) }), 200);
    const mailbox = await relay.openBound('RWD');
    const read = expectJson(await relay.read({ path: `/v1/m/${identifierOf(urlLink)}` }, newClaim()), 200);
    assert.deepEqual(read.payload, body.payload);
    expectStatus(await relay.update(mailbox, mailbox.sender, { body: marked({ payload: newPayload() }) }), 200);
    expectStatus(await relay.read(mailbox, mailbox.sender, { body: marked({}) }), 200, 'read');
    expectStatus(await relay.read(mailbox, mailbox.sender, { body: MARK }), 200, 'a mark alone is an empty body');
    for (const [why, bytes] of [
      ['a mark alone', MARK],
      ['two marks', Buffer.concat([MARK, marked(body)])],
      ['a mark behind', Buffer.concat([Buffer.from(JSON.stringify(body)), MARK])],
      ['UTF-16', Buffer.from(`\ufeff${JSON.stringify(body)}`, 'utf16le')],
    ] as const) {
      expectProblem(await relay.create(newClaim(), { body: bytes }), 400, 'body_invalid', { why });
    }
  });

  test('General: a body that is not valid UTF-8 gets 400 [§6 N4]', async (relay) => {
    const [before = '', after = ''] = JSON.stringify(createBody({ displayInformation: display({ title: '|' }) })).split(
      '|',
    );
    const sequences = [
      [0xff],
      [0xc3],
      [0xc0, 0xaf],
      [0xed, 0xa0, 0x80],
      [0xf4, 0x90, 0x80, 0x80],
      [0x80],
      [0xe2, 0x82],
    ];
    for (const bytes of sequences) {
      const body = Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(after)]);
      expectProblem(await relay.create(newClaim(), { body }), 400, 'body_invalid', { why: bytes.join() });
    }
  });

  test('General: a character may be cut between two chunks of a body [§4 N4]', async (relay) => {
    const title = 'Hotel 🏨 Pass';
    const bytes = Buffer.from(JSON.stringify(createBody({ displayInformation: display({ title }) })));
    const cut = bytes.indexOf(Buffer.from('🏨')) + 2;
    const headers = { ...ordinary(newClaim()), 'Transfer-Encoding': 'chunked' };
    const answer = await relay.send('POST', '/v1/m', {
      headers,
      chunks: [bytes.subarray(0, cut), bytes.subarray(cut)],
    });
    const { urlLink } = expectJson(answer, 200);
    const path = `/v1/m/${String(urlLink).split('/').at(-1)}`;
    const read = expectJson(await relay.read({ path }, newClaim()), 200);
    assert.deepEqual(read.displayInformation, display({ title }));
  });

  for (const [kind, open, close] of [['arrays', '[', ']'] as const, ['objects', '{"a":', '}'] as const]) {
    test(`General: a body is at most 16 deep, counted in ${kind} [§6]`, async (relay) => {
      const innermost = kind === 'arrays' ? '' : '0';
      const fifteen = nested(15, open, '') + innermost + nested(15, '', close);
      expectStatus(await relay.create(newClaim(), { body: withMember(fifteen) }), 200, '16 deep');
      const sixteen = nested(16, open, '') + innermost + nested(16, '', close);
      expectProblem(await relay.create(newClaim(), { body: withMember(sixteen) }), 400, 'body_invalid', {
        why: '17 deep',
      });
      const flood = nested(5000, open, '') + innermost + nested(5000, '', close);
      expectProblem(await relay.create(newClaim(), { body: withMember(flood) }), 400, 'body_invalid', {
        why: '5,001 deep',
      });
    });
  }

  test('General: brackets within strings, and siblings, do not make a body deep [§6]', async (relay) => {
    const strings = JSON.stringify(['[[[[[[[[[[[[[[[[[[[[', '\\"{{{{{{{{{{{{{{{{{{{{{', '"[{"[{"[{"[{"[{"[{"[{"[{"[{']);
    const siblings = JSON.stringify(Array.from({ length: 40 }, () => [{}]));
    for (const stray of [strings, siblings]) {
      expectStatus(await relay.create(newClaim(), { body: withMember(stray) }), 200, stray);
    }
  });

  test('General: a __proto__ member stands for nothing [§4 A43]', async (relay) => {
    const { payload, ...rest } = createBody();
    const inRoot = `{"__proto__":{"payload":${JSON.stringify(payload)}},${JSON.stringify(rest).slice(1)}`;
    expectProblem(await relay.create(newClaim(), { body: inRoot }), 400, 'body_invalid', { why: 'in the root' });
    const inside = `{"payload":{"__proto__":${JSON.stringify(payload)}},${JSON.stringify(rest).slice(1)}`;
    expectProblem(await relay.create(newClaim(), { body: inside }), 400, 'body_invalid', { why: 'inside payload' });
    const polluting = withMember('{"__proto__":{"title":"polluted"},"constructor":{"prototype":{"title":"polluted"}}}');
    await relay.create(newClaim(), { body: polluting });
    const untitled = createBody({ displayInformation: display({ title: undefined }) });
    expectProblem(await relay.create(newClaim(), { body: untitled }), 400, 'body_invalid', { why: 'a later request' });
  });

  test('General: a body of exactly the limit is accepted [§6 A43]', async (relay) => {
    const body = bodyOfBytes(relay.bodyLimitBytes);
    expectStatus(await relay.create(newClaim(), { body }), 200, 'by Content-Length');
    const headers = { ...ordinary(newClaim()), 'Transfer-Encoding': 'chunked' };
    expectStatus(await relay.send('POST', '/v1/m', { headers, chunks: [body] }), 200, 'streamed');
  });

  test('General: a body over the limit gets 413 by its Content-Length, before it is sent [§6 A43]', async (relay) => {
    const mailbox = await relay.open('RWD');
    const before = await stateOf(relay, mailbox);
    for (const [method, path] of [
      ['POST', '/v1/m'],
      ['POST', mailbox.path],
      ['PUT', mailbox.path],
    ] as const) {
      const headers = { ...ordinary(mailbox.sender), 'Content-Length': String(relay.bodyLimitBytes + 1) };
      const answer = await relay.send(method, path, { headers, finish: false });
      expectProblem(answer, 413, 'body_too_large', { why: `${method} ${path}` });
    }
    await expectUnchanged(relay, mailbox, before);
  });

  test('General: a body over the limit gets 413 while it streams, before it ends [§6 A43]', async (relay) => {
    const mailbox = await relay.open('RWD');
    const before = await stateOf(relay, mailbox);
    const body = bodyOfBytes(relay.bodyLimitBytes + 1);
    for (const [method, path] of [
      ['POST', '/v1/m'],
      ['POST', mailbox.path],
      ['PUT', mailbox.path],
    ] as const) {
      const headers = { ...ordinary(mailbox.sender), 'Transfer-Encoding': 'chunked' };
      const answer = await relay.send(method, path, { headers, chunks: [body], finish: false });
      expectProblem(answer, 413, 'body_too_large', { why: `${method} ${path}` });
    }
    await expectUnchanged(relay, mailbox, before);
  });

  test('General: a body is application/json, with or without parameters, in any case [§6 A43]', async (relay) => {
    for (const type of ['application/json', 'application/json; charset=utf-8', 'Application/JSON;charset="UTF-8"']) {
      expectStatus(await relay.create(newClaim(), { headers: { 'Content-Type': type } }), 200, type);
    }
  });

  test('General: a body of another type gets 415 [§6 A43]', async (relay) => {
    const mailbox = await relay.open('RWD');
    const types = [
      'text/plain',
      'text/json',
      'application/jsonx',
      'application/x-www-form-urlencoded',
      'multipart/form-data',
    ];
    for (const type of types) {
      const extra = { headers: { 'Content-Type': type } };
      expectProblem(await relay.create(newClaim(), extra), 415, 'media_type', { why: `create ${type}` });
      expectProblem(await relay.update(mailbox, mailbox.sender, extra), 415, 'media_type', { why: `update ${type}` });
      expectProblem(await relay.update(nowhere(), newClaim(), extra), 415, 'media_type', { why: `unknown ${type}` });
      const read = await relay.read(mailbox, newClaim(), { ...extra, body: {} });
      expectProblem(read, 415, 'media_type', { why: `read ${type}` });
    }
  });

  test('General: a body without a type gets 415 [§6 A43]', async (relay) => {
    const mailbox = await relay.open('RWD');
    const headers = { 'Mailbox-Device-Claim': mailbox.sender, 'Mailbox-Request-ID': newId() };
    const create = await relay.send('POST', '/v1/m', { headers, chunks: [JSON.stringify(createBody())] });
    expectProblem(create, 415, 'media_type', { why: 'create' });
    const chunks = [JSON.stringify({ payload: newPayload() })];
    expectProblem(await relay.send('PUT', mailbox.path, { headers, chunks }), 415, 'media_type', { why: 'update' });
    expectProblem(await relay.send('POST', mailbox.path, { headers, chunks }), 415, 'media_type', { why: 'read' });
  });

  test('General: a body with a Content-Encoding gets 415 [§6 A43]', async (relay) => {
    const mailbox = await relay.open('RWD');
    for (const coding of ['gzip', 'br', 'deflate', 'unheard-of']) {
      const extra = { headers: { 'Content-Encoding': coding } };
      expectProblem(await relay.create(newClaim(), extra), 415, 'media_type', { why: `create ${coding}` });
      expectProblem(await relay.update(mailbox, mailbox.sender, extra), 415, 'media_type', { why: `update ${coding}` });
    }
  });

  for (const method of ['PATCH', 'DELETE']) {
    const name = method === 'PATCH' ? 'RelinquishMailbox' : 'DeleteMailbox';
    test(`${name}: any body is ignored [§6]`, async (relay) => {
      const headers = { 'Content-Type': 'text/plain' };
      for (const body of ['not JSON', '{"payload":', '[]', 'x'.repeat(2000)]) {
        const mailbox = await relay.openBound();
        expectStatus(
          await relay.call(method, mailbox.path, mailbox.receiver, { body, headers }),
          200,
          body.slice(0, 20),
        );
      }
    });
  }
}

/** A create of exactly so many bytes; white space fills the rest that base64 cannot. */
function bodyOfBytes(length: number): string {
  const bytesOf = (over: Json): string => JSON.stringify(createBody({ payload: { ...newPayload(), ...over } }));
  const room = length - Buffer.byteLength(bytesOf({ data: '' }));
  return bytesOf({ data: 'A'.repeat(room - (room % 4)) }) + ' '.repeat(room % 4);
}
