import { createRelay, type Relay } from 'credential-relay';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { COLLECTION, member, PUBLIC_URL, parsed, START, WITHIN } from '../support/property/harness.js';
import { CANARY, GOOD } from '../support/property/wire-arbitraries.js';
import { call, headersWith, JSON_TYPE, SENDER, soundHeaders } from '../support/property/wire-call.js';

const GOOD_TEXT = JSON.stringify(GOOD);

let relay: Relay;
let requests = 0;

beforeEach(() => {
  relay = createRelay({ publicUrl: PUBLIC_URL, clock: () => START });
});
afterEach(() => relay.close());

const sound = () => soundHeaders(`r${requests++}`);

const hex = fc.constantFrom(...'0123456789abcdefABCDEF');
const uuid = fc
  .tuple(...[8, 4, 4, 4, 12].map((length) => fc.string({ unit: hex, minLength: length, maxLength: length })))
  .map((parts) => parts.join('-'));
const latin = fc.string({ unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)) });
const NIL = '00000000-0000-0000-0000-000000000000';

const claim = fc.oneof(
  { weight: 4, arbitrary: uuid },
  {
    weight: 1,
    arbitrary: fc.constantFrom(NIL, 'ffffffff-ffff-ffff-ffff-ffffffffffff', `{${SENDER}}`, `urn:uuid:${SENDER}`),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(SENDER.replaceAll('-', ''), `${SENDER}0`, SENDER.slice(1), `x${SENDER.slice(1)}`),
  },
  { weight: 1, arbitrary: fc.constantFrom(SENDER.replace('-', '_'), `${SENDER}, ${SENDER}`, '', CANARY) },
  { weight: 1, arbitrary: latin },
);
const requestId = fc.oneof(
  { weight: 4, arbitrary: uuid },
  { weight: 2, arbitrary: fc.integer({ min: 126, max: 130 }).map((length) => '~'.repeat(length)) },
  { weight: 1, arbitrary: fc.constantFrom('', '!', '~', 'a b', 'a\tb', 'é', '\x7f', CANARY, `${CANARY} x`) },
  { weight: 2, arbitrary: latin },
);
const mostlyOne = (value: fc.Arbitrary<string>): fc.Arbitrary<readonly string[]> =>
  fc.oneof(
    { weight: 6, arbitrary: fc.tuple(value) },
    { weight: 1, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.tuple(value, value) },
  );
const OPERATIONS = [
  { method: 'POST', isCreate: true },
  ...['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'].map((method) => ({ method, isCreate: false })),
];

test('the relay checks the form of claims and Request-IDs before it looks for the mailbox', async () => {
  const given = fc.record({
    operation: fc.constantFrom(...OPERATIONS),
    claims: mostlyOne(claim),
    ids: mostlyOne(requestId),
    attestation: fc.option(
      latin.map((text) => `${CANARY}${text}`),
      { nil: undefined },
    ),
  });
  await fc.assert(
    fc.asyncProperty(given, async ({ operation: { method, isCreate }, claims, ids, attestation }) => {
      const headers = headersWith([
        ...claims.map((value) => ['Mailbox-Device-Claim', value] as const),
        ...ids.map((value) => ['Mailbox-Request-ID', value] as const),
        ['Mailbox-Device-Attestation', attestation],
        ['Content-Type', 'application/json'],
      ]);
      fc.pre(headers !== undefined);
      const url = isCreate ? COLLECTION : `${COLLECTION}/0b5fd8a6-3c1d-4e2f-9a7b-1c2d3e4f5a6b`;
      const body = isCreate || method === 'PUT' ? GOOD_TEXT : null;
      const request = new Request(url, { method, headers, body });
      const sentClaim = request.headers.get('Mailbox-Device-Claim');
      const sentId = request.headers.get('Mailbox-Request-ID');
      const needsClaim = method !== 'GET' && method !== 'HEAD';
      const needsId = needsClaim && (method !== 'POST' || isCreate);
      const wanted: string[] = [];
      if (sentId === null && needsId) wanted.push('request_id_missing');
      if (sentId !== null && !/^[\x21-\x7e]{1,128}$/.test(sentId)) wanted.push('request_id_invalid');
      if (sentId === '' && needsId) wanted.push('request_id_missing');
      if (needsClaim && (sentClaim ?? '') === '') wanted.push('claim_missing');
      const isUuid = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(sentClaim ?? '') && sentClaim !== NIL;
      if (needsClaim && sentClaim !== null && !isUuid) wanted.push('claim_invalid');

      const reply = await call(relay, request);
      const echo = sentId !== null && /^[\x21-\x7e]{1,128}$/.test(sentId) ? sentId : null;
      expect(reply.headers.get('Mailbox-Request-ID')).toBe(echo);
      const code = member(parsed(reply.text), 'code');
      if (wanted.length === 0 && isCreate) expect([200, 201]).toContain(reply.status);
      else if (method === 'HEAD') expect(reply.status).toBe(wanted.length === 0 ? 404 : 400);
      else expect(wanted.length === 0 ? ['mailbox_not_found'] : wanted).toContain(code);
    }),
    { ...WITHIN, numRuns: 600 },
  );
});

test('a body other than application/json without a Content-Encoding gets 415', async () => {
  const good = [
    'application/json',
    'Application/JSON',
    'application/json; charset=utf-8',
    'application/json;charset=UTF-8',
  ];
  const bad = [
    'text/plain',
    'application/jsonx',
    'application/problem+json',
    'text/json',
    '*/*',
    'application',
    '',
    CANARY,
  ];
  const type = fc.oneof(
    fc.constantFrom(...good).map((value) => ({ value, fits: true })),
    fc
      .oneof(
        fc.constantFrom(...bad),
        latin.filter((text) => !/json/i.test(text)),
      )
      .map((value) => ({ value, fits: false })),
  );
  const encoding = fc.option(fc.constantFrom('gzip', 'br', 'identity', CANARY), { nil: undefined, freq: 2 });
  await fc.assert(
    fc.asyncProperty(
      type,
      encoding,
      fc.constantFrom('create', 'update'),
      async ({ value, fits }, coding, operation) => {
        const headers = headersWith([
          ...Object.entries(sound()),
          ['Content-Type', value],
          ['Content-Encoding', coding],
        ]);
        fc.pre(headers !== undefined);
        const isCreate = operation === 'create';
        const url = isCreate ? COLLECTION : `${COLLECTION}/0b5fd8a6-3c1d-4e2f-9a7b-1c2d3e4f5a6b`;
        const body = Buffer.from(GOOD_TEXT);
        const reply = await call(relay, new Request(url, { method: isCreate ? 'POST' : 'PUT', headers, body }));
        expect(reply.status).toBe(!fits || coding !== undefined ? 415 : isCreate ? 200 : 404);
      },
    ),
    { ...WITHIN, numRuns: 200 },
  );
});

test('a body of 64 KiB is accepted and one byte more is not, in any transfer encoding', async () => {
  const frame = GOOD_TEXT.length + '"unknown":"",'.length;
  const sizes = fc.oneof(fc.integer({ min: 65_530, max: 65_542 }), fc.integer({ min: 1_000, max: 200_000 }));
  await fc.assert(
    fc.asyncProperty(
      sizes,
      fc.boolean(),
      fc.array(fc.integer({ min: 1, max: 70_000 })),
      async (size, announced, cuts) => {
        const text = `{"unknown":"${'x'.repeat(size - frame)}",${GOOD_TEXT.slice(1)}`;
        const ends = [...cuts.filter((cut) => cut < size).sort((one, other) => one - other), size];
        const chunks = ends.map((end, index) => Buffer.from(text.slice(ends[index - 1] ?? 0, end)));
        const headers = { ...sound(), ...JSON_TYPE, ...(announced ? { 'Content-Length': String(size) } : {}) };
        const init = {
          method: 'POST',
          headers,
          body: ReadableStream.from(chunks),
          duplex: 'half',
        } as const;
        const reply = await call(relay, new Request(COLLECTION, init));
        expect(text.length).toBe(size);
        expect(reply.status).toBe(size <= 65_536 ? 200 : 413);
      },
    ),
    { ...WITHIN, numRuns: 80 },
  );
});
