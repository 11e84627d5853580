import { Agent } from 'node:https';
import { clientAttestation } from 'credential-relay/adapters/auth/client-attestation';
import { oauthBearer } from 'credential-relay/adapters/auth/oauth-bearer';
import { HttpsProxyAgent } from 'https-proxy-agent';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type AuthorizationServer, startAuthorizationServer } from '../../../support/auth/authorization-server.js';
import { judge, RESOURCE, someServices } from '../../../support/auth/oauth-bearer.js';
import { type ConnectProxy, startConnectProxy } from '../../../support/network/connect-proxy.js';
import { LOCALHOST } from '../../../support/network/tls.js';

/* The requests of a hook leave through an egress proxy, by the same rule as pushes (test/adapters/notify/proxy.test.ts). */

let as: AuthorizationServer;
let proxy: ConnectProxy;
beforeAll(async () => {
  as = await startAuthorizationServer({ tls: LOCALHOST });
});
afterAll(() => as.close());

beforeEach(async () => {
  for (const variable of ['HTTPS_PROXY', 'https_proxy', 'NO_PROXY', 'no_proxy']) vi.stubEnv(variable, undefined);
  proxy = await startConnectProxy(Number(new URL(as.issuer).port));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await proxy.close();
});

type Way = Pick<Parameters<typeof oauthBearer>[0], 'agent' | 'proxy' | 'timeoutMs'>;

/** The outcome of a valid token at a new hook, which fetches metadata and keys. */
async function tryToken(way: Way) {
  const hook = oauthBearer({ issuer: as.issuer, ca: LOCALHOST.cert, ...way });
  const token = await as.sign(as.claims(RESOURCE));
  return judge(hook, { authorization: `Bearer ${token}` }, someServices());
}

const host = (): string => new URL(as.issuer).host;

describe('oauthBearer behind an egress proxy', () => {
  it.each<[name: string, way: () => Way]>([
    ['the option proxy', () => ({ proxy: proxy.url })],
    ['an agent of npm', () => ({ agent: new HttpsProxyAgent(proxy.url, { ca: LOCALHOST.cert }) })],
    [
      'HTTPS_PROXY of the environment',
      () => {
        vi.stubEnv('HTTPS_PROXY', proxy.url);
        return {};
      },
    ],
  ])('fetches metadata and keys through it: %s', async (_name, way) => {
    expect(await tryToken(way())).toHaveProperty('principal');
    expect(proxy.targets.length).toBeGreaterThan(0);
    expect(new Set(proxy.targets)).toEqual(new Set([host()]));
  });

  it.each<[name: string, way: () => Way]>([
    [
      'NO_PROXY',
      () => {
        vi.stubEnv('NO_PROXY', `other.example,${host()}`);
        return {};
      },
    ],
    ['proxy: false', () => ({ proxy: false })],
    ['its own agent', () => ({ agent: new Agent() })],
  ])('goes around the proxy of the environment: %s', async (_name, way) => {
    vi.stubEnv('HTTPS_PROXY', proxy.url);
    expect(await tryToken(way())).toHaveProperty('principal');
    expect(proxy.targets).toEqual([]);
  });

  it.each([502, 0])('answers 503 in time if the proxy fails with status %i', async (status) => {
    proxy.refuse(status);
    const started = performance.now();
    const outcome = await tryToken({ proxy: proxy.url.replace('//', '//user:secret-of-the-proxy@'), timeoutMs: 200 });
    expect(outcome).toMatchObject({ status: 503, code: 'authentication_unavailable' });
    expect(performance.now() - started).toBeLessThan(2_000);
    expect(JSON.stringify(outcome)).not.toContain('secret-of-the-proxy');
  });
});

it.each(['"http://proxy.example"', 'undefined', 'socks5://proxy.example'])(
  'both hooks name a proxy of the environment that they cannot use: %s',
  (value) => {
    vi.stubEnv('HTTPS_PROXY', value);
    expect(() => oauthBearer({ issuer: 'https://as.example' })).toThrow(
      /^oauthBearer\.proxy: the environment variable/,
    );
    const jwksUri = 'https://as.example/jwks';
    expect(() => clientAttestation({ jwksUri })).toThrow(/^clientAttestation\.proxy: the environment variable/);
  },
);
