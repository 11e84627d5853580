import { createRelay, type Relay } from 'credential-relay';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { COLLECTION, exchange, PUBLIC_URL, START, urlLinkOf, WITHIN } from '../support/property/harness.js';
import { anyText, CANARY, GOOD } from '../support/property/wire-arbitraries.js';
import { call, JSON_TYPE, soundHeaders } from '../support/property/wire-call.js';

const GOOD_TEXT = JSON.stringify(GOOD);
const METHODS = { collection: ['POST'], mailbox: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] };

let relay: Relay;
let requests = 0;

beforeEach(() => {
  relay = createRelay({ publicUrl: PUBLIC_URL, clock: () => START });
});
afterEach(() => relay.close());

/** Paths from `id`, from variants of `id`, and from random text. */
function pathsAround(id: string): fc.Arbitrary<string> {
  const near = [id, id.toUpperCase(), `${id}0`, id.slice(1), id.replaceAll('-', ''), '..', '%2e%2e', '%00', CANARY];
  const segment = fc.oneof(anyText, fc.constantFrom(...near), fc.uuid());
  const exact = ['/v1/m', `/v1/m/${id}`];
  const odd = ['/v1/m/', '/V1/m', '/v1/M', '/v2/m', '/v10/m/', '/v/m', '/v1', '//v1/m', `/v1/m/${id}/`, `/v2/m/${id}`];
  return fc.oneof(
    { weight: 2, arbitrary: fc.constantFrom(...exact) },
    { weight: 2, arbitrary: fc.constantFrom(...odd, `/v1/M/${id}`, `/v1/m//${id}`, `/v1/m/${id}/${id}`) },
    { weight: 3, arbitrary: segment.map((one) => `/v1/m/${encodeURIComponent(one.toWellFormed())}`) },
    { weight: 1, arbitrary: segment.map((one) => `/v1/m/${one}`) },
    { weight: 1, arbitrary: fc.tuple(segment, segment).map(([one, two]) => `/v1/m/${one}/${two}`) },
    { weight: 1, arbitrary: segment.map((one) => `/${one}`) },
  );
}

const MAILBOX = /^\/v1\/m\/[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-4[0-9A-Fa-f]{3}-[89ABab][0-9A-Fa-f]{3}-[0-9A-Fa-f]{12}$/;

test('the relay answers exact paths and methods only, and leaves other paths to the host', async () => {
  const open = { method: 'POST', headers: { ...soundHeaders('create'), ...JSON_TYPE }, body: GOOD_TEXT };
  const live = urlLinkOf(await call(relay, new Request(COLLECTION, open))) ?? expect.fail('no mailbox');
  const given = fc.record({
    path: pathsAround(live.slice(-36)),
    method: fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'OPTIONS', 'PROPFIND'),
    query: fc.constantFrom('', '?v=h', '?', `?${CANARY}`),
  });
  await fc.assert(
    fc.asyncProperty(given, async ({ path, method, query }) => {
      const url = new URL(`${PUBLIC_URL}${path.toWellFormed().replace(/[?#]/g, '')}${query}`);
      const below = url.pathname.replace(/^\/relay(?=\/)/, '');
      const takesBody = method === 'POST' || method === 'PUT';
      const requestId = `r${requests++}`;
      const headers = { ...soundHeaders(requestId), ...(takesBody ? JSON_TYPE : {}) };
      const request = new Request(url, { method, headers, body: takesBody ? GOOD_TEXT : null });

      if (!/^\/v\d+\/m(\/|$)/i.test(below)) {
        const { status, headers } = await exchange(relay, request);
        expect([status, headers.get('Mailbox-Request-ID')]).toStrictEqual([404, null]);
        return;
      }
      const reply = await call(relay, request);
      expect(reply.headers.get('Mailbox-Request-ID')).toBe(requestId);
      const kind = below === '/v1/m' ? 'collection' : MAILBOX.test(below) ? 'mailbox' : undefined;
      // docs/protocol.md does not order the checks of an unknown identifier and an unknown method.
      if (kind === undefined) expect(method === 'OPTIONS' ? [204, 404] : [404, 405]).toContain(reply.status);
      else if (method === 'OPTIONS') expect([reply.status, allowOf(reply)]).toStrictEqual([204, METHODS[kind]]);
      else if (!METHODS[kind].includes(method))
        expect([reply.status, allowOf(reply)]).toStrictEqual([405, METHODS[kind]]);
      else if (kind === 'mailbox' && !live.endsWith(below.toLowerCase())) expect(reply.status).toBe(404);
      else expect(reply.status).toBe(method === 'PATCH' ? 401 : 200);
    }),
    { ...WITHIN, numRuns: 600 },
  );
});

/** The methods in `Allow` without OPTIONS, in the order of {@link METHODS}. */
function allowOf({ headers }: { readonly headers: Headers }): string[] {
  const named = (headers.get('Allow') ?? '').split(/, */);
  return METHODS.mailbox.filter((method) => named.includes(method));
}
