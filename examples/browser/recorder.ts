import type { ExchangeLog, RecordedMessage } from './exchange-log.js';

type FetchHandler = (request: Request, env?: unknown) => Promise<Response>;

const MOUNT = '/relay';

/** The endpoints' names in the drafts. */
const OPERATIONS: Readonly<Record<string, string>> = {
  'POST ': 'CreateMailbox',
  'GET id': 'ReadDisplayInformationFromMailbox',
  'POST id': 'ReadSecureContentFromMailbox',
  'PUT id': 'UpdateMailbox',
  'PATCH id': 'RelinquishMailbox',
  'DELETE id': 'DeleteMailbox',
};

/** The headers of the protocol, in the order of the pane. */
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

/** Characters that the log keeps: of a ciphertext, of a body, and of a path or header. */
const MAXIMUM_CIPHERTEXT = 1000;
const MAXIMUM_BODY = 4096;
const MAXIMUM_LINE = 200;
/** One byte more than the relay accepts. */
const MAXIMUM_BODY_BYTES = 65_537;
const MAXIMUM_READ_BYTES = 1_048_576;

/** Records the relay's exchanges. If the log's switch is on, changes the messages for the receiver. */
export function createRecorder(relay: FetchHandler, log: ExchangeLog): FetchHandler {
  let count = 0;
  return async (request, env) => {
    const { method, url, headers, signal } = request;
    const { pathname } = new URL(url);
    const body = await readStart(request.body);
    count += 1;
    const began = {
      id: count,
      method,
      path: shortenIds(pathname.slice(MOUNT.length)).slice(0, MAXIMUM_LINE),
      operation: OPERATIONS[`${method} ${/\/m\/./.test(pathname) ? 'id' : ''}`] ?? 'none',
      request: toRecorded(headers, body),
    };
    log.put(began);
    const started = performance.now();
    const init = { method, headers, signal, ...(body === '' ? {} : { body }) };
    const answer = await relay(new Request(url, init), env);
    const original = await answer.text();
    const { status } = answer;
    const ended = { ...began, ms: Math.round(performance.now() - started) };
    if (signal.aborted) {
      log.put({ ...ended, status: 0 });
      return answer;
    }
    const text = log.tampering && isForReceiver(method, answer) ? tamper(original) : original;
    log.put({ ...ended, status, answer: toRecorded(answer.headers, text), tampered: text !== original });
    return new Response(text === '' ? null : text, { status, headers: answer.headers });
  };
}

/**
 * Keeps as much of a body as the relay needs to refuse it, and reads further: a client sees no answer if the server
 * closes the connection during the body.
 */
async function readStart(body: ReadableStream<Uint8Array> | null): Promise<string> {
  const start = new Uint8Array(MAXIMUM_BODY_BYTES);
  let [kept, read] = [0, 0];
  for await (const chunk of body?.values({ preventCancel: true }) ?? []) {
    const part = chunk.subarray(0, start.length - kept);
    start.set(part, kept);
    kept += part.length;
    read += chunk.length;
    if (read > MAXIMUM_READ_BYTES) break;
  }
  return new TextDecoder().decode(start.subarray(0, kept));
}

function toRecorded(headers: Headers, text: string): RecordedMessage {
  const isPage = headers.get('Content-Type')?.startsWith('text/html');
  const brief = text.replace(/("data":")([^"]*)/, (_, name, data) => name + data.slice(0, MAXIMUM_CIPHERTEXT));
  const cut = brief.length > MAXIMUM_BODY ? `${brief.slice(0, MAXIMUM_BODY)}…` : brief;
  return {
    headers: HEADERS.flatMap((name) => {
      const value = headers.get(name);
      return value === null ? [] : [[name, shortenIds(value).slice(0, MAXIMUM_LINE)] as const];
    }),
    body: isPage ? `An HTML page of ${text.length} characters` : shortenIds(cut),
  };
}

/** A whole identifier gives access to the mailbox. */
const shortenIds = (text: string): string => text.replace(/\b([0-9a-f]{8})(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/gi, '$1…');

/** Answers for the sender have Mailbox-Receiver. */
const isForReceiver = (method: string, { status, headers }: Response): boolean =>
  method === 'POST' && status === 200 && !headers.has('Mailbox-Receiver') && headers.has('Mailbox-Version');

/** Changes one character of the ciphertext. */
function tamper(text: string): string {
  const body = JSON.parse(text) as { payload?: { type: string; data: string } };
  if (body.payload === undefined) return text;
  const { data } = body.payload;
  const middle = Math.floor(data.length / 2);
  const changed = data.slice(0, middle) + (data[middle] === 'A' ? 'B' : 'A') + data.slice(middle + 1);
  return JSON.stringify({ ...body, payload: { ...body.payload, data: changed } });
}
