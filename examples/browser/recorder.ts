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
      request: half(headers, text),
    };
    log.put(began);
    const started = performance.now();
    const body = text === '' ? {} : { body: text };
    const answer = await relay(new Request(url, { method, headers, signal: request.signal, ...body }));
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

/** The text of a body; what is beyond the limit is read and dropped, as a connection that is cut shows no answer. */
async function startOf({ body }: Request): Promise<string> {
  const start = new Uint8Array(MOST_BYTES);
  let bytes = 0;
  const reader = body?.getReader();
  for (let part = await reader?.read(); part?.value !== undefined; part = await reader?.read()) {
    const kept = part.value.subarray(0, MOST_BYTES - bytes);
    start.set(kept, bytes);
    bytes += kept.length;
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
