import type { RelayErrorCode } from '../errors.js';
import { isMailboxIdentifier, PROTOCOL_VERSION } from '../protocol/share-url.js';

/** The path by which a request target is answered; `undefined` if it is the host's. */
export type OwnPath = (target: string) => string | undefined;

/** What a path of the relay means. */
export type Route =
  | { readonly kind: 'collection' }
  | { readonly kind: 'mailbox'; readonly identifier: string }
  | { readonly kind: 'nothing'; readonly code: RelayErrorCode };

/** Paths that are the relay's to answer, if only with a 404; all others are the host's. */
const OURS = /^\/v\d+\/m(\/|$)/i;

const COLLECTION = `/${PROTOCOL_VERSION}/m`;
const UNDER_COLLECTION = `${COLLECTION}/`;

/**
 * The path below the mount: the path that the host hands over, less the path of `publicUrl` where it still begins with
 * it. The one rule for every door, so that mounting at a prefix and at the root both work.
 */
export function pathBelowMount(target: string, mountPath: string): string {
  const query = target.indexOf('?');
  let path = query === -1 ? target : target.slice(0, query);
  if (!path.startsWith('/')) path = absoluteFormPath(path);
  if (mountPath === '' || !path.startsWith(`${mountPath}/`)) return path;
  const below = path.slice(mountPath.length);
  // A mount path of `/v1` that the host has stripped already looks as if it were still there.
  return isRelayPath(below) ? below : path;
}

/** The path in a request target of absolute form (RFC 9112 §3.2.2), which servers must accept. */
function absoluteFormPath(target: string): string {
  return /^https?:\/\/[^/]+(\/[^?#]*)/i.exec(target)?.[1] ?? '';
}

/** Which requests are the relay's, for a relay mounted at `mountPath`. */
export function relayPaths(mountPath: string): OwnPath {
  return (target) => {
    const path = pathBelowMount(target, mountPath);
    return isRelayPath(path) ? path : undefined;
  };
}

/** True if the relay answers this path. */
export function isRelayPath(path: string): boolean {
  return OURS.test(path);
}

/** What a path below the mount means; case- and slash-strict. */
export function routeOf(path: string): Route {
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
