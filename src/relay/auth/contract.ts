import type { OperationName } from '../events.js';
import type { Role } from '../mailbox/roles.js';
import type { HostRequest } from '../request.js';

/*
 * The contract of authentication hooks, for adapter authors. A hook runs before the relay reads the store. It returns a
 * principal, or throws a RelayError. Any other result (no return value, another error, a time-out) is a failure of the
 * hook: the request gets 503 (docs/protocol.md §6).
 */

/**
 * The caller of a request: an app, never a device or a person (TIGRESS §8.1.3: the relay stores no identities). The
 * relay keeps it in memory for the duration of the request only.
 */
export interface Principal {
  /** The app or service that made the request, such as an OAuth client identifier. */
  readonly app?: string | undefined;
  /** The scopes of its credential. */
  readonly scopes?: readonly string[] | undefined;
  /** Names of the hooks that the request satisfied, such as `['bearer', 'client-attestation']`. */
  readonly via: readonly string[];
}

/** Services of the relay for hooks. All processes with the same store and the same server keys share their state. */
export interface RelayServices {
  /**
   * The public URL of the relay without a trailing slash: its resource identifier.
   *
   * @see RFC 8707, RFC 9728
   */
  readonly resource: string;
  /** The URL of the protected resource metadata (RFC 9728); `undefined` if the host does not serve it. */
  metadataUrl(): string | undefined;
  /** Unix time in ms. */
  clock(): number;
  /**
   * Consumes a value for a purpose, once for all processes. The store keeps only a digest of the two.
   *
   * @param expiresAt - Unix time in ms until which the value stays consumed
   * @returns true for the first call with this value and purpose, false for later calls
   * @throws RangeError if `expiresAt` is not a safe integer in the future
   * @throws RelayError `store_unavailable` if the store does not answer
   */
  consumeOnce(purpose: string, value: string, expiresAt: number): Promise<boolean>;
  /**
   * Derives secrets for a purpose: 32 bytes per server key, the current key first. Sign with the first secret and
   * verify with any of them. Without server keys the secrets are valid in this process only.
   *
   * @param purpose - a constant text of the hook; the relay caches the secrets of 100 purposes
   */
  secrets(purpose: string): readonly Uint8Array[];
}

/**
 * A request as a hook sees it: method, URL and headers, and a digest of the payload. A hook sees nothing of the stored
 * mailbox, no role, and no body. `url` contains the mailbox identifier, and `header('Mailbox-Device-Claim')` returns the
 * Device Claim, so that an attestation can cover them. Both are secrets that open the mailbox: never store or log them.
 */
export interface AuthenticationInput {
  readonly operation: OperationName;
  readonly method: string;
  /**
   * The public URL of the request, without query: `htu` of RFC 9449. Made from `publicUrl`, never from Host. The mailbox
   * identifier is in lower case, in whatever case the device sent it.
   */
  readonly url: string;
  /**
   * The value of a header, verbatim; `undefined` if absent. Also of Mailbox-Device-Claim, in the case that the device
   * sent: compare it without regard to case. The fetch handler cannot detect repeated headers, and returns their
   * values joined by a comma.
   *
   * @throws RelayError `header_repeated` (400) if the header was sent more than once
   */
  header(name: string): string | undefined;
  /** Mailbox-Device-Attestation, verbatim. Throws like {@link AuthenticationInput.header}. */
  attestation(): string | undefined;
  /**
   * SHA-256 of `payload.data` of a create or an update, as base64url without padding (43 characters). The input of the
   * hash are the UTF-8 bytes of the base64 text, as it came. `undefined` on the other operations. An attestation that
   * covers this digest is worthless for another payload. The relay computes the digest at the first access.
   */
  readonly payloadDigest?: string | undefined;
  readonly host: HostRequest;
  readonly relay: RelayServices;
  /** Aborted when the hook exceeds its time limit, and when the client disconnects. */
  readonly signal: AbortSignal;
}

/**
 * Authenticates a request. Any other result than a principal or a RelayError is a failure of the hook: the request gets
 * 503.
 *
 * @returns the caller of the request
 * @throws RelayError `token_required`, `token_invalid`, `attestation_required`, `attestation_invalid` (401),
 * `forbidden` (403), `rate_limited`, `quota_exceeded` (429), `authentication_unavailable` (503) or another code
 *
 * @example
 * const hook: AuthenticationHook = async (input) => {
 *   if (input.header('X-Api-Key') !== apiKey) throw new RelayError('token_invalid');
 *   return { via: ['api-key'] };
 * };
 */
export interface AuthenticationHook {
  (input: AuthenticationInput): Principal | Promise<Principal>;
  /** Members for the protected resource metadata of the relay (RFC 9728 §2). */
  readonly metadata?: ResourceMetadata;
  /**
   * The time limit in ms that the hook sets for its own requests, if its options set one. `createRelay` refuses a limit
   * that is longer than `hookTimeoutMs`, which would end the hook first.
   */
  readonly timeoutMs?: number | undefined;
}

/** Members of the protected resource metadata. Lists of several hooks are united. */
export type ResourceMetadata = Readonly<Record<string, string | boolean | readonly string[]>>;

/** A request of a device with a known role. */
export interface AuthorizationInput extends AuthenticationInput {
  /** The role of the device in the mailbox; `sender` on a create. */
  readonly role: Role;
  /** The result of the authentication hook; `undefined` if the operation has no hook. */
  readonly principal: Principal | undefined;
}

/**
 * Authorizes a request after the relay knows the role of the device. The hook returns nothing to admit the request. A
 * return value, `false` as well as `true`, is a failure of the hook: the request gets 503.
 *
 * @throws RelayError such as `forbidden` (403) to refuse the request
 */
export type AuthorizationHook = (input: AuthorizationInput) => void | Promise<void>;

/**
 * Hooks by operation. `default` applies to every operation without an entry, except `preview`: messengers read previews
 * without credentials. Set `preview` to protect previews too.
 */
export type AuthenticationHooks = { readonly [Name in OperationName | 'default']?: AuthenticationHook | undefined };

/**
 * True for a principal. It requires `via`, so that a hook that returns any object of the host, such as
 * `ctx.state.user`, does not admit a request by accident.
 */
export function isPrincipal(value: unknown): value is Principal {
  if (typeof value !== 'object' || value === null) return false;
  const { app, scopes, via } = value as Partial<Record<keyof Principal, unknown>>;
  return (
    isStringArray(via) &&
    (app === undefined || typeof app === 'string') &&
    (scopes === undefined || isStringArray(scopes))
  );
}

function isStringArray(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

const FACTORY = Symbol.for('credential-relay.hookFactory');

/** Marks a function that creates hooks, so that `createRelay` can name it if it is given without a call. */
export function markFactory<Factory extends (...options: never[]) => unknown>(name: string, factory: Factory): Factory {
  return Object.defineProperty(factory, FACTORY, { value: name });
}

/** The name of a function marked by {@link markFactory}; `undefined` for any other function. */
export function findFactoryName(value: object): string | undefined {
  const name: unknown = Reflect.get(value, FACTORY);
  return typeof name === 'string' ? name : undefined;
}
