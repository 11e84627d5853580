import { PROTOCOL_VERSION, parseIdentifier } from '../../protocol/mailbox-url.js';
import type { RelayErrorCode } from '../errors.js';

/**
 * The path of a request below the mount; `undefined` for a request that the relay does not answer. `target` is the
 * original request target, of which the host has stripped no prefix.
 */
export type PathMatcher = (target: string) => string | undefined;

/** The meaning of a path below the mount. */
export type Route =
  | { readonly kind: 'collection' }
  /** `identifier` is in lower case. */
  | { readonly kind: 'mailbox'; readonly identifier: string }
  | { readonly kind: 'nothing'; readonly code: RelayErrorCode };

/** Paths that the relay answers, some of them with 404. All other paths belong to the host (docs/protocol.md §6). */
const RELAY_PATH = /^\/v\d+\/m(\/|$)/i;

/** The path of a create or of a mailbox, below any prefix. */
const RELAY_PATH_AT_END = /\/v\d+\/m(\/[^/]*)?$/i;

/**
 * Paths that a guard in front of the relay may normalize: dot segments, and a backslash that URL parsers read as `/`.
 */
const AMBIGUOUS = /\\|\/(\.|%2e){1,2}(\/|$)/i;

const COLLECTION = `/${PROTOCOL_VERSION}/m`;
const UNDER_COLLECTION = `${COLLECTION}/`;

/** The path of a request target or a URL, without decoding or normalization. */
export function parsePath(target: string): string {
  const path = target.startsWith('/') ? target : (ABSOLUTE_FORM.exec(target)?.[1] ?? '');
  const end = path.search(/[?#]/);
  return end === -1 ? path : path.slice(0, end);
}

/** The query of a request target or a URL with its `?`, without decoding; empty if there is none. */
export function parseQuery(target: string): string {
  const start = target.indexOf('?');
  return start === -1 ? '' : (target.slice(start).split('#', 1)[0] ?? '');
}

/**
 * A request target in absolute form (RFC 9112 §3.2.2), which servers must accept. The host has letters, digits and
 * "-._" only, or is an IP literal: URL parsers disagree about the start of the path after other hosts, such as `x;y`.
 */
const ABSOLUTE_FORM = /^https?:\/\/(?:[\w.-]+|\[[\da-f:.]+\])(?::\d*)?(\/.*)/is;

/**
 * Every handler uses this rule: the relay answers a request only if its full original path begins with the mount path.
 * A guard on the mount path, in the host or in a proxy, therefore sees every request that the relay answers.
 *
 * @param mountPath - The path at which this server sees the relay, without a trailing slash; empty for the root.
 */
export function createPathMatcher(mountPath: string): PathMatcher {
  return (target) => {
    const path = parsePath(target);
    if (!path.startsWith(mountPath)) return undefined;
    const below = path.slice(mountPath.length);
    return isRelayPath(below) ? below : undefined;
  };
}

/** True for a path that the relay would answer under some mount path. */
export function hasRelayPath(path: string): boolean {
  return RELAY_PATH_AT_END.test(path) && !AMBIGUOUS.test(path);
}

/** True if the relay answers this path, possibly with 404. */
export function isRelayPath(path: string): boolean {
  return RELAY_PATH.test(path) && !AMBIGUOUS.test(path);
}

/** Case-sensitive except in the identifier (RFC 4122 §3), and strict about trailing slashes. */
export function parseRoute(path: string): Route {
  if (path === COLLECTION) return { kind: 'collection' };
  if (!path.startsWith(UNDER_COLLECTION)) {
    const version = path.slice(1, path.indexOf('/', 1));
    const foreign = version.toLowerCase() !== PROTOCOL_VERSION;
    return { kind: 'nothing', code: foreign ? 'unsupported_version' : 'not_found' };
  }
  const rest = path.slice(UNDER_COLLECTION.length);
  const identifier = parseIdentifier(rest);
  if (identifier !== undefined) return { kind: 'mailbox', identifier };
  return { kind: 'nothing', code: rest === '' || rest.includes('/') ? 'not_found' : 'mailbox_not_found' };
}
