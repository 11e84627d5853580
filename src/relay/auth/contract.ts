import type { OperationName } from '../events.js';
import type { Role } from '../mailbox/roles.js';
import type { HostRequest } from '../request.js';

/*
 * The contract of authentication hooks, for adapter authors. A hook decides from the request alone, before the relay
 * has looked anything up, and answers with who asks or throws a RelayError. Whatever else it does (returns nothing,
 * throws anything else, takes too long) means that it could not decide, and the request ends with 503: a relay never
 * lets in what nobody vouched for (PROTOCOL: errors).
 */

/**
 * Who asks, as far as the relay wants to know: an app, never a device or a person (TIGRESS §8.1.3: the relay stores no
 * identities). Lives in memory for as long as the request does.
 */
export interface Principal {
  /** The app or service that vouched for the request, such as an OAuth client identifier. */
  readonly app?: string | undefined;
  /** What it may do, in words of its own. */
  readonly scopes?: readonly string[] | undefined;
  /** The hooks that were satisfied, such as `['bearer', 'client-attestation']`. */
  readonly via: readonly string[];
}

/** What a relay lends to its hooks. Shared by every process with the same store and the same server keys. */
export interface RelayServices {
  /** The relay's public URL, without a trailing slash: its resource identifier (RFC 8707, RFC 9728). */
  readonly resource: string;
  /** Where the protected resource metadata is served (RFC 9728); `undefined` if the host serves none. */
  metadataUrl(): string | undefined;
  /** Unix time in ms. */
  clock(): number;
  /**
   * True the first time a value is used for a purpose, on whichever process, until `expiresAt` (Unix time in ms);
   * false each time after. Only a digest of the two is kept. Throws a RangeError for a time that is not a safe integer
   * ahead, and `store_unavailable` if the store does not answer.
   */
  consumeOnce(purpose: string, value: string, expiresAt: number): Promise<boolean>;
  /**
   * Secrets of 32 bytes for one purpose, one a server key, the current first: what one process signs with the first
   * another verifies with one of them. Without server keys they live and end with the process. A purpose is a fixed
   * text of the hook: of more than 100, secrets are computed anew at each call.
   */
  secrets(purpose: string): readonly Uint8Array[];
}

/** A request as a hook sees it: nothing of the mailbox, no claim, no body. */
export interface AuthenticationInput {
  readonly operation: OperationName;
  readonly method: string;
  /** The public URL of the request, without query: `htu` of RFC 9449. Made from `publicUrl`, never from Host. */
  readonly url: string;
  /**
   * The value of a header; `undefined` if absent. Throws `header_repeated` (400) if it was sent more than once. The fetch
   * door cannot tell, and gives the values joined by a comma.
   */
  header(name: string): string | undefined;
  /** Mailbox-Device-Attestation, verbatim. Throws like {@link AuthenticationInput.header}. */
  attestation(): string | undefined;
  readonly host: HostRequest;
  readonly relay: RelayServices;
  /** Aborted when the time for the hook is over, and when the client leaves. */
  readonly signal: AbortSignal;
}

/**
 * Decides whether a request may go on. Returns who asks, or throws a RelayError: `token_required`, `token_invalid`,
 * `attestation_required`, `attestation_invalid` (401), `forbidden` (403), `rate_limited`, `quota_exceeded` (429),
 * `authentication_unavailable` (503) or any other.
 */
export interface AuthenticationHook {
  (input: AuthenticationInput): Principal | Promise<Principal>;
  /** What the hook adds to the relay's protected resource metadata (RFC 9728 §2). */
  readonly metadata?: ResourceMetadata;
}

/** Members of the protected resource metadata. Lists of several hooks are united. */
export type ResourceMetadata = Readonly<Record<string, string | boolean | readonly string[]>>;

/** A request whose device is known. */
export interface AuthorizationInput extends AuthenticationInput {
  /** Whether the device is the mailbox's sender or its receiver; on a create always the sender. */
  readonly role: Role;
  /** What the authentication hook of this operation returned; `undefined` if it has none. */
  readonly principal: Principal | undefined;
}

/**
 * Has the last word, once the device is known. Returns nothing, or throws a RelayError such as `forbidden` (403).
 * Anything else that it returns, `false` as well as `true`, is 503.
 */
export type AuthorizationHook = (input: AuthorizationInput) => void | Promise<void>;

/**
 * Hooks by operation. `default` stands for every operation that is not named but `preview`, which messengers read
 * without credentials: whoever wants it guarded names it.
 */
export type AuthenticationHooks = { readonly [Name in OperationName | 'default']?: AuthenticationHook | undefined };

/**
 * True for what a hook must return. Strict about `via`, so that a hook that hands on whatever the host left in
 * `ctx.state.user` does not let a request in by accident.
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
