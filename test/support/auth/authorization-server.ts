import { randomBytes, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';
import Provider, { type Adapter, type AdapterPayload, type Configuration } from 'oidc-provider';
import * as client from 'openid-client';
import { fetchWithCa, retryOnClosedConnection } from '../../../adapters/auth/shared/https-fetch.js';

/*
 * A real OAuth authorization server (oidc-provider) in this process, on 127.0.0.1 and a free port, behind a front with
 * faults. Typical use:
 *
 *   const as = await startAuthorizationServer();
 *   const token = await as.mint({ resource: 'https://relay.example', scope: 'relay.create', format: 'jwt' });
 *   const odd = await as.sign({ ...as.claims('https://relay.example'), exp: 0 });   // a single defect
 *   as.fail('hang');  …  as.work();  await as.stop();  await as.start();  await as.rotateKeys();
 *   await as.close();
 *
 * Its clients are `app` (client credentials) and `relay` (introspection only), see CLIENTS. The server has
 * client_credentials, resource indicators, JWT (RFC 9068) and opaque access tokens, DPoP, introspection (oidc-provider
 * introspects only opaque tokens), and, with `attesterKey`, the client `attested-app`, which authenticates with a
 * client attestation. oidc-provider prints a harmless notice about the runtime when it is loaded.
 */

/** `app` gets JWTs, and `app-opaque` gets opaque tokens, for any resource. `relay` introspects. */
export const CLIENTS = {
  jwt: { id: 'app', secret: 'secret-of-the-app' },
  opaque: { id: 'app-opaque', secret: 'secret-of-the-other-app' },
  relay: { id: 'relay', secret: 'secret-of-the-relay' },
} as const;

/** Allowed scopes, for any resource. */
export const SCOPES = ['relay.create', 'relay.read', 'relay.update'] as const;

/** A self-signed certificate for `other.localhost` only, with its key. For tests only. */
export const OTHER_HOST = {
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgg6maQ2o7u+cqJQXB
sHejdW2jhFG/FCQoVqh5XBbhK06hRANCAASFhDjbre3YnTxNjd7uz5/j41CJqWG2
/r8LERtsYG2f1YENhgRDkSJvOTypILeqk3UGmugLXY4QZeEROKOq46qg
-----END PRIVATE KEY-----`,
  cert: `-----BEGIN CERTIFICATE-----
MIIBpzCCAU2gAwIBAgIUBIjwsWwyZxt89M8QVLkrOXPNEmgwCgYIKoZIzj0EAwIw
GjEYMBYGA1UEAwwPb3RoZXIubG9jYWxob3N0MCAXDTI2MTEyNDE0NDMwOVoYDzIx
MjYxMDMxMTQ0MzA5WjAaMRgwFgYDVQQDDA9vdGhlci5sb2NhbGhvc3QwWTATBgcq
hkjOPQIBBggqhkjOPQMBBwNCAASFhDjbre3YnTxNjd7uz5/j41CJqWG2/r8LERts
YG2f1YENhgRDkSJvOTypILeqk3UGmugLXY4QZeEROKOq46qgo28wbTAdBgNVHQ4E
FgQUibe+Dhby1X45Abo6f48+uSW4QBowHwYDVR0jBBgwFoAUibe+Dhby1X45Abo6
f48+uSW4QBowDwYDVR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgg9vdGhlci5sb2Nh
bGhvc3QwCgYIKoZIzj0EAwIDSAAwRQIgRx87nLzRtpLRf5JOMtmcIdm0H5SU1KNz
2lOaC4EgtPACIQDQsNzfBCuC+Q+wGJzVSHpIQySDcmZ+3Vl8jNiVcrUIGQ==
-----END CERTIFICATE-----`,
};

/** Lifetime in seconds of the tokens from {@link AuthorizationServer.mint}. */
export const TOKEN_SECONDS = 3600;

/** Endpoints with a request count and their own faults. */
export type Endpoint = 'discovery' | 'jwks' | 'token' | 'introspection';

/**
 * Faults of the front: `slow` sends the head of an answer and no body, `switch` answers with 101, and `endless` sends
 * white space until the connection closes.
 */
export type Fault =
  | 'switch'
  | 'endless'
  | 'hang'
  | 'slow'
  | 'reset'
  | 'status 500'
  | 'status 401'
  | 'redirect'
  | 'html'
  | 'not json'
  | 'empty object'
  | 'empty key set'
  | 'other issuer';

export interface AuthorizationServerOptions {
  /** Serve over TLS with this certificate. `issuer` is then https. Default: plain http. */
  readonly tls?: { readonly key: string; readonly cert: string } | undefined;
  /** Public key of a client attester. Adds the client `attested-app` (draft-12, signature ES256). */
  readonly attesterKey?: CryptoKey | undefined;
}

/** The parameters of a requested token. */
export interface Wish {
  readonly resource: string;
  readonly scope?: string;
  /** Default `jwt`. */
  readonly format?: 'jwt' | 'opaque';
  /** Binds the token to this key (RFC 9449). */
  readonly dpop?: client.CryptoKeyPair | undefined;
}

/** A test may call every method at any time. */
export interface AuthorizationServer {
  /** The issuer identifier, without a trailing slash: `http://127.0.0.1:port`, or `https://localhost:port`. */
  readonly issuer: string;
  /** Number of requests since the start, by endpoint. */
  readonly requests: Readonly<Record<Endpoint, number>>;
  /** Gets a real token by client_credentials (openid-client). */
  mint(wish: Wish): Promise<string>;
  /** All claims of a valid JWT for a resource: iss, aud, sub, client_id, iat, exp, jti, scope. */
  claims(resource: string, scope?: string): JWTPayload;
  /** Signs any claims with the current key of the server. `header` overrides members of `{alg, typ: 'at+jwt', kid}`. */
  sign(claims: JWTPayload, header?: Record<string, unknown>, key?: CryptoKey): Promise<string>;
  /** The public half of the current signing key. */
  publicJwk(): JWK;
  /** Replaces the signing key and its `kid` at once. Opaque tokens stay valid. */
  rotateKeys(): Promise<void>;
  /** Applies a fault to all requests, or to the requests of one endpoint. */
  fail(fault: Fault, only?: Endpoint): void;
  /** Ends the faults of {@link AuthorizationServer.fail}, and closes hanging requests. */
  work(): void;
  /** Closes the port and all connections. */
  stop(): Promise<void>;
  /** Listens on the same port again. */
  start(tls?: { readonly key: string; readonly cert: string }): Promise<void>;
  close(): Promise<void>;
}

const PATHS: Readonly<Record<string, Endpoint>> = {
  '/.well-known/openid-configuration': 'discovery',
  '/.well-known/oauth-authorization-server': 'discovery',
  '/jwks': 'jwks',
  '/token': 'token',
  '/token/introspection': 'introspection',
};

export async function startAuthorizationServer(options: AuthorizationServerOptions = {}): Promise<AuthorizationServer> {
  const requests: Record<Endpoint, number> = { discovery: 0, jwks: 0, token: 0, introspection: 0 };
  let fault: { readonly what: Fault; readonly only: Endpoint | undefined } | undefined;
  // The storage survives a key rotation. Each server has its own.
  const storage = new Map<string, AdapterPayload>();
  let signing = await signingKey();
  let provider: RequestListener = (_, response) => void response.writeHead(500).end();

  const front: RequestListener = (request, response) => {
    const endpoint = PATHS[new URL(request.url ?? '/', 'http://localhost').pathname];
    if (endpoint !== undefined) requests[endpoint] += 1;
    const bad = fault !== undefined && (fault.only === undefined || fault.only === endpoint);
    // The redirect leads to a real answer, so that a test detects a client that follows it.
    if (fault === undefined || !bad || request.url?.endsWith(FOLLOWED)) provider(request, response);
    else answerBadly(request, response, fault.what);
  };
  let server = serverFor(front, options.tls);
  const port = await listen(server, 0);
  const issuer = options.tls === undefined ? `http://127.0.0.1:${port}` : `https://localhost:${port}`;

  const install = (): void => {
    const made = new Provider(issuer, configurationOf(issuer, signing.jwk, storage, options.attesterKey));
    provider = made.callback();
  };
  install();

  // The front closes connections, and a test must not start on a closed connection.
  const asking = retryOnClosedConnection<client.CustomFetchOptions>(
    options.tls === undefined ? (url, init) => fetch(url, init as RequestInit) : fetchWithCa(options.tls.cert),
  );

  async function mint({ resource, scope = SCOPES[0], format = 'jwt', dpop }: Wish): Promise<string> {
    const { id, secret } = CLIENTS[format];
    const configuration = await client.discovery(new URL(issuer), id, secret, undefined, {
      execute: [client.allowInsecureRequests],
      [client.customFetch]: asking,
    });
    const handle = dpop === undefined ? {} : { DPoP: client.getDPoPHandle(configuration, dpop) };
    return (await client.clientCredentialsGrant(configuration, { scope, resource }, handle)).access_token;
  }

  return {
    issuer,
    requests,
    mint,
    claims(resource, scope = SCOPES[0]) {
      const now = Math.floor(Date.now() / 1000);
      const { id } = CLIENTS.jwt;
      const times = { iat: now, exp: now + TOKEN_SECONDS };
      return { iss: issuer, aud: resource, sub: id, client_id: id, ...times, jti: randomUUID(), scope };
    },
    sign(claims, header = {}, key = signing.privateKey) {
      const protectedHeader = { alg: 'ES256', typ: 'at+jwt', kid: signing.jwk.kid, ...header };
      return new SignJWT(claims).setProtectedHeader(protectedHeader).sign(key);
    },
    publicJwk() {
      const { d: _, ...publicJwk } = signing.jwk;
      return publicJwk;
    },
    async rotateKeys() {
      signing = await signingKey();
      install();
    },
    fail(what, only) {
      fault = { what, only };
    },
    work() {
      fault = undefined;
      server.closeAllConnections();
    },
    async stop() {
      await shut(server);
    },
    async start(tls = options.tls) {
      server = serverFor(front, tls);
      await listen(server, port);
    },
    async close() {
      await shut(server);
    },
  };
}

function configurationOf(
  issuer: string,
  jwk: JWK,
  storage: Map<string, AdapterPayload>,
  attesterKey: CryptoKey | undefined,
): Configuration {
  const none = { redirect_uris: [], response_types: [] };
  const app = { ...none, grant_types: ['client_credentials'], scope: SCOPES.join(' ') };
  const attested = { ...app, client_id: 'attested-app', token_endpoint_auth_method: 'attest_jwt_client_auth' as const };
  return {
    // The default RS256 does not work with a key set of ES256 only.
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    clients: [
      { ...app, client_id: CLIENTS.jwt.id, client_secret: CLIENTS.jwt.secret },
      { ...app, client_id: CLIENTS.opaque.id, client_secret: CLIENTS.opaque.secret },
      { ...none, client_id: CLIENTS.relay.id, client_secret: CLIENTS.relay.secret, grant_types: [] },
      ...(attesterKey === undefined ? [] : [attested]),
    ],
    adapter: (model: string) => adapterOf(model, storage),
    scopes: [...SCOPES],
    jwks: { keys: [jwk] },
    cookies: { keys: [randomUUID()] },
    ...(attesterKey === undefined
      ? {}
      : { clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'attest_jwt_client_auth'] }),
    ttl: { ClientCredentials: TOKEN_SECONDS },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: (_ctx, caller) => caller.clientId === CLIENTS.relay.id },
      dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => `${issuer}/default`,
        useGrantedResource: () => true,
        getResourceServerInfo: (_ctx, resource, { clientId }) => ({
          scope: SCOPES.join(' '),
          audience: resource,
          accessTokenTTL: TOKEN_SECONDS,
          accessTokenFormat: clientId === CLIENTS.opaque.id ? 'opaque' : 'jwt',
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
      ...(attesterKey === undefined ? {} : { attestClientAuth: attestation(attesterKey) }),
    },
  };
}

/** The part of an adapter that client_credentials needs. The other methods return nothing. */
function adapterOf(model: string, storage: Map<string, AdapterPayload>): Adapter {
  const nothing = async (): Promise<undefined> => undefined;
  return {
    upsert: async (id, payload) => void storage.set(`${model} ${id}`, payload),
    find: async (id) => storage.get(`${model} ${id}`),
    destroy: async (id) => void storage.delete(`${model} ${id}`),
    ...{ findByUserCode: nothing, findByUid: nothing, consume: nothing, revokeByGrantId: nothing },
  };
}

/**
 * The provider releases breaking changes of this feature in minor releases, so it requires the draft to be
 * acknowledged.
 */
function attestation(attesterKey: CryptoKey) {
  return {
    enabled: true,
    ack: 'draft-12',
    challengeSecret: randomBytes(32),
    getAttestationSignaturePublicKey: () => Promise.resolve(attesterKey),
    assertAttestationJwtAndPop: () => Promise.resolve(),
  } as const;
}

async function signingKey(): Promise<{ readonly privateKey: CryptoKey; readonly jwk: JWK & { kid: string } }> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = { ...(await exportJWK(privateKey)), kid: randomUUID(), use: 'sig', alg: 'ES256' };
  return { privateKey, jwk };
}

const FOLLOWED = '?followed';

const CANNED = {
  'status 500': [500, 'application/json', '{"error":"server_error"}'],
  'status 401': [401, 'application/json', '{"error":"invalid_client"}'],
  html: [200, 'text/html', '<!doctype html><title>Maintenance</title>'],
  'not json': [200, 'application/json', 'to be continued'],
  'empty object': [200, 'application/json', '{}'],
  'empty key set': [200, 'application/json', '{"keys":[]}'],
  'other issuer': [200, 'application/json', JSON.stringify(metadataOf('https://other.example'))],
} as const;

function answerBadly(request: IncomingMessage, response: ServerResponse, fault: Fault): void {
  if (fault === 'hang') return;
  if (fault === 'reset') response.destroy();
  else if (fault === 'switch') {
    request.socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n');
  } else if (fault === 'endless') sendEndlessly(response.writeHead(200, { 'Content-Type': 'application/json' }));
  else if (fault === 'slow') response.writeHead(200, { 'Content-Type': 'application/json' }).write('{"issuer":');
  else if (fault === 'redirect') response.writeHead(307, { Location: `${request.url}${FOLLOWED}` }).end();
  else {
    const [status, type, body] = CANNED[fault];
    response.writeHead(status, { 'Content-Type': type }).end(body);
  }
}

function sendEndlessly(response: ServerResponse): void {
  const piece = Buffer.alloc(64 * 1024, ' ');
  const more = (): void => {
    while (!response.destroyed && response.write(piece));
  };
  response.on('drain', more);
  more();
}

function metadataOf(issuer: string): object {
  return { issuer, jwks_uri: `${issuer}/jwks`, introspection_endpoint: `${issuer}/token/introspection` };
}

function serverFor(listener: RequestListener, tls: { key: string; cert: string } | undefined): Server {
  return tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

function shut(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
