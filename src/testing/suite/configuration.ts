/** CreateMailbox: the mailboxConfiguration, that is the access rights and the expiration. */
import assert from 'node:assert/strict';
import { expectJson, expectProblem, expectStatus } from './checks.js';
import { createBody, type Json, newClaim, secondsFromNow } from './fixtures.js';
import type { Relay, Test } from './relay.js';

const DAY = 24 * 3600;

const RIGHTS = 'R W D RW WR RD DR WD DW RWD RDW WRD WDR DRW DWR'.split(' ');
const NOT_RIGHTS = [
  '',
  'r',
  'rwd',
  'RR',
  'RWR',
  'RWDR',
  'RX',
  'X',
  'R W',
  ' R',
  'R\n',
  'R,W',
  7,
  true,
  ['R'],
  { R: true },
];

export function configurationTests(test: Test): void {
  test('CreateMailbox: accessRights is any order of any subset of R, W and D [§4 N23 A22]', async (relay) => {
    for (const accessRights of RIGHTS) {
      const answer = await createWith(relay, { accessRights, expiration: secondsFromNow(60) });
      expectStatus(answer, 200, accessRights);
    }
  });

  test('CreateMailbox: accessRights of another form is refused [§5 A22]', async (relay) => {
    for (const accessRights of NOT_RIGHTS) {
      const answer = await createWith(relay, { accessRights, expiration: secondsFromNow(60) });
      const why = JSON.stringify(accessRights);
      expectProblem(answer, 400, 'body_invalid', { field: 'mailboxConfiguration.accessRights', why });
    }
  });

  test('CreateMailbox: accessRights may be left out [§4 A24]', async (relay) => {
    expectStatus(await createWith(relay, { expiration: secondsFromNow(60) }), 200);
  });

  test('CreateMailbox: expiration is required in a mailboxConfiguration [§4 A24]', async (relay) => {
    for (const configuration of [{}, { accessRights: 'RWD' }]) await expectFormRefused(relay, configuration);
  });

  test('CreateMailbox: a read gives the expiration that was requested [§4 N29]', async (relay) => {
    for (const seconds of [60, DAY, 30 * DAY - 60]) {
      const expiration = secondsFromNow(seconds);
      const mailbox = await relay.open('RWD', { mailboxConfiguration: { expiration } });
      assert.equal(expectJson(await relay.read(mailbox, newClaim()), 200).expiration, expiration);
    }
  });

  test('CreateMailbox: expiration has the form YYYY-MM-DDThh:mm:ssZ and no other [§4 A26]', async (relay) => {
    const good = secondsFromNow(DAY);
    const bare = good.slice(0, -1);
    const forms = [
      bare,
      `${bare}z`,
      `${bare}.000Z`,
      `${bare}+00:00`,
      `${bare}-00:00`,
      `${bare}ZZ`,
      `${good}\n`,
      ` ${good}`,
      good.replace('T', 't'),
      good.replace('T', ' '),
      `${good.slice(0, 16)}Z`,
      good.slice(0, 10),
      good.replaceAll('-', '').replaceAll(':', ''),
      `+00${good}`,
      new Date(good).toUTCString(),
      String(Date.parse(good)),
      'tomorrow',
      '',
      Date.parse(good),
      Date.parse(good) / 1000,
      true,
      [good],
      null,
    ];
    for (const expiration of forms) await expectFormRefused(relay, { accessRights: 'RWD', expiration });
  });

  test('CreateMailbox: expiration is a real date and time [§4 A26]', async (relay) => {
    const tomorrow = secondsFromNow(DAY).slice(0, 10);
    const year = new Date().getUTCFullYear() + 1;
    const unreal = [
      `${year}-02-30T10:00:00Z`,
      `${year}-02-31T10:00:00Z`,
      `${year}-04-31T10:00:00Z`,
      `${year}-13-01T10:00:00Z`,
      `${year}-00-10T10:00:00Z`,
      `${year}-01-00T10:00:00Z`,
      `${year}-01-32T10:00:00Z`,
      '2027-02-29T10:00:00Z',
      '2100-02-29T10:00:00Z',
      `${tomorrow}T24:00:00Z`,
      `${tomorrow}T25:00:00Z`,
      `${tomorrow}T10:60:00Z`,
      `${tomorrow}T10:00:61Z`,
    ];
    for (const expiration of unreal) await expectFormRefused(relay, { accessRights: 'RWD', expiration });
  });

  test('CreateMailbox: an expiration that is now or past is refused [§4 A25]', async (relay) => {
    for (const expiration of [secondsFromNow(0), secondsFromNow(-1), secondsFromNow(-DAY), '1970-01-01T00:00:00Z']) {
      const answer = await createWith(relay, { accessRights: 'RWD', expiration });
      expectProblem(answer, 400, ['expiration_out_of_range', 'body_invalid'], { why: expiration });
    }
  });

  test('CreateMailbox: an expiration beyond the maximum gets 400 with the maximum [§4 A25]', async (relay) => {
    for (const expiration of [secondsFromNow(31 * DAY), '9999-12-31T23:59:59Z']) {
      const answer = await createWith(relay, { accessRights: 'RWD', expiration });
      const { maximum } = expectProblem(answer, 400, 'expiration_out_of_range', { why: expiration });
      assert.ok(typeof maximum === 'string' || typeof maximum === 'number', `maximum: ${answer.text}`);
    }
  });

  test('CreateMailbox: timeToLive is refused with a text that says expiration [§3]', async (relay) => {
    for (const configuration of [{ timeToLive: '3600' }, { timeToLive: 3600, expiration: secondsFromNow(3600) }]) {
      const answer = await createWith(relay, { accessRights: 'RWD', ...configuration });
      const { title, detail } = expectProblem(answer, 400, 'body_invalid');
      assert.match(`${title} ${detail}`, /expiration/, answer.text);
    }
  });
}

const createWith = (relay: Relay, mailboxConfiguration: Json) =>
  relay.create(newClaim(), { body: createBody({ mailboxConfiguration }) });

async function expectFormRefused(relay: Relay, configuration: Json): Promise<void> {
  const answer = await createWith(relay, configuration);
  const field = 'mailboxConfiguration.expiration';
  expectProblem(answer, 400, 'body_invalid', { field, why: JSON.stringify(configuration) });
}
