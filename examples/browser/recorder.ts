import type { Exchange, Half } from './exchange.js';
import type { ExchangeLog } from './exchange-log.js';

/** Where the relay is mounted; left out where space is dear. */
const MOUNT = '/relay';

type Fetch = (request: Request) => Promise<Response>;

/** The drafts' names of the endpoints. */
const OPERATIONS: Readonly<Record<string, string>> = {
  'POST ': 'CreateMailbox',
  'GET id': 'ReadDisplayInformationFromMailbox',
  'POST id': 'ReadSecureContentFromMailbox',
  'PUT id': 'UpdateMailbox',
  'PATCH id': 'RelinquishMailbox',
  'DELETE id': 'DeleteMailbox',
};

/** Headers that the protocol knows, in the order in which they are shown. */
const HEADERS = [
  'Mailbox-Device-Claim',
  'Mailbox-Request-ID',
  'Mailbox-Known-Version',
  'Prefer',
  'Mailbox-Version',
  'Mailbox-Receiver',
  'Preference-Applied',
  'WWW-Authenticate',
  'Retry-After',
  'Content-Type',
];

/** Bytes of a request's body that are kept. The relay refuses one of that length, so the rest does not matter. */
const MOST_BYTES = 65_537;
/** Bytes of a request's body that are read, and the time for it, in ms. */
const MOST_READ = 1_048_576;
const READ_MS = 60_000;
/** Characters that are kept: of ciphertext, of a whole body, of a path and of each header. */
const MOST_DATA = 1000;
const MOST_TEXT = 4096;
const MOST_LINE = 200;

/**
 * The relay's door with a recorder before it: each exchange goes to the log as the relay saw it, with nothing left out
 * but the rest of identifiers and of long bodies, and with the switch on, what the receiver gets is changed on its way.
 */
export function recorded(relay: Fetch, log: ExchangeLog): Fetch {
  let count = 0;
  return async (request) => {
    const { method, url, headers } = request;
    const { pathname } = new URL(url);
    const text = await startOf(request);
    count += 1;
    const began: Exchange = {
      id: count,
      method,
      path: shortened(pathname.slice(MOUNT.length)).slice(0, MOST_LINE),
      operation: OPERATIONS[`${method} ${/\/m\/./.test(pathname) ? 'id' : ''}`] ?? 'none',
      request: half(headers, text ?? ''),
    };
    log.put(began);
    const started = performance.now();
    const toRelay = (text: string): Request =>
      new Request(url, { method, headers, signal: request.signal, ...(text === '' ? {} : { body: text }) });
    const answer = text === undefined ? new Response(null, { status: 408 }) : await relay(toRelay(text));
    const original = await answer.text();
    const ms = Math.round(performance.now() - started);
    if (request.signal.aborted) {
      log.put({ ...began, status: 0, ms });
      return answer;
    }
    const sent = log.tampering && isForReceiver(method, answer) ? tamperedWith(original) : original;
    const { status } = answer;
    log.put({ ...began, status, ms, answer: half(answer.headers, sent), tampered: sent !== original });
    return new Response(sent === '' ? null : sent, { status, headers: answer.headers });
  };
}

function half(headers: Headers, text: string): Half {
  const isPage = headers.get('Content-Type')?.startsWith('text/html');
  return {
    headers: HEADERS.flatMap((name) => {
      const value = headers.get(name);
      return value === null ? [] : [[name, shortened(value).slice(0, MOST_LINE)] as const];
    }),
    body: isPage ? `An HTML page of ${text.length} characters` : shortened(cut(text)),
  };
}

/** A body as far as it is shown: whole ciphertext says no more than its start. */
function cut(text: string): string {
  const brief = text.replace(/("data":")([^"]*)/, (_, name, data) => name + data.slice(0, MOST_DATA));
  return brief.length > MOST_TEXT ? `${brief.slice(0, MOST_TEXT)}…` : brief;
}

/**
 * The start of a body; undefined if it takes too long. A body that is longer than a relay takes is read somewhat further
 * and then left to the server: a connection that is cut at once shows no answer.
 */
async function startOf({ body }: Request): Promise<string | undefined> {
  if (body === null) return '';
  const start = new Uint8Array(MOST_BYTES);
  let bytes = 0;
  let isLate = false;
  const reader = body.getReader();
  const timer = setTimeout(() => {
    isLate = true;
    reader.releaseLock(); // The read under way rejects.
  }, READ_MS);
  try {
    for (let read = 0; read <= MOST_READ; ) {
      const { value } = await reader.read();
      if (value === undefined) break;
      read += value.length;
      const kept = value.subarray(0, MOST_BYTES - bytes);
      start.set(kept, bytes);
      bytes += kept.length;
    }
  } catch (error) {
    if (isLate) return undefined;
    throw error;
  } finally {
    clearTimeout(timer);
    reader.releaseLock();
  }
  return new TextDecoder().decode(start.subarray(0, bytes));
}

/** Whoever has a whole identifier can use it, also where it is only shown. */
const shortened = (text: string): string =>
  text.replace(/\b([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, '$1…');

/** Only answers to the sender say whether a receiver is bound. */
const isForReceiver = (method: string, { status, headers }: Response): boolean =>
  method === 'POST' && status === 200 && !headers.has('Mailbox-Receiver') && headers.has('Mailbox-Version');

/** Changes one character of the ciphertext, and with it a few bits. */
function tamperedWith(text: string): string {
  const body = JSON.parse(text) as { payload?: { type: string; data: string } };
  if (body.payload === undefined) return text;
  const { data } = body.payload;
  const at = Math.floor(data.length / 2);
  const changed = data.slice(0, at) + (data[at] === 'A' ? 'B' : 'A') + data.slice(at + 1);
  return JSON.stringify({ ...body, payload: { ...body.payload, data: changed } });
}
