import { createHmac } from 'node:crypto';
import { oauthBearer } from 'credential-relay/adapters/auth/oauth-bearer';
import { type CryptoKey, decodeJwt, exportSPKI, generateKeyPair, importJWK } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RelayError } from '../../../../src/relay/errors.js';
import { type AuthorizationServer, startAuthorizationServer } from '../../../support/auth/authorization-server.js';
import {
  handMade,
  judge,
  type Outcome,
  RESOURCE,
  someServices,
  tampered,
  withOtherClaims,
} from '../../../support/auth/oauth-bearer.js';

let as: AuthorizationServer;
let otherKey: CryptoKey;

beforeAll(async () => {
  as = await startAuthorizationServer();
  otherKey = (await generateKeyPair('ES256')).privateKey;
});
afterAll(() => as.close());

const DPOP = 'DPoP realm="mailbox", algs="ES256 ES384 ES512 EdDSA Ed25519 PS256 RS256"';

const inSeconds = (seconds: number): number => Math.floor(Date.now() / 1000) + seconds;

/** A valid token with changed claims. `undefined` removes a claim. */
const but = (claims: Record<string, unknown>, header: Record<string, unknown> = {}): Promise<string> =>
  as.sign({ ...as.claims(RESOURCE), ...claims }, header);

/** A token with this JSON as its header. */
const headed = async (json: string): Promise<string> => {
  const [, ...others] = (await but({})).split('.');
  return [Buffer.from(json).toString('base64url'), ...others].join('.');
};

const FORM = 'The token is not an access token of the accepted form.';

/** The operator gets the reason. The client learns only that the form of the token is wrong. */
function expectInvalid(outcome: Outcome, reason: string): void {
  const isForm = /^The token has no |^The typ /.test(reason);
  const description = isForm ? FORM : reason;
  expect(outcome).toMatchObject({
    status: 401,
    code: 'token_invalid',
    challenges: [`Bearer realm="mailbox", error="invalid_token", error_description="${description}"`, DPOP],
    reason: isForm
      ? expect.stringMatching(new RegExp(`^${reason.replace('+', '\\+')}.* set oauthBearer.profile`))
      : expect.any(String),
  });
}

const ACCEPTED: Record<string, () => Promise<string>> = {
  'minted by the authorization server': () => as.mint({ resource: RESOURCE }),
  'signed like one': () => but({}),
  'typ application/at+jwt [RFC 9068 §4]': () => but({}, { typ: 'application/at+jwt' }),
  'typ in capitals: media types know no case': () => but({}, { typ: 'AT+JWT' }),
  'several audiences, one of them the relay': () => but({ aud: ['https://other.example', RESOURCE] }),
  'without kid, if one key fits': () => but({}, { kid: undefined }),
  'without scope, where none is needed': () => but({ scope: undefined }),
  'expired within the tolerance': () => but({ exp: inSeconds(-25) }),
  'valid from now within the tolerance': () => but({ nbf: inSeconds(25), iat: inSeconds(25) }),
  'with claims that mean nothing to the relay': () => but({ extra: { any: 'thing' }, auth_time: 1 }),
};

const REFUSED: Record<string, [description: string, token: () => Promise<string>]> = {
  expired: ['The token has expired.', () => but({ exp: inSeconds(-35) })],
  'expired long ago, by a key long gone': ['The token has expired.', () => but({ exp: 0 }, { kid: 'gone' })],
  'not yet valid (nbf)': ['The token is not valid yet.', () => but({ nbf: inSeconds(60) })],
  'issued in the future (iat)': ['The token is dated in the future.', () => but({ iat: inSeconds(60) })],
  'exp is text': ['The token has no exp.', () => but({ exp: String(inSeconds(60)) as never })],
  'nbf is text': ['A time in the token is not a number.', () => but({ nbf: 'soon' as never })],
  'another audience': ['The token is for another audience.', () => but({ aud: 'https://other.example' })],
  'several audiences, none the relay': ['The token is for another audience.', () => but({ aud: ['a', 'b'] })],
  'an audience that only begins alike': ['The token is for another audience.', () => but({ aud: `${RESOURCE}/` })],
  'no audience': ['The token is for another audience.', () => but({ aud: undefined })],
  'minted for another resource': [
    'The token is for another audience.',
    () => as.mint({ resource: 'https://other.example' }),
  ],
  'another issuer': ['The token is from another issuer.', () => but({ iss: 'https://other.example' })],
  'an issuer that is only nearly ours': ['The token is from another issuer.', () => but({ iss: `${as.issuer}/` })],
  'an issuer that is no URL': ['The token is from another issuer.', () => but({ iss: 'me' })],
  'no iss [RFC 9068 §2.2]': ['The token has no iss.', () => but({ iss: undefined })],
  'no sub': ['The token has no sub.', () => but({ sub: undefined })],
  'no client_id': ['The token has no client_id.', () => but({ client_id: undefined })],
  'no jti': ['The token has no jti.', () => but({ jti: undefined })],
  'no iat': ['The token has no iat.', () => but({ iat: undefined })],
  'no exp': ['The token has no exp.', () => but({ exp: undefined })],
  'typ JWT, as an ID token has': ['The typ of the token is not at+jwt.', () => but({}, { typ: 'JWT' })],
  'typ dpop+jwt': ['The typ of the token is not at+jwt.', () => but({}, { typ: 'dpop+jwt' })],
  'no typ': ['The typ of the token is not at+jwt.', () => but({}, { typ: undefined })],
  'typ is an object that is no text': ['The typ of the token is not at+jwt.', () => but({}, { typ: { toString: 1 } })],
  'typ is a list of very many lists, one in another': [
    'The typ of the token is not at+jwt.',
    // Fits into a header field, and is too deep for JSON.stringify.
    async () => headed(`{"alg":"ES256","typ":${'['.repeat(5000)}${']'.repeat(5000)}}`),
  ],
  'typ is a list of the right one': ['The typ of the token is not at+jwt.', () => but({}, { typ: ['at+jwt'] })],
  'alg is an object that is no text': [
    'The algorithm of the token is not accepted.',
    async () => headed('{"alg":{"toString":1},"typ":"at+jwt"}'),
  ],
  'kid is an object that is no text': [
    'The kid of the token is not a string.',
    () => but({}, { kid: { toString: 1 } }),
  ],
  'aud is an object that is no text': [
    'The token is for another audience.',
    () => but({ aud: { toString: 1 } as never }),
  ],
  'alg none': [
    'The algorithm of the token is not accepted.',
    async () => handMade({ alg: 'none', typ: 'at+jwt' }, as.claims(RESOURCE), () => ''),
  ],
  'alg HS256 with the public key as secret': [
    'The algorithm of the token is not accepted.',
    async () => {
      const secret = await exportSPKI((await importJWK({ ...as.publicJwk() }, 'ES256')) as CryptoKey);
      const header = { alg: 'HS256', typ: 'at+jwt', kid: as.publicJwk().kid };
      const sign = (text: string) => createHmac('sha256', secret).update(text).digest('base64url');
      return handMade(header, as.claims(RESOURCE), sign);
    },
  ],
  'no alg': [
    'The algorithm of the token is not accepted.',
    async () => handMade({ typ: 'at+jwt' }, as.claims(RESOURCE), () => 'AAAA'),
  ],
  'an algorithm that the key is not for': [
    'The token is signed with an unknown key.',
    async () => handMade({ alg: 'RS256', typ: 'at+jwt', kid: as.publicJwk().kid }, as.claims(RESOURCE), () => 'AAAA'),
  ],
  'signature tampered with': ['The signature of the token is invalid.', async () => tampered(await but({}))],
  'claims tampered with': [
    'The signature of the token is invalid.',
    async () => withOtherClaims(await but({ scope: '' }), { scope: 'relay.create' }),
  ],
  'no signature': ['The signature of the token is invalid.', async () => `${(await but({})).replace(/[^.]*$/, '')}`],
  "signed with a stranger's key under our kid": [
    'The signature of the token is invalid.',
    () => as.sign(as.claims(RESOURCE), {}, otherKey),
  ],
  "signed with a stranger's key that it brings along": [
    'The token is signed with an unknown key.',
    async () =>
      as.sign(as.claims(RESOURCE), { kid: 'mine', jwk: { kty: 'EC' }, jku: 'https://evil.example' }, otherKey),
  ],
  'an unknown kid': ['The token is signed with an unknown key.', () => but({}, { kid: 'unknown' })],
  'an extension that is not known (crit)': [
    'The token requires an unsupported extension (crit).',
    async () => handMade({ alg: 'ES256', typ: 'at+jwt', crit: ['b64'], b64: false }, as.claims(RESOURCE), () => 'AAAA'),
  ],
  'bound by a certificate [RFC 8705 §3.1]': [
    'The token is bound in an unsupported way.',
    () => but({ cnf: { 'x5t#S256': 'bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2' } }),
  ],
  'bound in two ways': [
    'The token is bound in an unsupported way.',
    () => but({ cnf: { jkt: 'A'.repeat(43), 'x5t#S256': 'B'.repeat(43) } }),
  ],
  'bound to a key, and sent as Bearer [RFC 9449 §7.2]': [
    'The token is bound to a key and needs the scheme DPoP.',
    () => but({ cnf: { jkt: 'A'.repeat(43) } }),
  ],
  'an opaque token, where only JWTs are accepted': [
    'The token is not a JWT.',
    () => as.mint({ resource: RESOURCE, format: 'opaque' }),
  ],
  'three parts that are no JWT': ['The token is not a JWT.', async () => 'one.two.three'],
  'claims that are no object': [
    'The token is not a JWT.',
    async () => `${(await but({})).split('.')[0]}.${Buffer.from('[]').toString('base64url')}.AAAA`,
  ],
  'four parts': ['The token is not a JWT.', async () => `${await but({})}.AAAA`],
  'longer than 16 KiB': ['The token is too long.', () => but({ extra: 'x'.repeat(16 * 1024) })],
  'characters that no token has': ['The token is malformed.', async () => 'ab{}cd'],
  'two tokens in one header': ['The token is malformed.', async () => `${await but({})} ${await but({})}`],
};

describe('oauthBearer with JWT access tokens [RFC 9068 §4]', () => {
  // Each case has its own hook, because a hook caches the fetched keys.
  const hook = () => oauthBearer({ issuer: as.issuer });

  it.each(Object.entries(ACCEPTED))('accepts %s', async (_, token) => {
    const outcome = await judge(hook(), { authorization: `Bearer ${await token()}` }, someServices());
    expect(outcome).toEqual({ principal: expect.objectContaining({ app: 'app', via: ['oauth-bearer'] }) });
  });

  it.each(Object.entries(REFUSED))('rejects %s', async (_, [description, token]) => {
    expectInvalid(await judge(hook(), { authorization: `Bearer ${await token()}` }, someServices()), description);
  });

  it('returns a principal with app and scopes, without the subject', async () => {
    const token = await but({ sub: 'somebody', scope: 'relay.create relay.read' });
    const outcome = await judge(hook(), { authorization: `bearer   ${token}` }, someServices());
    expect(outcome).toEqual({
      principal: { app: 'app', scopes: ['relay.create', 'relay.read'], via: ['oauth-bearer'] },
    });
  });

  it('accepts only the algorithms of the option', async () => {
    const picky = oauthBearer({ issuer: as.issuer, algorithms: ['PS256'] });
    expectInvalid(
      await judge(picky, { authorization: `Bearer ${await but({})}` }, someServices()),
      'The algorithm of the token is not accepted.',
    );
  });

  it("accepts the audience of the option in place of the relay's URL", async () => {
    const custom = oauthBearer({ issuer: as.issuer, audience: ['urn:relay', 'urn:other'] });
    const bearer = async (aud: string) => ({ authorization: `Bearer ${await but({ aud })}` });
    expect(await judge(custom, await bearer('urn:relay'), someServices())).toHaveProperty('principal');
    expectInvalid(await judge(custom, await bearer(RESOURCE), someServices()), 'The token is for another audience.');
  });

  it('uses the clock of the relay', async () => {
    const services = someServices();
    const sent = { authorization: `Bearer ${await but({})}` };
    const one = hook();
    expect(await judge(one, sent, services)).toHaveProperty('principal');
    services.ahead = 3_640_000;
    expectInvalid(await judge(one, sent, services), 'The token has expired.');
  });

  it('rejects a malformed token without a fetch of keys', async () => {
    const before = { ...as.requests };
    const expired = await but({ exp: 0 });
    await judge(hook(), { authorization: `Bearer ${expired}` }, someServices());
    expect(as.requests).toEqual(before);
  });
});

describe('the Authorization header [RFC 6750 §2.1, §3]', () => {
  const hook = () => oauthBearer({ issuer: as.issuer });

  it.each([
    ['none', undefined],
    ['of another scheme', 'Basic YXBwOnNlY3JldA=='],
    ['a scheme alone', 'Bearer'],
    ['a scheme that only begins alike', 'BearerX abc'],
  ])('with %s gets a challenge without error', async (_, authorization) => {
    expect(await judge(hook(), { authorization }, someServices())).toMatchObject({
      status: 401,
      code: 'token_required',
      challenges: ['Bearer realm="mailbox"', DPOP],
    });
  });

  it('gets a challenge that names the metadata, if they are served [RFC 9728 §5.1]', async () => {
    const url = 'https://relay.example/.well-known/oauth-protected-resource/relay';
    const services = someServices(undefined, { metadataUrl: () => url });
    const outcome = await judge(oauthBearer({ issuer: as.issuer, dpop: 'off' }), {}, services);
    expect(outcome).toMatchObject({ challenges: [`Bearer realm="mailbox", resource_metadata="${url}"`] });
  });
});

describe('the search for secrets in error responses', () => {
  it.each([
    ['the token', (token: string) => ({ detail: `not good: ${token}` })],
    ['its payload', (token: string) => ({ members: { payload: token.split('.')[1] ?? '' } })],
    ['a claim', (token: string) => ({ headers: [['X-Jti', String(decodeJwt(token).jti)]] as const })],
  ])('finds %s', async (_, details) => {
    const token = await but({});
    const leaking = () => {
      throw new RelayError('token_invalid', details(token));
    };
    await expect(judge(leaking, { authorization: `Bearer ${token}` }, someServices())).rejects.toThrow(
      /not to contain/,
    );
  });
});

describe('the option scopes [RFC 6750 §3.1]', () => {
  const scopes = { create: ['relay.create'], update: ['relay.update', 'relay.read'], default: ['relay.read'] };
  const hook = () => oauthBearer({ issuer: as.issuer, scopes });

  it.each([
    ['create', 'relay.create', undefined],
    ['create', 'relay.read', 'relay.create'],
    ['create', 'relay.created xrelay.create', 'relay.create'],
    ['create', '', 'relay.create'],
    ['update', 'relay.read relay.update', undefined],
    ['update', 'relay.update', 'relay.update relay.read'],
    ['delete', 'relay.read', undefined],
    ['delete', 'relay.create', 'relay.read'],
    ['preview', 'relay.create', 'relay.read'],
  ] as const)('%s with "%s": needed "%s"', async (operation, scope, needed) => {
    const outcome = await judge(hook(), { operation, authorization: `Bearer ${await but({ scope })}` }, someServices());
    if (needed === undefined) return expect(outcome).toHaveProperty('principal');
    return expect(outcome).toMatchObject({
      status: 403,
      code: 'forbidden',
      challenges: [`Bearer realm="mailbox", error="insufficient_scope", scope="${needed}"`],
    });
  });

  it('treats a scope claim that is not a string as no scope', async () => {
    const token = await but({ scope: ['relay.create'] });
    expect(await judge(hook(), { authorization: `Bearer ${token}` }, someServices())).toMatchObject({ status: 403 });
  });

  it('applies one list to every operation', async () => {
    const one = oauthBearer({ issuer: as.issuer, scopes: ['relay.read'] });
    const authorization = `Bearer ${await but({ scope: 'relay.create' })}`;
    for (const operation of ['create', 'read'] as const) {
      expect(await judge(one, { operation, authorization }, someServices())).toMatchObject({ status: 403 });
    }
  });
});
