import type { IncomingMessage, ServerResponse } from 'node:http';

/** Milliseconds within which a body must arrive: 64 KiB at about 1 kB/s. */
export const BODY_MS = 60_000;

/** The body of a request before validation. */
export type RawBody =
  | { readonly kind: 'none' }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  /** The host consumed the body. `value` is the result of its parser. */
  | { readonly kind: 'parsed'; readonly value: unknown };

/** Access to the headers of a request. */
export interface HeaderSource {
  /** The value of a header, joined by ", " if repeated; `undefined` if absent. */
  header(name: string): string | undefined;
  /** True if the header was sent more than once. */
  repeated(name: string): boolean;
}

/** One header field. */
export type HeaderField = readonly [name: string, value: string];

/** The part of a Koa context that the relay uses, so that a host without Koa needs no types of Koa. */
export interface KoaContext {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** State of the host's middleware, such as the user. */
  readonly state: Record<string, unknown>;
  /** Path and query without the prefix of koa-mount. */
  readonly url: string;
  /** Path and query of the original request. */
  readonly originalUrl: string;
  /** True for TLS, by the socket, or by X-Forwarded-Proto if `app.proxy` is set. */
  readonly secure: boolean;
  readonly request: object;
  status: number;
  body: unknown;
  set(name: string, value: string): void;
  append(name: string, value: string): void;
  remove(name: string): void;
}

/** A Node request with the members that Express and Connect add. */
export interface NodeHostRequest extends IncomingMessage {
  /** Express: true for TLS, by the setting `trust proxy`. */
  secure?: boolean;
  /** Express, Connect: path and query of the original request, with the prefix that `url` does not have. */
  originalUrl?: string;
  /** The result of the host's body parser. */
  body?: unknown;
  /** The user from the host's own authentication, for hooks. */
  user?: unknown;
}

/** The request objects of the host, for hooks. */
export interface HostRequest {
  /** The context of Koa. Middleware of the host may set `ctx.state.user`. */
  readonly ctx?: KoaContext;
  /** The Node request of Koa, Express and plain Node, with `req.user` and the TLS socket. */
  readonly req?: NodeHostRequest;
  /** The request of the fetch handler. */
  readonly request?: Request;
  /** The second argument of the fetch handler, such as Hono's context. */
  readonly env?: unknown;
}

/** Reports a client that disconnects before it has its answer. */
export interface DisconnectWatch {
  /** Aborted when the client disconnects; already aborted if the client has disconnected before. */
  readonly signal: AbortSignal;
  /** Removes all listeners from the connection, once the request has an answer. */
  stop(): void;
}

/** A request, independent of the server. */
export interface RelayRequest extends HeaderSource {
  readonly method: string;
  /** The path below the mount, without query. */
  readonly path: string;
  /** The query with its `?`, without decoding; empty if there is none. It may hold the Secret of an altered link. */
  query(): string;
  /** True if the request came over TLS, as far as the handler can detect it. */
  isSecure(): boolean;
  /** False if the request has no body. */
  readonly mayHaveBody: boolean;
  /**
   * Reads the body. Throws `body_too_large` for more than `limit` bytes, `body_timeout` after {@link BODY_MS}, or
   * `body_already_read` if the host consumed the body and left no result.
   */
  readBody(limit: number): Promise<RawBody>;
  readonly host: HostRequest;
  readonly disconnect: DisconnectWatch;
  /** The socket (HTTP/1) or session (HTTP/2) of the request, if the host provides it. */
  readonly connection?: object | undefined;
  /** Number of header fields. */
  fieldCount(): number;
}
