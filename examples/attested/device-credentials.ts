import { randomUUID } from 'node:crypto';
import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import * as oauth from 'openid-client';
import { toBoundText } from './evidence.js';

/*
 * The steps of an app on a device, one function each: a key, the authorization server, an attestation of the key, a
 * token bound to the key, and the proofs of one request.
 */

/** The platform's attestation service on this phone. The evidence is bound to the text `bound`. */
export interface Phone {
  attest(bound: string): Promise<string>;
}

/** The key of one share. It stays on the device and is deleted with the share. */
export interface ShareKey {
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  readonly jwk: JWK;
  /** RFC 7638. */
  readonly thumbprint: string;
}

/** The credentials for one share. */
export interface Credentials {
  readonly key: ShareKey;
  /** A Client Attestation for the key. */
  readonly attestation: string;
  /** An access token bound to the key. */
  readonly token: string;
}

/** One key per share: the relay sees the key in every attestation and proof, and a second use would link two shares. */
export async function createShareKey(): Promise<ShareKey> {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const jwk = await exportJWK(publicKey);
  return { privateKey, publicKey, jwk, thumbprint: await calculateJwkThumbprint(jwk) };
}

/** Reads the authorization server from the metadata that a 401 names (RFC 9728 §5). Throws an Error without one. */
export async function findAuthorizationServer(relay: string, challenges: string, send: typeof fetch): Promise<string> {
  const [, metadataUrl] = /resource_metadata="([^"]+)"/.exec(challenges) ?? [];
  if (metadataUrl === undefined) throw new Error('The relay names no metadata.');
  const metadata = (await (await send(metadataUrl)).json()) as Record<string, unknown>;
  // RFC 9728 §3.3: metadata of another resource can name a foreign authorization server.
  if (metadata.resource !== relay) throw new Error('The metadata is not that of the relay.');
  const [server] = (metadata.authorization_servers ?? []) as string[];
  if (server === undefined) throw new Error('The relay names no authorization server.');
  return server;
}

/** Throws an Error if the app's backend does not attest the key. */
export async function getAttestation(
  backend: string,
  clientId: string,
  key: ShareKey,
  phone: Phone,
  send: typeof fetch,
): Promise<string> {
  const { challenge } = (await (await send(`${backend}/challenge`, { method: 'POST' })).json()) as Record<
    string,
    string
  >;
  const evidence = await phone.attest(toBoundText(challenge ?? '', key.thumbprint));
  const response = await send(`${backend}/attestation`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ client_id: clientId, challenge, jwk: key.jwk, evidence }),
  });
  if (!response.ok) throw new Error(`The backend answered ${response.status}.`);
  return ((await response.json()) as { attestation: string }).attestation;
}

/** The access token is bound to the key (RFC 9449). The attestation authenticates the app. */
export async function getToken(
  server: string,
  clientId: string,
  relay: string,
  key: ShareKey,
  attestation: string,
  send: typeof fetch,
): Promise<string> {
  let pop = '';
  const authenticate: oauth.ClientAuth = (_server, client, body, headers) => {
    body.set('client_id', client.client_id);
    headers.set('OAuth-Client-Attestation', attestation);
    headers.set('OAuth-Client-Attestation-PoP', pop);
  };
  const configuration = await oauth.discovery(new URL(server), clientId, undefined, authenticate, {
    execute: [oauth.allowInsecureRequests], // loopback only
    [oauth.customFetch]: (url, init) => send(url, init as RequestInit),
  });
  const endpoint = String(configuration.serverMetadata().challenge_endpoint);
  const answer = (await (await send(endpoint, { method: 'POST' })).json()) as { attestation_challenge: string };
  pop = await proofOfPossession(key, server, answer.attestation_challenge);
  const DPoP = oauth.getDPoPHandle(configuration, key);
  const wish = { scope: 'relay.create', resource: relay };
  return (await oauth.clientCredentialsGrant(configuration, wish, { DPoP })).access_token;
}

/** The token with its proof, for one request (RFC 9449 §7.1). `url` is without query. */
export async function tokenHeaders(
  { key, token }: Pick<Credentials, 'key' | 'token'>,
  method: string,
  url: string,
): Promise<Record<string, string>> {
  const ath = Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(token))).toString('base64url');
  const proof = await new SignJWT({ htm: method, htu: url, jti: randomUUID(), ath })
    .setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk: key.jwk })
    .setIssuedAt()
    .sign(key.privateKey);
  return { Authorization: `DPoP ${token}`, DPoP: proof };
}

/** The attestation with its proof, for one request. `challenge` is the relay's latest challenge. */
export async function attestationHeaders(
  { key, attestation }: Pick<Credentials, 'key' | 'attestation'>,
  relay: string,
  challenge: string | undefined,
): Promise<Record<string, string>> {
  const pop = await proofOfPossession(key, relay, challenge);
  return { 'OAuth-Client-Attestation': attestation, 'OAuth-Client-Attestation-PoP': pop };
}

function proofOfPossession(key: ShareKey, audience: string, challenge: string | undefined): Promise<string> {
  return new SignJWT({ jti: randomUUID(), ...(challenge === undefined ? {} : { challenge }) })
    .setProtectedHeader({ typ: 'oauth-client-attestation-pop+jwt', alg: 'ES256' })
    .setAudience(audience)
    .setIssuedAt()
    .sign(key.privateKey);
}
