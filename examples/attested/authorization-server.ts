import { randomBytes, randomUUID } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { createRemoteJWKSet, exportJWK, generateKeyPair } from 'jose';

export interface AuthorizationServerOptions {
  /** The server's own URL. */
  readonly issuer: string;
  /** The relay's public URL, the only resource of tokens. */
  readonly relay: string;
  /** The URL of the attester's public keys. */
  readonly attesterJwksUri: string;
  /** The client identifiers of the company's apps. */
  readonly clients: readonly string[];
}

/** The scope for a create at the relay. */
export const CREATE_SCOPE = 'relay.create';

/**
 * A real authorization server in place of yours. Apps have no secret: they authenticate by their client attestation,
 * with the client credentials grant. Apps with user accounts use the authorization code grant, without a change at the
 * relay. Tokens are JWTs (RFC 9068) for the relay (RFC 8707), bound to a key (RFC 9449).
 */
export async function createAuthorizationServer(options: AuthorizationServerOptions): Promise<RequestListener> {
  const { issuer, relay, attesterJwksUri, clients } = options;
  const { default: Provider, errors } = await import('oidc-provider');
  const attesterKeys = createRemoteJWKSet(new URL(attesterJwksUri));
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });

  const provider = new Provider(issuer, {
    jwks: { keys: [{ ...(await exportJWK(privateKey)), kid: randomUUID(), use: 'sig', alg: 'ES256' }] },
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    clients: clients.map((client_id) => ({
      client_id,
      token_endpoint_auth_method: 'attest_jwt_client_auth',
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      scope: CREATE_SCOPE,
    })),
    clientAuthMethods: ['attest_jwt_client_auth'],
    scopes: [CREATE_SCOPE],
    cookies: { keys: [randomUUID()] },
    ttl: { ClientCredentials: 300 },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => false },
      attestClientAuth: {
        enabled: true,
        ack: 'draft-12', // Breaking changes of this feature come in minor releases: pin the version.
        challengeSecret: randomBytes(32),
        getAttestationSignaturePublicKey: (_ctx, header) => attesterKeys({ alg: 'ES256', ...header }),
        assertAttestationJwtAndPop: () => undefined,
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => relay,
        getResourceServerInfo(_ctx, resource) {
          if (resource !== relay) throw new errors.InvalidTarget();
          const jwt = { sign: { alg: 'ES256' } } as const;
          return { scope: CREATE_SCOPE, audience: relay, accessTokenTTL: 300, accessTokenFormat: 'jwt', jwt };
        },
      },
    },
  });
  return provider.callback();
}
