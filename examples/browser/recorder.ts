import type { Exchange, ExchangeLog, RecordedMessage } from './exchange-log.js';

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
/** Bytes of a body that the log keeps, and that the recorder reads. The relay refuses bodies over 65,536 bytes. */
const MAXIMUM_RECORDED_BYTES = 65_536;
const MAXIMUM_READ_BYTES = 1_048_576;

/** Records the relay's exchanges. If the log's switch is on, changes the messages for the receiver. */
export function createRecorder(relay: FetchHandler, log: ExchangeLog): FetchHandler {
  let count = 0;
  return async (request, env) => {
    const { method, url, headers, signal } = request;
    const { pathname } = new URL(url);
    const bytes: number[] = [];
    const record = (): RecordedMessage => toRecorded(headers, new TextDecoder().decode(Uint8Array.from(bytes)));
    count += 1;
    const began: Exchange = {
      id: count,
      method,
      path: shortenIds(pathname.slice(MOUNT.length)).slice(0, MAXIMUM_LINE),
      operation: OPERATIONS[`${method} ${/\/m\/./.test(pathname) ? 'id' : ''}`] ?? 'none',
      request: record(),
    };
    log.put(began);
    const started = performance.now();
    const [body, copy] = request.body?.tee() ?? [null, null];
    if (copy !== null) collect(copy, bytes).catch(() => {}); // The relay reports a broken connection.
    const answer = await relay(new Request(url, { method, headers, signal, body, duplex: 'half' }), env);
    const original = await answer.text();
    const { status } = answer;
    const ended = { ...began, request: record(), ms: Math.round(performance.now() - started) };
    if (signal.aborted) {
      log.put({ ...ended, status: 0 });
      return answer;
    }
    const text = log.tampering && isForReceiver(method, answer) ? tamper(original) : original;
    log.put({ ...ended, status, answer: toRecorded(answer.headers, text), tampered: text !== original });
    return new Response(text === '' ? null : text, { status, headers: answer.headers });
  };
}

/** Keeps the start of a body. Also reads after the relay has refused it: no client sees an answer on a closed connection. */
async function collect(body: ReadableStream<Uint8Array>, bytes: number[]): Promise<void> {
  let read = 0;
  for await (const chunk of body.values({ preventCancel: true })) {
    bytes.push(...chunk.subarray(0, MAXIMUM_RECORDED_BYTES - bytes.length));
    read += chunk.length;
    if (read > MAXIMUM_READ_BYTES) return;
  }
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
