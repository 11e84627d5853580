import { randomBytes } from 'node:crypto';
import { memoryStore } from 'credential-relay/adapters/store/memory';
import { describe, expect, it } from 'vitest';
import { makeDevice } from '../../../support/attester/attester.js';
import {
  createAttestedRelay,
  expectRefusal,
  expectRejected,
  INVALID,
  seconds,
  toHeaders,
} from '../../../support/auth/attested-hook.js';
import { attester, clock, NOW, time } from '../../../support/auth/client-attestation.js';

/* Replay of proofs (draft §12.1). */

describe('replay protection of clientAttestation [draft §12.1]', () => {
  const device = makeDevice(clock);

  it.each([
    ['a PoP', (challenge: string) => toHeaders(attester.attest(device), device.pop(challenge))],
    ['a DPoP proof', (challenge: string) => toHeaders(attester.attest(device), undefined, device.dpop(challenge))],
  ])('%s is accepted once across all processes', async (_, make) => {
    const parts = { store: memoryStore(new Map(), { clock }), keys: [randomBytes(32)] };
    const [one, two] = [createAttestedRelay({}, parts), createAttestedRelay({}, parts)];
    const headers = make(await one.challenge());
    expect((await one.create(headers)).status).toBe(200);
    expectRefusal(await one.create(headers), INVALID);
    expectRefusal(await two.create(headers), INVALID);
  });

  it('one of ten concurrent copies of a PoP, over two processes, is accepted', async () => {
    const parts = { store: memoryStore(new Map(), { clock }), keys: [randomBytes(32)] };
    const [one, two] = [createAttestedRelay({}, parts), createAttestedRelay({}, parts)];
    const headers = toHeaders(attester.attest(device), device.pop(await one.challenge()));
    const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => (i % 2 ? one : two).create(headers)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array.from({ length: 9 }, () => 401)]);
  });

  it('a used proof is rejected at each second until it is too old', async () => {
    const site = createAttestedRelay();
    const ahead = device.pop(await site.challenge(), { claims: { iat: seconds(30) } });
    const headers = toHeaders(attester.attest(device), ahead);
    expect((await site.create(headers)).status).toBe(200);
    for (let offset = 0; offset <= 200; offset += 1) {
      time.now = NOW + offset * 1000;
      expectRefusal(await site.create(headers), INVALID);
    }
  });

  it.each([
    ['a PoP', (left: number) => toHeaders(undefined, device.pop(undefined, { claims: { iat: seconds(left - 151) } }))],
    [
      'a DPoP proof',
      (left: number) =>
        toHeaders(undefined, undefined, device.dpop(undefined, { claims: { iat: seconds(left - 150) } })),
    ],
  ])(
    '%s that expires while its use is stored is accepted, and one that expires during the fetch of keys is rejected',
    async (_, make) => {
      const inner = memoryStore(new Map(), { clock });
      const create: typeof inner.create = (...entry) => {
        time.now += 2000;
        return inner.create(...entry);
      };
      let slow = 0;
      const fetch = async () => {
        time.now += slow;
        return Response.json(attester.jwks);
      };
      const options = { jwks: undefined, jwksUri: 'https://attester.example/keys', fetch, challenge: 'off' };
      const site = createAttestedRelay(options, { store: { ...inner, create } });
      expect((await site.create({ ...toHeaders(attester.attest(device)), ...make(1) })).status).toBe(200);
      slow = 4000;
      const second = createAttestedRelay(options, { store: { ...inner, create } });
      expectRejected(await second.create({ ...toHeaders(attester.attest(device)), ...make(3) }));
    },
  );

  it('a proof with the same jti and another signature is rejected', async () => {
    const site = createAttestedRelay();
    const challenge = await site.challenge();
    const jti = crypto.randomUUID();
    // ECDSA signatures of one text differ.
    const [first, second] = [1, 2].map(() => device.pop(challenge, { claims: { jti } })) as [string, string];
    expect(first).not.toBe(second);
    expect((await site.create(toHeaders(attester.attest(device), first))).status).toBe(200);
    expectRefusal(await site.create(toHeaders(attester.attest(device), second)), INVALID);
  });

  it('two devices may use the same jti', async () => {
    const site = createAttestedRelay();
    const challenge = await site.challenge();
    for (const each of [makeDevice(clock), makeDevice(clock)]) {
      const pop = each.pop(challenge, { claims: { jti: 'one' } });
      expect((await site.create(toHeaders(attester.attest(each), pop))).status).toBe(200);
    }
  });

  it('the store keeps a digest of the proof until the proof is too old', async () => {
    const map = new Map<string, unknown>();
    const inner = memoryStore(new Map(), { clock });
    const store = {
      ...inner,
      create: async (key: string, value: string, expiresAt: number) => {
        map.set(key, { value, expiresAt });
        return inner.create(key, value, expiresAt);
      },
    };
    const site = createAttestedRelay({}, { store });
    const jti = crypto.randomUUID();
    await site.create(toHeaders(attester.attest(device), device.pop(await site.challenge(), { claims: { jti } })));
    const [[key, entry] = ['', undefined]] = [...map];
    expect(key).toMatch(/^relay:[\w-]{43}$/);
    const { expiresAt } = entry as { expiresAt: number };
    expect(expiresAt - NOW).toBeGreaterThan(150_000 - 30_000);
    expect(expiresAt - NOW).toBeLessThan(160_000);
    const text = JSON.stringify([...map]);
    for (const secret of [jti, String(device.jwk.x), String(device.jwk.y)]) expect(text).not.toContain(secret);
  });
});
