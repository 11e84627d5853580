import { randomBytes } from 'node:crypto';
import { memoryStore } from 'credential-relay/adapters/store/memory';
import { describe, expect, it } from 'vitest';
import { type AttestedRelay, type Defects, makeDevice } from '../../../support/attester/attester.js';
import { createAttestedRelay, expectRefusal, toHeaders } from '../../../support/auth/attested-hook.js';
import { attester, clock, NOW, time } from '../../../support/auth/client-attestation.js';
import type { Answer } from '../../../support/relay/relay.js';

/* The challenges of the relay (draft §6). */

describe('challenges of clientAttestation [draft §6]', () => {
  const device = makeDevice(clock);
  const attempt = async (site: AttestedRelay, challenge?: string, defects?: Defects): Promise<Answer> =>
    site.create(toHeaders(attester.attest(device), device.pop(challenge, defects)));

  it.each([
    ['none', async () => undefined],
    ['an empty one', async () => ''],
    ['an invented one', async () => 'invented'],
    ['one of another relay, with other keys', () => createAttestedRelay().challenge()],
  ])('a PoP with %s gets use_attestation_challenge and a challenge that is accepted', async (_, make) => {
    const challenge = await make();
    const site = createAttestedRelay();
    const refused = await attempt(site, challenge);
    expectRefusal(refused, 'use_attestation_challenge');
    const fresh = refused.headers.get('OAuth-Client-Attestation-Challenge') ?? '';
    expect((await attempt(site, fresh)).status).toBe(200);
  });

  it('a proof that is rejected for its challenge is not consumed', async () => {
    const site = createAttestedRelay();
    const claims = { jti: crypto.randomUUID() };
    expectRefusal(await attempt(site, undefined, { claims }), 'use_attestation_challenge');
    expect((await attempt(site, await site.challenge(), { claims })).status).toBe(200);
    const dpop = async (nonce?: string): Promise<number> =>
      (await site.create(toHeaders(attester.attest(device), undefined, device.dpop(nonce, { claims })))).status;
    expect(await dpop()).toBe(401);
    expect(await dpop(await site.challenge())).toBe(200);
  });

  it('a list of challenges and a number are rejected', async () => {
    const site = createAttestedRelay();
    const challenge = await site.challenge();
    for (const strange of [[challenge], 7]) {
      expectRefusal(await attempt(site, undefined, { claims: { challenge: strange } }), 'use_attestation_challenge');
    }
  });

  it('a challenge is accepted for 4 minutes and rejected after 5', async () => {
    const site = createAttestedRelay();
    const challenge = await site.challenge();
    time.now = NOW + 4 * 60_000;
    expect(await site.challenge()).not.toBe(challenge);
    expect((await attempt(site, challenge)).status).toBe(200);
    time.now = NOW + 5 * 60_000;
    expectRefusal(await attempt(site, challenge), 'use_attestation_challenge');
  });

  it('a challenge is accepted by every process with the same keys, and during a rotation of keys', async () => {
    const [old, young] = [randomBytes(32), randomBytes(32)];
    const store = memoryStore(new Map(), { clock });
    const [one, two, next] = [[old], [old], [young, old]].map((keys) => createAttestedRelay({}, { store, keys })) as [
      AttestedRelay,
      AttestedRelay,
      AttestedRelay,
    ];
    const challenge = await one.challenge();
    expect((await attempt(two, challenge)).status).toBe(200);
    expect((await attempt(next, challenge)).status).toBe(200);
  });

  it('all clients of one minute get the same challenge, which identifies none of them', async () => {
    const site = createAttestedRelay();
    expect(await site.challenge()).toBe(await site.challenge());
  });

  it("challenge: 'optional' accepts a PoP without challenge and rejects a stale challenge", async () => {
    const site = createAttestedRelay({ challenge: 'optional' });
    const challenge = await site.challenge();
    expect((await attempt(site)).status).toBe(200);
    expect((await attempt(site, challenge)).status).toBe(200);
    time.now = NOW + 5 * 60_000;
    expectRefusal(await attempt(site, challenge), 'use_attestation_challenge');
  });

  it("challenge: 'off' neither issues nor checks challenges", async () => {
    const site = createAttestedRelay({ challenge: 'off' });
    expect((await attempt(site)).status).toBe(200);
    expect((await attempt(site, 'whatever')).status).toBe(200);
    const refused = await site.create({});
    expect(refused.status).toBe(401);
    expect(refused.headers.get('OAuth-Client-Attestation-Challenge')).toBeNull();
  });
});
