/** examples/attested/privacy-pass.ts, with an issuer and a client of the test's own, and the vector of the RFC. */
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { memoryStore } from '../../../adapters/store/memory/index.js';
import { isAuthentic, parseIssuerKey, privacyPass } from '../../../examples/attested/privacy-pass.js';
import { getToken, makeIssuer } from '../../support/attester/privacy-pass-client.js';
import { type Answer, createBody, device, testRelay } from '../../support/relay/relay.js';

/** RFC 9578, appendix A.2, test vector 1. */
const VECTOR = {
  pkS: `30820152303d06092a864886f70d01010a3030a00d300b0609608648016503040202a11a301806092a864886f70d010108300b0609608648016503
040202a2030201300382010f003082010a0282010100cb1aed6b6a95f5b1ce013a4cfcab25b94b2e64a23034e4250a7eab43c0df3a8c12993af12b111908d4
b471bec31d4b6c9ad9cdda90612a2ee903523e6de5a224d6b02f09e5c374d0cfe01d8f529c500a78a2f67908fa682b5a2b430c81eaf1af72d7b5e794fc98a3
139276879757ce453b526ef9bf6ceb99979b8423b90f4461a22af37aab0cf5733f7597abe44d31c732db68a181c6cbbe607d8c0e52e0655fd9996dc584eca0
be87afbcd78a337d17b1dba9e828bbd81e291317144e7ff89f55619709b096cbb9ea474cead264c2073fe49740c01f00e109106066983d21e5f83f086e2e82
3c879cd43cef700d2a352a9babd612d03cad02db134b7e225a5f0203010001`,
  tokenChallenge: `0002000e6973737565722e6578616d706c65208e7acc900e393381e8810b7c9e4a68b5163f1f880ab6688a6ffe780923609e88000e6f
726967696e2e6578616d706c65`,
  token: `0002aa72019d1f951df197021ce63876fe8b0a02dc1c31a12b0a2dd1508d07827f055969f643b4cfda5196d4aa86aeb5368834f4f06de46950ed
435b3b81bd036d44ca572f8982a9ca248a3056186322d93ca147266121ddeb5632c07f1f71cd2708bc6a21b533d07294b5e900faf5537dd3eb33cee4e08c96
70d1e5358fd184b0e00c637174f5206b14c7bb0e724ebf6b56271e5aa2ed94c051c4a433d302b23bc52460810d489fb050f9de5c868c6c1b06e3849fd08762
9f704cc724bc0d0984d5c339686fcdd75f9a9cdd25f37f855f6f4c584d84f716864f546b696d620c5bd41a811498de84ff9740ba3003ba2422d26b91eb745c
084758974642a42078201543246ddb58030ea8e722376aa82484dca9610a8fb7e018e396165462e17a03e40ea7e128c090a911ecc708066cb201833010c1eb
d4e910fc8e27a1be467f78671836a508257123a45e4e0ae2180a434bd1037713466347a8ebe46439d3da1970`,
};

const hex = (text: string): Buffer => Buffer.from(text.replaceAll('\n', ''), 'hex');
const sha256 = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest();

const issuer = makeIssuer();
const options = { issuerName: 'issuer.example', tokenKey: issuer.tokenKey.toString('base64url') };
const MINUTES = 60_000;

/** A relay that wants tokens, at a time of the test's own. */
function tokenRelay(keys = [randomBytes(32)]) {
  const time = { now: 1_800_000_000_000 };
  const clock = (): number => time.now;
  const store = memoryStore(new Map(), { clock });
  const relay = testRelay({ authenticate: privacyPass(options), clock, store, keys });
  const create = (authorization?: string): Promise<Answer> =>
    device(relay).create(
      { ...createBody(), mailboxConfiguration: undefined },
      authorization === undefined ? {} : { headers: { Authorization: authorization } },
    );
  return { time, create, challenge: async () => challengeOf(await create()) };
}

/** The TokenChallenge of a 401 (RFC 9577 §2.1). */
function challengeOf({ headers }: Answer): Buffer {
  const [, challenge = ''] = /^PrivateToken .*challenge="([^"]+)"/.exec(headers.get('WWW-Authenticate') ?? '') ?? [];
  return Buffer.from(challenge, 'base64url');
}

const presented = (token: Buffer): string => `PrivateToken token="${token.toString('base64url')}"`;
const INVALID = { status: 401, json: { code: 'token_invalid' } };

describe('RFC 9578, publicly verifiable tokens', () => {
  test('RFC 9578 test vector A.2 verifies, and does not with one bit changed', () => {
    const [key, token] = [parseIssuerKey(hex(VECTOR.pkS)), hex(VECTOR.token)];
    expect(token.subarray(34, 66)).toEqual(sha256(hex(VECTOR.tokenChallenge)));
    expect(token.subarray(66, 98)).toEqual(sha256(hex(VECTOR.pkS)));
    expect(isAuthentic(token, key)).toBe(true);
    for (const at of [0, 5, 40, 70, 100, token.length - 1]) {
      const changed = Buffer.from(token);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(isAuthentic(changed, key)).toBe(false);
    }
  });

  test('the test issuer encodes its key as in RFC 9578 (§6.5)', () => {
    expect(issuer.tokenKey.subarray(0, 90).toString('hex').slice(0, 138)).toBe(
      hex(VECTOR.pkS).toString('hex').slice(0, 138),
    );
    expect(issuer.tokenKey).toHaveLength(hex(VECTOR.pkS).length);
  });
});

describe('RFC 9577, redemption at the relay', () => {
  test('a request without a token gets a challenge with type, issuer, context and origin (§2.1)', async () => {
    const { create, challenge } = tokenRelay();
    const refusal = await create();
    expect(refusal).toMatchObject({ status: 401, json: { code: 'token_required' } });
    const [header = ''] = [refusal.headers.get('WWW-Authenticate') ?? ''];
    expect(header).toMatch(
      /^PrivateToken realm="mailbox", challenge="[\w-]+={0,2}", token-key="[\w-]+={0,2}", max-age="\d+"$/,
    );
    const parts = ['0002', '000e', hexOf('issuer.example'), '20', '[0-9a-f]{64}', '0009', hexOf('localhost')];
    expect((await challenge()).toString('hex')).toMatch(new RegExp(`^${parts.join('')}$`));
    expect(await create('Bearer AAAA')).toMatchObject({ status: 401, json: { code: 'token_required' } });
  });

  test('a token creates one mailbox, and a second token of the challenge creates another (§2.2)', async () => {
    const { create, challenge } = tokenRelay();
    const wanted = await challenge();
    const [one, other] = [getToken(issuer, wanted), getToken(issuer, wanted)];
    expect(await create(presented(one))).toMatchObject({ status: 200 });
    expect(await create(presented(one))).toMatchObject(INVALID);
    expect(await create(`privatetoken token=${other.toString('base64url')}`)).toMatchObject({ status: 200 });
  });

  test('all clients get the same challenge, and of concurrent uses of a token one succeeds', async () => {
    const { create, challenge } = tokenRelay();
    const [wanted, again] = [await challenge(), await challenge()];
    expect(again).toEqual(wanted);
    const token = presented(getToken(issuer, wanted));
    const statuses = (await Promise.all(Array.from({ length: 8 }, () => create(token)))).map(({ status }) => status);
    expect(statuses.sort()).toEqual([200, 401, 401, 401, 401, 401, 401, 401]);
  });

  test('a challenge is valid for 10 to 20 minutes, and its tokens count once in that time', async () => {
    const { time, create, challenge } = tokenRelay();
    time.now = 3_000_000 * 10 * MINUTES; // the first moment of a span
    const wanted = await challenge();
    const tokens = [1, 2, 3].map(() => presented(getToken(issuer, wanted)));
    expect(await create(tokens[0])).toMatchObject({ status: 200 });
    time.now += 20 * MINUTES - 1;
    expect(await create(tokens[0])).toMatchObject(INVALID);
    expect(await create(tokens[1])).toMatchObject({ status: 200 });
    time.now += 1;
    expect(await create(tokens[2])).toMatchObject(INVALID);
  });

  test('a challenge under the previous server key is still valid', async () => {
    const [first, second] = [randomBytes(32), randomBytes(32)];
    const wanted = await tokenRelay([first]).challenge();
    expect(await tokenRelay([second, first]).create(presented(getToken(issuer, wanted)))).toMatchObject({
      status: 200,
    });
    expect(await tokenRelay([second]).create(presented(getToken(issuer, wanted)))).toMatchObject(INVALID);
  });

  test.each<[what: string, token: (wanted: Buffer) => Buffer]>([
    ['a token for another challenge', () => getToken(issuer, randomBytes(60))],
    ['a token of another issuer', (wanted) => getToken(makeIssuer(), wanted)],
    [
      'a token of another issuer with the identifier of this key',
      (wanted) => getToken(makeIssuer(), wanted, { keyId: sha256(issuer.tokenKey) }),
    ],
    ['a token of another type', (wanted) => getToken(issuer, wanted, { type: 1 })],
    ['a signature of another salt length', (wanted) => getToken(issuer, wanted, { salt: randomBytes(32) })],
    ['a token that is one byte short', (wanted) => getToken(issuer, wanted).subarray(0, -1)],
    ['a token that is one byte long', (wanted) => Buffer.concat([getToken(issuer, wanted), Buffer.from([0])])],
    ['a token that is none', () => Buffer.from('none')],
    ['an empty token', () => Buffer.alloc(0)],
  ])('is refused, with a fresh challenge: %s', async (_what, make) => {
    const { create, challenge } = tokenRelay();
    const wanted = await challenge();
    const refusal = await create(presented(make(wanted)));
    expect(refusal).toMatchObject(INVALID);
    expect(challengeOf(refusal)).toEqual(wanted);
  });

  test('a token with an invalid signature is not consumed', async () => {
    const { create, challenge } = tokenRelay();
    const token = getToken(issuer, await challenge());
    const spoilt = Buffer.from(token);
    spoilt[200] = (spoilt[200] ?? 0) ^ 1;
    expect(await create(presented(spoilt))).toMatchObject(INVALID);
    expect(await create(presented(token))).toMatchObject({ status: 200 });
  });

  test('Privacy Pass names an invalid option', () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const plainRsa = publicKey.export({ format: 'der', type: 'spki' }).toString('base64url');
    for (const tokenKey of ['', 'AAAA', plainRsa]) {
      expect(() => privacyPass({ issuerName: 'issuer.example', tokenKey })).toThrow(/^privacyPass\.tokenKey: /);
    }
    expect(() => privacyPass({ ...options, issuerName: '' })).toThrow(/^privacyPass\.issuerName: /);
  });
});

const hexOf = (text: string): string => Buffer.from(text).toString('hex');
