import { randomUUID } from 'node:crypto';
import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import * as oauth from 'openid-client';
import { toBoundText } from './evidence.js';

/*
 * The steps by which an app on a device gets what the relay asks for, each a function: a key, the authorization server,
 * an attestation of the key, a token bound to the key, and the proofs of one request.
 */

/** The platform's attestation service on this phone: says that this is the genuine app, and says so of `bound`. */
export interface Phone {
  attest(bound: string): Promise<string>;
}

/** The key of one share. It never leaves the device, and is forgotten with the share. */
export interface ShareKey {
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  readonly jwk: JWK;
  /** RFC 7638. */
  readonly thumbprint: string;
}

/** What an app has to show for one share. */
export interface Credentials {
  readonly key: ShareKey;
  /** A Client Attestation for the key. */
  readonly attestation: string;
  /** An access token bound to the key. */
  readonly token: string;
}

/**
 * A new key. One a share, and no more: whoever sees a key twice knows that two shares come from one phone, and the
 * relay sees it in every attestation and proof.
 */
export async function createShareKey(): Promise<ShareKey> {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const jwk = await exportJWK(publicKey);
  return { privateKey, publicKey, jwk, thumbprint: await calculateJwkThumbprint(jwk) };
}

/** Finds the authorization server from a 401 of the relay (RFC 9728 §5). Throws an Error if that leads nowhere. */
export async function findAuthorizationServer(relay: string, challenges: string, send: typeof fetch): Promise<string> {
  const [, metadataUrl] = /resource_metadata="([^"]+)"/.exec(challenges) ?? [];
  if (metadataUrl === undefined) throw new Error('The relay names no metadata.');
  const metadata = (await (await send(metadataUrl)).json()) as Record<string, unknown>;
  // RFC 9728 §3.3: metadata of another resource could lead to another's authorization server.
  if (metadata.resource !== relay) throw new Error('The metadata is not that of the relay.');
  const [server] = (metadata.authorization_servers ?? []) as string[];
  if (server === undefined) throw new Error('The relay names no authorization server.');
  return server;
}

/** Has the app's backend attest the key. Throws an Error if it does not. */
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

/** Gets an access token for the relay, bound to the key (RFC 9449). The attestation authenticates the app. */
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

/** The attestation with its proof, for one request; `challenge` is the relay's, if it has given one yet. */
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
