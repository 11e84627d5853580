import type { IncomingMessage } from 'node:http';
import { type Agent, request } from 'node:https';
import { Readable } from 'node:stream';
import type { CustomFetch, CustomFetchOptions } from 'openid-client';
import { BoundedAgent } from '../../shared/bounded-agent.js';

/**
 * Returns a `fetch` whose https connections trust the given certificate authorities (PEM) in place of the default ones.
 * Node's own `fetch` has no such option. Supports the requests of openid-client only: the function follows no
 * redirects, and a body is text or form parameters. Plain http goes to Node's own `fetch`.
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
      // `Response` rejects the status, or a body with this status. Without destroy the connection would stay open.
      incoming.destroy();
      throw error;
    }
  };
}

/** Error codes of a connection that the other side has closed, in Node's `fetch` and in `node:https`. */
const CLOSED_CODES = ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'];

/**
 * Repeats a request once if its connection broke: the server may have closed an idle connection at this moment, for
 * example during a restart. All requests of the adapters are safe to repeat. Time-outs, refused connections and
 * responses are final.
 */
export function retryOnClosedConnection<Options extends { readonly signal?: AbortSignal | undefined }>(
  fetch: (url: string, options: Options) => Promise<Response>,
): (url: string, options: Options) => Promise<Response> {
  return (url, options) =>
    fetch(url, options).catch((error) => {
      if (!CLOSED_CODES.includes(getErrorCode(error)) || options.signal?.aborted === true) throw error;
      return fetch(url, options);
    });
}

function getErrorCode(error: unknown): string {
  const { code, cause } = Object(error);
  return String(code ?? Object(cause).code);
}

/** The connection ended, or changed to another protocol, without a response. */
class NoResponse extends Error {
  override readonly name = 'NoResponse';

  constructor(readonly code: 'connection_closed' | 'connection_upgraded') {
    super('The server sent no response.');
  }
}

function send(url: string, { method, headers, body, signal }: CustomFetchOptions, agent: Agent) {
  return new Promise<IncomingMessage>((resolve, reject) => {
    const sent = request(url, { method, headers, agent, ...(signal === undefined ? {} : { signal }) }, resolve);
    sent.once('error', (error) => reject(getFailureReason(error, signal)));
    // Node emits neither 'response' nor 'error' for an unrequested `101 Switching Protocols`.
    sent.once('upgrade', (_, socket) => {
      socket.destroy();
      reject(new NoResponse('connection_upgraded'));
    });
    sent.once('close', () => reject(new NoResponse('connection_closed')));
    sent.end(body === undefined || body === null ? undefined : toText(body));
  });
}

/** Node reports an abort as an AbortError or as a broken connection. The signal's reason names a time-out. */
function getFailureReason(error: unknown, signal: AbortSignal | undefined): unknown {
  return signal?.aborted === true ? signal.reason : error;
}

function toText(body: NonNullable<CustomFetchOptions['body']>): string {
  if (typeof body === 'string' || body instanceof URLSearchParams) return body.toString();
  throw new TypeError('fetchWithCa: the body must be text or form parameters');
}

function toHeaders(incoming: IncomingMessage): Headers {
  const headers = new Headers();
  for (const [name, values] of Object.entries(incoming.headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value);
  }
  return headers;
}
