import type { JWTPayload, ProtectedHeaderParameters } from 'jose';
import { getEntraIssuers } from './entra.js';

/*
 * The forms of JWT access tokens. RFC 9068 marks an access token by its `typ`. The vendors' own forms have the same
 * `typ` as ID tokens, so each profile demands a mark that the vendor's ID tokens lack: an ID token is meant for another
 * party, often has no scope and lives long, and must never pass as an access token.
 */

/** Names of the profiles. */
export const PROFILE_NAMES = ['rfc9068', 'entra', 'okta', 'cognito', 'auth0', 'keycloak'] as const;

export type ProfileName = (typeof PROFILE_NAMES)[number];

/** A form of access tokens. */
export interface Profile {
  /** Accepted values of `typ`, in lower case and without `application/`. An empty text: the header may lack `typ`. */
  readonly types: readonly string[];
  /** Claims that must be texts, besides `iss`. `exp` and `iat` must be numbers. */
  readonly required: readonly string[];
  /** Claims that may name the client. One of them must be a text. */
  readonly clientClaims: readonly string[];
  /** True if tokens without `aud` exist. The relay accepts them only for the clients of the option `apps`. */
  readonly mayLackAudience?: boolean;
  /** Returns the reason why a token is no access token, for the operator; `undefined` for an access token. */
  readonly findFault?: (claims: JWTPayload, header: ProtectedHeaderParameters) => string | undefined;
  /** The claims that `readScopes` reads, for messages. */
  readonly scopeClaims: string;
  readonly readScopes: (claims: JWTPayload) => readonly string[];
  /** Further values of `iss` that mean the same issuer and use the same keys. */
  readonly getIssuers?: (issuer: URL) => readonly string[];
}

/** Claims of OpenID Connect Core §2 and §3.3.2.11 that bind an ID token to a sign-in. */
const ID_TOKEN_CLAIMS = ['nonce', 'at_hash', 'c_hash'];

const ID_TOKEN = 'The token is an ID token. The client must send its access token.';

export const PROFILES: Readonly<Record<ProfileName, Profile>> = {
  rfc9068: {
    types: ['at+jwt'],
    required: ['sub', 'jti'],
    clientClaims: ['client_id'],
    scopeClaims: 'scope',
    readScopes: ({ scope }) => (typeof scope === 'string' ? splitWords(scope) : []),
  },
  // ID tokens have neither `azp` nor `appid`. `scp` is present for a user, `roles` for an app alone. The roles of a user
  // are no permissions of the app, so they do not count as scopes.
  entra: {
    types: ['jwt', 'at+jwt'],
    required: [],
    clientClaims: ['azp', 'appid'],
    findFault(claims, header) {
      if ('nonce' in header) return 'The token is for Microsoft Graph: the client requested the scope of another API.';
      if (hasIdTokenClaim(claims)) return ID_TOKEN;
      if (claims.scp !== undefined || (claims.roles !== undefined && isAppOnly(claims))) return undefined;
      return 'The token has neither scp nor app roles. Grant the client a scope or an app role of your API.';
    },
    scopeClaims: 'scp, or roles of a token without a user',
    readScopes: ({ scp, roles }) => toList(scp ?? roles),
    getIssuers: getEntraIssuers,
  },
  // The `jti` of an ID token starts with ID, and an ID token has neither `cid` nor `scp`.
  okta: {
    types: ['', 'jwt', 'at+jwt', 'okta-internal-at+jwt'],
    required: ['sub', 'jti'],
    clientClaims: ['cid'],
    findFault(claims) {
      if (hasIdTokenClaim(claims) || claims.jti?.startsWith('ID.') === true) return ID_TOKEN;
      return claims.scp === undefined ? 'The token has no scp.' : undefined;
    },
    scopeClaims: 'scp',
    readScopes: ({ scp }) => toList(scp),
  },
  // `token_use` is `id` in ID tokens.
  cognito: {
    types: ['', 'jwt', 'at+jwt'],
    required: [],
    clientClaims: ['client_id'],
    mayLackAudience: true,
    findFault(claims) {
      if (claims.token_use === 'id' || hasIdTokenClaim(claims)) return ID_TOKEN;
      return claims.token_use === 'access' ? undefined : 'The token_use of the token is not access.';
    },
    scopeClaims: 'scope',
    readScopes: ({ scope }) => toList(scope),
  },
  // An ID token is for the client itself, and has no `azp`.
  auth0: {
    types: ['jwt', 'at+jwt'],
    required: ['sub'],
    clientClaims: ['client_id', 'azp'],
    findFault(claims) {
      const client = claims.client_id ?? claims.azp;
      return hasIdTokenClaim(claims) || toList(claims.aud).some((audience) => audience === client)
        ? ID_TOKEN
        : undefined;
    },
    scopeClaims: 'scope',
    readScopes: ({ scope }) => toList(scope),
  },
  // The claim `typ` is `ID` in ID tokens, which also have `azp`. Older versions put the `nonce` into access tokens too.
  keycloak: {
    types: ['jwt', 'at+jwt'],
    required: [],
    clientClaims: ['azp', 'client_id'],
    mayLackAudience: true,
    findFault({ typ }) {
      if (typ === 'ID') return ID_TOKEN;
      return typ === 'Bearer' || typ === 'DPoP' ? undefined : 'The claim typ of the token is not Bearer or DPoP.';
    },
    scopeClaims: 'scope',
    readScopes: ({ scope }) => toList(scope),
  },
};

function hasIdTokenClaim(claims: JWTPayload): boolean {
  return ID_TOKEN_CLAIMS.some((name) => claims[name] !== undefined);
}

/** In a token without a user, `sub` is the object of the app itself; `idtyp` is an optional claim. */
function isAppOnly({ idtyp, sub, oid }: JWTPayload): boolean {
  if (idtyp !== undefined) return idtyp === 'app';
  return sub === undefined || sub === oid;
}

/** Reads words of one text, or the texts of a list. */
function toList(value: unknown): readonly string[] {
  if (typeof value === 'string') return splitWords(value);
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

function splitWords(text: string): readonly string[] {
  return text.split(' ').filter((word) => word !== '');
}
