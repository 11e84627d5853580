import type { RequestListener } from 'node:http';
import type { Relay } from 'credential-relay';

/** The mount path of the relay, empty for the root. */
export type Prefix = '' | `/${string}`;

/** How the host handles a body before the relay: not at all, parses JSON, or reads and discards the body. */
export type BodyHandling = 'unread' | 'parsed' | 'swallowed';

/** The host middleware's view of an answer. */
export interface Seen {
  readonly status: number;
  readonly type: string;
  readonly requestId: string;
}

/** The parameters of a host. */
export interface Site {
  readonly prefix: Prefix;
  readonly body: BodyHandling;
  /** True: the host trusts X-Forwarded-Proto, by its own setting. */
  readonly trustsProxy: boolean;
  saw(seen: Seen): void;
}

/** Builds an app of a host with the relay, between the pages below. */
export type Build = (relay: Relay, site: Site) => RequestListener | Promise<RequestListener>;

/*
 * The pages of every host: GET /before is in front of the relay. Behind the relay are GET /after, POST /echo (returns
 * the JSON), GET /fails (throws), paths that only look like the relay's, and the host's own 404. Errors of the host's
 * body parser and of /fails reach the host's error handler.
 */

/** The texts of the pages. */
export const SAYS = {
  before: 'ahead of the relay',
  after: 'behind the relay',
  lookalike: 'only looks like the relay',
  failed: 'the host failed',
  missing: 'the host has no such page',
} as const;

/** Paths that resemble paths of the relay. */
export function lookalikes(prefix: Prefix): readonly string[] {
  return [`${prefix}/v1/mm`, `${prefix}/v1x/m`, `${prefix}/other`];
}

/** The status of an error in the host's error handler: the error's own status, if any. */
export function statusOf(error: unknown): number {
  if (error instanceof SyntaxError && !('status' in error)) return 400;
  if (typeof error !== 'object' || error === null) return 500;
  const { status, statusCode } = error as { status?: unknown; statusCode?: unknown };
  return Number(status ?? statusCode ?? 500);
}
