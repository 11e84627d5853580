import type { ClientAuth, CustomFetch } from 'openid-client';
import type { OperationName } from '../../../src/relay/events.js';

/** Scopes that an access token needs, by operation; `default` stands for every operation that is not named. */
export type OperationScopes = Partial<Readonly<Record<OperationName | 'default', readonly string[]>>>;

/** What {@link oauthBearer} takes. Everything but `issuer` has a default. */
export interface OAuthBearerOptions {
  /**
   * The authorization server's issuer identifier. Its metadata is found from it, at the first request and not before.
   * https, or http on loopback names.
   */
  readonly issuer: string | URL;
  /** Where the metadata is: `/.well-known/openid-configuration` (`oidc`, default) or that of RFC 8414 (`oauth2`). */
  readonly discovery?: 'oidc' | 'oauth2' | undefined;
  /** A token must name this audience, or one of these. Default: the relay's public URL, its resource identifier. */
  readonly audience?: string | readonly string[] | undefined;
  /** Scopes that a token needs: one list for every operation, or lists by operation. Default: none. */
  readonly scopes?: readonly string[] | OperationScopes | undefined;
  /**
   * Which tokens are accepted: `jwt` (RFC 9068), `opaque` (every token is introspected, RFC 7662), or `both` (what has
   * the shape of a JWT is taken for one, all else is introspected). The last two need `clientId`. Default: `both` with
   * `clientId`, else `jwt`.
   */
  readonly tokens?: 'jwt' | 'opaque' | 'both' | undefined;
  /**
   * The relay's own client identifier at the authorization server, for introspection. An answer without `client_id`,
   * which RFC 7662 §2.2 allows, leaves the principal without `app`.
   */
  readonly clientId?: string | undefined;
  /** The secret of that client, sent by HTTP Basic (RFC 6749 §2.3.1). */
  readonly clientSecret?: string | undefined;
  /** Another way for that client to authenticate, such as `PrivateKeyJwt(key)` of openid-client. */
  readonly clientAuthentication?: ClientAuth | undefined;
  /** JWS algorithms of access tokens, asymmetric ones only. Default: ES256, ES384, ES512, EdDSA, Ed25519, PS*, RS*. */
  readonly algorithms?: readonly string[] | undefined;
  /** Seconds by which clocks may be off, those of devices with proofs too, from 0 to 300. Default 30. */
  readonly clockToleranceSeconds?: number | undefined;
  /**
   * Milliseconds for each request to the authorization server, from 1 to 60,000. Default 2,000. The first token needs
   * two, for the metadata and for the keys or the introspection; all of it has to end within the relay's `hookTimeoutMs`,
   * and more than that is of no use here.
   */
  readonly timeoutMs?: number | undefined;
  /**
   * Seconds for which the answer that a token is active is reused, and in which a revoked one is still accepted, from
   * 0 to 3,600; never beyond the token's own end. Refusals and failures are not remembered. Default 30.
   */
  readonly introspectionCacheSeconds?: number | undefined;
  /** Tokens whose introspection is remembered at once, from 1 to 1,000,000. Default 10,000. */
  readonly introspectionCacheEntries?: number | undefined;
  /** Seconds after which the key set is fetched anew, from 1 to 86,400. Default 600. */
  readonly jwksMaxAgeSeconds?: number | undefined;
  /**
   * Seconds that must pass between two fetches of the key set that unknown key identifiers cause, beyond a reserve of
   * three, from 1 to 3,600. A token whose key is unknown meanwhile is neither accepted nor refused: 503. Also the age of
   * a set from which a bad signature has it fetched anew. Default 5.
   */
  readonly jwksCooldownSeconds?: number | undefined;
  /** Seconds beyond `jwksMaxAgeSeconds` for which the last key set serves on while no new one can be had. Default 0. */
  readonly jwksStaleIfErrorSeconds?: number | undefined;
  /**
   * Proofs of possession (RFC 9449): `optional` (default: bound tokens need a proof, others may come as Bearer),
   * `required` (bound tokens only), `off` (bound tokens are refused).
   */
  readonly dpop?: 'optional' | 'required' | 'off' | undefined;
  /** Demand that proofs carry a nonce of ours (RFC 9449 §9), good for 4 to 5 minutes. Default false. */
  readonly dpopNonce?: boolean | undefined;
  /** JWS algorithms of proofs, asymmetric ones only. Default: ES256, ES384, ES512, EdDSA, Ed25519, PS256, RS256. */
  readonly dpopAlgorithms?: readonly string[] | undefined;
  /** Seconds for which a proof is good after its `iat`, from 1 to 3,600; so long its use is remembered. Default 120. */
  readonly dpopMaxAgeSeconds?: number | undefined;
  /** Certificate authorities (PEM) to trust in place of the usual ones. Not together with `fetch`. */
  readonly ca?: string | readonly string[] | undefined;
  /**
   * Makes the requests to the authorization server, and returns a `Response` with a web stream as its body. Must heed
   * `redirect: 'manual'`, and should heed `signal`: a request is over after `timeoutMs` all the same, and no more than 1
   * MiB of an answer is read. Default: `fetch`.
   */
  readonly fetch?: CustomFetch | undefined;
}
