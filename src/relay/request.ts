import type { IncomingMessage, ServerResponse } from 'node:http';

/** Milliseconds that a body may take to arrive: 64 KiB at about 1 kB/s. */
export const BODY_MS = 60_000;

/** What a body turned out to be. */
export type RawBody =
  | { readonly kind: 'none' }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  /** The host had consumed it, and this is what its parser made of it. */
  | { readonly kind: 'parsed'; readonly value: unknown };

/** Reads one header of a request; several fields of one name count as invalid where the protocol wants one. */
export interface HeaderSource {
  /** The value of a field, joined by ", " if it was repeated; `undefined` if absent. */
  header(name: string): string | undefined;
  /** True if the field was sent more than once. */
  repeated(name: string): boolean;
}

/** One header field. */
export type HeaderField = readonly [name: string, value: string];

/** What the relay uses of a Koa context, so that a host without Koa needs no types of it. */
export interface KoaContext {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** Where the host's middleware leaves what it found out, such as a user. */
  readonly state: Record<string, unknown>;
  /** Path and query, less the prefix of koa-mount. */
  readonly url: string;
  /** Path and query as Koa got them. */
  readonly originalUrl: string;
  /** By the socket, or by X-Forwarded-Proto where the app's `proxy` is set. */
  readonly secure: boolean;
  readonly request: object;
  status: number;
  body: unknown;
  set(name: string, value: string): void;
  append(name: string, value: string): void;
  remove(name: string): void;
}

/** A request as Express and its like hand it over: plain Node, with what their own parts have added. */
export interface NodeHostRequest extends IncomingMessage {
  /** Express: true if it came over TLS, by its `trust proxy` setting. */
  secure?: boolean;
  /** Express, Connect: path and query as they arrived, with the prefix that the host has stripped from `url`. */
  originalUrl?: string;
  /** What a body parser of the host made of the body. */
  body?: unknown;
  /** What the host's own authentication made of the request, for hooks. */
  user?: unknown;
}

/** The host's own view of the request, so that a hook can use what the host already knows of it. */
export interface HostRequest {
  /** Koa's context: `ctx.state.user` is there if the host's own middleware put it there. */
  readonly ctx?: KoaContext;
  /** The Node request of Koa, Express and plain Node: `req.user`, the TLS socket. */
  readonly req?: NodeHostRequest;
  /** The request of the fetch door. */
  readonly request?: Request;
  /** What the host passed to the fetch door beside the request, such as Hono's context. */
  readonly env?: unknown;
}

/** Reports a client that disconnects before it has its answer. */
export interface DisconnectWatch {
  /** Aborted when the client disconnects; already aborted if the client has disconnected before. */
  readonly signal: AbortSignal;
  /** Removes all listeners from the connection, once the request has an answer. */
  stop(): void;
}

/** A request, whatever server it came in by. */
export interface RelayRequest extends HeaderSource {
  readonly method: string;
  /** Below the mount, without query: what follows the path of `publicUrl`. */
  readonly path: string;
  /** True if it came over TLS, as far as the door can tell. */
  isSecure(): boolean;
  /** False if there can be no body to read. */
  readonly mayHaveBody: boolean;
  /**
   * Reads the body, at most `limit` bytes of it. Throws `body_too_large`, `body_timeout` if it takes longer than
   * {@link BODY_MS}, or `body_already_read` if somebody consumed it and left nothing.
   */
  readBody(limit: number): Promise<RawBody>;
  readonly host: HostRequest;
  readonly disconnect: DisconnectWatch;
  /** The socket (HTTP/1) or session (HTTP/2) of the request, if the host shows it. */
  readonly connection?: object | undefined;
  /** Number of header fields. */
  fieldCount(): number;
}
