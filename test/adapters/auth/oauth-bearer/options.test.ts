import { type OAuthBearerOptions, oauthBearer } from 'credential-relay/adapters/auth/oauth-bearer';
import { describe, expect, it } from 'vitest';

const issuer = 'https://as.example';
const someAuthentication: () => void = () => {};

describe('the options of oauthBearer', () => {
  it.each([
    [undefined, /^oauthBearer: /],
    [{}, /^oauthBearer\.issuer: /],
    [{ issuer: 'as.example' }, /^oauthBearer\.issuer: must be an https URL/],
    [{ issuer: 'http://as.example' }, /^oauthBearer\.issuer: .*loopback/],
    [{ issuer: 'http://localhost.example' }, /^oauthBearer\.issuer: /],
    [{ issuer: 'ftp://localhost' }, /^oauthBearer\.issuer: /],
    [{ issuer: 'https://user:pass@as.example' }, /^oauthBearer\.issuer: must not hold credentials/],
    [{ issuer: `${issuer}?a` }, /^oauthBearer\.issuer: .*query/],
    [{ issuer: `${issuer}#a` }, /^oauthBearer\.issuer: .*fragment/],
    [{ issuer: `${issuer}/.well-known/openid-configuration` }, /^oauthBearer\.issuer: is the issuer itself/],
    [{ issuer, scope: ['a'] }, /^oauthBearer\.scope: is not an option/],
    [{ issuer, discovery: 'auto' }, /^oauthBearer\.discovery: must be one of oidc, oauth2/],
    [{ issuer, audience: [] }, /^oauthBearer\.audience: /],
    [{ issuer, audience: [''] }, /^oauthBearer\.audience: /],
    [{ issuer, audience: 7 }, /^oauthBearer\.audience: /],
    [{ issuer, scopes: 'relay.create' }, /^oauthBearer\.scopes: /],
    [{ issuer, scopes: ['two words'] }, /^oauthBearer\.scopes: /],
    [{ issuer, scopes: { creat: ['a'] } }, /^oauthBearer\.scopes\.creat: is not an operation/],
    [{ issuer, scopes: { create: 'a' } }, /^oauthBearer\.scopes\.create: /],
    [{ issuer, tokens: 'any' }, /^oauthBearer\.tokens: must be one of jwt, opaque, both/],
    [{ issuer, tokens: 'opaque' }, /^oauthBearer\.clientId: is needed/],
    [{ issuer, tokens: 'both' }, /^oauthBearer\.clientId: is needed/],
    [{ issuer, tokens: 'jwt', clientId: 'a', clientSecret: 'b' }, /^oauthBearer\.clientId: is of no use/],
    [{ issuer, clientSecret: 'b' }, /^oauthBearer\.clientSecret: is of no use without clientId/],
    [{ issuer, clientAuthentication: someAuthentication }, /^oauthBearer\.clientAuthentication: is of no use/],
    [{ issuer, clientId: '' }, /^oauthBearer\.clientId: /],
    [{ issuer, clientId: 'a' }, /^oauthBearer\.clientSecret: /],
    [{ issuer, clientId: 'a', clientAuthentication: 'b' }, /^oauthBearer\.clientAuthentication: /],
    [
      { issuer, clientId: 'a', clientSecret: 'b', clientAuthentication: someAuthentication },
      /^oauthBearer\.clientSecret: /,
    ],
    [{ issuer, algorithms: [] }, /^oauthBearer\.algorithms: /],
    [{ issuer, algorithms: ['none'] }, /^oauthBearer\.algorithms: only asymmetric/],
    [{ issuer, algorithms: ['ES256', 'HS256'] }, /^oauthBearer\.algorithms: only asymmetric/],
    [{ issuer, dpopAlgorithms: ['HS256'] }, /^oauthBearer\.dpopAlgorithms: only asymmetric/],
    [{ issuer, clockToleranceSeconds: 301 }, /^oauthBearer\.clockToleranceSeconds: .*0 to 300/],
    [{ issuer, clockToleranceSeconds: -1 }, /^oauthBearer\.clockToleranceSeconds: /],
    [{ issuer, timeoutMs: 0 }, /^oauthBearer\.timeoutMs: /],
    [{ issuer, timeoutMs: Number.NaN }, /^oauthBearer\.timeoutMs: /],
    [{ issuer, timeoutMs: '2000' }, /^oauthBearer\.timeoutMs: /],
    [{ issuer, introspectionCacheSeconds: 3601 }, /^oauthBearer\.introspectionCacheSeconds: /],
    [{ issuer, introspectionCacheEntries: 0 }, /^oauthBearer\.introspectionCacheEntries: /],
    [{ issuer, jwksMaxAgeSeconds: 0 }, /^oauthBearer\.jwksMaxAgeSeconds: /],
    [{ issuer, jwksCooldownSeconds: 0 }, /^oauthBearer\.jwksCooldownSeconds: /],
    [{ issuer, jwksStaleIfErrorSeconds: 1.5 }, /^oauthBearer\.jwksStaleIfErrorSeconds: /],
    [{ issuer, dpop: true }, /^oauthBearer\.dpop: must be one of optional, required, off/],
    [{ issuer, dpopNonce: 'yes' }, /^oauthBearer\.dpopNonce: /],
    [{ issuer, dpop: 'off', dpopNonce: true }, /^oauthBearer\.dpopNonce: /],
    [{ issuer, dpopMaxAgeSeconds: 3601 }, /^oauthBearer\.dpopMaxAgeSeconds: /],
    [{ issuer, ca: 'ca.pem' }, /^oauthBearer\.ca: must be PEM/],
    [{ issuer, ca: '-----BEGIN', fetch }, /^oauthBearer\.ca: is of no use with fetch/],
    [{ issuer, fetch: 'fetch' }, /^oauthBearer\.fetch: must be a function/],
  ])('%j is refused by name', (options, message) => {
    const make = () => oauthBearer(options as OAuthBearerOptions);
    expect(make).toThrow(TypeError);
    expect(make).toThrow(message);
  });

  it('no message holds the value that was given', () => {
    const options = { issuer, clientId: 'a', clientSecret: 'very-secret', clientAuthentication: someAuthentication };
    expect(() => oauthBearer(options)).toThrow(/^((?!very-secret).)*$/);
  });

  it('every option may be undefined', () => {
    const names = ['audience', 'scopes', 'tokens', 'clientId', 'clientSecret', 'timeoutMs', 'dpop', 'ca', 'fetch'];
    expect(oauthBearer({ issuer, ...Object.fromEntries(names.map((name) => [name, undefined])) })).toBeTypeOf(
      'function',
    );
  });

  it('nothing is fetched at construction', async () => {
    let fetched = 0;
    const counting = async () => {
      fetched += 1;
      return new Response();
    };
    oauthBearer({ issuer, fetch: counting });
    await new Promise(setImmediate);
    expect(fetched).toBe(0);
  });
});

describe('metadata of the hook [RFC 9728 §2]', () => {
  it('says who issues tokens, for what, and how they are sent', () => {
    const scopes = { create: ['relay.create'], default: ['relay.read', 'relay.create'] };
    expect(oauthBearer({ issuer, scopes, dpop: 'required', dpopAlgorithms: ['ES256'] }).metadata).toEqual({
      authorization_servers: [issuer],
      scopes_supported: ['relay.create', 'relay.read'],
      bearer_methods_supported: ['header'],
      dpop_signing_alg_values_supported: ['ES256'],
      dpop_bound_access_tokens_required: true,
    });
  });

  it('is silent on what is not there', () => {
    expect(oauthBearer({ issuer: new URL(issuer), dpop: 'off' }).metadata).toEqual({
      authorization_servers: [issuer],
      bearer_methods_supported: ['header'],
    });
  });
});
