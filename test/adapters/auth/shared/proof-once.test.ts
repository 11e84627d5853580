import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { type AuthenticationHook, allOf, anyOf } from 'credential-relay';
import type { ClientAttestationOptions } from 'credential-relay/adapters/auth/client-attestation';
import { type OAuthBearerOptions, oauthBearer } from 'credential-relay/adapters/auth/oauth-bearer';
import { memoryStore } from 'credential-relay/adapters/store/memory';
import { calculateJwkThumbprint } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { attestedRelay, makeAttester, makeDevice } from '../../../support/attester/attester.js';
import { type AuthorizationServer, startAuthorizationServer } from '../../../support/auth/authorization-server.js';
import { PUBLIC_URL } from '../../../support/relay/relay.js';

/* RFC 9449 §11.1: one DPoP proof is for one request, with any number of hooks that check the proof. */

let as: AuthorizationServer;
let ahead = 0;
const clock = (): number => Date.now() + ahead;
const attester = makeAttester(clock);
const device = makeDevice(clock);

beforeAll(async () => {
  as = await startAuthorizationServer();
});
afterAll(() => as.close());
beforeEach(() => {
  ahead = 0;
});

type Combine = (bearer: AuthenticationHook, attestation: AuthenticationHook) => AuthenticationHook;

interface Differences {
  readonly bearer?: Partial<OAuthBearerOptions>;
  readonly attestation?: ClientAttestationOptions;
  readonly parts?: Pick<Parameters<typeof attestedRelay>[1] & object, 'store' | 'keys'>;
}

function relayWith(combine: Combine, { bearer, attestation, parts }: Differences = {}) {
  const one = oauthBearer({ issuer: as.issuer, audience: PUBLIC_URL, ...bearer });
  const options = { jwks: attester.jwks, challenge: 'off' as const, ...attestation };
  return attestedRelay(options, { clock, combine: (other) => combine(one, other), ...parts });
}

/** A request that both hooks would accept: a bound token, an attestation, and a proof for both. */
async function request(): Promise<Record<string, string>> {
  const jkt = await calculateJwkThumbprint(device.jwk);
  const app = attester.app;
  const token = await as.sign({ ...as.claims(PUBLIC_URL), client_id: app, cnf: { jkt } });
  const ath = createHash('sha256').update(token).digest('base64url');
  return {
    Authorization: `DPoP ${token}`,
    DPoP: device.dpop(undefined, { claims: { ath, jti: randomUUID() } }),
    'OAuth-Client-Attestation': attester.attest(device),
  };
}

/** A combination by the host, in which one of two hooks gets a copy of the input. */
const copying: Combine = (one, other) => async (input) => {
  await one(input);
  return other({ ...input, header: (name) => input.header(name) });
};
const atOnce: Combine = (one, other) => async (input) => {
  const [principal] = await Promise.all([one(input), other(input)]);
  return principal;
};

const WAYS: ReadonlyArray<readonly [name: string, combine: Combine]> = [
  ['anyOf(bearer, attestation)', (one, other) => anyOf(one, other)],
  ['anyOf(attestation, bearer)', (one, other) => anyOf(other, one)],
  ['allOf(bearer, attestation)', (one, other) => allOf(one, other)],
  ['allOf(attestation, bearer)', (one, other) => allOf(other, one)],
  ['allOf(anyOf(bearer, attestation), attestation)', (one, other) => allOf(anyOf(one, other), other)],
  ['two bearer hooks of one server', (one) => allOf(one, one)],
  ['a copy of the input for the second', copying],
  ['both at once', atOnce],
];

describe('one proof, sent four times,', () => {
  it.each(WAYS)('%s: is accepted once', async (_, combine) => {
    const site = relayWith(combine);
    const headers = await request();
    const statuses: number[] = [];
    for (let turn = 0; turn < 4; turn += 1) statuses.push((await site.create(headers)).status);
    expect(statuses).toEqual([200, 401, 401, 401]);
    expect((await site.create(await request())).status).toBe(200);
  });

  it.each(WAYS)('%s: is accepted once, concurrently and over two processes', async (_, combine) => {
    const parts = { store: memoryStore(new Map(), { clock }), keys: [randomBytes(32)] };
    const sites = [relayWith(combine, { parts }), relayWith(combine, { parts })] as const;
    const headers = await request();
    const answers = await Promise.all([...sites, ...sites].map((site) => site.create(headers)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401, 401]);
  });

  it.each([
    ['gives all hooks one signal', new AbortController().signal, undefined],
    ['gives all hooks one host', undefined, {}],
  ])('a host that %s does not accept it again', async (_, signal, host) => {
    const wrapped: Combine = (one) => (input) =>
      one({ ...input, ...(signal === undefined ? {} : { signal }), ...(host === undefined ? {} : { host }) });
    const site = relayWith(wrapped);
    const headers = await request();
    expect((await site.create(headers)).status).toBe(200);
    expect((await site.create(headers)).status).toBe(401);
  });
});

describe('the use of a proof is remembered', () => {
  it.each([
    ['bearer', { attestation: { popMaxAgeSeconds: 600 } }],
    ['attestation', { bearer: { dpopMaxAgeSeconds: 900 } }],
  ])('by %s until no hook accepts the proof', async (first, differences) => {
    const site = relayWith((one, other) => (first === 'bearer' ? anyOf(one, other) : anyOf(other, one)), differences);
    const headers = await request();
    expect((await site.create(headers)).status).toBe(200);
    for (ahead = 0; ahead < 1_000_000; ahead += 50_000) expect((await site.create(headers)).status).toBe(401);
  });

  it('for the request: a store that does not respond gets one call', async () => {
    const inner = memoryStore(new Map(), { clock });
    let asked = 0;
    const create = async (): Promise<boolean> => {
      asked += 1;
      throw new Error('The store is down.');
    };
    const site = relayWith((one, other) => anyOf(one, other), { parts: { store: { ...inner, create } } });
    expect((await site.create(await request())).json.code).toBe('store_unavailable');
    expect(asked).toBe(1);
  });
});
