import { randomBytes, randomUUID } from 'node:crypto';
import { oauthBearer } from 'credential-relay/adapters/auth/oauth-bearer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RelayServices } from '../../../../src/relay/auth/contract.js';
import { createNonce } from '../../../../src/relay/auth/nonce.js';
import { RelayError } from '../../../../src/relay/errors.js';
import { type AuthorizationServer, startAuthorizationServer } from '../../../support/auth/authorization-server.js';
import {
  type DeviceKey,
  deviceKey,
  judge,
  proofOf,
  RESOURCE,
  type Sent,
  someServices,
} from '../../../support/auth/oauth-bearer.js';

let as: AuthorizationServer;
let key: DeviceKey;
let token: string;

beforeAll(async () => {
  as = await startAuthorizationServer();
  key = await deviceKey();
  token = await as.mint({ resource: RESOURCE, dpop: key });
});
afterAll(() => as.close());

const ALGS = 'algs="ES256 ES384 ES512 EdDSA Ed25519 PS256 RS256"';
const hook = (options = {}) => oauthBearer({ issuer: as.issuer, ...options });
const bound = async (claims = {}, scheme = 'DPoP'): Promise<Sent> => ({
  authorization: `${scheme} ${token}`,
  dpop: await proofOf(key, token, { claims }),
});

describe('oauthBearer with tokens bound to a key [RFC 9449 §7]', () => {
  it('accepts a bound token with its proof', async () => {
    expect(await judge(hook(), await bound(), someServices())).toEqual({
      principal: { app: 'app', scopes: ['relay.create'], via: ['oauth-bearer'] },
    });
  });

  it('accepts the scheme in any case', async () => {
    expect(await judge(hook(), await bound({}, 'dpop'), someServices())).toHaveProperty('principal');
  });

  it('rejects a valid token with an invalid proof, and names the error in the challenge [§7.1]', async () => {
    expect(await judge(hook(), await bound({ htm: 'GET' }), someServices())).toMatchObject({
      status: 401,
      code: 'token_invalid',
      challenges: [
        'Bearer realm="mailbox"',
        `DPoP realm="mailbox", error="invalid_dpop_proof", error_description="The proof is for another method (htm).", ${ALGS}`,
      ],
    });
  });

  const REFUSED: Record<string, [error: string, description: string, sent: () => Promise<Sent>]> = {
    'no proof': ['invalid_dpop_proof', 'The request has no proof.', async () => ({ authorization: `DPoP ${token}` })],
    'a proof that is no JWT': [
      'invalid_dpop_proof',
      'The proof is not a JWT.',
      async () => ({ authorization: `DPoP ${token}`, dpop: 'nothing' }),
    ],
    'a proof for another request': [
      'invalid_dpop_proof',
      'The proof is for another URL (htu).',
      () => bound({ htu: 'https://relay.example/relay/v1/m/other' }),
    ],
    'a proof for another token': [
      'invalid_dpop_proof',
      'The proof is for another access token (ath).',
      () => bound({ ath: 'A'.repeat(43) }),
    ],
    'a proof without ath': [
      'invalid_dpop_proof',
      'The proof is for another access token (ath).',
      () => bound({ ath: undefined }),
    ],
    'a proof by another key [§7.1]': [
      'invalid_token',
      'The token is bound to another key than the proof.',
      async () => ({ authorization: `DPoP ${token}`, dpop: await proofOf(await deviceKey(), token) }),
    ],
    'a token that is not bound': [
      'invalid_token',
      'The token is not bound to a key.',
      async () => {
        const free = await as.mint({ resource: RESOURCE });
        return { authorization: `DPoP ${free}`, dpop: await proofOf(key, free) };
      },
    ],
    'a bad token with a good proof': [
      'invalid_token',
      'The token has expired.',
      async () => {
        const expired = await as.sign({ ...as.claims(RESOURCE), exp: 1, cnf: { jkt: key.thumbprint } });
        return { authorization: `DPoP ${expired}`, dpop: await proofOf(key, expired) };
      },
    ],
    'a malformed token': [
      'invalid_token',
      'The token is malformed.',
      async () => ({ authorization: 'DPoP {}', dpop: await proofOf(key, token) }),
    ],
  };

  it.each(Object.entries(REFUSED))('rejects %s', async (_, [error, description, sent]) => {
    const outcome = await judge(hook(), await sent(), someServices());
    expect(outcome).toMatchObject({ status: 401, code: 'token_invalid' });
    expect(outcome).toHaveProperty('challenges', [
      'Bearer realm="mailbox"',
      `DPoP realm="mailbox", error="${error}", error_description="${description}", ${ALGS}`,
    ]);
  });

  it('rejects a bound token sent as Bearer, even with a valid proof [§7.2]', async () => {
    const outcome = await judge(hook(), await bound({}, 'Bearer'), someServices());
    expect(outcome).toMatchObject({ status: 401, code: 'token_invalid' });
    expect(outcome).toHaveProperty(['challenges', 0], expect.stringContaining('error="invalid_token"'));
  });

  it('ignores a proof next to a bearer token', async () => {
    const free = await as.mint({ resource: RESOURCE });
    const sent = { authorization: `Bearer ${free}`, dpop: 'whatever' };
    expect(await judge(hook(), sent, someServices())).toHaveProperty('principal');
  });

  it('rejects a token that lacks a scope with 403, in the challenge of the used scheme', async () => {
    const outcome = await judge(hook({ scopes: ['relay.read'] }), await bound(), someServices());
    expect(outcome).toMatchObject({
      status: 403,
      challenges: [`DPoP realm="mailbox", error="insufficient_scope", scope="relay.read", ${ALGS}`],
    });
  });
});

describe('unknown schemes [RFC 9110 §11.1]', () => {
  const NAMES = ['constructor', '__proto__', 'hasOwnProperty', 'toString', 'valueOf', 'Constructor', 'Basic', 'DPoPx'];

  it.each(NAMES)('the scheme %s gets token_required, even with a valid token', async (name) => {
    const free = await as.mint({ resource: RESOURCE });
    for (const dpop of ['optional', 'required', 'off'] as const) {
      for (const sent of [
        await bound({}, name),
        { authorization: `${name} ${free}` },
        { authorization: `${name} x` },
      ]) {
        const outcome = await judge(hook({ dpop }), sent, someServices());
        expect(outcome).toMatchObject({ status: 401, code: 'token_required' });
        expect(outcome).not.toHaveProperty('challenges.0', expect.stringContaining('error'));
      }
    }
  });
});

describe('the option dpop', () => {
  it('required: a bearer token is rejected, with a challenge for DPoP only', async () => {
    const one = hook({ dpop: 'required', dpopAlgorithms: ['ES256'] });
    const free = await as.mint({ resource: RESOURCE });
    expect(await judge(one, {}, someServices())).toMatchObject({
      code: 'token_required',
      challenges: ['DPoP realm="mailbox", algs="ES256"'],
    });
    expect(await judge(one, { authorization: `Bearer ${free}` }, someServices())).toMatchObject({
      status: 401,
      challenges: [
        'DPoP realm="mailbox", error="invalid_token", error_description="The token is not bound to a key.", algs="ES256"',
      ],
    });
    expect(await judge(one, await bound(), someServices())).toHaveProperty('principal');
  });

  it('off: a bound token is rejected in both schemes', async () => {
    const one = hook({ dpop: 'off' });
    expect(await judge(one, await bound({}, 'Bearer'), someServices())).toMatchObject({
      status: 401,
      code: 'token_invalid',
      challenges: [expect.stringMatching(/^Bearer .*does not support tokens that are bound/)],
    });
    expect(await judge(one, await bound(), someServices())).toMatchObject({
      code: 'token_required',
      challenges: ['Bearer realm="mailbox"'],
    });
  });
});

describe('replay protection of DPoP proofs [RFC 9449 §11.1]', () => {
  it('a proof is accepted once', async () => {
    const [one, sent, services] = [hook(), await bound(), someServices()];
    expect(await judge(one, sent, services)).toHaveProperty('principal');
    expect(await judge(one, sent, services)).toMatchObject({
      status: 401,
      code: 'token_invalid',
      challenges: ['Bearer realm="mailbox"', expect.stringContaining('error="invalid_dpop_proof"')],
    });
  });

  it('one of many concurrent copies of a proof is accepted', async () => {
    const [one, sent, services] = [hook(), await bound(), someServices()];
    const all = await Promise.all(Array.from({ length: 10 }, () => judge(one, sent, services)));
    expect(all.filter((outcome) => 'principal' in outcome)).toHaveLength(1);
  });

  it('a proof is accepted once on all processes that share a store', async () => {
    const shared = { used: new Set<string>(), secret: randomBytes(32) };
    const sent = await bound();
    expect(await judge(hook(), sent, someServices(shared))).toHaveProperty('principal');
    expect(await judge(hook(), sent, someServices(shared))).toMatchObject({ status: 401 });
  });

  it('the same jti with two keys counts as two proofs', async () => {
    const [other, services, jti] = [await deviceKey(), someServices(), randomUUID()];
    const theirs = await as.mint({ resource: RESOURCE, dpop: other });
    expect(await judge(hook(), await bound({ jti }), services)).toHaveProperty('principal');
    const second = { authorization: `DPoP ${theirs}`, dpop: await proofOf(other, theirs, { claims: { jti } }) };
    expect(await judge(hook(), second, services)).toHaveProperty('principal');
  });

  it('a proof that is rejected for another reason is not consumed', async () => {
    const [sent, shared] = [await bound(), { used: new Set<string>(), secret: randomBytes(32) }];
    const refused = [
      await judge(hook({ scopes: ['relay.read'] }), sent, someServices(shared)),
      await judge(hook(), { ...sent, method: 'PUT' }, someServices(shared)),
      await judge(hook({ dpopNonce: true }), sent, someServices(shared)),
      await judge(hook({ audience: 'urn:other' }), sent, someServices(shared)),
    ];
    expect(refused.map((outcome) => 'status' in outcome && outcome.status)).toEqual([403, 401, 401, 401]);
    expect(shared.used.size).toBe(0);
    expect(await judge(hook(), sent, someServices(shared))).toHaveProperty('principal');
  });

  it('the store keeps a use until the proof is too old, plus a margin for other clocks', async () => {
    const deadlines: number[] = [];
    const iat = Math.floor(Date.now() / 1000) - 20;
    const services = someServices(undefined, { consumeOnce: async (_p, _v, at) => deadlines.push(at) > 0 });
    await judge(hook(), await bound({ iat }), services);
    expect(deadlines).toEqual([(iat + 150) * 1000 + 5000]);
  });

  /** A proof one ms before its end, and services that advance the clock by `ms` between its check and its use. */
  async function stalling(ms: number) {
    const iat = Math.floor(Date.now() / 1000);
    const secret = randomBytes(32);
    let at = (iat + 150) * 1000 - 1;
    const sent = await bound({ iat, nonce: createNonce([secret], at) });
    const secrets = () => {
      at += ms;
      return [secret];
    };
    return { sent, services: someServices(undefined, { clock: () => at, secrets }) };
  }

  it.each([1, 5000])('a proof that expires %i ms before its use is stored is accepted', async (ms) => {
    const { sent, services } = await stalling(ms);
    expect(await judge(hook({ dpopNonce: true }), sent, services)).toHaveProperty('principal');
  });

  it('a proof that stalled beyond the margin is rejected, since an earlier use may be forgotten', async () => {
    const { sent, services } = await stalling(5001);
    expect(await judge(hook({ dpopNonce: true }), sent, services)).toMatchObject({
      status: 401,
      code: 'token_invalid',
    });
  });

  it('a store with a clock some seconds ahead is no outage', async () => {
    const { sent, services } = await stalling(3000);
    const consumeOnce: RelayServices['consumeOnce'] = async (...[, , expiresAt]) => {
      if (expiresAt <= services.clock() + 4000) throw new RangeError('The deadline of a new entry has passed.');
      return true;
    };
    expect(await judge(hook({ dpopNonce: true }), sent, { ...services, consumeOnce })).toHaveProperty('principal');
  });

  it('a store that does not respond is a 503, not a 401', async () => {
    const services = someServices(undefined, {
      consumeOnce: () => Promise.reject(new RelayError('store_unavailable')),
    });
    expect(await judge(hook(), await bound(), services)).toMatchObject({ status: 503, code: 'store_unavailable' });
  });
});

describe('DPoP nonces of oauthBearer [RFC 9449 §9]', () => {
  const one = () => hook({ dpopNonce: true });
  const nonceOf = async (services = someServices()): Promise<string> => {
    const outcome = await judge(one(), await bound(), services);
    if (!('headers' in outcome)) throw new Error('There should have been a nonce.');
    return outcome.headers.get('DPoP-Nonce') ?? '';
  };

  it('a proof without nonce gets a nonce that is accepted', async () => {
    const services = someServices();
    const outcome = await judge(one(), await bound(), services);
    expect(outcome).toMatchObject({
      status: 401,
      code: 'token_invalid',
      challenges: ['Bearer realm="mailbox"', expect.stringMatching(/^DPoP realm="mailbox", error="use_dpop_nonce"/)],
    });
    expect(await judge(one(), await bound({ nonce: await nonceOf(services) }), services)).toHaveProperty('principal');
  });

  it('a nonce is accepted by processes with the same keys only', async () => {
    const shared = { used: new Set<string>(), secret: randomBytes(32) };
    const nonce = await nonceOf(someServices(shared));
    expect(await judge(one(), await bound({ nonce }), someServices(shared))).toHaveProperty('principal');
    expect(await judge(one(), await bound({ nonce }), someServices())).toMatchObject({ status: 401 });
  });

  it('a nonce is accepted for four minutes and rejected after six', async () => {
    const shared = { used: new Set<string>(), secret: randomBytes(32) };
    const later = async (seconds: number) => {
      const services = someServices(shared);
      const nonce = await nonceOf(someServices(shared));
      services.ahead = seconds * 1000;
      const iat = Math.floor(services.clock() / 1000);
      return judge(one(), await bound({ nonce, iat }), services);
    };
    expect(await later(239)).toHaveProperty('principal');
    expect(await later(361)).toMatchObject({
      status: 401,
      challenges: [expect.anything(), expect.stringContaining('use_dpop_nonce')],
    });
  });

  it.each([['made up'], [''], [7]])('the nonce %j is rejected', async (nonce) => {
    expect(await judge(one(), await bound({ nonce }), someServices())).toMatchObject({ status: 401 });
  });

  it('a nonce comes with no other refusal', async () => {
    const outcome = await judge(one(), await bound({ htm: 'GET' }), someServices());
    expect('headers' in outcome && outcome.headers.has('DPoP-Nonce')).toBe(false);
  });
});
