/** examples/attested/app-attest.ts, on attestation objects that a stand-in for Apple makes in Apple's format. */
import { describe, expect, test } from 'vitest';
import { type AppAttestOptions, appAttest } from '../../../examples/attested/app-attest.js';
import { createChallenges } from '../../../examples/attested/challenges.js';
import { rawEvidence } from '../../../examples/attested/evidence.js';
import { createPlatform, type PhoneOptions } from '../../../examples/attested/stand-in/platform.js';
import { createBody, device, PUBLIC_URL, testRelay } from '../../support/relay/relay.js';

const APP = 'A1B2C3D4E5.com.example.wallet';
const BOUND = 'a challenge and what it is for';

const platform = createPlatform();
const { rootCertificate } = platform;
const verifier = (options: Partial<AppAttestOptions> = {}) => appAttest({ appId: APP, rootCertificate, ...options });
const attest = (options: PhoneOptions = {}, bound = BOUND, app = APP) => platform.phone(app, options).attest(bound);

describe('App Attest (Apple: Validating apps that connect to your server)', () => {
  test('App Attest accepts valid attestations with different keys', async () => {
    const [one, other] = [await attest(), await attest()];
    expect(one.slice(0, 43)).not.toBe(other.slice(0, 43));
    expect(await verifier()(one, BOUND)).toBe(true);
    expect(await verifier()(other, BOUND)).toBe(true);
  });

  test.each<[what: string, evidence: () => Promise<string>]>([
    ['step 1: a certificate that has expired', () => attest({ notAfter: Date.now() - 60_000 })],
    ['step 1: a chain to another root', () => createPlatform().phone(APP).attest(BOUND)],
    ['step 4: another challenge', () => attest({}, 'another challenge')],
    ['step 4: a certificate without the nonce', () => attest({ withoutNonce: true })],
    ['step 6: another app', () => attest({}, BOUND, 'A1B2C3D4E5.com.example.kiosk')],
    ['step 6: the app of another team', () => attest({}, BOUND, 'ZZZZZZZZZZ.com.example.wallet')],
    ['step 7: a key that has signed before', () => attest({ counter: 1 })],
    ['step 8: a build for development', () => attest({ environment: 'development' })],
    ['step 9: the identifier of another key', async () => (await attest()).slice(0, 43) + (await attest()).slice(43)],
  ])('App Attest refuses an attestation at %s', async (_what, evidence) => {
    expect(await verifier()(await evidence(), BOUND)).toBe(false);
  });

  test('App Attest for development accepts development builds and refuses production builds', async () => {
    const verify = verifier({ environment: 'development' });
    expect(await verify(await attest({ environment: 'development' }), BOUND)).toBe(true);
    expect(await verify(await attest(), BOUND)).toBe(false);
  });

  test('App Attest refuses evidence that is not an attestation object, without an error', async () => {
    const [keyId = '', object = ''] = (await attest()).split('.');
    const cbor = (hex: string): string => `${keyId}.${Buffer.from(hex, 'hex').toString('base64url')}`;
    // Nothing, a text, null, a map of nulls, an attStmt of null, an object cut off, a kilobyte of nested arrays, too much.
    const nullStatement = `a363666d746f6170706c652d6170706174746573746761747453746d74f6686175746844617461585800${'00'.repeat(87)}`;
    const odd = ['', '.', keyId, `${keyId}.`, `${keyId}.${object}=`, cbor('6161'), cbor('f6'), cbor('a163666d74f6')];
    const more = [
      cbor(nullStatement),
      `${keyId}.${object.slice(0, 400)}`,
      cbor('81'.repeat(1024)),
      cbor('00'.repeat(20_000)),
    ];
    for (const evidence of [...odd, ...more]) expect(await verifier()(evidence, BOUND)).toBe(false);
  });

  test('App Attest names an invalid option', () => {
    expect(() => verifier({ appId: 'com.example.wallet' })).toThrow(/^appAttest\.appId: /);
    expect(() => verifier({ rootCertificate: createPlatform().rootCertificate })).toThrow(
      /^appAttest\.rootCertificate: /,
    );
  });
});

describe('raw evidence at the relay (TIGRESS §5.3, Mailbox-Device-Attestation)', () => {
  const challenges = createChallenges();
  const relay = testRelay({ authenticate: rawEvidence({ app: 'wallet', challenges, verify: verifier() }) });
  const create = (attestation?: string) =>
    device(relay).create(
      createBody(),
      attestation === undefined ? {} : { headers: { 'Mailbox-Device-Attestation': attestation } },
    );

  test('raw evidence that is bound to the relay and a challenge creates one mailbox', async () => {
    const challenge = challenges.issue();
    const attestation = `${challenge}.${await attest({}, `${challenge} ${PUBLIC_URL}`)}`;
    expect(attestation.length).toBeLessThan(8192);
    expect(await create(attestation)).toMatchObject({ status: 200 });
    expect(await create(attestation)).toMatchObject({ status: 401, json: { code: 'attestation_invalid' } });
  });

  test('raw evidence is refused if it is missing, or bound to another relay or challenge', async () => {
    const elsewhere = challenges.issue();
    const made = 'A'.repeat(43);
    const refused = { status: 401, json: { code: 'attestation_invalid' } };
    const other = `${elsewhere} https://other.example/relay`;
    expect(await create(`${elsewhere}.${await attest({}, other)}`)).toMatchObject(refused);
    expect(await create(`${made}.${await attest({}, `${made} ${PUBLIC_URL}`)}`)).toMatchObject(refused);
    expect(await create('something else')).toMatchObject(refused);
    expect(await create()).toMatchObject({ status: 401, json: { code: 'attestation_required' } });
  });
});
