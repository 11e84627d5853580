import { isMailboxIdentifier, PROTOCOL_VERSION } from '../../protocol/share-url.js';
import type { RelayErrorCode } from '../errors.js';

/**
 * The path by which a request is answered; `undefined` if the request is the host's. `target` is the request target as
 * it arrived, `handed` the one that the host hands over, without a prefix that the host has stripped.
 */
export type PathMatcher = (target: string, handed?: string) => string | undefined;

/** What a path of the relay means. */
export type Route =
  | { readonly kind: 'collection' }
  | { readonly kind: 'mailbox'; readonly identifier: string }
  | { readonly kind: 'nothing'; readonly code: RelayErrorCode };

/** Paths that are the relay's to answer, if only with a 404; all others are the host's. */
const RELAY_PATH = /^\/v\d+\/m(\/|$)/i;

/** Paths that a guard may see as others: dot segments, and the backslash, which parsers of URLs take for a slash. */
const AMBIGUOUS = /\\|\/(\.|%2e){1,2}(\/|$)/i;

const COLLECTION = `/${PROTOCOL_VERSION}/m`;
const UNDER_COLLECTION = `${COLLECTION}/`;

/** The path in a request target or a URL, as it was sent: nothing is decoded or normalized. */
export function parsePath(target: string): string {
  const path = target.startsWith('/') ? target : (ABSOLUTE_FORM.exec(target)?.[1] ?? '');
  const end = path.search(/[?#]/);
  return end === -1 ? path : path.slice(0, end);
}

/**
 * A request target of absolute form (RFC 9112 §3.2.2), which servers must accept. Its host is of letters, digits and
 * "-._", or an IP literal: parsers of URLs do not agree where the path begins behind others, such as `x;y` or `x\\y`.
 */
const ABSOLUTE_FORM = /^https?:\/\/(?:[\w.-]+|\[[\da-f:.]+\])(?::\d*)?(\/.*)/is;

/** Where a relay is mounted; paths have no trailing slash, and are empty for the root. */
export interface Mount {
  /** The path at which this server sees the relay. */
  readonly mountPath: string;
  /** The path of `publicUrl`. */
  readonly publicPath: string;
  /** Called for a request that would be the relay's if `mountPath` were another one. */
  onOtherMount(): void;
}

/**
 * Tells which requests are the relay's: those whose full original path begins with the mount path. The one rule for
 * every handler. So a guard on the mount path, in the host or in a proxy, sees every request that the relay answers.
 */
export function createPathMatcher({ mountPath, publicPath, onOtherMount }: Mount): PathMatcher {
  return (target, handed = target) => {
    const path = parsePath(target);
    const own = stripMountPath(path, mountPath);
    if (own !== undefined) return own;
    const isElsewhere =
      isRelayPath(path) || isRelayPath(parsePath(handed)) || stripMountPath(path, publicPath) !== undefined;
    if (isElsewhere) onOtherMount();
    return undefined;
  };
}

/** The relay's path below a mount path; `undefined` if there is none. */
function stripMountPath(path: string, mountPath: string): string | undefined {
  if (!path.startsWith(mountPath)) return undefined;
  const below = path.slice(mountPath.length);
  return isRelayPath(below) ? below : undefined;
}

/** True if the relay answers this path. */
export function isRelayPath(path: string): boolean {
  return RELAY_PATH.test(path) && !AMBIGUOUS.test(path);
}

/** What a path below the mount means; case- and slash-strict. */
export function parseRoute(path: string): Route {
  if (path === COLLECTION) return { kind: 'collection' };
  if (!path.startsWith(UNDER_COLLECTION)) {
    const version = path.slice(1, path.indexOf('/', 1));
    const foreign = version.toLowerCase() !== PROTOCOL_VERSION;
    return { kind: 'nothing', code: foreign ? 'unsupported_version' : 'not_found' };
  }
  const rest = path.slice(UNDER_COLLECTION.length);
  if (isMailboxIdentifier(rest)) return { kind: 'mailbox', identifier: rest };
  return { kind: 'nothing', code: rest === '' || rest.includes('/') ? 'not_found' : 'mailbox_not_found' };
}
