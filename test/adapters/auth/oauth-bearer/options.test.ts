import { type OAuthBearerOptions, oauthBearer } from 'credential-relay/adapters/auth/oauth-bearer';
import { describe, expect, it } from 'vitest';

const issuer = 'https://as.example';
const someAuthentication: () => void = () => {};

describe('the options of oauthBearer', () => {
  it.each([
    [undefined, /^oauthBearer: is required and must be an object$/],
    [{}, /^oauthBearer\.issuer: is required and must be a URL$/],
    [{ issuer: 'as.example' }, /^oauthBearer\.issuer: must be an absolute URL$/],
    [{ issuer: 'http://as.example' }, /^oauthBearer\.issuer: .*loopback/],
    [{ issuer: 'http://localhost.example' }, /^oauthBearer\.issuer: /],
    [{ issuer: 'ftp://localhost' }, /^oauthBearer\.issuer: /],
    [{ issuer: 'https://user:pass@as.example' }, /^oauthBearer\.issuer: must not hold credentials/],
    [{ issuer: `${issuer}?a` }, /^oauthBearer\.issuer: .*query/],
    [{ issuer: `${issuer}#a` }, /^oauthBearer\.issuer: .*fragment/],
    [
      { issuer: `${issuer}/.well-known/openid-configuration` },
      /^oauthBearer\.issuer: must be the issuer identifier, not the URL of its metadata$/,
    ],
    [{ issuer, scope: ['a'] }, /^oauthBearer\.scope: there is no such option/],
    [{ issuer, discovery: 'auto' }, /^oauthBearer\.discovery: must be one of oidc, oauth2/],
    [{ issuer, audience: '' }, /^oauthBearer\.audience: must not be empty$/],
    [{ issuer, audience: [] }, /^oauthBearer\.audience: must not be empty$/],
    [{ issuer, audience: [''] }, /^oauthBearer\.audience\.0: must not be empty$/],
    [{ issuer, audience: 7 }, /^oauthBearer\.audience: must be a string or a list of strings$/],
    [{ issuer, scopes: 'relay.create' }, /^oauthBearer\.scopes: must be a list of scopes, or an object with/],
    [{ issuer, scopes: {} }, /^oauthBearer\.scopes: must name a scope; without this option .* every valid token$/],
    [{ issuer, scopes: [] }, /^oauthBearer\.scopes: must name a scope/],
    [{ issuer, scopes: ['two words'] }, /^oauthBearer\.scopes\.default\.0: must be a scope, without spaces/],
    [{ issuer, scopes: { creat: ['a'] } }, /^oauthBearer\.scopes\.creat: there is no such option/],
    [{ issuer, scopes: { create: 'a' } }, /^oauthBearer\.scopes\.create: must be an array$/],
    [{ issuer, tokens: 'any' }, /^oauthBearer\.tokens: must be one of jwt, opaque, both/],
    [{ issuer, tokens: 'opaque' }, /^oauthBearer\.clientId: is required for tokens: 'opaque'$/],
    [{ issuer, tokens: 'both' }, /^oauthBearer\.clientId: is required for tokens: 'both'$/],
    [
      { issuer, tokens: 'jwt', clientId: 'a', clientSecret: 'b' },
      /^oauthBearer\.clientId: has no effect with tokens: 'jwt'$/,
    ],
    [{ issuer, clientSecret: 'b' }, /^oauthBearer\.clientSecret: requires clientId$/],
    [{ issuer, clientAuthentication: someAuthentication }, /^oauthBearer\.clientAuthentication: requires clientId$/],
    [{ issuer, clientId: '' }, /^oauthBearer\.clientId: /],
    [{ issuer, clientId: 'a' }, /^oauthBearer\.clientSecret: is required with clientId$/],
    [
      { issuer, clientId: 'a', clientSecret: undefined },
      /^oauthBearer\.clientSecret: is required with clientId; it is undefined: .* the variable is not set$/,
    ],
    [
      { issuer, clientId: 'a', clientSecret: 'from-a-file\n' },
      /^oauthBearer\.clientSecret: must not begin or end with white space$/,
    ],
    [{ issuer, clientId: 'a', clientAuthentication: 'b' }, /^oauthBearer\.clientAuthentication: /],
    [
      { issuer, clientId: 'a', clientSecret: 'b', clientAuthentication: someAuthentication },
      /^oauthBearer\.clientSecret: has no effect with clientAuthentication$/,
    ],
    [{ issuer, algorithms: [] }, /^oauthBearer\.algorithms: /],
    [{ issuer, algorithms: ['none'] }, /^oauthBearer\.algorithms\.0: must be one of ES256, /],
    [{ issuer, algorithms: ['ES256', 'HS256'] }, /^oauthBearer\.algorithms\.1: must be one of ES256, /],
    [{ issuer, dpopAlgorithms: ['HS256'] }, /^oauthBearer\.dpopAlgorithms\.0: must be one of ES256, /],
    [{ issuer, clockToleranceSeconds: 301 }, /^oauthBearer\.clockToleranceSeconds: .*0 to 300/],
    [{ issuer, clockToleranceSeconds: -1 }, /^oauthBearer\.clockToleranceSeconds: /],
    [{ issuer, timeoutMs: 5 }, /^oauthBearer\.timeoutMs: must be a whole number from 20 to 60000, in milliseconds$/],
    [{ issuer, timeoutMs: 0 }, /^oauthBearer\.timeoutMs: /],
    [{ issuer, timeoutMs: Number.NaN }, /^oauthBearer\.timeoutMs: /],
    [
      { issuer, timeoutMs: '2000' },
      /^oauthBearer\.timeoutMs: must be a whole number from 20 to 60000, in milliseconds, not a string/,
    ],
    [{ issuer, introspectionCacheSeconds: 3601 }, /^oauthBearer\.introspectionCacheSeconds: /],
    [{ issuer, introspectionCacheEntries: 0 }, /^oauthBearer\.introspectionCacheEntries: /],
    [{ issuer, jwksMaxAgeSeconds: 0 }, /^oauthBearer\.jwksMaxAgeSeconds: /],
    [{ issuer, jwksCooldownSeconds: 0 }, /^oauthBearer\.jwksCooldownSeconds: /],
    [{ issuer, jwksStaleIfErrorSeconds: 1.5 }, /^oauthBearer\.jwksStaleIfErrorSeconds: /],
    [{ issuer, dpop: true }, /^oauthBearer\.dpop: must be one of optional, required, off/],
    [{ issuer, dpopNonce: 'yes' }, /^oauthBearer\.dpopNonce: must be true or false, not a string/],
    [{ issuer, dpop: 'off', dpopNonce: true }, /^oauthBearer\.dpopNonce: has no effect with dpop: 'off'$/],
    [{ issuer, dpopMaxAgeSeconds: 3601 }, /^oauthBearer\.dpopMaxAgeSeconds: /],
    [{ issuer, ca: [] }, /^oauthBearer\.ca: must be PEM certificates: the text of the file, not its path$/],
    [{ issuer, ca: 'ca.pem' }, /^oauthBearer\.ca: must be PEM/],
    [{ issuer, ca: '-----BEGIN', fetch }, /^oauthBearer\.ca: cannot be combined with fetch/],
    [{ issuer, proxy: 'http://proxy.example', fetch }, /^oauthBearer\.proxy: cannot be combined with fetch/],
    [
      { issuer, proxy: 'ftp://proxy.example' },
      /^oauthBearer\.proxy: must be the http or https URL of a proxy, or false$/,
    ],
    [{ issuer, fetch: 'fetch' }, /^oauthBearer\.fetch: must be a function/],
  ])('an error message names the wrong option: %j', (options, message) => {
    const make = () => oauthBearer(options as OAuthBearerOptions);
    expect(make).toThrow(TypeError);
    expect(make).toThrow(message);
  });

  it('an error message does not contain the value of the option', () => {
    const options = { issuer, clientId: 'a', clientSecret: 'very-secret', clientAuthentication: someAuthentication };
    expect(() => oauthBearer(options)).toThrow(/^((?!very-secret).)*$/);
  });

  it('every option but issuer may be undefined', () => {
    const names = ['audience', 'scopes', 'tokens', 'clientId', 'clientSecret', 'timeoutMs', 'dpop', 'ca', 'fetch'];
    expect(oauthBearer({ issuer, ...Object.fromEntries(names.map((name) => [name, undefined])) })).toBeTypeOf(
      'function',
    );
  });

  it('oauthBearer fetches nothing before the first request', async () => {
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

describe('the metadata of oauthBearer [RFC 9728 §2]', () => {
  it('name the issuer, the scopes, the methods and the proofs of possession', () => {
    const scopes = { create: ['relay.create'], default: ['relay.read', 'relay.create'] };
    expect(oauthBearer({ issuer, scopes, dpop: 'required', dpopAlgorithms: ['ES256'] }).metadata).toEqual({
      authorization_servers: [issuer],
      scopes_supported: ['relay.create', 'relay.read'],
      bearer_methods_supported: ['header'],
      dpop_signing_alg_values_supported: ['ES256'],
      dpop_bound_access_tokens_required: true,
    });
  });

  it('have no members for scopes and proofs that the options do not use', () => {
    expect(oauthBearer({ issuer: new URL(issuer), dpop: 'off' }).metadata).toEqual({
      authorization_servers: [issuer],
      bearer_methods_supported: ['header'],
    });
  });
});
