import type { Agent } from 'node:http';
import type { ClientAuth, CustomFetch } from 'openid-client';
import type { OperationName } from '../../../src/relay/events.js';
import type { TrustedCertificates } from '../../shared/option-schemas.js';

export type { TrustedCertificates } from '../../shared/option-schemas.js';

/** Required scopes per operation. `default` applies to all operations without a list. */
export type OperationScopes = Partial<Readonly<Record<OperationName | 'default', readonly string[]>>>;

/** Options of {@link oauthBearer}. */
export interface OAuthBearerOptions {
  /**
   * The issuer identifier of the authorization server: https, or http on loopback names. The hook fetches the server's
   * metadata at the first request.
   */
  readonly issuer: string | URL;
  /** The metadata document: `oidc` for `/.well-known/openid-configuration`, `oauth2` for RFC 8414. Default `oidc`. */
  readonly discovery?: 'oidc' | 'oauth2' | undefined;
  /**
   * The form of the issuer's JWT access tokens. Every profile refuses ID tokens. Default `rfc9068`.
   *
   * - `rfc9068`: `typ` at+jwt, with `sub`, `client_id`, `jti` and `scope`
   *   ({@link https://www.rfc-editor.org/rfc/rfc9068 RFC 9068}).
   * - `entra`: Microsoft Entra ID, v1.0 and v2.0. `app` is `azp` or `appid`. The scopes are `scp`, or the app roles in
   *   `roles` of a token without a user
   *   ({@link https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference claims}).
   * - `okta`: `app` is `cid`, and the scopes are `scp`
   *   ({@link https://developer.okta.com/docs/reference/api/oidc/#access-token claims}).
   * - `cognito`: `token_use` must be `access`. Most tokens have no `aud`: name the clients in `apps`
   *   ({@link https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html
   *   claims}).
   * - `auth0`: the Auth0 profile, whose `app` is `azp`, and Auth0's RFC 9068 profile
   *   ({@link https://auth0.com/docs/secure/tokens/access-tokens/access-token-profiles claims}).
   * - `keycloak`: the claim `typ` must be `Bearer` or `DPoP`, and `app` is `azp`. For tokens without `aud`, name the
   *   clients in `apps` ({@link https://www.keycloak.org/docs/latest/server_admin/#_audience audiences}).
   */
  readonly profile?: 'rfc9068' | 'entra' | 'okta' | 'cognito' | 'auth0' | 'keycloak' | undefined;
  /**
   * The accepted audiences. Default: the relay's resource identifier, which is its public URL. A token without `aud`
   * is accepted only under the profiles `cognito` and `keycloak`, from the clients in `apps`.
   */
  readonly audience?: string | readonly string[] | undefined;
  /** The accepted clients, by client identifier. Default: every client to which the issuer gives a token. */
  readonly apps?: readonly string[] | undefined;
  /** The required scopes: one list for all operations, or one list per operation. Default: none. */
  readonly scopes?: readonly string[] | OperationScopes | undefined;
  /**
   * The accepted tokens: `jwt` (RFC 9068), `opaque` (the hook introspects every token, RFC 7662), or `both` (the hook
   * verifies tokens with the form of a JWT and introspects all others). `opaque` and `both` require `clientId`.
   * Default: `both` with `clientId`, else `jwt`.
   */
  readonly tokens?: 'jwt' | 'opaque' | 'both' | undefined;
  /**
   * The relay's client identifier at the authorization server, for introspection. A response without `client_id` (RFC
   * 7662 §2.2) leaves the principal without `app`.
   */
  readonly clientId?: string | undefined;
  /** The secret of the relay's client, sent by HTTP Basic (RFC 6749 §2.3.1). */
  readonly clientSecret?: string | undefined;
  /** Another authentication of the relay's client, such as `PrivateKeyJwt(key)` of openid-client. */
  readonly clientAuthentication?: ClientAuth | undefined;
  /** JWS algorithms of access tokens, with public keys only. Default: ES*, PS*, RS*, EdDSA and Ed25519. */
  readonly algorithms?: readonly string[] | undefined;
  /** Accepted difference between clocks in seconds, from 0 to 300. Applies to the clocks of devices too. Default 30. */
  readonly clockToleranceSeconds?: number | undefined;
  /**
   * Time limit for each request to the authorization server in milliseconds, from 20 to 60,000. Default 2,000. The first
   * token needs two requests: one for the metadata, one for the keys or the introspection. Both must fit into the
   * relay's `hookTimeoutMs`, which ends the hook and its requests.
   */
  readonly timeoutMs?: number | undefined;
  /**
   * Seconds for which the hook reuses the introspection of an active token, from 0 to 3,600, and at most until the
   * token expires. The relay accepts a revoked token for this time. The hook does not cache refusals and failures.
   * Default 30.
   */
  readonly introspectionCacheSeconds?: number | undefined;
  /** Maximum number of cached introspections, from 1 to 1,000,000. Default 10,000. */
  readonly introspectionCacheEntries?: number | undefined;
  /** Seconds for which a fetched key set is used, from 1 to 86,400. Default 600. */
  readonly jwksMaxAgeSeconds?: number | undefined;
  /**
   * Seconds between two fetches because of unknown keys, after a first burst of three, from 1 to 3,600. Meanwhile a
   * token with an unknown key gets 503. The same time limits how often a bad signature causes a fetch. Default 5.
   */
  readonly jwksCooldownSeconds?: number | undefined;
  /**
   * Seconds after `jwksMaxAgeSeconds` for which an old key set is used while fetches fail, up to 604,800. Default 0.
   */
  readonly jwksStaleIfErrorSeconds?: number | undefined;
  /**
   * Proofs of possession (RFC 9449). `optional`: bound tokens need a proof, and other tokens may come as Bearer.
   * `required`: the relay accepts bound tokens only. `off`: the relay rejects bound tokens. Default `optional`.
   */
  readonly dpop?: 'optional' | 'required' | 'off' | undefined;
  /** True: proofs must carry a nonce of the relay (RFC 9449 §9), which is valid for 4 to 5 minutes. Default false. */
  readonly dpopNonce?: boolean | undefined;
  /** JWS algorithms of proofs, with public keys only. Default: ES256, ES384, ES512, EdDSA, Ed25519, PS256, RS256. */
  readonly dpopAlgorithms?: readonly string[] | undefined;
  /**
   * Seconds after its `iat` for which a proof is valid, from 1 to 3,600. The store keeps the use of a proof for the
   * same time. Default 120.
   */
  readonly dpopMaxAgeSeconds?: number | undefined;
  /** Certificate authorities (PEM) in place of the default ones. Cannot be combined with `fetch`. */
  readonly ca?: TrustedCertificates | undefined;
  /**
   * Connects to https servers in place of Node's own agent: an `Agent` of node:https, or such as HttpsProxyAgent. Cannot
   * be combined with `fetch`.
   */
  readonly agent?: Agent | undefined;
  /**
   * The http or https URL of an egress proxy for https servers. The proxy must support CONNECT. `false`: no proxy. Cannot
   * be combined with `agent` or `fetch`. Default: `HTTPS_PROXY` of the environment, except for the hosts in `NO_PROXY`.
   */
  readonly proxy?: string | URL | false | undefined;
  /**
   * Your own function for requests to the authorization server. It must return a `Response` with a web stream as its
   * body and respect `redirect: 'manual'`, and it should respect `signal`. The hook stops after `timeoutMs` and after 1
   * MiB of a response in any case. Default: the global `fetch`.
   */
  readonly fetch?: CustomFetch | undefined;
}
