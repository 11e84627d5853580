import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import type { CustomFetch, CustomFetchOptions } from 'openid-client';

/** Largest answer that is read, in bytes: metadata, key sets and introspections are a few kB. */
const MOST_BYTES = 1024 * 1024;

/**
 * A `fetch` whose https connections trust these certificate authorities (PEM) instead of the usual ones: Node's own
 * `fetch` cannot be told so. For the requests of openid-client only: it follows no redirects, and a body is text or
 * form parameters. Plain http goes to Node's own `fetch`.
 */
export function fetchTrusting(ca: string | readonly string[]): CustomFetch {
  const agent = new Agent({ ca: typeof ca === 'string' ? ca : [...ca], keepAlive: true });
  return async (url, options) => {
    if (new URL(url).protocol !== 'https:') return fetch(url, options as RequestInit);
    const incoming = await send(url, options, agent);
    const body = await read(incoming).catch((error) => {
      throw reasonOf(error, options.signal);
    });
    return new Response(body, { status: incoming.statusCode ?? 0, headers: headersOf(incoming) });
  };
}

/** How a connection that the other side has closed shows itself, in Node's `fetch` and in `node:https`. */
const CLOSED = ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'];

/**
 * Repeats a request once whose connection broke: one that was kept from an earlier request may have been closed by the
 * server in this very moment, as by its restart. All that is asked here can be asked twice. Time-outs, refused
 * connections and answers of any kind are final.
 */
export function retryingClosed<Options extends { readonly signal?: AbortSignal | undefined }>(
  fetch: (url: string, options: Options) => Promise<Response>,
): (url: string, options: Options) => Promise<Response> {
  return (url, options) =>
    fetch(url, options).catch((error) => {
      if (!CLOSED.includes(codeOf(error)) || options.signal?.aborted === true) throw error;
      return fetch(url, options);
    });
}

function codeOf(error: unknown): string {
  const { code, cause } = Object(error);
  return String(code ?? Object(cause).code);
}

function send(url: string, { method, headers, body, signal }: CustomFetchOptions, agent: Agent) {
  return new Promise<IncomingMessage>((resolve, reject) => {
    const sent = request(url, { method, headers, agent, ...(signal === undefined ? {} : { signal }) }, resolve);
    sent.once('error', (error) => reject(reasonOf(error, signal)));
    sent.end(body === undefined || body === null ? undefined : textOf(body));
  });
}

/** An abort comes as a bare AbortError, or as a broken connection; its reason says whether the time was up. */
function reasonOf(error: unknown, signal: AbortSignal | undefined): unknown {
  return signal?.aborted === true ? signal.reason : error;
}

function textOf(body: NonNullable<CustomFetchOptions['body']>): string {
  if (typeof body === 'string' || body instanceof URLSearchParams) return body.toString();
  throw new TypeError('fetchTrusting: the body must be text or form parameters');
}

async function read(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength;
    if (bytes > MOST_BYTES) throw new RangeError('fetchTrusting: the answer is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function headersOf(incoming: IncomingMessage): Headers {
  const headers = new Headers();
  for (const [name, values] of Object.entries(incoming.headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value);
  }
  return headers;
}
