/** How requests reach relays. */
export interface Network {
  /** Default: the global `fetch`. Give one of your own to add headers that change, such as an access token. */
  readonly fetch?: typeof fetch | undefined;
  /** Added to every request, such as `Authorization`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Milliseconds that one try may take. Default 10,000. */
  readonly timeoutMs?: number | undefined;
}

/** One request, ready to be sent any number of times. */
export interface WireRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON text. */
  readonly body?: string | undefined;
}

/** One answer, read to its end. */
export interface WireResponse {
  readonly status: number;
  /** A header of the answer; `undefined` if absent, or hidden by CORS. */
  header(name: string): string | undefined;
  readonly text: string;
  /**
   * Whether it is the relay that answers, and not what stands before it, such as a proxy with a page of its own: the
   * relay sends the Mailbox-Request-ID back. Where CORS hides that, what looks like an answer of the relay counts.
   */
  readonly isOfRelay: boolean;
  /** Whether the Mailbox-Request-ID came back. */
  readonly hasEcho: boolean;
}

/** How often, how long, and after what a request is sent again. */
export interface RetryPolicy {
  /** Tries in all. Default: any number. */
  readonly attempts?: number | undefined;
  /** Milliseconds from the first try after which no other is begun. Default: any time. */
  readonly retryTimeoutMs?: number | undefined;
  /** Milliseconds before the first retry; doubled with each one, and taken at random below that. */
  readonly retryDelayMs: number;
  /** Most milliseconds that Retry-After may ask for; when it asks for more, the answer stands. */
  readonly longestPauseMs: number;
  /** Tells answers that say nothing about the request, only that it came at a bad time. */
  readonly isPassing: (reply: WireResponse) => boolean;
  readonly signal?: AbortSignal | undefined;
  /** Told before each pause. */
  readonly onRetry?: ((pauseMs: number, status: number | undefined) => void) | undefined;
}

/** The relay, or what stands before it, did not answer in all the tries. */
export class RelayUnreachable extends Error {
  override readonly name = 'RelayUnreachable';
}

/** Mailbox-Receiver: whether a receiver is bound, where the relay says so, to the sender. */
export function parseReceiver(reply: WireResponse): 'none' | 'bound' | undefined {
  const receiver = reply.header('Mailbox-Receiver');
  return receiver === 'none' || receiver === 'bound' ? receiver : undefined;
}

/** Bytes of an answer after which no more is read. */
const MOST_BYTES = 4 * 1024 * 1024;

/** Characters of a text in an answer after which the rest is cut off. */
const MOST_CHARACTERS = 4096;

/** Tries, and milliseconds, without a bound. */
const FOREVER = Number.POSITIVE_INFINITY;

/** Longest time that a timer takes, in ms; a longer one is over at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

const REQUEST_ID = 'Mailbox-Request-ID';

/** Longest pause of the back-off by itself, in ms. */
const LONGEST_BACK_OFF_MS = 30_000;

/** Milliseconds of a clock that only goes forward. */
export const monotonicNow = (): number => performance.now();

/** Throws the reason of a signal that was aborted. */
export function throwIfAborted(signal: AbortSignal | undefined): undefined {
  // Not signal.throwIfAborted(): React Native has no such thing, nor AbortSignal.any or AbortSignal.timeout.
  if (signal?.aborted === true) throw signal.reason ?? Object.assign(new Error('Aborted.'), { name: 'AbortError' });
}

/** Settles as `work` does, or throws the reason of the signal when that is aborted first; `work` itself goes on. */
export async function abortable<Value>(work: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return work;
  work.catch(() => {});
  let stop = (): void => {};
  const aborted = new Promise<void>((resolve) => {
    stop = resolve;
  });
  signal.addEventListener('abort', stop);
  try {
    throwIfAborted(signal);
    return (await Promise.race([work, aborted.then(() => throwIfAborted(signal))])) as Value;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Waits for so many milliseconds; throws the reason of the signal when that is aborted first. */
export async function delay(ms: number, signal: AbortSignal | undefined): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, Math.min(ms, LONGEST_TIMER_MS));
  });
  try {
    await abortable(over, signal);
  } finally {
    clearTimeout(timer);
  }
}

/** Sends a request once and reads the whole answer. Throws what `fetch` throws, or the reason of the signal. */
export async function sendOnce(request: WireRequest, network: Network, signal?: AbortSignal): Promise<WireResponse> {
  const { timeoutMs = 10_000 } = network;
  throwIfAborted(signal);
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), Math.min(timeoutMs, LONGEST_TIMER_MS));
  try {
    // A `fetch` of the app's own, or the body of its answer, may not heed a signal.
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
    // A claim is for the relay of the link and for no other.
    redirect: 'error',
    // Cookies and the like would tell who it is, and the relay is not to know. React Native does not know these.
    credentials: 'omit',
    referrerPolicy: 'no-referrer',
    signal,
    headers: {
      ...headers,
      ...request.headers,
      ...(request.body === undefined ? {} : { 'Content-Type': 'application/json' }),
    },
    ...(request.body === undefined ? {} : { body: request.body }),
  });
  const text = await readStart(response);
  const header: WireResponse['header'] = (name) => response.headers.get(name) ?? undefined;
  const { status } = response;
  const echo = header(REQUEST_ID);
  const hasEcho = echo === request.headers[REQUEST_ID];
  const isOfRelay = hasEcho || (echo === undefined && isPlausible(status, text, header, request.method));
  return { status, text, header, hasEcho, isOfRelay };
}

/** Whether an answer could be a relay's: a problem, the JSON of a success, or nothing where there is nothing to say. */
function isPlausible(status: number, text: string, header: WireResponse['header'], method: string): boolean {
  const type = header('Content-Type') ?? '';
  if (status >= 400) return /\bproblem\+json\b/.test(type) || typeof parseJsonObject(text).code === 'string';
  // A read that was held may bring nothing; a relinquish and a delete have nothing to bring.
  const mayBeEmpty = method === 'PATCH' || method === 'DELETE' || (method === 'POST' && status === 204);
  return text === '' ? mayBeEmpty : /\bjson\b/.test(type);
}

/** The text of an answer; of one that is longer than any relay's, the start. */
async function readStart(response: Response): Promise<string> {
  // React Native has no streams.
  const reader = response.body?.getReader();
  if (reader === undefined) return (await response.text()).slice(0, MOST_BYTES);
  const decoder = new TextDecoder();
  let text = '';
  for (let bytes = 0; bytes <= MOST_BYTES; ) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    bytes += value.length;
    text += decoder.decode(value, { stream: true });
  }
  void reader.cancel().catch(() => {});
  return text;
}

/**
 * Calls `send` until it brings an answer that is not passing, and resolves to that, or to the last passing one when
 * tries or time are used up. Throws {@link RelayUnreachable} if the last try brought none, or the signal's reason.
 */
export async function retry(
  send: () => Promise<WireResponse>,
  policy: RetryPolicy,
): Promise<{ readonly reply: WireResponse; readonly attempts: number }> {
  const { attempts: most = FOREVER, retryTimeoutMs = FOREVER } = policy;
  const end = monotonicNow() + retryTimeoutMs;
  for (let attempts = 1; ; attempts += 1) {
    let wait = retryDelay(attempts, policy.retryDelayMs);
    let reply: WireResponse | undefined;
    let lost: unknown;
    try {
      reply = await send();
      const asked = retryAfterMs(reply);
      if (!policy.isPassing(reply) || asked > policy.longestPauseMs) return { reply, attempts };
      // Not all clients at the same moment.
      if (asked > 0) wait += asked;
    } catch (error) {
      throwIfAborted(policy.signal);
      lost = error;
    }
    if (attempts >= most || monotonicNow() + wait > end) {
      if (reply !== undefined) return { reply, attempts };
      throw new RelayUnreachable('The relay did not answer.', { cause: lost });
    }
    policy.onRetry?.(wait, reply?.status);
    await delay(wait, policy.signal);
  }
}

/** Milliseconds before the next try after so many failed ones. */
export function retryDelay(failures: number, retryDelayMs: number): number {
  return Math.random() * Math.min(LONGEST_BACK_OFF_MS, retryDelayMs * 2 ** (failures - 1));
}

/** Milliseconds that an answer asks to wait: seconds or a date (RFC 9110 §10.2.3); 0 if it does not. */
export function retryAfterMs(reply: WireResponse): number {
  const value = reply.header('Retry-After') ?? '';
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - serverTime(reply);
  return Math.min(LONGEST_TIMER_MS, Math.max(0, ms) || 0);
}

/** The relay's time at its answer, in ms; this device's own where the answer does not say. */
export function serverTime(reply: WireResponse): number {
  return parseDate(reply) ?? Date.now();
}

/** The `Date` of an answer, in ms; `undefined` if it has none of the years 2001 to 2128. */
export function parseDate(reply: WireResponse): number | undefined {
  const time = Date.parse(reply.header('Date') ?? '');
  return time > 1e12 && time < 5e12 ? time : undefined;
}

/** Mailbox-Version of an answer; one without end is cut off, and never current. */
export function parseVersion(reply: WireResponse): string | undefined {
  return boundedText(reply.header('Mailbox-Version')) || undefined;
}

/** A text of an answer, or its start; empty for what is none. */
export function boundedText(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, MOST_CHARACTERS) : '';
}

/** A time of an answer, of the form `YYYY-MM-DDThh:mm:ssZ`; `undefined` for anything else. */
export function parseWireTime(value: unknown): string | undefined {
  const text = boundedText(value);
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text) && Date.parse(text) ? text : undefined;
}

/** The members of a JSON object; none if the text is not one. */
export function parseJsonObject(text: string): Readonly<Record<string, unknown>> {
  try {
    return (JSON.parse(text) as Record<string, unknown> | null) ?? {};
  } catch {
    return {};
  }
}
