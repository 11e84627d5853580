import { oauthBearer } from 'credential-relay/adapters/auth/oauth-bearer';
import { describe, expect, it } from 'vitest';
import type { ProfileName } from '../../../../adapters/auth/oauth-bearer/profiles.js';
import { judge, type Outcome, RESOURCE, someServices } from '../../../support/auth/oauth-bearer.js';
import { createVendorIssuer } from '../../../support/auth/vendor-issuer.js';

/*
 * Access tokens in the forms of the vendors' documentation:
 * - https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference (and id-token-claims-reference)
 * - https://developer.okta.com/docs/reference/api/oidc/#tokens-and-claims
 * - https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html
 * - https://auth0.com/docs/secure/tokens/access-tokens/access-token-profiles
 * - https://www.keycloak.org/docs/latest/server_admin/, and tokens of Keycloak 26
 */

const now = Math.floor(Date.now() / 1000);
const TIMES = { iat: now - 10, exp: now + 3600 };
const TENANT = 'aaaabbbb-0000-cccc-1111-dddd2222eeee';
const API = '00001111-aaaa-2222-bbbb-3333cccc4444';
const ENTRA_TIMES = { ...TIMES, nbf: now - 10 };

type Options = Partial<Parameters<typeof oauthBearer>[0]>;

interface Shape {
  readonly header?: Record<string, unknown>;
  readonly claims: Readonly<Record<string, unknown>>;
  readonly app?: string;
  readonly scopes?: readonly string[];
  /** For a refused token: the beginning of the operator's reason. */
  readonly reason?: string;
  readonly options?: Options;
}

interface Vendor {
  readonly profile: ProfileName;
  readonly issuer: string;
  readonly header: Record<string, unknown>;
  readonly options: Options;
  readonly accepted: Record<string, Shape>;
  readonly refused: Record<string, Shape>;
}

const entraUser = { aud: API, oid: 'object-of-user', sub: 'pairwise-subject', tid: TENANT, uti: 'abc', ...ENTRA_TIMES };
const V2 = `https://login.microsoftonline.com/${TENANT}/v2.0`;
const V1 = `https://sts.windows.net/${TENANT}/`;

const oktaUser = { ver: 1, jti: 'AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE', sub: 'user@example.com', ...TIMES };
const COGNITO = 'https://cognito-idp.us-east-1.amazonaws.com/us-east-1_example';
const cognitoUser = {
  sub: 'aaaa-bbbb',
  iss: COGNITO,
  origin_jti: 'o',
  event_id: 'e',
  auth_time: now,
  jti: 'j',
  ...TIMES,
};
const AUTH0 = 'https://my-domain.eu.auth0.com/';
const REALM = 'https://login.example.com/realms/demo';
const keycloakUser = { iss: REALM, jti: 'onrtac:1', sub: 'aaaa', sid: 'session', acr: '1', ...TIMES };

const VENDORS: Record<string, Vendor> = {
  'Entra ID': {
    profile: 'entra',
    issuer: V2,
    header: { typ: 'JWT', x5t: 'key-of-the-vendor' },
    options: { audience: [API, `api://${API}`] },
    accepted: {
      'v2.0 for a user': {
        claims: { ...entraUser, iss: V2, ver: '2.0', azp: 'client', azpacr: '0', scp: 'relay.create profile' },
        app: 'client',
        scopes: ['relay.create', 'profile'],
      },
      'v2.0 of an app that is client and API at once': {
        claims: { ...entraUser, iss: V2, ver: '2.0', azp: API, scp: 'relay.create' },
        app: API,
        scopes: ['relay.create'],
      },
      'v2.0 for an app alone, with app roles': {
        claims: { ...entraUser, iss: V2, ver: '2.0', azp: 'client', sub: 'app', oid: 'app', roles: ['relay.create'] },
        app: 'client',
        scopes: ['relay.create'],
      },
      'v2.0 for an app alone, without sub, with the optional claim idtyp': {
        claims: {
          ...entraUser,
          iss: V2,
          ver: '2.0',
          azp: 'client',
          sub: undefined,
          idtyp: 'app',
          roles: ['relay.create'],
        },
        app: 'client',
        scopes: ['relay.create'],
      },
      'v1.0, the default of an API': {
        claims: {
          ...{ ...entraUser, aud: `api://${API}`, iss: V1, ver: '1.0' },
          ...{ appid: 'client', appidacr: '0', scp: 'relay.create' },
        },
        app: 'client',
        scopes: ['relay.create'],
      },
      'of a user with app roles: only scp counts': {
        claims: { ...entraUser, iss: V2, ver: '2.0', azp: 'client', scp: 'other', roles: ['relay.create'] },
        app: 'client',
        scopes: ['other'],
      },
    },
    refused: {
      'an ID token of the same app': {
        claims: { ...entraUser, iss: V2, ver: '2.0', nonce: '123', name: 'User' },
        reason: 'The token is an ID token.',
      },
      'a token of a user without scp, with app roles of the user': {
        claims: { ...entraUser, iss: V2, ver: '2.0', azp: 'client', roles: ['relay.create'] },
        reason: 'The token has neither scp nor app roles.',
      },
      'an ID token without any mark': {
        claims: { ...entraUser, iss: V2, ver: '2.0' },
        reason: 'The token has neither scp nor app roles.',
      },
      'a token of an app that has no role': {
        claims: { ...entraUser, iss: V2, ver: '2.0', azp: 'client', sub: 'app', oid: 'app' },
        reason: 'The token has neither scp nor app roles.',
      },
      'a token for Microsoft Graph': {
        header: { nonce: 'hashed' },
        claims: {
          ...entraUser,
          aud: '00000003-0000-0000-c000-000000000000',
          iss: V1,
          appid: 'client',
          scp: 'User.Read',
        },
        reason: 'The token is for Microsoft Graph',
      },
      'a token of another tenant': {
        claims: { ...entraUser, iss: V1.replace('aaaa', 'bbbb'), azp: 'client', scp: 'relay.create' },
        reason: 'The token is from another issuer.',
      },
      'a token for another API': {
        claims: { ...entraUser, aud: 'another', iss: V2, azp: 'client', scp: 'relay.create' },
        reason: 'The aud of the token names none',
      },
      'a token without aud': {
        claims: { ...entraUser, aud: undefined, iss: V2, azp: 'client', scp: 'relay.create' },
        reason: 'The token has no aud.',
        options: { apps: ['client'] },
      },
    },
  },
  'Okta, custom authorization server': {
    profile: 'okta',
    issuer: 'https://dev-1.okta.com/oauth2/default',
    header: {},
    options: { audience: 'api://default' },
    accepted: {
      'for a user': {
        claims: {
          ...{ ...oktaUser, iss: 'https://dev-1.okta.com/oauth2/default', aud: 'api://default' },
          ...{ cid: 'client', uid: 'user', scp: ['openid', 'relay.create'], auth_time: now },
        },
        app: 'client',
        scopes: ['openid', 'relay.create'],
      },
      'of client credentials, with typ': {
        header: { typ: 'JWT' },
        claims: {
          ...{ ...oktaUser, iss: 'https://dev-1.okta.com/oauth2/default', aud: 'api://default', sub: 'client' },
          ...{ cid: 'client', scp: ['relay.create'] },
        },
        app: 'client',
        scopes: ['relay.create'],
      },
    },
    refused: {
      'an ID token': {
        claims: {
          ...oktaUser,
          iss: 'https://dev-1.okta.com/oauth2/default',
          aud: 'api://default',
          jti: 'ID.1',
          amr: [],
        },
        reason: 'The token is an ID token.',
      },
      'an ID token whose jti has another form': {
        claims: { ...oktaUser, iss: 'https://dev-1.okta.com/oauth2/default', aud: 'api://default', jti: 'x', idp: 'y' },
        reason: 'The token has no scp.',
      },
      'a token without cid': {
        claims: { ...oktaUser, iss: 'https://dev-1.okta.com/oauth2/default', aud: 'api://default', scp: ['a'] },
        reason: 'The token has no cid.',
      },
    },
  },
  'Okta, org authorization server': {
    profile: 'okta',
    issuer: 'https://dev-1.okta.com',
    header: { typ: 'application/okta-internal-at+jwt' },
    options: { audience: 'https://dev-1.okta.com' },
    accepted: {
      'for a user': {
        claims: {
          ...{ ...oktaUser, iss: 'https://dev-1.okta.com', aud: 'https://dev-1.okta.com' },
          ...{ cid: 'client', uid: 'user', scp: ['openid', 'profile'] },
        },
        app: 'client',
        scopes: ['openid', 'profile'],
      },
    },
    refused: {
      'where the audience is the relay: such a token is for Okta itself': {
        claims: {
          ...{ ...oktaUser, iss: 'https://dev-1.okta.com', aud: 'https://dev-1.okta.com' },
          ...{ cid: 'client', uid: 'user', scp: ['openid', 'profile'] },
        },
        reason: 'The aud of the token names none',
        options: { audience: undefined },
      },
    },
  },
  Cognito: {
    profile: 'cognito',
    issuer: COGNITO,
    header: {},
    options: { apps: ['app-client'] },
    accepted: {
      'for a user': {
        claims: {
          ...{ ...cognitoUser, token_use: 'access', client_id: 'app-client', version: 2, username: 'user' },
          ...{ scope: 'relay/create openid', 'cognito:groups': ['g'] },
        },
        app: 'app-client',
        scopes: ['relay/create', 'openid'],
      },
      'of client credentials': {
        claims: {
          ...cognitoUser,
          sub: 'app-client',
          token_use: 'access',
          client_id: 'app-client',
          scope: 'relay/create',
        },
        app: 'app-client',
        scopes: ['relay/create'],
      },
      'with the resource as aud': {
        claims: { ...cognitoUser, aud: RESOURCE, token_use: 'access', client_id: 'app-client', scope: 'relay/create' },
        app: 'app-client',
        scopes: ['relay/create'],
      },
    },
    refused: {
      'an ID token': {
        claims: { ...cognitoUser, aud: 'app-client', token_use: 'id', 'cognito:username': 'user' },
        reason: 'The token is an ID token.',
      },
      'a token without token_use': {
        claims: { ...cognitoUser, client_id: 'app-client', scope: 'relay/create' },
        reason: 'The token_use of the token is not access.',
      },
      'a token of another app client': {
        claims: { ...cognitoUser, token_use: 'access', client_id: 'other', scope: 'relay/create' },
        reason: 'The client of the token is not in oauthBearer.apps.',
      },
      'a token for another resource': {
        claims: { ...cognitoUser, aud: 'https://other.example', token_use: 'access', client_id: 'app-client' },
        reason: 'The aud of the token names none',
      },
      'a token without aud and without a list of apps': {
        claims: { ...cognitoUser, token_use: 'access', client_id: 'app-client' },
        reason: 'The token has no aud.',
        options: { apps: undefined, audience: RESOURCE },
      },
    },
  },
  Auth0: {
    profile: 'auth0',
    issuer: AUTH0,
    header: { typ: 'JWT' },
    options: {},
    accepted: {
      'in the Auth0 profile, for a user': {
        claims: {
          ...{ iss: AUTH0, sub: 'auth0|123456', aud: [RESOURCE, `${AUTH0}userinfo`], azp: 'client' },
          ...{ scope: 'openid relay.create', permissions: ['relay.delete'], ...TIMES },
        },
        app: 'client',
        scopes: ['openid', 'relay.create'],
      },
      'in the Auth0 profile, of client credentials': {
        claims: {
          ...{ iss: AUTH0, sub: 'client@clients', aud: RESOURCE, azp: 'client', gty: 'client-credentials' },
          ...{ scope: 'relay.create', ...TIMES },
        },
        app: 'client',
        scopes: ['relay.create'],
      },
      'in the RFC 9068 profile': {
        header: { typ: 'at+jwt' },
        claims: { iss: AUTH0, sub: 'auth0|1', aud: RESOURCE, client_id: 'client', jti: '73W', scope: 'a', ...TIMES },
        app: 'client',
        scopes: ['a'],
      },
    },
    refused: {
      'an ID token': {
        claims: { iss: AUTH0, sub: 'auth0|123456', aud: 'client', nonce: 'n', sid: 's', ...TIMES },
        reason: 'The token is an ID token.',
      },
      'an ID token, although the option names its client as audience': {
        claims: { iss: AUTH0, sub: 'auth0|123456', aud: 'client', azp: 'client', ...TIMES },
        reason: 'The token is an ID token.',
        options: { audience: 'client' },
      },
      'an ID token without azp, although the option names its client as audience': {
        claims: { iss: AUTH0, sub: 'auth0|123456', aud: 'client', ...TIMES },
        reason: 'The token has no client_id and no azp.',
        options: { audience: 'client' },
      },
      'a token for another API': {
        claims: { iss: AUTH0, sub: 'a', aud: [`${AUTH0}userinfo`], azp: 'client', scope: 'openid', ...TIMES },
        reason: 'The aud of the token names none',
      },
    },
  },
  Keycloak: {
    profile: 'keycloak',
    issuer: REALM,
    header: { typ: 'JWT' },
    options: { apps: ['wallet'] },
    accepted: {
      'with an audience mapper': {
        claims: {
          ...keycloakUser,
          aud: [RESOURCE, 'account'],
          typ: 'Bearer',
          azp: 'wallet',
          scope: 'openid relay.create',
        },
        app: 'wallet',
        scopes: ['openid', 'relay.create'],
      },
      'without aud, from a listed client': {
        claims: { ...keycloakUser, typ: 'Bearer', azp: 'wallet', scope: 'relay.create' },
        app: 'wallet',
        scopes: ['relay.create'],
      },
      'lightweight, of a service account: no sub': {
        claims: { ...keycloakUser, sub: undefined, typ: 'Bearer', azp: 'wallet', scope: 'relay.create' },
        app: 'wallet',
        scopes: ['relay.create'],
      },
      'with the nonce of older versions': {
        claims: { ...keycloakUser, nonce: 'n', typ: 'Bearer', azp: 'wallet', scope: 'relay.create' },
        app: 'wallet',
        scopes: ['relay.create'],
      },
      'with at+jwt as the type of the header': {
        header: { typ: 'at+jwt' },
        claims: { ...keycloakUser, aud: RESOURCE, typ: 'Bearer', azp: 'wallet', scope: 'relay.create' },
        app: 'wallet',
        scopes: ['relay.create'],
      },
    },
    refused: {
      'an ID token of a listed client': {
        claims: { ...keycloakUser, aud: 'wallet', typ: 'ID', azp: 'wallet', at_hash: 'h' },
        reason: 'The token is an ID token.',
      },
      'an ID token without aud': {
        claims: { ...keycloakUser, typ: 'ID', azp: 'wallet', scope: 'relay.create' },
        reason: 'The token is an ID token.',
      },
      'a token without the claim typ': {
        claims: { ...keycloakUser, azp: 'wallet', scope: 'relay.create' },
        reason: 'The claim typ of the token is not Bearer or DPoP.',
      },
      'a refresh token': {
        claims: { ...keycloakUser, aud: REALM, typ: 'Refresh', azp: 'wallet' },
        reason: 'The claim typ of the token is not Bearer or DPoP.',
      },
      'the audience of a new realm': {
        claims: { ...keycloakUser, aud: 'account', typ: 'Bearer', azp: 'wallet' },
        reason: 'The aud of the token names none',
      },
      'a token without aud of another client': {
        claims: { ...keycloakUser, typ: 'Bearer', azp: 'other' },
        reason: 'The client of the token is not in oauthBearer.apps.',
      },
      'a token without aud and without a list of apps': {
        claims: { ...keycloakUser, typ: 'Bearer', azp: 'wallet' },
        reason: 'The token has no aud.',
        options: { apps: undefined },
      },
    },
  },
};

/** Judges a token with the profile of its vendor, or with another. */
async function judgeShape(
  { profile, issuer, header, options }: Vendor,
  shape: Shape,
  other?: ProfileName,
): Promise<Outcome> {
  const vendor = await createVendorIssuer(issuer);
  const hook = oauthBearer({ issuer, profile: other ?? profile, fetch: vendor.fetch, ...options, ...shape.options });
  const token = await vendor.sign({ ...header, ...shape.header }, shape.claims);
  return judge(hook, { authorization: `Bearer ${token}` }, someServices());
}

describe.each(Object.entries(VENDORS))('an access token of %s', (_, vendor) => {
  it.each(Object.entries(vendor.accepted))('is accepted under its profile: %s', async (_name, shape) => {
    expect(await judgeShape(vendor, shape)).toEqual({
      principal: { app: shape.app, scopes: shape.scopes, via: ['oauth-bearer'] },
    });
  });

  it.each(Object.entries(vendor.refused))('is refused, with the reason for the operator: %s', async (_name, shape) => {
    const outcome = await judgeShape(vendor, shape);
    expect(outcome).toMatchObject({ status: 401, code: 'token_invalid' });
    expect('reason' in outcome && outcome.reason).toMatch(new RegExp(`^${shape.reason}`));
  });

  it('of the default form is refused under rfc9068, and the reason names the option profile', async () => {
    const [shape] = Object.values(vendor.accepted);
    if (shape === undefined) throw new Error('The vendor has no shape.');
    const outcome = await judgeShape(vendor, shape, 'rfc9068');
    expect(outcome).toMatchObject({ status: 401, reason: expect.stringContaining('set oauthBearer.profile') });
  });

  it.each(Object.values(VENDORS).map(({ profile }) => profile))(
    'as an ID token is refused under the profile %s too',
    async (profile) => {
      const idTokens = Object.entries(vendor.refused).filter(([name]) => name.startsWith('an ID token'));
      for (const [, shape] of idTokens) {
        const options = { ...shape.options, audience: String(shape.claims.aud ?? RESOURCE) };
        expect(await judgeShape(vendor, { ...shape, options }, profile)).toMatchObject({
          status: 401,
          code: 'token_invalid',
        });
      }
    },
  );
});

describe('the profiles', () => {
  it.each([
    [
      { issuer: 'https://login.microsoftonline.com/common/v2.0' },
      /issuer: must name one tenant by its id in place of common/,
    ],
    [
      { issuer: 'https://login.microsoftonline.com/contoso.onmicrosoft.com/v2.0' },
      /issuer: must name the tenant by its id/,
    ],
    [{ issuer: `https://login.microsoftonline.com/${TENANT}` }, /issuer: must end with \/v2\.0$/],
    [
      { issuer: V2, tokens: 'opaque', clientId: 'a', clientSecret: 'b' },
      /profile: has no effect with tokens: 'opaque'$/,
    ],
    [{ issuer: COGNITO, profile: 'cognito' }, /apps: is required for profile: cognito/],
    [{ issuer: V2, profile: 'Entra' }, /profile: must be one of rfc9068, entra, okta, cognito, auth0, keycloak$/],
    [{ issuer: V2, apps: [] }, /apps: must not be empty$/],
  ])('name a wrong option: %j', (options, message) => {
    expect(() => oauthBearer({ profile: 'entra', ...(options as Options & { issuer: string }) })).toThrow(message);
  });

  it('leave tokens of the tenant valid if the option names the issuer of v1.0', async () => {
    const vendor = await createVendorIssuer(V1);
    const hook = oauthBearer({ issuer: V1, profile: 'entra', audience: API, fetch: vendor.fetch });
    const token = await vendor.sign({ typ: 'JWT' }, { ...entraUser, iss: V1, appid: 'client', scp: 'a' });
    expect(await judge(hook, { authorization: `Bearer ${token}` }, someServices())).toHaveProperty('principal');
  });

  it('name the claims of the scopes in the reason of a 403', async () => {
    const vendor = VENDORS.Cognito as Vendor;
    const [shape] = Object.values(vendor.accepted) as [Shape];
    const outcome = await judgeShape(vendor, { ...shape, options: { scopes: ['relay/other'] } });
    expect(outcome).toMatchObject({
      status: 403,
      reason: 'The token lacks a required scope. The profile reads scope.',
    });
  });
});
