import { describe, expect, it } from 'vitest';
import { type Defects, makeDevice } from '../../../support/attester/attester.js';
import {
  CHALLENGE,
  createAttestedRelay,
  expectRefusal,
  INVALID,
  otherDevice,
  seconds,
  stranger,
  toHeaders,
} from '../../../support/auth/attested-hook.js';
import { attester, clock } from '../../../support/auth/client-attestation.js';
import { PUBLIC_URL } from '../../../support/relay/relay.js';

/* Requests that clientAttestation accepts, and headers that are missing or sent twice. */

describe('clientAttestation accepts', () => {
  it('an attestation with a PoP of its key that carries a challenge of the relay [draft §7.2]', async () => {
    const site = createAttestedRelay();
    const device = makeDevice(clock);
    const answer = await site.create(toHeaders(attester.attest(device), device.pop(await site.challenge())));
    expect(answer.status).toBe(200);
  });

  it('the attestation in Mailbox-Device-Attestation, and the same one in both headers [N11 R11 A30]', async () => {
    const site = createAttestedRelay();
    const device = makeDevice(clock);
    const attestation = attester.attest(device);
    for (const twice of [undefined, attestation]) {
      const headers = toHeaders(twice, device.pop(await site.challenge()));
      expect((await site.create({ ...headers, 'Mailbox-Device-Attestation': attestation })).status).toBe(200);
    }
  });

  it('an attestation next to an opaque Mailbox-Device-Attestation, which is for other hooks', async () => {
    const site = createAttestedRelay();
    const device = makeDevice(clock);
    const headers = toHeaders(attester.attest(device), device.pop(await site.challenge()));
    expect((await site.create({ ...headers, 'Mailbox-Device-Attestation': 'b3BhcXVl' })).status).toBe(200);
  });

  it('one attestation with a new PoP per request, under one challenge [draft §10.2]', async () => {
    const site = createAttestedRelay();
    const device = makeDevice(clock);
    const challenge = await site.challenge();
    const attestation = attester.attest(device);
    for (let time = 0; time < 3; time += 1) {
      expect((await site.create(toHeaders(attestation, device.pop(challenge)))).status).toBe(200);
    }
  });

  it('a DPoP proof of the attested key with a DPoP nonce of the relay [draft §5.2]', async () => {
    const site = createAttestedRelay();
    const device = makeDevice(clock);
    const refused = await site.create(toHeaders(attester.attest(device), undefined, device.dpop()));
    const nonce = refused.headers.get('DPoP-Nonce') ?? '';
    expect(nonce).toMatch(CHALLENGE);
    expect((await site.create(toHeaders(attester.attest(device), undefined, device.dpop(nonce)))).status).toBe(200);
  });

  it('a DPoP proof with the challenge of the draft as its nonce [draft -10 §5.2]', async () => {
    const site = createAttestedRelay();
    const device = makeDevice(clock);
    const proof = device.dpop(await site.challenge());
    expect((await site.create(toHeaders(attester.attest(device), undefined, proof))).status).toBe(200);
  });

  it('a PoP next to an unrelated DPoP proof, which is for other hooks [draft §7]', async () => {
    const site = createAttestedRelay();
    const device = makeDevice(clock);
    const pop = device.pop(await site.challenge());
    expect((await site.create(toHeaders(attester.attest(device), pop, otherDevice.dpop()))).status).toBe(200);
  });

  const tolerated: Array<[name: string, attestation: Defects, pop: Defects]> = [
    ['an attestation without iat (-10)', { claims: { iat: undefined } }, {}],
    ['an attestation that expired 29 s ago', { claims: { exp: seconds(-29) } }, {}],
    ['an attestation from 30 s ahead', { claims: { iat: seconds(30), nbf: seconds(30) } }, {}],
    ['claims that nobody knows', { claims: { iss: 'https://attester.example', x: 1 } }, { claims: { iss: 'x' } }],
    ['a PoP of 150 s ago', {}, { claims: { iat: seconds(-150) } }],
    ['a PoP from 30 s ahead', {}, { claims: { iat: seconds(30) } }],
    ['the relay as its audience', { claims: { aud: PUBLIC_URL } }, {}],
    ['the relay among its audiences', { claims: { aud: ['https://another.example', PUBLIC_URL] } }, {}],
    ['a typ written as media type', { header: { typ: 'application/oauth-client-attestation+jwt' } }, {}],
  ];
  it.each(tolerated)('an attestation and a PoP within the tolerances: %s', async (_, attestation, pop) => {
    const site = createAttestedRelay();
    const device = makeDevice(clock);
    const headers = toHeaders(attester.attest(device, attestation), device.pop(await site.challenge(), pop));
    expect((await site.create(headers)).status).toBe(200);
  });

  it('requests with a principal that names the app and the hook, and nothing about the device [R5]', async () => {
    const principals: unknown[] = [];
    const site = createAttestedRelay(
      { apps: [attester.app] },
      {
        combine: (hook) => async (input) => {
          const principal = await hook(input);
          principals.push(principal);
          return principal;
        },
      },
    );
    const device = makeDevice(clock);
    await site.create(toHeaders(attester.attest(device), device.pop(await site.challenge())));
    expect(principals).toEqual([{ app: attester.app, via: ['client-attestation'] }]);
  });
});

describe('clientAttestation rejects', () => {
  it('a request without attestation, with a challenge that has no error [RFC 6750 §3.1]', async () => {
    expectRefusal(await createAttestedRelay().create({}), undefined);
  });

  it('a PoP without attestation, and an opaque Mailbox-Device-Attestation alone', async () => {
    const site = createAttestedRelay();
    const pop = makeDevice(clock).pop(await site.challenge());
    expectRefusal(await site.create(toHeaders(undefined, pop)), undefined);
    expectRefusal(await site.create({ 'Mailbox-Device-Attestation': 'b3BhcXVl' }), undefined);
    expectRefusal(
      await site.create({ 'Mailbox-Device-Attestation': stranger.attest(otherDevice).slice(9) }),
      undefined,
    );
  });

  it('an attestation without a proof of possession', async () => {
    const site = createAttestedRelay();
    expectRefusal(await site.create(toHeaders(attester.attest(otherDevice))), INVALID);
  });

  it('two different attestations in the two headers', async () => {
    const site = createAttestedRelay();
    const device = makeDevice(clock);
    const headers = toHeaders(attester.attest(device), device.pop(await site.challenge()));
    const twice = { ...headers, 'Mailbox-Device-Attestation': attester.attest(device, { claims: { x: 1 } }) };
    expectRefusal(await site.create(twice), INVALID);
  });

  it.each([
    ['a PoP where only DPoP proofs are accepted', ['dpop_combined'] as const],
    ['a DPoP proof where only PoPs are', ['attestation_pop_jwt'] as const],
  ])('a proof of a method that popMethods does not list: %s [draft §7.6]', async (_, popMethods) => {
    const site = createAttestedRelay({ popMethods });
    const device = makeDevice(clock);
    const challenge = await site.challenge();
    const [pop, dpop] = [device.pop(challenge), device.dpop(challenge)];
    const refused =
      popMethods[0] === 'dpop_combined' ? toHeaders(undefined, pop) : toHeaders(undefined, undefined, dpop);
    const accepted =
      popMethods[0] === 'dpop_combined' ? toHeaders(undefined, undefined, dpop) : toHeaders(undefined, pop);
    expectRefusal(await site.create({ ...toHeaders(attester.attest(device)), ...refused }), INVALID);
    expect((await site.create({ ...toHeaders(attester.attest(device)), ...accepted })).status).toBe(200);
  });
});
