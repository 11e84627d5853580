import { createRelay, type Relay } from 'credential-relay';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createBody, type Judgement, jsonOf, readBody, updateBody } from '../support/property/acceptance.js';
import {
  COLLECTION,
  exchange,
  member,
  PUBLIC_URL,
  parsed,
  problemFault,
  type Reply,
  START,
  urlLinkOf,
  WITHIN,
} from '../support/property/harness.js';
import { anyJson, CANARY, createValue, GOOD, readValue, updateValue } from '../support/property/wire-arbitraries.js';

const SENDER = 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee';
let relay: Relay;
let requests = 0;

beforeEach(() => {
  relay = createRelay({ publicUrl: PUBLIC_URL, clock: () => START });
});
afterEach(() => relay.close());

function call(method: string, url: string, body?: string | Uint8Array<ArrayBuffer>): Promise<Reply> {
  const headers = {
    'Mailbox-Device-Claim': SENDER,
    'Mailbox-Request-ID': `r${requests++}`,
    'Content-Type': 'application/json',
  };
  return exchange(relay, new Request(url, body === undefined ? { method, headers } : { method, headers, body }));
}

/** The relay accepts exactly the valid bodies. A refusal names the invalid member and shows no secret. */
function hold({ verdict, at }: Judgement, reply: Reply): boolean {
  if (reply.status === 200) {
    expect(verdict, 'accepted').not.toBe('no');
    return true;
  }
  expect(verdict, `refused: ${reply.text}`).not.toBe('yes');
  expect(problemFault(reply)).toBeUndefined();
  expect(reply.text).not.toContain(CANARY);
  expect(reply.text).not.toContain(SENDER);
  const code = member(parsed(reply.text), 'code');
  expect(['body_invalid', 'expiration_out_of_range']).toContain(code);
  const field = code === 'body_invalid' ? member(parsed(reply.text), 'field') : 'mailboxConfiguration.expiration';
  expect(
    at.some((path) => path === field || path.startsWith(`${field}.`)),
    `${field}, not ${at}`,
  ).toBe(true);
  if (field === 'mailboxConfiguration.timeToLive') expect(reply.text).toContain('expiration');
  if (code === 'expiration_out_of_range') expect(member(parsed(reply.text), 'maximum')).toBeDefined();
  return false;
}

test('a create is accepted exactly if its members are valid, and is stored unchanged', async () => {
  await fc.assert(
    fc.asyncProperty(createValue, async (value) => {
      const body = JSON.stringify(value);
      const sent = parsed(body);
      const reply = await call('POST', COLLECTION, body);
      const judgement = createBody(sent, START);
      if (!hold(judgement, reply) || judgement.verdict !== 'yes') return;
      const read = parsed((await call('POST', urlLinkOf(reply) ?? '')).text);
      const { type, data } = Object(member(sent, 'payload'));
      const { title, description, imageURL } = Object(member(sent, 'displayInformation'));
      const configured = member(member(sent, 'mailboxConfiguration'), 'expiration');
      expect(read).toStrictEqual({
        payload: { type, data },
        displayInformation: { title, description, imageURL },
        expiration: configured ?? '2030-01-03T00:00:00Z',
      });
    }),
    { ...WITHIN, numRuns: 800 },
  );
});

async function liveMailbox(): Promise<string> {
  return urlLinkOf(await call('POST', COLLECTION, JSON.stringify(GOOD))) ?? expect.fail('no mailbox');
}

test('an update is accepted exactly if its members are valid', async () => {
  const url = await liveMailbox();
  await fc.assert(
    fc.asyncProperty(updateValue, async (value) => {
      const body = JSON.stringify(value);
      hold(updateBody(parsed(body)), await call('PUT', url, body));
    }),
    { ...WITHIN, numRuns: 250 },
  );
});

test('a read is accepted exactly if its token is valid', async () => {
  const url = await liveMailbox();
  await fc.assert(
    fc.asyncProperty(readValue, async (value) => {
      const body = JSON.stringify(value);
      hold(readBody(parsed(body)), await call('POST', url, body));
    }),
    { ...WITHIN, numRuns: 250 },
  );
});

/** Random bytes, and a valid body with some overwritten bytes. */
const bytes: fc.Arbitrary<Uint8Array<ArrayBuffer>> = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 200 }),
  fc.constant(Uint8Array.from(Buffer.from(`\ufeff${JSON.stringify(GOOD)}`))),
  anyJson.map((value) => Uint8Array.from(Buffer.from(JSON.stringify(value)))),
  fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 3 }).map((changes) => {
    const text = Uint8Array.from(Buffer.from(JSON.stringify(GOOD)));
    for (const [at, byte] of changes) text[at % text.length] = byte;
    return text;
  }),
);

test('bytes are accepted exactly if they are the UTF-8 of a valid JSON object', async () => {
  await fc.assert(
    fc.asyncProperty(bytes, async (body) => {
      const json = jsonOf(body);
      const whole = { at: [''] };
      const judgement: Judgement =
        typeof json === 'string' ? { ...whole, verdict: json } : createBody(json.value, START);
      hold(judgement, await call('POST', COLLECTION, body));
    }),
    { ...WITHIN, numRuns: 250 },
  );
});

test('a body may be nested 16 deep; brackets in strings do not count', async () => {
  const nest = (depth: number, kinds: readonly boolean[]): string => {
    const levels = Array.from({ length: depth }, (_, level) => kinds[level % kinds.length] === true);
    const open = levels.map((isArray) => (isArray ? '[' : '{"deeper":')).join('');
    const close = levels.map((isArray) => (isArray ? ']' : '}')).reverse();
    return `${open}"[[[[[[[[[[[[[[[[[[{{{{{{{{\\"[[["${close.join('')}`;
  };
  const depths = fc.oneof(fc.integer({ min: 12, max: 18 }), fc.integer({ min: 0, max: 5_000 }));
  await fc.assert(
    fc.asyncProperty(depths, fc.array(fc.boolean(), { minLength: 1 }), async (depth, kinds) => {
      const body = `{"unknown":${nest(depth, kinds)},${JSON.stringify(GOOD).slice(1)}`;
      hold({ verdict: depth + 1 <= 16 ? 'yes' : 'no', at: [''] }, await call('POST', COLLECTION, body));
    }),
    { ...WITHIN, numRuns: 150 },
  );
});
