import type { HeaderSource } from '../../protocol/headers.js';
import type { KoaContext } from './koa.js';
import type { NodeHostRequest } from './node.js';

/** What a body turned out to be. */
export type RawBody =
  | { readonly kind: 'none' }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  /** The host had consumed it, and this is what its parser made of it. */
  | { readonly kind: 'parsed'; readonly value: unknown };

/** Milliseconds that a body may take to arrive: 64 KiB at about 1 kB/s. */
export const BODY_MS = 60_000;

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
  /** Calls back if the client leaves before it is answered, at once if it has left; the function returned ends that. */
  whenGone(callback: () => void): () => void;
  /** The socket (HTTP/1) or session (HTTP/2) of the request, if the host shows it. */
  readonly connection?: object | undefined;
  /** Number of header fields. */
  fieldCount(): number;
}

/** An answer, ready for any server. */
export interface RelayResponse {
  readonly status: number;
  /** Flat list: name, value, name, value. Content-Length is in it. */
  readonly headers: string[];
  readonly body: string;
  /** True if the connection is not to be used for another request; for HTTP/1 only. */
  readonly close?: boolean;
}

/** Answers requests that are the door's to answer. Never rejects. */
export type Answer = (request: RelayRequest) => Promise<RelayResponse>;

/** Headers of which several fields may stand side by side, the host's own among them; of others the last one counts. */
export function addsUp(name: string): boolean {
  return /^(vary|www-authenticate|link)$/i.test(name);
}

/** The headers of an answer as [name, value] pairs. */
export function* headerPairs({ headers }: RelayResponse): Generator<[name: string, value: string]> {
  for (let at = 0; at + 1 < headers.length; at += 2) yield [headers[at] ?? '', headers[at + 1] ?? ''];
}
