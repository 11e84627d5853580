import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { oauthBearer } from 'credential-relay/adapters/auth/oauth-bearer';
import { ClientSecretPost } from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type AuthorizationServer,
  CLIENTS,
  startAuthorizationServer,
  TOKEN_SECONDS,
} from '../../../support/auth/authorization-server.js';
import { deviceKey, judge, type Outcome, proofOf, RESOURCE, someServices } from '../../../support/auth/oauth-bearer.js';

let as: AuthorizationServer;

beforeAll(async () => {
  as = await startAuthorizationServer();
});
afterAll(() => as.close());

const relay = { clientId: CLIENTS.relay.id, clientSecret: CLIENTS.relay.secret } as const;
const hook = (options = {}) => oauthBearer({ issuer: as.issuer, ...relay, ...options });

function expectInvalid(outcome: Outcome, description: string): void {
  expect(outcome).toMatchObject({ status: 401, code: 'token_invalid' });
  expect(outcome).toHaveProperty(
    ['challenges', 0],
    `Bearer realm="mailbox", error="invalid_token", error_description="${description}"`,
  );
}

describe('oauthBearer with opaque tokens of a real authorization server [RFC 7662]', () => {
  it('accepts an active token, with app and scopes', async () => {
    const token = await as.mint({ resource: RESOURCE, format: 'opaque', scope: 'relay.create relay.read' });
    const outcome = await judge(hook(), { authorization: `Bearer ${token}` }, someServices());
    expect(outcome).toEqual({
      principal: { app: 'app-opaque', scopes: ['relay.create', 'relay.read'], via: ['oauth-bearer'] },
    });
  });

  it('authenticates with the option clientAuthentication', async () => {
    const token = await as.mint({ resource: RESOURCE, format: 'opaque' });
    const other = oauthBearer({
      issuer: as.issuer,
      clientId: relay.clientId,
      clientAuthentication: ClientSecretPost(relay.clientSecret),
    });
    expect(await judge(other, { authorization: `Bearer ${token}` }, someServices())).toHaveProperty('principal');
  });

  it('accepts JWTs, too', async () => {
    const token = await as.mint({ resource: RESOURCE });
    expect(await judge(hook(), { authorization: `Bearer ${token}` }, someServices())).toHaveProperty('principal');
  });

  it('rejects an unknown token and introspects it each time', async () => {
    const one = hook();
    const before = as.requests.introspection;
    for (let turn = 0; turn < 2; turn += 1) {
      expectInvalid(
        await judge(one, { authorization: 'Bearer unknown-unknown-unknown' }, someServices()),
        'The token is not active.',
      );
    }
    expect(as.requests.introspection - before).toBe(2);
  });

  it('rejects a token for another resource', async () => {
    const token = await as.mint({ resource: 'https://other.example', format: 'opaque' });
    expectInvalid(
      await judge(hook(), { authorization: `Bearer ${token}` }, someServices()),
      'The token is for another audience.',
    );
  });

  it('rejects a token that lacks a scope with 403 insufficient_scope', async () => {
    const token = await as.mint({ resource: RESOURCE, format: 'opaque', scope: 'relay.read' });
    const one = hook({ scopes: ['relay.create'] });
    expect(await judge(one, { authorization: `Bearer ${token}` }, someServices())).toMatchObject({
      status: 403,
      code: 'forbidden',
      challenges: ['Bearer realm="mailbox", error="insufficient_scope", scope="relay.create"'],
    });
  });

  it("rejects a JWT that the server does not introspect, with tokens: 'opaque'", async () => {
    const token = await as.mint({ resource: RESOURCE });
    expectInvalid(
      await judge(hook({ tokens: 'opaque' }), { authorization: `Bearer ${token}` }, someServices()),
      'The authorization server does not introspect tokens of this type.',
    );
  });

  it('requires the proof for the cnf.jkt of the response [RFC 9449 §6.2]', async () => {
    const [key, other] = [await deviceKey(), await deviceKey()];
    const token = await as.mint({ resource: RESOURCE, format: 'opaque', dpop: key });
    const one = hook();
    expectInvalid(
      await judge(one, { authorization: `Bearer ${token}` }, someServices()),
      'The token is bound to a key and needs the scheme DPoP.',
    );
    const stolen = { authorization: `DPoP ${token}`, dpop: await proofOf(other, token) };
    expect(await judge(one, stolen, someServices())).toMatchObject({ status: 401, code: 'token_invalid' });
    const good = { authorization: `DPoP ${token}`, dpop: await proofOf(key, token) };
    expect(await judge(one, good, someServices())).toHaveProperty('principal');
  });

  it('treats a wrong clientSecret as an outage, not as an invalid token', async () => {
    const token = await as.mint({ resource: RESOURCE, format: 'opaque' });
    const misconfigured = oauthBearer({ issuer: as.issuer, clientId: relay.clientId, clientSecret: 'wrong' });
    const outcome = await judge(misconfigured, { authorization: `Bearer ${token}` }, someServices());
    expect(outcome).toMatchObject({ status: 503, code: 'authentication_unavailable', cause: 'oauth_client_refused' });
  });
});

describe('the cache of introspections', () => {
  const sentFor = async (): Promise<{ authorization: string }> => ({
    authorization: `Bearer ${await as.mint({ resource: RESOURCE, format: 'opaque' })}`,
  });

  it('causes one request per token and 30 s, and one for concurrent requests', async () => {
    const [one, sent, services] = [hook(), await sentFor(), someServices()];
    const before = as.requests.introspection;
    const all = await Promise.all(Array.from({ length: 20 }, () => judge(one, sent, services)));
    for (const outcome of all) expect(outcome).toHaveProperty('principal');
    services.ahead = 29_000;
    await judge(one, sent, services);
    expect(as.requests.introspection - before).toBe(1);
    services.ahead = 31_000;
    await judge(one, sent, services);
    expect(as.requests.introspection - before).toBe(2);
  });

  it('keeps no token beyond its expiration', async () => {
    const [one, sent, services] = [hook({ introspectionCacheSeconds: 3600 }), await sentFor(), someServices()];
    expect(await judge(one, sent, services)).toHaveProperty('principal');
    services.ahead = (TOKEN_SECONDS + 35) * 1000;
    expectInvalid(await judge(one, sent, services), 'The token has expired.');
  });

  it('keeps nothing with introspectionCacheSeconds: 0', async () => {
    const [one, sent] = [hook({ introspectionCacheSeconds: 0 }), await sentFor()];
    const before = as.requests.introspection;
    for (let turn = 0; turn < 3; turn += 1) await judge(one, sent, someServices());
    expect(as.requests.introspection - before).toBe(3);
  });

  it('drops the least recently used token over introspectionCacheEntries', async () => {
    const [one, services] = [hook({ introspectionCacheEntries: 2 }), someServices()];
    const [first, second, third] = [await sentFor(), await sentFor(), await sentFor()];
    for (const sent of [first, second, first, third]) await judge(one, sent, services);
    const before = as.requests.introspection;
    await judge(one, first, services);
    await judge(one, third, services);
    expect(as.requests.introspection - before).toBe(0);
    await judge(one, second, services);
    expect(as.requests.introspection - before).toBe(1);
  });

  it('is followed by a check of the scopes at each request', async () => {
    const [one, sent, services] = [hook({ scopes: { read: ['relay.read'] } }), await sentFor(), someServices()];
    expect(await judge(one, { ...sent, operation: 'create' }, services)).toHaveProperty('principal');
    expect(await judge(one, { ...sent, operation: 'read' }, services)).toMatchObject({ status: 403 });
  });
});

describe('oauthBearer with an introspection response [RFC 7662 §2.2]', () => {
  let server: Server;
  let issuer: string;
  let answer: unknown;

  beforeAll(async () => {
    server = createServer((request, response) => {
      const metadata = { issuer, jwks_uri: `${issuer}/jwks`, introspection_endpoint: `${issuer}/introspection` };
      response.setHeader('Content-Type', 'application/json');
      response.end(JSON.stringify(request.url === '/introspection' ? answer : metadata).replaceAll('"deep"', LISTS));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  /** Stands for nested lists that are too deep for JSON.stringify. */
  const DEEP = 'deep';
  const LISTS = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  const NO_TEXT = { toString: 1, valueOf: 1 };

  const now = (): number => Math.floor(Date.now() / 1000);
  const active = (changes: object) => ({ active: true, aud: RESOURCE, client_id: 'app', ...changes });
  const ask = (said: unknown): Promise<Outcome> => {
    answer = said;
    const one = oauthBearer({ issuer, clientId: 'relay', clientSecret: 'secret', tokens: 'opaque' });
    return judge(one, { authorization: 'Bearer 0123456789abcdef' }, someServices());
  };

  it.each([
    ['the least that is needed', () => active({})],
    ['no client: then there is no app', () => active({ client_id: undefined })],
    [
      'all members',
      () => active({ iss: issuer, exp: now() + 9, iat: now(), nbf: now(), token_type: 'Bearer', sub: 's' }),
    ],
    ['several audiences', () => active({ aud: ['a', RESOURCE] })],
    ['audiences that are no text beside the right one', () => active({ aud: [NO_TEXT, DEEP, RESOURCE] })],
    ['a client that is no text: then there is no app', () => active({ client_id: DEEP })],
    ['a scope that is no text: then there is none', () => active({ scope: NO_TEXT })],
  ])('accepts %s', async (_, said) => {
    expect(await ask(said())).toHaveProperty('principal');
  });

  it.each([
    ['inactive', { active: false }, 'The token is not active.'],
    ['inactive, with all a good one has', { ...active({}), active: false }, 'The token is not active.'],
    ['no audience', active({ aud: undefined }), 'The token has no audience.'],
    ['another audience', active({ aud: 'https://other.example' }), 'The token is for another audience.'],
    ['another issuer', active({ iss: 'https://other.example' }), 'The token is from another issuer.'],
    ['expired', active({ exp: 1 }), 'The token has expired.'],
    ['not yet valid', active({ nbf: 99_999_999_999 }), 'The token is not valid yet.'],
    ['another type', active({ token_type: 'N_A' }), 'The type of the token is not accepted.'],
    ['a refresh token', active({ token_type: 'refresh_token' }), 'The type of the token is not accepted.'],
    ['a list of types', active({ token_type: ['Bearer'] }), 'The type of the token is not accepted.'],
    ['a type without a text', active({ token_type: NO_TEXT }), 'The type of the token is not accepted.'],
    ['a type of endless lists', active({ token_type: DEEP }), 'The type of the token is not accepted.'],
    ['an audience without a text', active({ aud: [NO_TEXT, DEEP] }), 'The token is for another audience.'],
    ['a binding of endless lists', active({ cnf: { jkt: DEEP } }), 'The token is bound in an unsupported way.'],
    ['bound to a key that is not named', active({ token_type: 'DPoP' }), 'The token is bound to an unnamed key.'],
    ['bound to a certificate', active({ cnf: { 'x5t#S256': 'x' } }), 'The token is bound in an unsupported way.'],
    ['bound to a key', active({ cnf: { jkt: 'x' } }), 'The token is bound to a key and needs the scheme DPoP.'],
  ])('rejects %s', async (_, said, description) => {
    expectInvalid(await ask(said), description);
  });

  it.each([
    ['no active', {}],
    ['active as text', active({ active: 'true' })],
    ['a list', []],
    ['nothing', null],
  ])('answers 503 for %s', async (_, said) => {
    expect(await ask(said)).toMatchObject({ status: 503, code: 'authentication_unavailable' });
  });
});
