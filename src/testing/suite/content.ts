/** What the fields may say: base64, AEAD names, image URLs, text. */
import assert from 'node:assert/strict';
import { expectJson, expectProblem, expectStatus } from './checks.js';
import { createBody, display, type Json, newClaim, newPayload } from './fixtures.js';
import type { Relay, Test } from './relay.js';

/** 5 and 4 bytes with every unusual character: 62 and 63 in both alphabets, with one, two or no padding characters. */
const BASE64 = ['+/+/+/8=', '-_-_-_8=', '-_-_-_8', '+/+/+/8', '+/+/+w==', '-_-_-w==', '-_-_-w', 'AAAA', 'AA==', 'AA'];
const NOT_BASE64 = [
  'A',
  'AAAAA',
  '!!!!',
  'AA A',
  'AAAA\n',
  ' AAAA',
  '=',
  '====',
  'AAAA====',
  'A=AA',
  'AAA==',
  'AA*A',
  'ÄÄÄÄ',
];

const TYPES = ['AEAD_AES_128_GCM', 'AEAD_AES_256_GCM', 'AEAD_CHACHA20_POLY1305', 'x', 'a.b-c_9', 'T'.repeat(64)];
const NOT_TYPES = ['T'.repeat(65), 'AEAD AES', 'AEAD/AES', 'AEAD_AES_128_GCM\n', ' AEAD', 'AËAD', '<b>', 'AEAD\u0000'];

const IMAGES = [
  'https://images.example',
  'https://images.example:8443/a/b.png?x=1&y=2#z',
  'https://xn--bcher-kva.example/%20.svg',
  'https://192.0.2.7/a.png',
];
const NOT_IMAGES = [
  'http://images.example/a.png',
  'ftp://images.example/a.png',
  'javascript:alert(1)',
  'data:image/png;base64,AAAA',
  'images.example/a.png',
  '/a.png',
  '//images.example/a.png',
  'https:',
  'https://',
  'https://user@images.example/a.png',
  'https://user:password@images.example/a.png',
  'https://:password@images.example/a.png',
  'https://images.example/a b.png',
  ' https://images.example/a.png',
  'https://images.example/a.png ',
  'https://images.example/a\t.png',
  'https://images.example/a.png\n',
  'https://images.example/a\r\n.png',
  'https://images.example/a\u0000.png',
  'https://images.example/a\u007f.png',
  'https://[images.example/a.png',
  'https://images.example\\@elsewhere.example/a.png',
  'https://images.example/a\\b.png',
  'https:\\\\images.example/a.png',
];

export function contentTests(test: Test): void {
  test('CreateMailbox: payload.data is base64 of either alphabet, kept as it came [§4 N46 A41]', async (relay) => {
    for (const data of BASE64) {
      const payload = { ...newPayload(), data };
      const mailbox = await relay.open('RWD', { payload });
      assert.deepEqual(expectJson(await relay.read(mailbox, newClaim()), 200, data).payload, payload);
    }
  });

  test('UpdateMailbox: payload.data is base64 of either alphabet, kept as it came [§4 N46 A41]', async (relay) => {
    const mailbox = await relay.openBound('RWD');
    for (const data of BASE64) {
      const payload = { ...newPayload(), data };
      expectStatus(await relay.update(mailbox, mailbox.sender, { body: { payload } }), 200, data);
      assert.deepEqual(expectJson(await relay.read(mailbox, mailbox.receiver), 200, data).payload, payload);
    }
  });

  test('CreateMailbox: payload.data that is not base64 is refused [§4 A41]', async (relay) => {
    for (const data of NOT_BASE64) await expectRefused(relay, { payload: { ...newPayload(), data } }, 'payload.data');
  });

  test('CreateMailbox: payload.type is any registered-looking name [§4 A41]', async (relay) => {
    for (const type of TYPES) {
      const payload = { ...newPayload(), type };
      const mailbox = await relay.open('RWD', { payload });
      assert.deepEqual(expectJson(await relay.read(mailbox, newClaim()), 200, type).payload, payload);
    }
  });

  test('CreateMailbox: payload.type of another form is refused [§4 A41]', async (relay) => {
    for (const type of NOT_TYPES) await expectRefused(relay, { payload: { ...newPayload(), type } }, 'payload.type');
  });

  test('CreateMailbox: imageURL is an absolute https URL [§4 A44]', async (relay) => {
    for (const imageURL of IMAGES) {
      const body = createBody({ displayInformation: display({ imageURL }) });
      expectStatus(await relay.create(newClaim(), { body }), 200, imageURL);
    }
  });

  test('CreateMailbox: imageURL of any other form is refused [§4 S7]', async (relay) => {
    for (const imageURL of NOT_IMAGES) {
      await expectRefused(relay, { displayInformation: display({ imageURL }) }, 'displayInformation.imageURL');
    }
  });

  test('ReadSecureContentFromMailbox: text of any script comes back as sent [§4 N4]', async (relay) => {
    const displayInformation = display({ title: 'Hôtel 王宮 🏨 مفتاح', description: '"Zimmer" <112> & \\ мой ключ' });
    const mailbox = await relay.open('RWD', { displayInformation });
    assert.deepEqual(expectJson(await relay.read(mailbox, newClaim()), 200).displayInformation, displayInformation);
  });
}

async function expectRefused(relay: Relay, over: Json, field: string): Promise<void> {
  const answer = await relay.create(newClaim(), { body: createBody(over) });
  expectProblem(answer, 400, 'body_invalid', { field, why: JSON.stringify(over) });
}
