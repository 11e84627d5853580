import type { RequestListener } from 'node:http';
import type { Relay } from 'credential-relay';

/** Where the relay is mounted; empty for the root. */
export type Prefix = '' | `/${string}`;

/** What the host does with a body before the relay: nothing, JSON to a value, or reads it and keeps nothing. */
export type BodyHandling = 'unread' | 'parsed' | 'swallowed';

/** What the host's own middleware, outside of the relay, sees of an answer. */
export interface Seen {
  readonly status: number;
  readonly type: string;
  readonly requestId: string;
}

/** What a host is built for. */
export interface Site {
  readonly prefix: Prefix;
  readonly body: BodyHandling;
  /** True: the host believes X-Forwarded-Proto, by its own setting. */
  readonly trustsProxy: boolean;
  saw(seen: Seen): void;
}

/** Builds an app of a host, with the relay in it and the pages below around it. */
export type Build = (relay: Relay, site: Site) => RequestListener | Promise<RequestListener>;

/*
 * The pages of every host: GET /before is answered ahead of the relay; behind it GET /after, POST /echo (the JSON that
 * was sent), GET /fails (throws), whatever only looks like the relay's, and the host's own 404. Refusals of the host's
 * body parser and what /fails throws end in the host's error handler.
 */

/** What the pages say. */
export const SAYS = {
  before: 'ahead of the relay',
  after: 'behind the relay',
  lookalike: 'only looks like the relay',
  failed: 'the host failed',
  missing: 'the host has no such page',
} as const;

/** Paths that look like the relay's, and are not. */
export function lookalikes(prefix: Prefix): readonly string[] {
  return [`${prefix}/v1/mm`, `${prefix}/v1x/m`, `${prefix}/other`];
}

/** The status that the host's error handler gives an error: the error's own, if it has one. */
export function statusOf(error: unknown): number {
  if (error instanceof SyntaxError && !('status' in error)) return 400;
  if (typeof error !== 'object' || error === null) return 500;
  const { status, statusCode } = error as { status?: unknown; statusCode?: unknown };
  return Number(status ?? statusCode ?? 500);
}
