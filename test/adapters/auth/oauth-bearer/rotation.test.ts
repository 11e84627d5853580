import { randomUUID } from 'node:crypto';
import { oauthBearer } from 'credential-relay/adapters/auth/oauth-bearer';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AuthenticationHook } from '../../../../src/relay/auth/contract.js';
import { type AuthorizationServer, startAuthorizationServer } from '../../../support/auth/authorization-server.js';
import { judge, type Outcome, RESOURCE, someServices, tampered } from '../../../support/auth/oauth-bearer.js';

let as: AuthorizationServer;
let hook: AuthenticationHook;
let services: ReturnType<typeof someServices>;

beforeAll(async () => {
  as = await startAuthorizationServer();
});
afterAll(() => as.close());

/** A hook that has just fetched the key set. */
beforeEach(async () => {
  hook = oauthBearer({ issuer: as.issuer });
  services = someServices();
  expect(await ask(await token())).toHaveProperty('principal');
});

const token = (header: Record<string, unknown> = {}): Promise<string> => as.sign(as.claims(RESOURCE), header);
const ask = (bearer: string): Promise<Outcome> => judge(hook, { authorization: `Bearer ${bearer}` }, services);
const statusOf = (outcome: Outcome): number => ('status' in outcome ? outcome.status : 200);

/** Sends tokens of unknown keys in sequence, and returns the set of their statuses. */
async function flood(count: number): Promise<Set<number>> {
  const statuses = new Set<number>();
  for (let turn = 0; turn < count; turn += 1) statuses.add(statusOf(await ask(await token({ kid: randomUUID() }))));
  return statuses;
}

describe("a rotation of the issuer's keys", () => {
  it('makes tokens of the new key valid at once, and tokens of the old key invalid', async () => {
    const old = await token();
    await as.rotateKeys();
    expect(await ask(await token())).toHaveProperty('principal');
    expect(await ask(old)).toMatchObject({ status: 401, code: 'token_invalid' });
  });

  it('invalidates cached tokens of a removed key', async () => {
    const old = await token();
    expect(await ask(old)).toHaveProperty('principal');
    await as.rotateKeys();
    services.ahead = 601_000;
    expect(await ask(old)).toMatchObject({ status: 401, code: 'token_invalid' });
  });

  it('may happen three times in a row', async () => {
    for (let turn = 0; turn < 3; turn += 1) {
      await as.rotateKeys();
      expect(await ask(await token())).toHaveProperty('principal');
    }
  });

  it('does not make a tampered copy of a cached token valid', async () => {
    const good = await token();
    expect(await ask(good)).toHaveProperty('principal');
    expect(await ask(tampered(good))).toMatchObject({ status: 401, code: 'token_invalid' });
  });

  it('works for tokens without kid', async () => {
    await as.rotateKeys();
    expect(await ask(await token({ kid: undefined }))).toHaveProperty('principal');
  });

  it('causes one fetch for fifty concurrent tokens', async () => {
    await as.rotateKeys();
    const before = as.requests.jwks;
    const tokens = await Promise.all(Array.from({ length: 50 }, () => token()));
    const outcomes = await Promise.all(tokens.map(ask));
    expect(new Set(outcomes.map(statusOf))).toEqual(new Set([200]));
    expect(as.requests.jwks - before).toBe(1);
  });

  it('rejects no token because of a failed fetch', async () => {
    await as.rotateKeys();
    as.fail('status 500', 'jwks');
    expect(await ask(await token())).toMatchObject({ status: 503, code: 'authentication_unavailable' });
    as.work();
    services.ahead += 1500;
    expect(await ask(await token())).toHaveProperty('principal');
  });
});

describe('made-up key identifiers', () => {
  it('cause no more fetches than the burst, a thousand in a row, while known keys stay valid', async () => {
    const before = as.requests.jwks;
    const statuses = await flood(1000);
    expect(as.requests.jwks - before).toBeLessThanOrEqual(4);
    expect(statuses).toEqual(new Set([401, 503]));
    expect(await ask(await token())).toHaveProperty('principal');
  });

  it('cause no more fetches than the burst, a hundred at once, and are not accepted', async () => {
    const before = as.requests.jwks;
    const tokens = await Promise.all(Array.from({ length: 100 }, () => token({ kid: randomUUID() })));
    const statuses = new Set((await Promise.all(tokens.map(ask))).map(statusOf));
    expect(as.requests.jwks - before).toBeLessThanOrEqual(3);
    expect([...statuses].every((status) => status === 401 || status === 503)).toBe(true);
  });

  it('cause no refusal of a valid token with a new key, only a 503 for some seconds', async () => {
    await flood(10);
    await as.rotateKeys();
    const good = await token();
    const outcome = await ask(good);
    expect(outcome).toMatchObject({ status: 503, code: 'authentication_unavailable', cause: 'oauth_key_unknown' });
    const seconds = Number('headers' in outcome && outcome.headers.get('Retry-After'));
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThanOrEqual(5);
    services.ahead = seconds * 1000;
    expect(await ask(good)).toHaveProperty('principal');
  });

  it('cause one fetch per jwksCooldownSeconds', async () => {
    hook = oauthBearer({ issuer: as.issuer, jwksCooldownSeconds: 60 });
    await flood(10);
    services.ahead = 59_000;
    const before = as.requests.jwks;
    await flood(1);
    expect(as.requests.jwks - before).toBe(0);
    services.ahead = 61_000;
    await flood(3);
    expect(as.requests.jwks - before).toBe(1);
  });

  it('do not stop fetches for good after the clock was set back', async () => {
    await flood(10);
    services.ahead = -86_400_000;
    await flood(1);
    services.ahead += 6000;
    await as.rotateKeys();
    const claims = { ...as.claims(RESOURCE), iat: 0 };
    expect(await ask(await as.sign(claims))).toHaveProperty('principal');
  });
});
