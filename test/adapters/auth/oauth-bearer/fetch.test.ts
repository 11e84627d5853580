import type { OAuthBearerOptions } from 'credential-relay/adapters/auth/oauth-bearer';
import { oauthBearer } from 'credential-relay/adapters/auth/oauth-bearer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type AuthorizationServer,
  CLIENTS,
  startAuthorizationServer,
} from '../../../support/auth/authorization-server.js';
import { judge, RESOURCE, someServices } from '../../../support/auth/oauth-bearer.js';
import { forever } from '../../../support/store/stores.js';

/* The host's own `fetch`, and host functions that the hook calls during a request to the server. */

const TIMEOUT_MS = 100;
const BOUND_MS = 1500;
const MEBIBYTE = 1024 * 1024;

let as: AuthorizationServer;
beforeAll(async () => {
  as = await startAuthorizationServer();
});
afterAll(() => as.close());

type Fetch = NonNullable<OAuthBearerOptions['fetch']>;

/** The URL parts of the hook's requests. */
const PARTS = { discovery: '/.well-known/', jwks: '/jwks', introspection: '/introspection' } as const;
type Part = keyof typeof PARTS;

/** A fetch that misbehaves on the first request to one part. */
function misbehavingOnce(part: Part, misbehave: Fetch): Fetch {
  let isOver = false;
  return (url, options) => {
    if (isOver || !url.includes(PARTS[part])) return fetch(url, options as RequestInit);
    isOver = true;
    return misbehave(url, options);
  };
}

/** An endless body of white space, with the number of read bytes and whether the reader cancelled it. */
function endlessBody() {
  const seen = { bytes: 0, cancelled: false };
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      pull(controller) {
        seen.bytes += 10_000;
        controller.enqueue(new Uint8Array(10_000).fill(32));
      },
      cancel() {
        seen.cancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return { body, seen };
}

const FAULTS: ReadonlyArray<readonly [name: string, fetch: () => unknown]> = [
  ['never settles', forever],
  ['gives a body that never ends, and nothing of it', () => new Response(new ReadableStream({}))],
  ['gives a body without an end', () => new Response(endlessBody().body)],
  ['throws', () => Promise.reject(new TypeError('fetch failed'))],
  ['returns nothing', () => undefined],
  ['returns what is no Response', () => ({ status: 200, json: async () => ({}) })],
  ['returns a Response that was read already', readAlready],
  ['returns an error as Response', () => Response.error()],
];

async function readAlready(): Promise<Response> {
  const response = Response.json({});
  await response.text();
  return response;
}

describe('a fetch of the host', () => {
  const TABLE = FAULTS.flatMap(([name, misbehave]) => [
    ['discovery', name, 'jwt', misbehave] as const,
    ['discovery', name, 'opaque', misbehave] as const,
    ['jwks', name, 'jwt', misbehave] as const,
    ['introspection', name, 'opaque', misbehave] as const,
  ]);
  it.each(TABLE)(
    'at %s that once %s: a valid %s token gets 503 in time, and is accepted later',
    async (part, _, format, fault) => {
      const one = oauthBearer({
        issuer: as.issuer,
        clientId: CLIENTS.relay.id,
        clientSecret: CLIENTS.relay.secret,
        timeoutMs: TIMEOUT_MS,
        fetch: misbehavingOnce(part, (async () => fault()) as Fetch),
      });
      const services = someServices();
      const sent = { authorization: `Bearer ${await as.mint({ resource: RESOURCE, format })}` };
      const started = performance.now();
      expect(await judge(one, sent, services)).toMatchObject({ status: 503, code: 'authentication_unavailable' });
      expect(performance.now() - started).toBeLessThan(BOUND_MS);
      services.ahead += 1000 + BOUND_MS;
      expect(await judge(one, sent, services)).toHaveProperty('principal');
    },
  );

  it('that returns more than 1 MiB is cancelled at this size', async () => {
    const { body, seen } = endlessBody();
    const one = oauthBearer({
      issuer: as.issuer,
      timeoutMs: 10_000,
      fetch: misbehavingOnce('jwks', async () => new Response(body)),
    });
    const sent = { authorization: `Bearer ${await as.sign(as.claims(RESOURCE))}` };
    expect(await judge(one, sent, someServices())).toMatchObject({ status: 503, cause: 'oauth_keys_failed' });
    expect(seen.cancelled).toBe(true);
    expect(seen.bytes).toBeGreaterThan(MEBIBYTE);
    expect(seen.bytes).toBeLessThan(MEBIBYTE + 20_000);
  });

  it('that returns after the time limit is cancelled', async () => {
    const { body, seen } = endlessBody();
    let answer: (response: Response) => void = () => {};
    const late = new Promise<Response>((resolve) => {
      answer = resolve;
    });
    const one = oauthBearer({ issuer: as.issuer, timeoutMs: 100, fetch: misbehavingOnce('jwks', () => late) });
    const sent = { authorization: `Bearer ${await as.sign(as.claims(RESOURCE))}` };
    expect(await judge(one, sent, someServices())).toMatchObject({ status: 503 });
    answer(new Response(body));
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen).toEqual({ bytes: 0, cancelled: true });
  });
});

describe('a client authentication of the host', () => {
  it.each([
    ['never settles', forever],
    ['throws', () => Promise.reject(new Error('no key'))],
  ])('that once %s is a 503 in time, and works later', async (_, misbehave) => {
    let isOver = false;
    const one = oauthBearer({
      issuer: as.issuer,
      clientId: CLIENTS.relay.id,
      timeoutMs: TIMEOUT_MS,
      clientAuthentication: (_as, _client, _body, headers) => {
        const secret = Buffer.from(`${CLIENTS.relay.id}:${CLIENTS.relay.secret}`).toString('base64');
        if (isOver) return headers.set('Authorization', `Basic ${secret}`);
        isOver = true;
        return misbehave() as unknown as undefined;
      },
    });
    const services = someServices();
    const sent = { authorization: `Bearer ${await as.mint({ resource: RESOURCE, format: 'opaque' })}` };
    const started = performance.now();
    expect(await judge(one, sent, services)).toMatchObject({ status: 503, cause: 'oauth_introspection_failed' });
    expect(performance.now() - started).toBeLessThan(BOUND_MS);
    expect(await judge(one, sent, services)).toHaveProperty('principal');
  });
});
