import type { IncomingMessage } from 'node:http';
import { type Agent, request } from 'node:https';
import { Readable } from 'node:stream';
import type { CustomFetch, CustomFetchOptions } from 'openid-client';
import { BoundedAgent } from '../../shared/bounded-agent.js';

/**
 * A `fetch` whose https connections trust these certificate authorities (PEM) instead of the usual ones: Node's own
 * `fetch` cannot be told so. For the requests of openid-client only: it follows no redirects, and a body is text or
 * form parameters. Plain http goes to Node's own `fetch`.
 */
export function fetchWithCa(ca: string | readonly string[]): CustomFetch {
  const agent = new BoundedAgent({ ca: typeof ca === 'string' ? ca : [...ca] });
  return async (url, options) => {
    if (new URL(url).protocol !== 'https:') return fetch(url, options as RequestInit);
    const incoming = await send(url, options, agent);
    try {
      const body = Readable.toWeb(incoming) as ReadableStream<Uint8Array<ArrayBuffer>>;
      return new Response(body, { status: incoming.statusCode ?? 0, headers: toHeaders(incoming) });
    } catch (error) {
      // A status that no Response can have, or none with a body: the connection would stay open for nobody.
      incoming.destroy();
      throw error;
    }
  };
}

/** How a connection that the other side has closed shows itself, in Node's `fetch` and in `node:https`. */
const CLOSED = ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'];

/**
 * Repeats a request once whose connection broke: one that was kept from an earlier request may have been closed by the
 * server in this very moment, as by its restart. All that is asked here can be asked twice. Time-outs, refused
 * connections and answers of any kind are final.
 */
export function retryOnClosedConnection<Options extends { readonly signal?: AbortSignal | undefined }>(
  fetch: (url: string, options: Options) => Promise<Response>,
): (url: string, options: Options) => Promise<Response> {
  return (url, options) =>
    fetch(url, options).catch((error) => {
      if (!CLOSED.includes(getErrorCode(error)) || options.signal?.aborted === true) throw error;
      return fetch(url, options);
    });
}

function getErrorCode(error: unknown): string {
  const { code, cause } = Object(error);
  return String(code ?? Object(cause).code);
}

/** The connection ended, or turned into one of another protocol, without an answer. */
class NoResponse extends Error {
  override readonly name = 'NoAnswer';

  constructor(readonly code: 'connection_closed' | 'connection_upgraded') {
    super('The server gave no answer.');
  }
}

function send(url: string, { method, headers, body, signal }: CustomFetchOptions, agent: Agent) {
  return new Promise<IncomingMessage>((resolve, reject) => {
    const sent = request(url, { method, headers, agent, ...(signal === undefined ? {} : { signal }) }, resolve);
    sent.once('error', (error) => reject(getFailureReason(error, signal)));
    // Node emits neither an answer nor an error for `101 Switching Protocols` that nobody asked for.
    sent.once('upgrade', (_, socket) => {
      socket.destroy();
      reject(new NoResponse('connection_upgraded'));
    });
    sent.once('close', () => reject(new NoResponse('connection_closed')));
    sent.end(body === undefined || body === null ? undefined : toText(body));
  });
}

/** An abort comes as a bare AbortError, or as a broken connection; its reason says whether the time was up. */
function getFailureReason(error: unknown, signal: AbortSignal | undefined): unknown {
  return signal?.aborted === true ? signal.reason : error;
}

function toText(body: NonNullable<CustomFetchOptions['body']>): string {
  if (typeof body === 'string' || body instanceof URLSearchParams) return body.toString();
  throw new TypeError('fetchTrusting: the body must be text or form parameters');
}

function toHeaders(incoming: IncomingMessage): Headers {
  const headers = new Headers();
  for (const [name, values] of Object.entries(incoming.headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value);
  }
  return headers;
}
