/** The fields of the bodies: required ones, bounds, and types. */
import { expectProblem, expectStatus } from './checks.js';
import {
  configured,
  createBody,
  display,
  type Json,
  newClaim,
  newId,
  newPayload,
  newToken,
  secondsFromNow,
} from './fixtures.js';
import { nowhere, type Relay, type Test } from './relay.js';
import { expectUnchanged, stateOf } from './state.js';

/** What is no non-empty string. */
const NOT_TEXT = [undefined, null, '', 7, true, ['text'], { text: 'text' }];
const NOT_OBJECT = [null, 'text', '', 7, false, []];

const BAD_TOKENS: readonly unknown[] = [
  ...NOT_TEXT.map((type) => ({ type, tokenData: 'data' })),
  ...NOT_TEXT.map((tokenData) => ({ type: 'example.type', tokenData })),
  {},
  'token',
  [],
];

export function fieldTests(test: Test): void {
  test('CreateMailbox: payload is required and is an object [§4 N24]', async (relay) => {
    for (const payload of [undefined, ...NOT_OBJECT]) await expectRefused(relay, { payload }, 'payload');
  });

  test('CreateMailbox: displayInformation is required and is an object [§4 N24]', async (relay) => {
    for (const displayInformation of [undefined, ...NOT_OBJECT]) {
      await expectRefused(relay, { displayInformation }, 'displayInformation');
    }
  });

  for (const name of ['type', 'data']) {
    test(`CreateMailbox: payload.${name} is a required non-empty string [§4 N24]`, async (relay) => {
      for (const value of NOT_TEXT) {
        await expectRefused(relay, { payload: { ...newPayload(), [name]: value } }, `payload.${name}`);
      }
    });
  }

  for (const name of ['title', 'description', 'imageURL']) {
    test(`CreateMailbox: displayInformation.${name} is a required non-empty string [§4 N24]`, async (relay) => {
      for (const value of NOT_TEXT) {
        const displayInformation = display({ [name]: value });
        await expectRefused(relay, { displayInformation }, `displayInformation.${name}`);
      }
    });
  }

  for (const [name, most] of [['title', 200] as const, ['description', 500] as const]) {
    test(`CreateMailbox: displayInformation.${name} has at most ${most} characters [§7 S7]`, async (relay) => {
      const longest = display({ [name]: 'x'.repeat(most) });
      expectStatus(await createWith(relay, { displayInformation: longest }), 200, `${most} characters`);
      const displayInformation = display({ [name]: 'x'.repeat(most + 1) });
      await expectRefused(relay, { displayInformation }, `displayInformation.${name}`);
    });
  }

  test('CreateMailbox: displayInformation.imageURL has at most 2,048 characters [§7 S7]', async (relay) => {
    const imageURL = 'https://images.example/'.padEnd(2048, 'x');
    expectStatus(await createWith(relay, { displayInformation: display({ imageURL }) }), 200, '2,048 characters');
    const displayInformation = display({ imageURL: `${imageURL}x` });
    await expectRefused(relay, { displayInformation }, 'displayInformation.imageURL');
  });

  test('CreateMailbox: a notificationToken has both type and tokenData or is not there [§4 N25]', async (relay) => {
    for (const notificationToken of BAD_TOKENS) await expectRefused(relay, { notificationToken }, 'notificationToken');
    expectStatus(await createWith(relay, { notificationToken: newToken() }), 200);
  });

  test('CreateMailbox: a mailboxConfiguration is an object [§4 N23]', async (relay) => {
    for (const mailboxConfiguration of ['RWD', 7, true, []]) {
      await expectRefused(relay, { mailboxConfiguration }, 'mailboxConfiguration');
    }
  });

  test('General: null for an optional member means absent, on every operation [§4 N24]', async (relay) => {
    const nothing = { notificationToken: null, mailboxConfiguration: null, timeToLive: null };
    const mailbox = await relay.open('RWD', { notificationToken: null });
    expectStatus(await createWith(relay, nothing), 200, 'create');
    const rights = { accessRights: null, timeToLive: null, expiration: secondsFromNow(3600) };
    const restricted = await relay.openBound(undefined, { mailboxConfiguration: rights });
    const refused = await relay.update(restricted, restricted.receiver);
    expectProblem(refused, 401, 'right_missing', { why: 'null rights are the default rights, RD' });
    expectStatus(await relay.cancel(restricted, restricted.receiver), 200, 'D of the default rights');
    const body = { payload: newPayload(), notificationToken: null };
    expectStatus(await relay.update(mailbox, mailbox.sender, { body }), 200, 'update');
    expectStatus(await relay.read(mailbox, newClaim(), { body: { notificationToken: null } }), 200, 'read');
  });

  test('CreateMailbox: null does not stand for the required expiration of a configuration [§4 A24]', async (relay) => {
    for (const configuration of [{ expiration: null }, { accessRights: null, expiration: null }]) {
      await expectRefused(relay, { mailboxConfiguration: configuration }, 'mailboxConfiguration.expiration');
    }
  });

  test('UpdateMailbox: payload is required, and a refused update changes nothing [§4 A33]', async (relay) => {
    const mailbox = await relay.openBound('RWD');
    const before = await stateOf(relay, mailbox);
    const bodies = [
      {},
      { notificationToken: newToken() },
      ...NOT_OBJECT.map((payload) => ({ payload })),
      ...NOT_TEXT.map((type) => ({ payload: { ...newPayload(), type } })),
      ...NOT_TEXT.map((data) => ({ payload: { ...newPayload(), data } })),
      { payload: { ...newPayload(), data: 'not base64!' } },
      { payload: { ...newPayload(), type: 'no type' } },
    ];
    for (const body of bodies) {
      const why = JSON.stringify(body);
      expectProblem(await relay.update(mailbox, mailbox.sender, { body }), 400, 'body_invalid', { why });
      expectProblem(await relay.update(mailbox, mailbox.receiver, { body }), 400, 'body_invalid', { why });
    }
    await expectUnchanged(relay, mailbox, before);
  });

  test('UpdateMailbox: a notificationToken has both type and tokenData or is not there [§4 N25]', async (relay) => {
    const mailbox = await relay.open('RWD');
    const before = await stateOf(relay, mailbox);
    for (const notificationToken of BAD_TOKENS) {
      const body = { payload: newPayload(), notificationToken };
      const why = JSON.stringify(notificationToken);
      const answer = await relay.update(mailbox, mailbox.sender, { body });
      expectProblem(answer, 400, 'body_invalid', { field: 'notificationToken', why });
    }
    await expectUnchanged(relay, mailbox, before);
  });

  test('ReadSecureContentFromMailbox: half a notificationToken binds nobody [§4 N25 A32]', async (relay) => {
    const mailbox = await relay.open();
    for (const notificationToken of BAD_TOKENS) {
      const why = JSON.stringify(notificationToken);
      const answer = await relay.read(mailbox, newClaim(), { body: { notificationToken } });
      expectProblem(answer, 400, 'body_invalid', { field: 'notificationToken', why });
    }
    expectStatus(await relay.read(mailbox, newClaim()), 200, 'the first good read');
  });

  test('General: the body is judged before the mailbox is looked up [§5]', async (relay) => {
    expectProblem(await relay.update(nowhere(), newClaim(), { body: '{' }), 400, 'body_invalid', { why: 'unknown' });
    expectProblem(await relay.read(nowhere(), newClaim(), { body: '{' }), 400, 'body_invalid', { why: 'unknown' });
    const mailbox = await relay.openBound('RWD');
    expectProblem(await relay.update(mailbox, newClaim(), { body: '{' }), 400, 'body_invalid', { why: 'stranger' });
  });

  test('CreateMailbox: a refused create does not use its request id up [§3 A6]', async (relay) => {
    const claim = newClaim();
    const id = newId();
    const half = createBody({ displayInformation: undefined });
    expectProblem(await relay.create(claim, { id, body: half }), 400, 'body_invalid');
    const body = createBody({ mailboxConfiguration: configured('RD') });
    expectStatus(await relay.create(claim, { id, body }), 200);
  });
}

const createWith = (relay: Relay, over: Json) => relay.create(newClaim(), { body: createBody(over) });

async function expectRefused(relay: Relay, over: Json, field: string): Promise<void> {
  const why = `${field} of ${JSON.stringify(over).slice(0, 200)}`;
  expectProblem(await createWith(relay, over), 400, 'body_invalid', { field, why });
}
