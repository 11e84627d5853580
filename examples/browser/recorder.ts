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

/**
 * The relay's door with a recorder before it: each exchange goes to the log as the relay saw it, with nothing left out
 * but the rest of identifiers, and with the switch on, what the receiver gets is changed on its way. Bodies are held in
 * memory, whatever their size: nothing to put in front of a relay that strangers reach.
 */
export function recorded(relay: Fetch, log: ExchangeLog): Fetch {
  let count = 0;
  return async (request) => {
    const { method, url, headers } = request;
    const { pathname } = new URL(url);
    const text = await request.text();
    count += 1;
    const began: Exchange = {
      id: count,
      method,
      path: shortened(pathname.slice(MOUNT.length)),
      operation: OPERATIONS[`${method} ${/\/m\/./.test(pathname) ? 'id' : ''}`] ?? 'none',
      request: half(headers, text),
    };
    log.put(began);
    const started = performance.now();
    const body = text === '' ? {} : { body: text };
    const answer = await relay(new Request(url, { method, headers, signal: request.signal, ...body }));
    const original = await answer.text();
    const sent = log.tampering && isForReceiver(method, answer) ? tamperedWith(original) : original;
    const ms = Math.round(performance.now() - started);
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
      return value === null ? [] : [[name, shortened(value)] as const];
    }),
    body: isPage ? `An HTML page of ${text.length} characters` : shortened(text),
  };
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
