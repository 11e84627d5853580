import { oauthBearer } from 'credential-relay/adapters/auth/oauth-bearer';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type AuthorizationServer,
  CLIENTS,
  type Endpoint,
  type Fault,
  OTHER_HOST,
  startAuthorizationServer,
} from '../../../support/auth/authorization-server.js';
import { judge, RESOURCE, someServices, tampered } from '../../../support/auth/oauth-bearer.js';
import { LOCALHOST } from '../../../support/network/tls.js';

const relay = { clientId: CLIENTS.relay.id, clientSecret: CLIENTS.relay.secret } as const;

/** The pause in ms after a failed fetch, as in Retry-After. */
const PAUSE_MS = 1000;

/** Time-out of one request. A judgement takes at most two requests, plus a margin for a slow machine. */
const TIMEOUT_MS = 150;
const BOUND_MS = 1500;

const FAULTS: readonly Fault[] = [
  ...(['hang', 'slow', 'reset', 'status 500', 'status 401', 'redirect', 'html', 'not json'] as const),
  ...(['empty object', 'empty key set', 'other issuer', 'switch', 'endless'] as const),
];

function causeOf(at: Endpoint, fault: Fault): string {
  if (at === 'discovery') return 'oauth_discovery_failed';
  if (at === 'jwks') return 'oauth_keys_failed';
  return fault === 'status 401' ? 'oauth_client_refused' : 'oauth_introspection_failed';
}

describe('oauthBearer with a failing authorization server', () => {
  let as: AuthorizationServer;
  beforeAll(async () => {
    as = await startAuthorizationServer();
  });
  afterEach(() => as.work());
  afterAll(() => as.close());

  const hook = () => oauthBearer({ issuer: as.issuer, ...relay, timeoutMs: TIMEOUT_MS });

  const TABLE = FAULTS.flatMap((fault) => [
    ['discovery', fault, 'jwt'] as const,
    ['discovery', fault, 'opaque'] as const,
    ['jwks', fault, 'jwt'] as const,
    ['introspection', fault, 'opaque'] as const,
  ]);

  it.each(TABLE)(
    '%s, %s: a valid %s token gets 503 in time, and is accepted after recovery',
    async (at, fault, format) => {
      const [one, services] = [hook(), someServices()];
      const sent = { authorization: `Bearer ${await as.mint({ resource: RESOURCE, format })}` };
      as.fail(fault, at);
      const started = performance.now();
      const outcome = await judge(one, sent, services);
      expect(performance.now() - started).toBeLessThan(BOUND_MS);
      expect(outcome).toMatchObject({ status: 503, code: 'authentication_unavailable', cause: causeOf(at, fault) });
      expect('headers' in outcome && outcome.headers.get('Retry-After')).toBe('1');
      as.work();
      services.ahead += PAUSE_MS + BOUND_MS;
      expect(await judge(one, sent, services)).toHaveProperty('principal');
    },
  );

  it.each(FAULTS)('%s: an invalid token is never accepted, and rejected only for its own content', async (fault) => {
    as.fail(fault);
    const claims = as.claims(RESOURCE);
    const bad = {
      expired: await as.sign({ ...claims, exp: 1 }),
      tampered: tampered(await as.sign(claims)),
      'of an unknown key': await as.sign(claims, { kid: 'unknown' }),
      opaque: 'unknown-unknown-unknown',
    };
    const statuses = await Promise.all(
      Object.values(bad).map(async (token) => {
        const outcome = await judge(hook(), { authorization: `Bearer ${token}` }, someServices());
        return 'status' in outcome ? outcome.status : 'let in';
      }),
    );
    expect(statuses).toEqual([401, 503, 503, 503]);
  });

  it('concurrent requests share one discovery, without another attempt within a second', async () => {
    const [one, services] = [hook(), someServices()];
    const sent = { authorization: `Bearer ${await as.sign(as.claims(RESOURCE))}` };
    as.fail('status 500');
    const before = as.requests.discovery;
    await Promise.all(Array.from({ length: 20 }, () => judge(one, sent, services)));
    services.ahead += PAUSE_MS / 2;
    for (let turn = 0; turn < 50; turn += 1) {
      expect(await judge(one, sent, services)).toMatchObject({ status: 503, cause: 'oauth_discovery_failed' });
    }
    expect(as.requests.discovery - before).toBe(1);
    services.ahead += PAUSE_MS;
    await judge(one, sent, services);
    expect(as.requests.discovery - before).toBe(2);
  });

  it('the default time limit for a request is 2 s', async () => {
    const one = oauthBearer({ issuer: as.issuer });
    const sent = { authorization: `Bearer ${await as.sign(as.claims(RESOURCE))}` };
    as.fail('hang');
    const started = performance.now();
    expect(await judge(one, sent, someServices())).toMatchObject({ status: 503 });
    expect(performance.now() - started).toBeGreaterThan(1900);
    expect(performance.now() - started).toBeLessThan(3500);
  });
});

describe('oauthBearer with an unreachable authorization server', () => {
  let as: AuthorizationServer;
  beforeAll(async () => {
    as = await startAuthorizationServer();
  });
  afterAll(() => as.close());

  it.each(['jwt', 'opaque'] as const)(
    'a relay without cached data answers 503 to a valid %s token until the server is back',
    async (format) => {
      const [one, services] = [oauthBearer({ issuer: as.issuer, ...relay }), someServices()];
      const sent = { authorization: `Bearer ${await as.mint({ resource: RESOURCE, format })}` };
      await as.stop();
      expect(await judge(one, sent, services)).toMatchObject({ status: 503, cause: 'oauth_discovery_failed' });
      await as.start();
      services.ahead += PAUSE_MS + BOUND_MS;
      expect(await judge(one, sent, services)).toHaveProperty('principal');
    },
  );

  it.each(['jwt', 'opaque'] as const)(
    'a relay with cached data accepts a %s token for their lifetime',
    async (format) => {
      const one = oauthBearer({ issuer: as.issuer, ...relay });
      const services = someServices();
      const sent = { authorization: `Bearer ${await as.mint({ resource: RESOURCE, format })}` };
      expect(await judge(one, sent, services)).toHaveProperty('principal');
      await as.stop();
      services.ahead = format === 'jwt' ? 599_000 : 29_000;
      expect(await judge(one, sent, services)).toHaveProperty('principal');
      services.ahead = format === 'jwt' ? 601_000 : 31_000;
      expect(await judge(one, sent, services)).toMatchObject({ status: 503, code: 'authentication_unavailable' });
      await as.start();
      services.ahead += PAUSE_MS + BOUND_MS;
      expect(await judge(one, sent, services)).toHaveProperty('principal');
    },
  );

  it('an old key set is used for jwksStaleIfErrorSeconds, with one attempt per 5 s', async () => {
    const one = oauthBearer({ issuer: as.issuer, jwksStaleIfErrorSeconds: 300, timeoutMs: TIMEOUT_MS });
    const services = someServices();
    const token = await as.mint({ resource: RESOURCE });
    const sent = { authorization: `Bearer ${token}` };
    expect(await judge(one, sent, services)).toHaveProperty('principal');
    services.ahead = 601_000;
    as.fail('hang', 'jwks');
    const before = as.requests.jwks;
    for (let turn = 0; turn < 5; turn += 1) expect(await judge(one, sent, services)).toHaveProperty('principal');
    expect(as.requests.jwks - before).toBe(1);
    // The issuer may have changed the key under the old name, and the hook cannot fetch it.
    expect(await judge(one, { authorization: `Bearer ${tampered(token)}` }, services)).toMatchObject({ status: 503 });
    services.ahead = 906_000;
    expect(await judge(one, sent, services)).toMatchObject({ status: 503, code: 'authentication_unavailable' });
    as.work();
    services.ahead += PAUSE_MS + BOUND_MS;
    expect(await judge(one, sent, services)).toHaveProperty('principal');
  });

  it('a token with an unknown key gets 503, and tokens with known keys are accepted', async () => {
    const [one, services] = [oauthBearer({ issuer: as.issuer }), someServices()];
    const known = { authorization: `Bearer ${await as.sign(as.claims(RESOURCE))}` };
    const unknown = { authorization: `Bearer ${await as.sign(as.claims(RESOURCE), { kid: 'new' })}` };
    await judge(one, known, services);
    await as.stop();
    expect(await judge(one, unknown, services)).toMatchObject({ status: 503, code: 'authentication_unavailable' });
    expect(await judge(one, known, services)).toHaveProperty('principal');
    await as.start();
  });

  it.each([
    ['reset', 1],
    ['redirect', 1],
    ['html', 1],
    ['hang', 0],
    ['slow', 0],
    ['status 500', 0],
    ['status 401', 0],
  ] as const)('%s causes %i fetches of the metadata, and signs of overload cause none', async (fault, times) => {
    for (const [at, format] of [['jwks', 'jwt'] as const, ['introspection', 'opaque'] as const]) {
      const one = oauthBearer({ issuer: as.issuer, ...relay, timeoutMs: TIMEOUT_MS });
      const services = someServices();
      const sent = { authorization: `Bearer ${await as.mint({ resource: RESOURCE, format })}` };
      as.fail(fault, at);
      expect(await judge(one, sent, services)).toMatchObject({ status: 503 });
      const before = as.requests.discovery;
      as.work();
      services.ahead += PAUSE_MS + BOUND_MS;
      expect(await judge(one, sent, services)).toHaveProperty('principal');
      expect(as.requests.discovery - before).toBe(times);
    }
  });
});

describe('oauthBearer over TLS', () => {
  let as: AuthorizationServer;
  beforeAll(async () => {
    as = await startAuthorizationServer({ tls: LOCALHOST });
  });
  afterAll(() => as.close());

  const both = [LOCALHOST.cert, OTHER_HOST.cert];

  it.each(['jwt', 'opaque'] as const)('trusts a certificate authority of the option ca: %s', async (format) => {
    const one = oauthBearer({ issuer: as.issuer, ca: LOCALHOST.cert, ...relay });
    const sent = { authorization: `Bearer ${await as.mint({ resource: RESOURCE, format })}` };
    expect(await judge(one, sent, someServices())).toHaveProperty('principal');
  });

  it.each([
    ['of nobody we trust', undefined],
    ['of another authority', OTHER_HOST.cert],
  ])('answers 503 for a certificate %s', async (_, ca) => {
    const one = oauthBearer({ issuer: as.issuer, ca });
    const sent = { authorization: `Bearer ${await as.sign(as.claims(RESOURCE))}` };
    expect(await judge(one, sent, someServices())).toMatchObject({ status: 503, cause: 'oauth_discovery_failed' });
  });

  it('answers 503 for a certificate of another host, until the right one is back', async () => {
    const one = oauthBearer({ issuer: as.issuer, ca: both });
    const [sent, services] = [{ authorization: `Bearer ${await as.sign(as.claims(RESOURCE))}` }, someServices()];
    await as.stop();
    await as.start(OTHER_HOST);
    expect(await judge(one, sent, services)).toMatchObject({ status: 503, cause: 'oauth_discovery_failed' });
    await as.stop();
    await as.start();
    services.ahead += PAUSE_MS + BOUND_MS;
    expect(await judge(one, sent, services)).toHaveProperty('principal');
  });

  it.each(
    (['hang', 'slow', 'switch', 'endless', 'reset'] as const).flatMap((fault) => [
      ['discovery', fault, 'jwt'] as const,
      ['jwks', fault, 'jwt'] as const,
      ['introspection', fault, 'opaque'] as const,
    ]),
  )('%s, %s over TLS: a good %s token is 503 in time, and good again afterwards', async (at, fault, format) => {
    const one = oauthBearer({ issuer: as.issuer, ...relay, ca: both, timeoutMs: TIMEOUT_MS });
    const services = someServices();
    const sent = { authorization: `Bearer ${await as.mint({ resource: RESOURCE, format })}` };
    as.fail(fault, at);
    const started = performance.now();
    expect(await judge(one, sent, services)).toMatchObject({ status: 503 });
    expect(performance.now() - started).toBeLessThan(BOUND_MS);
    as.work();
    services.ahead += PAUSE_MS + BOUND_MS;
    expect(await judge(one, sent, services)).toHaveProperty('principal');
  });

  it('treats a truncated response over TLS as a time-out and keeps the metadata', async () => {
    const one = oauthBearer({ issuer: as.issuer, ca: both, timeoutMs: TIMEOUT_MS });
    const [sent, services] = [{ authorization: `Bearer ${await as.sign(as.claims(RESOURCE))}` }, someServices()];
    as.fail('slow', 'jwks');
    expect(await judge(one, sent, services)).toMatchObject({ status: 503 });
    const before = as.requests.discovery;
    as.work();
    services.ahead += PAUSE_MS + BOUND_MS;
    expect(await judge(one, sent, services)).toHaveProperty('principal');
    expect(as.requests.discovery - before).toBe(0);
  });

  it('rejects a jwks_uri with plain http of an https issuer', async () => {
    const issuer = 'https://as.example';
    const asked: string[] = [];
    const fetch = async (url: string) => {
      asked.push(url);
      return Response.json(
        url.endsWith('/jwks') ? { keys: [as.publicJwk()] } : { issuer, jwks_uri: 'http://as.example/jwks' },
      );
    };
    const sent = { authorization: `Bearer ${await as.sign({ ...as.claims(RESOURCE), iss: issuer })}` };
    const outcome = await judge(oauthBearer({ issuer, fetch }), sent, someServices());
    expect(outcome).toMatchObject({ status: 503, cause: 'oauth_keys_failed' });
    expect(asked).toEqual([`${issuer}/.well-known/openid-configuration`]);
  });

  it("uses the metadata of RFC 8414 with discovery: 'oauth2'", async () => {
    const issuer = 'https://as.example/tenant';
    const asked: string[] = [];
    const fetch = async (url: string) => {
      asked.push(url);
      return Response.json(url.endsWith('/jwks') ? { keys: [as.publicJwk()] } : { issuer, jwks_uri: `${issuer}/jwks` });
    };
    const sent = { authorization: `Bearer ${await as.sign({ ...as.claims(RESOURCE), iss: issuer })}` };
    expect(await judge(oauthBearer({ issuer, fetch, discovery: 'oauth2' }), sent, someServices())).toHaveProperty(
      'principal',
    );
    expect(asked).toEqual(['https://as.example/.well-known/oauth-authorization-server/tenant', `${issuer}/jwks`]);
  });
});
