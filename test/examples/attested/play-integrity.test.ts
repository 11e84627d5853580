/** examples/attested/play-integrity.ts, against a server of the test's own in Google's place. */
import { createHash, generateKeyPairSync, randomUUID } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { jwtVerify } from 'jose';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createChallenges } from '../../../examples/attested/challenges.js';
import { rawEvidence } from '../../../examples/attested/evidence.js';
import { type PlayIntegrityOptions, playIntegrity } from '../../../examples/attested/play-integrity.js';
import { openServer } from '../../support/hosts/server.js';
import { createBody, device, PUBLIC_URL, testRelay } from '../../support/relay/relay.js';

const PACKAGE = 'com.example.wallet';
const CERTIFICATE = createHash('sha256').update('the certificate of the app').digest('base64url');
const BOUND = 'a challenge and what it is for';
const NOW = 1_800_000_000_000;
const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

type Verdicts = Record<'requestDetails' | 'appIntegrity' | 'deviceIntegrity', Record<string, unknown>>;

/** What Google says of a genuine app on a genuine device. */
const genuine = (bound = BOUND, now = NOW): Verdicts => ({
  requestDetails: {
    requestPackageName: PACKAGE,
    requestHash: createHash('sha256').update(bound).digest('base64url'),
    timestampMillis: String(now - 1000),
  },
  appIntegrity: {
    appRecognitionVerdict: 'PLAY_RECOGNIZED',
    packageName: PACKAGE,
    certificateSha256Digest: [CERTIFICATE],
    versionCode: '42',
  },
  deviceIntegrity: { deviceRecognitionVerdict: ['MEETS_BASIC_INTEGRITY', 'MEETS_DEVICE_INTEGRITY'] },
});

let now = NOW;
let origin = '';
let close: () => Promise<void>;
/** Tokens that the server can decode. */
let tokens: Map<string, unknown>;
let accessTokens: string[];
/** Statuses that the server answers instead, by the last part of the path. */
let broken: Record<string, number>;

beforeEach(async () => {
  const opened = await openServer();
  ({ origin, close } = opened);
  now = NOW;
  tokens = new Map();
  accessTokens = [];
  broken = {};
  opened.server.on('request', async (request, response) => {
    const body = await text(request);
    const answer = (status: number, json: unknown): void => void response.writeHead(status).end(JSON.stringify(json));
    const status = broken[String(request.url)];
    if (status !== undefined) return answer(status, {});
    if (request.url === '/token') return answer(200, await grant(new URLSearchParams(body)));
    if (request.url !== `/v1/${PACKAGE}:decodeIntegrityToken`) return answer(404, {});
    const [, presented = ''] = /^Bearer (.+)$/.exec(request.headers.authorization ?? '') ?? [];
    if (accessTokens.at(-1) !== presented) return answer(401, {});
    const { integrityToken } = JSON.parse(body) as { integrityToken: string };
    if (!tokens.has(integrityToken)) return answer(400, { error: { status: 'INVALID_ARGUMENT' } });
    return answer(200, tokens.get(integrityToken));
  });
});

afterEach(() => close());

/** RFC 7523 §3: what a token endpoint has to check of an assertion. */
async function grant(form: URLSearchParams): Promise<object> {
  expect(form.get('grant_type')).toBe('urn:ietf:params:oauth:grant-type:jwt-bearer');
  const { payload, protectedHeader } = await jwtVerify(form.get('assertion') ?? '', publicKey, {
    algorithms: ['RS256'],
    issuer: 'relay@project.example',
    audience: `${origin}/token`,
    currentDate: new Date(now),
    maxTokenAge: '1h',
  });
  expect(payload.scope).toBe('https://www.googleapis.com/auth/playintegrity');
  expect(protectedHeader.kid).toBe('key-1');
  accessTokens.push(randomUUID());
  return { access_token: accessTokens.at(-1), expires_in: 3600, token_type: 'Bearer' };
}

function verifier(options: Partial<PlayIntegrityOptions> = {}) {
  return playIntegrity({
    packageName: PACKAGE,
    certificateDigests: ['that of an older key', CERTIFICATE],
    serviceAccount: {
      client_email: 'relay@project.example',
      private_key: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
      private_key_id: 'key-1',
      token_uri: `${origin}/token`,
    },
    origin,
    clock: () => now,
    ...options,
  });
}

/** An integrity token for these verdicts. */
function issue(verdicts: unknown): string {
  const token = `${randomUUID()}.${randomUUID()}`;
  tokens.set(token, { tokenPayloadExternal: verdicts });
  return token;
}

describe('Play Integrity', () => {
  test('Play Integrity accepts a genuine app on a genuine device', async () => {
    expect(await verifier()(issue(genuine()), BOUND)).toBe(true);
  });

  test.each<[what: string, part: keyof Verdicts, change: Record<string, unknown>]>([
    ['a request for another package', 'requestDetails', { requestPackageName: 'com.example.other' }],
    ['a request bound to something else', 'requestDetails', { requestHash: 'AAAA' }],
    ['a request bound to nothing', 'requestDetails', { requestHash: undefined }],
    ['a token that is too old', 'requestDetails', { timestampMillis: String(NOW - 121_000) }],
    ['a token from the future', 'requestDetails', { timestampMillis: String(NOW + 31_000) }],
    ['a token without a time that is one', 'requestDetails', { timestampMillis: '-1' }],
    ['an app that Play does not know', 'appIntegrity', { appRecognitionVerdict: 'UNRECOGNIZED_VERSION' }],
    ['an app that was not evaluated', 'appIntegrity', { appRecognitionVerdict: 'UNEVALUATED', packageName: undefined }],
    ['another app', 'appIntegrity', { packageName: 'com.example.other' }],
    ['an app signed by somebody else', 'appIntegrity', { certificateSha256Digest: ['AAAA'] }],
    ['an app signed by nobody', 'appIntegrity', { certificateSha256Digest: undefined }],
    ['a device without integrity', 'deviceIntegrity', { deviceRecognitionVerdict: undefined }],
    ['basic integrity only', 'deviceIntegrity', { deviceRecognitionVerdict: ['MEETS_BASIC_INTEGRITY'] }],
  ])('is refused: %s', async (_what, part, change) => {
    const verdicts = genuine();
    expect(await verifier()(issue({ ...verdicts, [part]: { ...verdicts[part], ...change } }), BOUND)).toBe(false);
  });

  test('Play Integrity refuses a token that Google cannot decode', async () => {
    expect(await verifier()('not a token', BOUND)).toBe(false);
  });

  test('Play Integrity reuses an access token until a minute before its end (RFC 7523, RFC 6749 §5.1)', async () => {
    const verify = verifier();
    const ask = (): Promise<boolean> => verify(issue(genuine(BOUND, now)), BOUND);
    expect([await ask(), await ask(), accessTokens.length]).toEqual([true, true, 1]);
    now += 3_539_000;
    expect([await ask(), accessTokens.length]).toEqual([true, 1]);
    now += 1000;
    expect([await ask(), accessTokens.length]).toEqual([true, 2]);
  });

  test.each([
    ['/token', 500],
    ['/token', 401],
    [`/v1/${PACKAGE}:decodeIntegrityToken`, 401],
    [`/v1/${PACKAGE}:decodeIntegrityToken`, 429],
    [`/v1/${PACKAGE}:decodeIntegrityToken`, 503],
    [`/v1/${PACKAGE}:decodeIntegrityToken`, 200],
  ])(
    'Play Integrity treats an empty answer of %s with %i as an outage, without a token in the error',
    async (path, status) => {
      broken = { [path]: status };
      const token = issue(genuine());
      const error = await verifier()(token, BOUND).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(Error);
      for (const secret of [token, ...accessTokens]) expect(String(error)).not.toContain(secret);
    },
  );

  test('Play Integrity at the relay leads to 200, 401, and 503 if Google does not answer', async () => {
    const challenges = createChallenges();
    now = Date.now();
    const relay = testRelay({ authenticate: rawEvidence({ app: 'wallet', challenges, verify: verifier() }) });
    const create = (change: Partial<Verdicts> = {}) => {
      const challenge = challenges.issue();
      const token = issue({ ...genuine(`${challenge} ${PUBLIC_URL}`, now), ...change });
      return device(relay).create(createBody(), { headers: { 'Mailbox-Device-Attestation': `${challenge}.${token}` } });
    };
    expect(await create()).toMatchObject({ status: 200 });
    const rooted = { deviceIntegrity: {} };
    expect(await create(rooted)).toMatchObject({ status: 401, json: { code: 'attestation_invalid' } });
    await close();
    expect(await create()).toMatchObject({ status: 503, json: { code: 'authentication_unavailable' } });
    close = async () => undefined;
  });
});
