import type { HeaderField, RelayRequest } from '../request.js';
import type { MountWatch } from './mount-watch.js';
import type { PathMatcher } from './path.js';

/** An answer for any type of server. */
export interface RelayResponse {
  readonly status: number;
  /** All header fields, Content-Length included. */
  readonly headers: readonly HeaderField[];
  readonly body: string;
  /** True to close the connection after the answer; HTTP/1 only. */
  readonly close?: boolean;
}

/** Answers a request below the mount. Never rejects. */
export type RequestHandler = (request: RelayRequest) => Promise<RelayResponse>;

/** True for a header that may have several fields, some of them from the host. Other headers replace earlier fields. */
export function isListHeader(name: string): boolean {
  return /^(vary|www-authenticate|link)$/i.test(name);
}

export interface HandlerSettings {
  readonly matchPath: PathMatcher;
  /** Looks for requests of devices that arrive under another path; `undefined` for documents. */
  readonly mountWatch?: MountWatch | undefined;
  readonly onMisuse: (message: string) => void;
  /** Called if the Koa middleware is passed to `use` of a @koa/router; `undefined` where that works. */
  readonly onRouterUse?: (() => void) | undefined;
  readonly trustProxy: boolean;
  /** Most bytes of a request body. */
  readonly bodyBytes: number;
}
