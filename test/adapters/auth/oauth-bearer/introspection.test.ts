import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { oauthBearer } from 'credential-relay/adapters/auth/oauth-bearer';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { judge, RESOURCE, someServices } from '../../../support/auth/oauth-bearer.js';

/* The cost of introspection (RFC 7662) for the authorization server, and the stored part of its answers. */

let server: Server;
let issuer: string;
let requests: { discovery: number; introspection: number };
/** The answer of the introspection endpoint. */
let introspect: (response: ServerResponse) => void;

const said = (claims: object) => (response: ServerResponse) => void response.end(JSON.stringify(claims));
const ACTIVE = { active: true, aud: RESOURCE, client_id: 'app' };

beforeAll(async () => {
  server = createServer((request, response) => {
    response.setHeader('Content-Type', 'application/json');
    if (request.url === '/introspection') {
      requests.introspection += 1;
      introspect(response);
    } else {
      requests.discovery += 1;
      response.end(JSON.stringify({ issuer, introspection_endpoint: `${issuer}/introspection` }));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  requests = { discovery: 0, introspection: 0 };
  introspect = said(ACTIVE);
});

const hook = (options = {}) =>
  oauthBearer({ issuer, clientId: 'relay', clientSecret: 'secret', tokens: 'opaque', timeoutMs: 10_000, ...options });
const token = (name: string) => ({ authorization: `Bearer ${name}` });

describe('concurrent introspections', () => {
  it('are limited to 64: beyond, an unknown token gets 503 at once, and a cached token is accepted', async () => {
    const [one, services] = [hook(), someServices()];
    await judge(one, token('known'), services);
    const held: ServerResponse[] = [];
    const all = new Promise<void>((resolve) => {
      introspect = (response) => {
        if (held.push(response) === 64) resolve();
      };
    });
    const waiting = Array.from({ length: 64 }, (_, index) => judge(one, token(`token-${index}`), services));
    await all;
    const refused = await judge(one, token('one-more'), services);
    expect(refused).toMatchObject({
      status: 503,
      code: 'authentication_unavailable',
      cause: 'oauth_introspection_busy',
    });
    expect('headers' in refused && refused.headers.get('Retry-After')).toBe('1');
    expect(await judge(one, token('known'), services)).toHaveProperty('principal');
    const joining = judge(one, token('token-0'), services);
    expect(held).toHaveLength(64);

    for (const response of held) said(ACTIVE)(response);
    for (const outcome of await Promise.all([...waiting, joining])) expect(outcome).toHaveProperty('principal');
    introspect = said(ACTIVE);
    expect(await judge(one, token('one-more'), services)).toHaveProperty('principal');
    expect(requests.introspection).toBe(66);
  });
});

it('a token of more than 16 KiB is rejected without an introspection', async () => {
  const tooLong = token('x'.repeat(16 * 1024 + 1));
  expect(await judge(hook(), tooLong, someServices())).toMatchObject({ status: 401, code: 'token_invalid' });
  expect(requests.introspection).toBe(0);
  expect(await judge(hook(), token('x'.repeat(16 * 1024)), someServices())).toHaveProperty('principal');
});

describe('the cached claims of an introspection', () => {
  /** Judges a token, and returns the Map that caches the result, found by the digest of the token. */
  async function keptOf(ask: () => Promise<unknown>): Promise<Map<string, unknown>> {
    const spy = vi.spyOn(Map.prototype as Map<unknown, unknown>, 'set');
    await ask();
    const maps = spy.mock.contexts as Map<unknown, unknown>[];
    const [kept, ...others] = maps.filter(
      (map) => [...map.keys()].every((key) => /^[\w-]{43}$/.test(String(key))) && map.size > 0,
    );
    spy.mockRestore();
    expect(others.filter((map) => map !== kept)).toEqual([]);
    return kept as Map<string, unknown>;
  }

  it('are those that the relay checks, without the subject', async () => {
    introspect = said({ ...ACTIVE, iss: issuer, sub: 'person-one', username: 'person-two', email: 'person-three' });
    const [one, services] = [hook(), someServices()];
    const kept = inspect(await keptOf(() => judge(one, token('a-token-of-a-person'), services)), { depth: 10 });
    expect(kept).toContain("client_id: 'app'");
    expect(kept).not.toContain('person');
    expect(await judge(one, token('a-token-of-a-person'), services)).toHaveProperty('principal.app', 'app');
    expect(requests.introspection).toBe(1);
  });

  it.each([
    ['scope', { scope: 'relay.read' }, { status: 403 }],
    ['nbf, by a clock that is put back', { nbf: Math.floor(Date.now() / 1000) }, { status: 401 }],
    ['cnf, and with it the proof', { cnf: { jkt: 'x' } }, { status: 401 }],
  ])('suffice to reject the token again: %s', async (_, claims, refusal) => {
    introspect = said({ ...ACTIVE, ...claims });
    const one = hook({ scopes: { read: ['relay.create'] }, introspectionCacheSeconds: 3600 });
    const services = someServices();
    await judge(one, { ...token('t'), operation: 'create' }, services);
    services.ahead = 'nbf' in claims ? -40_000 : 0;
    expect(await judge(one, { ...token('t'), operation: 'read' }, services)).toMatchObject(refusal);
  });

  it('contain no unread part of the response', async () => {
    const many = Array.from({ length: 1000 }, () => ({ more: 'other' }));
    introspect = said({ ...ACTIVE, aud: [...many, RESOURCE], client_id: { more: 'other' }, scope: many, extra: many });
    const [one, services] = [hook(), someServices()];
    const kept = await keptOf(() => judge(one, token('t'), services));
    expect(kept.size).toBe(1);
    expect(inspect(kept, { depth: 10 })).not.toContain('other');
    expect(await judge(one, token('t'), services)).toHaveProperty('principal');
    expect(requests.introspection).toBe(1);
  });

  it.each([
    ['scope', { scope: 'x'.repeat(16_500) }],
    ['aud', { aud: [RESOURCE, ...Array.from({ length: 1000 }, () => 'x'.repeat(20))] }],
    ['client_id', { client_id: 'ä'.repeat(8200) }],
  ])('are not stored if they are too large: %s', async (_, claims) => {
    const [one, services] = [hook(), someServices()];
    introspect = said({ ...ACTIVE, ...claims });
    for (let turn = 0; turn < 2; turn += 1) {
      expect(await judge(one, token('t'), services)).toHaveProperty('principal');
    }
    expect(requests.introspection).toBe(2);
  });

  it('are deleted after their lifetime, even if the token is not used again', async () => {
    const [one, services] = [hook(), someServices()];
    const kept = await keptOf(() => judge(one, token('first'), services));
    services.ahead = 20_000;
    await judge(one, token('second'), services);
    await judge(one, token('first'), services);
    expect(kept.size).toBe(2);
    services.ahead = 51_000;
    await judge(one, token('third'), services);
    expect(kept.size).toBe(1);
  });

  it('are deleted after their lifetime, even if the cache is not full', async () => {
    const [one, services] = [hook(), someServices()];
    const kept = await keptOf(() => judge(one, token('t'), services));
    expect(kept.size).toBe(1);
    services.ahead = 31_000;
    introspect = said({ active: false });
    expect(await judge(one, token('t'), services)).toMatchObject({ status: 401 });
    expect(kept.size).toBe(0);
  });
});

describe('an error with members that are not strings', () => {
  it.each(['name', 'code', 'status'])('is an outage: %s', async (member) => {
    introspect = (response) =>
      void response.writeHead(400).end(JSON.stringify({ error: 'x', [member]: { toString: 1 } }));
    const outcome = await judge(hook(), token('t'), someServices());
    expect(outcome).toMatchObject({ status: 503, cause: 'oauth_introspection_failed' });
  });

  it('causes no pause: the next token is introspected at once', async () => {
    introspect = (response) => void response.writeHead(400).end('{"error":"x","code":"ECONNREFUSED"}');
    const [one, services] = [hook(), someServices()];
    await judge(one, token('t'), services);
    introspect = said(ACTIVE);
    expect(await judge(one, token('u'), services)).toHaveProperty('principal');
  });
});

describe('an introspection endpoint that may have moved', () => {
  it.each([
    [404, 1],
    [405, 1],
    [410, 1],
    [400, 0],
    [401, 0],
    [403, 0],
    [429, 0],
    [503, 0],
  ])('a %i without a body causes %i fetches of the metadata', async (status, times) => {
    const [one, services] = [hook(), someServices()];
    introspect = (response) => void response.writeHead(status).end();
    const cause = [401, 403].includes(status) ? 'oauth_client_refused' : 'oauth_introspection_failed';
    expect(await judge(one, token('t'), services)).toMatchObject({ status: 503, cause });
    introspect = said(ACTIVE);
    services.ahead += 1500;
    expect(await judge(one, token('t'), services)).toHaveProperty('principal');
    expect(requests.discovery - 1).toBe(times);
  });
});
