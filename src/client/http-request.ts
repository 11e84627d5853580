import { REQUEST_ID } from '../protocol/header-names.js';
import { parseJsonObject } from './json-values.js';
import { abortable, LONGEST_TIMER_MS, throwIfAborted } from './timing.js';

/** Options of the HTTP requests. */
export interface Network {
  /**
   * The function that sends requests. Pass your own to add headers that change, such as an access token.
   * Default: the global `fetch`.
   */
  readonly fetch?: typeof fetch | undefined;
  /** Headers that the client adds to every request, such as `Authorization`. Default: none. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Milliseconds after which the client ends one try. A read that the relay holds may take longer. Default 10,000. */
  readonly timeoutMs?: number | undefined;
}

/** One request; the client can send it any number of times. */
export interface WireRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON text. */
  readonly body?: string | undefined;
}

/** One response with its body. */
export interface WireResponse {
  readonly status: number;
  /** A header of the response; `undefined` if the header is absent, or if CORS hides it. */
  header(name: string): string | undefined;
  readonly text: string;
  /**
   * True if the relay sent the response, false for a proxy or captive portal in front of it. The relay echoes
   * Mailbox-Request-ID (docs/protocol.md §3). If CORS hides that header, the client judges by status, type and body.
   */
  readonly isFromRelay: boolean;
  /** True if the response has the Mailbox-Request-ID of the request. */
  readonly hasEcho: boolean;
}

/** The client reads so many bytes of a response and ignores the rest. */
const MAXIMUM_RESPONSE_BYTES = 4 * 1024 * 1024;

/** Sends a request once and reads the response. Throws the errors of `fetch`, or the reason of the signal. */
export async function sendOnce(request: WireRequest, network: Network, signal?: AbortSignal): Promise<WireResponse> {
  const { timeoutMs = 10_000 } = network;
  throwIfAborted(signal);
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), Math.min(timeoutMs, LONGEST_TIMER_MS));
  try {
    // A custom `fetch`, or the body of its response, may ignore the signal.
    const reply = abortable(exchange(request, network, controller.signal), controller.signal);
    return await abortable(reply, signal);
  } finally {
    clearTimeout(timer);
    controller.abort();
  }
}

async function exchange(request: WireRequest, network: Network, signal: AbortSignal): Promise<WireResponse> {
  const { fetch: send = fetch, headers } = network;
  const response = await send(request.url, {
    method: request.method,
    // A redirect would send the Device Claim to another server.
    redirect: 'error',
    // Cookies and Referer would identify the user to the relay. React Native ignores these two settings.
    credentials: 'omit',
    referrerPolicy: 'no-referrer',
    signal,
    headers: {
      ...headers,
      ...request.headers,
      ...(request.body !== undefined && { 'Content-Type': 'application/json' }),
    },
    ...(request.body !== undefined && { body: request.body }),
  });
  const text = await readBody(response);
  const header: WireResponse['header'] = (name) => response.headers.get(name) ?? undefined;
  const { status } = response;
  const echo = header(REQUEST_ID);
  const hasEcho = echo === request.headers[REQUEST_ID];
  const isFromRelay = hasEcho || (echo === undefined && isPlausible(status, text, header, request.method));
  return { status, text, header, hasEcho, isFromRelay };
}

/** True if a relay can send such a response: a problem, a JSON success, or an empty body where the protocol has one. */
function isPlausible(status: number, text: string, header: WireResponse['header'], method: string): boolean {
  const type = header('Content-Type') ?? '';
  if (status >= 400) return /\bproblem\+json\b/.test(type) || typeof parseJsonObject(text).code === 'string';
  // The relay sends no body after a held read without a change, a relinquish and a delete.
  const mayBeEmpty = method === 'PATCH' || method === 'DELETE' || (method === 'POST' && status === 204);
  return text === '' ? mayBeEmpty : /\bjson\b/.test(type);
}

/** The text of a response, up to the maximum size. */
async function readBody(response: Response): Promise<string> {
  // React Native has no streams.
  const reader = response.body?.getReader();
  if (reader === undefined) return (await response.text()).slice(0, MAXIMUM_RESPONSE_BYTES);
  const decoder = new TextDecoder();
  let text = '';
  for (let bytes = 0; bytes <= MAXIMUM_RESPONSE_BYTES; ) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    bytes += value.length;
    text += decoder.decode(value, { stream: true });
  }
  void reader.cancel().catch(() => {});
  return text;
}
