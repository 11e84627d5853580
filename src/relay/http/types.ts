import type { HeaderField, RelayRequest } from '../request.js';
import type { PathMatcher } from './path.js';

/** An answer, ready for any server. */
export interface RelayResponse {
  readonly status: number;
  /** All header fields, Content-Length included. */
  readonly headers: readonly HeaderField[];
  readonly body: string;
  /** True if the connection is not to be used for another request; for HTTP/1 only. */
  readonly close?: boolean;
}

/** Answers requests that are the door's to answer. Never rejects. */
export type RequestHandler = (request: RelayRequest) => Promise<RelayResponse>;

/** Headers of which several fields may stand side by side, the host's own among them; of others the last one counts. */
export function isListHeader(name: string): boolean {
  return /^(vary|www-authenticate|link)$/i.test(name);
}

/** What every door needs to know. */
export interface HandlerSettings {
  /** Which requests are the door's to answer. */
  readonly matchPath: PathMatcher;
  readonly trustProxy: boolean;
  /** Bytes of a request body. */
  readonly bodyBytes: number;
}
