import { oauthBearer } from 'credential-relay/adapters/auth/oauth-bearer';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { beforeEach, describe, expect, it } from 'vitest';
import { judge, type Outcome, RESOURCE, someServices } from '../../../support/auth/oauth-bearer.js';

/* The documents that the hook fetches from an authorization server, their lifetime, and the number of requests. */

const ISSUER = 'https://as.example';
const MINUTE = 60_000;

/** A key of the issuer. All its keys have the same name. */
async function makeKey() {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  return { privateKey, jwk: { ...(await exportJWK(publicKey)), kid: 'the-key', alg: 'ES256' } };
}
const [first, second] = await Promise.all([makeKey(), makeKey()]);

/** The time of the stopped clock. */
const START = Date.now();
const services = someServices(undefined, { clock: () => START + services.ahead });
/** The answer and the request count of the server, per part. */
let server: {
  metadata: Record<string, unknown>;
  answers: Record<string, () => Response>;
  asked: string[];
};

beforeEach(() => {
  services.ahead = 0;
  server = {
    metadata: { issuer: ISSUER, jwks_uri: `${ISSUER}/jwks`, introspection_endpoint: `${ISSUER}/introspection` },
    answers: {
      '/.well-known/openid-configuration': () => Response.json(server.metadata),
      '/jwks': publish(first.jwk),
      '/introspection': () => Response.json({ active: true, aud: RESOURCE }),
    },
    asked: [],
  };
});

const publish = (jwk: JWK) => () => Response.json({ keys: [jwk] });
const outOfOrder =
  (status: number, headers: Record<string, string> = {}) =>
  () => {
    return new Response(null, { status, headers });
  };
const refusedConnection = (): never => {
  throw Object.assign(new TypeError('fetch failed'), { cause: { code: 'ECONNREFUSED' } });
};

async function fetch(url: string): Promise<Response> {
  const path = new URL(url).pathname;
  server.asked.push(path);
  const answer = server.answers[path] ?? outOfOrder(404);
  return answer();
}

/** The number of requests to a part since the last call. */
function timesAsked(part: string): number {
  const times = server.asked.filter((path) => path.startsWith(part)).length;
  server.asked = server.asked.filter((path) => !path.startsWith(part));
  return times;
}

const hook = (options = {}) => oauthBearer({ issuer: ISSUER, fetch, ...options });
const introspecting = { clientId: 'relay', clientSecret: 'secret', introspectionCacheSeconds: 0 };

async function jwtBy(key: typeof first): Promise<string> {
  const now = Math.floor(services.clock() / 1000);
  const claims = { iss: ISSUER, aud: RESOURCE, sub: 's', client_id: 'app', jti: 'j', iat: now, exp: now + 9999 };
  return new SignJWT(claims).setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'the-key' }).sign(key.privateKey);
}

const ask = (one: ReturnType<typeof hook>, token: string): Promise<Outcome> =>
  judge(one, { authorization: `Bearer ${token}` }, services);
const statusOf = (outcome: Outcome): number => ('status' in outcome ? outcome.status : 200);
const retryAfterOf = (outcome: Outcome): number => Number('headers' in outcome && outcome.headers.get('Retry-After'));

describe('the metadata of the authorization server', () => {
  it('are fetched again after 10 minutes, and an old jwks_uri is not used again', async () => {
    const one = hook();
    expect(statusOf(await ask(one, await jwtBy(first)))).toBe(200);
    server.metadata.jwks_uri = `${ISSUER}/new`;
    server.answers['/new'] = publish(second.jwk);
    services.ahead = 10 * MINUTE + 1;
    expect(timesAsked('/jwks')).toBe(1);
    expect(statusOf(await ask(one, await jwtBy(second)))).toBe(200);
    expect(statusOf(await ask(one, await jwtBy(first)))).toBe(401);
    expect([timesAsked('/jwks'), timesAsked('/new')]).toEqual([0, 1]);
  });

  it('are fetched again for introspection, too', async () => {
    const one = hook(introspecting);
    expect(statusOf(await ask(one, 'opaque'))).toBe(200);
    server.metadata.introspection_endpoint = `${ISSUER}/new`;
    server.answers['/new'] = () => Response.json({ active: false });
    services.ahead = 9 * MINUTE;
    expect(statusOf(await ask(one, 'opaque'))).toBe(200);
    services.ahead = 10 * MINUTE + 1;
    expect(statusOf(await ask(one, 'opaque'))).toBe(401);
    expect(timesAsked('/introspection')).toBe(2);
  });

  it('stay usable for an hour while fetches fail, with one attempt per 5 s', async () => {
    const one = hook(introspecting);
    expect(statusOf(await ask(one, 'opaque'))).toBe(200);
    server.answers['/.well-known/openid-configuration'] = outOfOrder(500);
    timesAsked('/.well-known');
    for (const minutes of [11, 30, 69]) {
      services.ahead = minutes * MINUTE;
      for (let turn = 0; turn < 10; turn += 1) expect(statusOf(await ask(one, 'opaque'))).toBe(200);
      expect(timesAsked('/.well-known')).toBe(1);
    }
    services.ahead = 70 * MINUTE + 1;
    expect(await ask(one, 'opaque')).toMatchObject({ status: 503, cause: 'oauth_discovery_failed' });
    server.answers['/.well-known/openid-configuration'] = () => Response.json(server.metadata);
    services.ahead += MINUTE;
    expect(statusOf(await ask(one, 'opaque'))).toBe(200);
  });

  it('that hang delay a token for one time limit at most', async () => {
    const one = hook({ jwksStaleIfErrorSeconds: 3600, timeoutMs: 1000 });
    expect(statusOf(await ask(one, await jwtBy(first)))).toBe(200);
    const never = () => new Promise<never>(() => {}) as never;
    for (const path of ['/.well-known/openid-configuration', '/jwks']) server.answers[path] = never;
    services.ahead = 11 * MINUTE;
    const started = performance.now();
    expect(statusOf(await ask(one, await jwtBy(first)))).toBe(200);
    expect(performance.now() - started).toBeLessThan(1900);
  });

  it('are fetched once per second, not per token, if an endpoint is gone', async () => {
    const one = hook(introspecting);
    server.answers['/introspection'] = outOfOrder(404);
    for (let turn = 0; turn < 20; turn += 1) expect(statusOf(await ask(one, `opaque-${turn}`))).toBe(503);
    expect(timesAsked('/.well-known')).toBeLessThanOrEqual(2);
  });
});

describe('a new key under an old kid', () => {
  it('is found for its first token, once the set is 5 s old', async () => {
    const one = hook();
    expect(statusOf(await ask(one, await jwtBy(first)))).toBe(200);
    server.answers['/jwks'] = publish(second.jwk);
    services.ahead = 5001;
    expect(statusOf(await ask(one, await jwtBy(second)))).toBe(200);
    expect(statusOf(await ask(one, await jwtBy(first)))).toBe(401);
    expect(timesAsked('/jwks')).toBe(2);
  });

  it('causes one fetch per jwksCooldownSeconds, even with many bad signatures', async () => {
    const one = hook({ jwksCooldownSeconds: 30 });
    expect(statusOf(await ask(one, await jwtBy(first)))).toBe(200);
    timesAsked('/jwks');
    const bad = await jwtBy(second);
    for (services.ahead = 0; services.ahead < 120_000; services.ahead += 1000) {
      const statuses = (await Promise.all([bad, bad, bad].map((token) => ask(one, token)))).map(statusOf);
      expect(new Set(statuses)).toEqual(new Set([401]));
    }
    expect(timesAsked('/jwks')).toBe(3);
  });

  it('is independent of the limit for unknown kids', async () => {
    const one = hook();
    const [good, bad] = [await jwtBy(first), await jwtBy(second)];
    expect(statusOf(await ask(one, good))).toBe(200);
    for (services.ahead = 6000; services.ahead < 60_000; services.ahead += 6000) await ask(one, bad);
    const unknown = await new SignJWT({ ...claimsOf(good) })
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'unknown' })
      .sign(second.privateKey);
    const statuses: number[] = [];
    for (let turn = 0; turn < 4; turn += 1) statuses.push(statusOf(await ask(one, unknown)));
    expect(statuses).toEqual([401, 401, 401, 503]);
    services.ahead += 6000;
    server.answers['/jwks'] = publish(second.jwk);
    expect(statusOf(await ask(one, bad))).toBe(200);
  });

  it('is neither accepted nor rejected while fetches fail', async () => {
    const one = hook();
    expect(statusOf(await ask(one, await jwtBy(first)))).toBe(200);
    server.answers['/jwks'] = outOfOrder(500);
    services.ahead = 6000;
    timesAsked('/jwks');
    for (let turn = 0; turn < 10; turn += 1) {
      expect(await ask(one, await jwtBy(second))).toMatchObject({ status: 503, cause: 'oauth_keys_failed' });
    }
    expect(timesAsked('/jwks')).toBe(1);
    expect(statusOf(await ask(one, await jwtBy(first)))).toBe(200);
  });
});

function claimsOf(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
}

describe('an authorization server with a Retry-After', () => {
  const AN_HOUR_AHEAD = new Date(Date.now() + 3_600_000).toUTCString();

  it.each([
    ['no Retry-After', {}, 1],
    ['Retry-After: 20', { 'Retry-After': '20' }, 20],
    ['Retry-After: 0', { 'Retry-After': '0' }, 1],
    ['Retry-After of a day', { 'Retry-After': '86400' }, 30],
    ['a date an hour ahead', { 'Retry-After': AN_HOUR_AHEAD }, 30],
    ['a date long past', { 'Retry-After': 'Fri, 31 Dec 1999 23:59:59 GMT' }, 1],
    ['a Retry-After of no meaning', { 'Retry-After': 'soon' }, 1],
  ])(
    'of %s gets no request for keys before that time, and clients get the same Retry-After',
    async (_, headers, seconds) => {
      for (const path of ['/jwks', '/.well-known/openid-configuration']) {
        const [one, good] = [hook(), server.answers[path]];
        server.asked = [];
        server.answers[path] = outOfOrder(503, headers);
        services.ahead = 0;
        const token = await jwtBy(first);
        for (const fraction of [0, 0.1, 0.5, 0.9]) {
          services.ahead = fraction * seconds * 1000;
          const outcome = await ask(one, token);
          expect(statusOf(outcome)).toBe(503);
          // The failure came some ms after the request.
          expect(retryAfterOf(outcome) - seconds * (1 - fraction)).toBeGreaterThanOrEqual(0);
          expect(retryAfterOf(outcome) - seconds * (1 - fraction)).toBeLessThanOrEqual(1.1);
        }
        expect(timesAsked(path)).toBe(1);
        server.answers[path] = good as () => Response;
        services.ahead = seconds * 1000 + 500;
        expect(statusOf(await ask(one, token))).toBe(200);
      }
    },
  );

  it.each([
    ['503 with Retry-After', outOfOrder(503, { 'Retry-After': '20' }), 20],
    ['429 with Retry-After', outOfOrder(429, { 'Retry-After': '3600' }), 30],
    ['no connection', refusedConnection, 1],
  ])('gets no introspection after %s', async (_, answer, seconds) => {
    const [one, good] = [hook(introspecting), server.answers['/introspection']];
    server.answers['/introspection'] = answer;
    for (let turn = 0; turn < 20; turn += 1) {
      const outcome = await ask(one, `opaque-${turn}`);
      expect(outcome).toMatchObject({ status: 503, cause: 'oauth_introspection_failed' });
      expect(retryAfterOf(outcome)).toBe(seconds);
    }
    expect(timesAsked('/introspection')).toBe(1);
    server.answers['/introspection'] = good as () => Response;
    services.ahead = seconds * 1000 + 500;
    expect(statusOf(await ask(one, 'opaque'))).toBe(200);
  });

  it.each([
    ['500', outOfOrder(500)],
    ['503', outOfOrder(503)],
    ['500 with Retry-After', outOfOrder(500, { 'Retry-After': '20' })],
    ['no JSON', () => new Response('<html>')],
  ])('and %s for one token affects no other token', async (_, answer) => {
    const [one, good] = [hook(introspecting), server.answers['/introspection']];
    server.answers['/introspection'] = answer;
    expect(statusOf(await ask(one, 'a-token-that-it-chokes-on'))).toBe(503);
    server.answers['/introspection'] = good as () => Response;
    expect(statusOf(await ask(one, 'a-good-one'))).toBe(200);
  });
});
