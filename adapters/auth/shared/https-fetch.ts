import type { Agent as HttpAgent, IncomingMessage } from 'node:http';
import { type AgentOptions, request } from 'node:https';
import { Readable } from 'node:stream';
import type { CustomFetch, CustomFetchOptions } from 'openid-client';
import { BoundedAgent } from '../../shared/bounded-agent.js';
import { createEgress, type Egress } from '../../shared/egress.js';

/**
 * Returns a `fetch` whose https connections trust the given certificate authorities (PEM) in place of the default ones.
 * Node's own `fetch` has no such option. Supports the requests of openid-client only: the function follows no
 * redirects, and a body is text or form parameters. Plain http goes to Node's own `fetch`.
 */
export function fetchWithCa(ca: string | readonly string[]): CustomFetch {
  return createHttpsFetch(typeof ca === 'string' ? ca : [...ca], undefined);
}

/**
 * Returns the `fetch` of a hook: its own function, or requests with its certificate authorities and its way out. Requests
 * that need neither go to the global `fetch`, which is read at each call, since a host may replace it.
 */
export function selectFetch(
  user: string,
  options: FetchOptions & { readonly fetch?: CustomFetch | undefined },
): CustomFetch {
  const { fetch: custom, ca, timeoutMs } = options;
  if (custom !== undefined) return custom;
  const egress = createEgress(user, options, timeoutMs);
  const own = createHttpsFetch(ca, egress);
  return (url, init) =>
    ca === undefined && egress.findAgent(new URL(url)) === undefined ? fetch(url, init as RequestInit) : own(url, init);
}

/** Options of a hook that sends requests. */
export interface FetchOptions {
  readonly ca?: AgentOptions['ca'];
  readonly agent?: HttpAgent | undefined;
  readonly proxy?: URL | false | undefined;
  readonly timeoutMs: number;
}

function createHttpsFetch(ca: AgentOptions['ca'], egress: Egress | undefined): CustomFetch {
  const trusted = ca === undefined ? {} : { ca };
  const direct = new BoundedAgent(trusted);
  return async (url, options) => {
    const target = new URL(url);
    if (target.protocol !== 'https:') return fetch(url, options as RequestInit);
    const incoming = await send(url, options, egress?.findAgent(target) ?? direct, trusted);
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

function send(
  url: string,
  { method, headers, body, signal }: CustomFetchOptions,
  agent: HttpAgent,
  trusted: Pick<AgentOptions, 'ca'>,
) {
  return new Promise<IncomingMessage>((resolve, reject) => {
    const sent = request(
      url,
      { method, headers, agent, ...trusted, ...(signal === undefined ? {} : { signal }) },
      resolve,
    );
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
