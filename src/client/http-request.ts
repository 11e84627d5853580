import { REQUEST_ID } from '../protocol/header-names.js';
import type { ClientCrypto } from './crypto.js';
import { TransferError } from './errors.js';
import { toNotSentError } from './fetch-errors.js';
import type { WireRequest, WireResponse } from './http-message.js';
import { parseJsonObject } from './json-values.js';
import { abortable, LONGEST_TIMER_MS, throwIfAborted } from './timing.js';
import { parseUrl } from './url.js';

/** Options of the HTTP requests. */
export interface Network {
  /**
   * The function that sends requests. Pass your own to add headers that change, such as an access token.
   * Default: the global `fetch`.
   */
  readonly fetch?: typeof fetch | undefined;
  /** Headers that the client adds to every request, such as `Authorization`. Default: none. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /**
   * Milliseconds after which the client ends one try, at least 20. A read that the relay holds may take longer.
   * Default 10,000.
   */
  readonly timeoutMs?: number | undefined;
  /**
   * WebCrypto, for a runtime without it, such as React Native: `crypto: QuickCrypto`. The client calls
   * `getRandomValues` and `subtle.digest`, `importKey`, `encrypt` and `decrypt`, with SHA-256 and AES-GCM only. Default:
   * the global `crypto`.
   */
  readonly crypto?: ClientCrypto | undefined;
}

/** The client reads so many bytes of a response and ignores the rest. */
const MAXIMUM_RESPONSE_BYTES = 4 * 1024 * 1024;

/**
 * Sends a request once and reads the response. Throws the reason of the signal, `redirected`, `not_sent`, or for an
 * outage the error of `fetch`.
 */
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
  const { headers } = network;
  const response = await callFetch(network.fetch ?? fetch, request.url, {
    method: request.method,
    // A redirect would send the Device Claim to another server. Cloudflare Workers refuse the value 'error'.
    redirect: 'manual',
    // Cookies and Referer would identify the user to the relay. React Native ignores these two settings.
    credentials: 'omit',
    referrerPolicy: 'no-referrer',
    signal,
    headers: {
      // The client sets Content-Type. A second one in another case would become part of the value.
      ...Object.fromEntries(Object.entries(headers ?? {}).filter(([name]) => !/^content-type$/i.test(name))),
      ...request.headers,
      ...(request.body !== undefined && { 'Content-Type': 'application/json' }),
    },
    ...(request.body !== undefined && { body: request.body }),
  });
  const header: WireResponse['header'] = (name) => response.headers.get(name) ?? undefined;
  const { status } = response;
  // A browser hides the status of a redirect.
  if (response.type === 'opaqueredirect' || REDIRECTS.includes(status)) {
    throw toRedirectedError(request.url, status, header('Location'));
  }
  const text = await readBody(response);
  const echo = header(REQUEST_ID);
  const hasEcho = echo === request.headers[REQUEST_ID];
  const isFromRelay = hasEcho || (echo === undefined && isPlausible(status, text, header, request.method));
  // The `fetch` of React Native follows redirects. If a relay has answered then, the client takes the response.
  if (response.redirected && !isFromRelay) throw toRedirectedError(request.url, 0, response.url);
  return { status, text, header, hasEcho, isFromRelay };
}

const REDIRECTS = [301, 302, 303, 307, 308];

/** Calls `fetch`. Throws `not_sent` if it refuses its arguments. */
async function callFetch(send: typeof fetch, url: string, init: RequestInit): Promise<Response> {
  let sending: Promise<Response> | undefined;
  try {
    sending = send(url, init);
    return await sending;
  } catch (error) {
    throw (await toNotSentError(error, url, init, sending === undefined)) ?? error;
  }
}

/** Names the origin only: the path may be the path of a mailbox, which is a secret. */
function toRedirectedError(from: string, status: number, location: string | undefined): TransferError {
  const to = parseUrl(location ?? '');
  const isSlash = /^.+\/$/.test(location ?? '') && from.endsWith((location ?? '').slice(0, -1));
  const target = isSlash ? 'itself with a slash at the end' : (to?.origin ?? 'another URL');
  return new TransferError(
    'redirected',
    `The server redirects the relay's URL to ${target}${status > 0 ? ` (${status})` : ''}. The client follows no ` +
      "redirects: turn them off for the relay's paths, or use the final URL.",
    { status: status || undefined },
  );
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
  // React Native has no streams and no TextDecoder; the body of node-fetch is a stream of Node.
  const reader = typeof TextDecoder === 'function' ? response.body?.getReader?.() : undefined;
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
