import { Agent, createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';

/** One process that the balancer may ask. */
export interface Target {
  readonly name: string;
  /** Its origin. */
  readonly url: string;
}

/**
 * What the balancer tells of one try: a process was asked; it began to answer; it did not, and another is asked; the
 * client did not wait for it.
 */
export interface BalancerEvent {
  readonly type: 'asked' | 'answered' | 'lost' | 'left';
  readonly target: Target;
  readonly request: IncomingMessage;
  /** Of the answer, once there is one. */
  readonly status?: number | undefined;
}

/** Milliseconds for which a process is asked last, after it did not answer. */
const AVOIDED_MS = 1000;
/** Milliseconds that a process may be silent: more than it holds a read for. */
const TIMEOUT_MS = 60_000;
/** Bytes of a body that is kept to be sent again: as much as the relay takes. */
const MAXIMUM_BODY_BYTES = 65_536;
/** Fields that are about one connection only (RFC 9110 §7.6.1), and the length, which is set anew. */
const CONNECTION_HEADERS = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'content-length',
];

/**
 * A small balancer: asks the targets in turn, and another one where one does not answer. That it may do so with a write
 * as well, which may have been carried out, is a property of the relay: the same Mailbox-Request-ID takes effect once.
 * (Not where hooks take a proof once, such as DPoP: there only the device can repeat a write, with a new proof.)
 * `targets` is asked for each request. Every answer names its process in `Served-By`.
 */
export function createBalancer(targets: () => readonly Target[], hear: (told: BalancerEvent) => void): Server {
  const agent = new Agent({ keepAlive: true });
  const avoided = new Map<string, number>(); // until when
  let turn = 0;

  function orderTargets(): Target[] {
    const all = targets();
    turn += 1;
    const rotated = all.map((_, index) => all[(turn + index) % all.length] as Target);
    const isAvoided = ({ url }: Target): number => Number((avoided.get(url) ?? 0) > performance.now());
    return rotated.sort((one, other) => isAvoided(one) - isAvoided(other));
  }

  async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const left = new AbortController();
    response.once('close', () => {
      if (!response.writableFinished) left.abort(); // So that no process holds a read for a client that has left.
    });
    const body = await readBody(incoming);
    if (body === undefined) {
      response.writeHead(413, { Connection: 'close' }).end();
      return;
    }
    for (const target of orderTargets()) {
      try {
        hear({ type: 'asked', target, request: incoming });
        const answer = await forward(target, incoming, body, agent, left.signal);
        hear({ type: 'answered', target, request: incoming, status: answer.statusCode });
        const headers = [...selectHeaders(answer), 'Served-By', target.name];
        const length = answer.headers['content-length'];
        if (length !== undefined) headers.push('Content-Length', length);
        response.writeHead(answer.statusCode ?? 502, headers);
        // Once a byte has gone out nothing can be tried again: what breaks now breaks at the client as well.
        pipeline(answer, response, () => undefined);
        return;
      } catch {
        hear({ type: left.signal.aborted ? 'left' : 'lost', target, request: incoming });
        if (left.signal.aborted) return;
        avoided.set(target.url, performance.now() + AVOIDED_MS);
      }
    }
    response.writeHead(503, { 'Retry-After': '1' }).end();
  }

  const server = createServer({ keepAliveTimeout: 65_000 }, (incoming, response) => {
    serve(incoming, response).catch(() => response.destroy()); // The client left in the midst of its body.
  });
  return server.on('close', () => agent.destroy());
}

/** Resolves with the head of the answer; rejects if there is none, also if the client leaves. */
function forward(
  { url }: Target,
  { method, url: path, rawHeaders, headers: fields }: IncomingMessage,
  body: Buffer,
  agent: Agent,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    // As a list, so that a field that was sent twice arrives twice: the relay refuses that.
    const headers = [...selectHeaders({ rawHeaders, headers: fields }), 'Content-Length', String(body.length)];
    const outgoing = request(url, { method, path, headers, agent, signal, timeout: TIMEOUT_MS });
    outgoing.on('timeout', () => outgoing.destroy(new Error('silent')));
    outgoing.on('response', resolve).on('error', reject);
    outgoing.end(body);
  });
}

/**
 * The whole body; `undefined` for one that is too long. It is read into one buffer: in a list, each chunk of one byte
 * would take hundreds of bytes.
 */
async function readBody(incoming: IncomingMessage): Promise<Buffer | undefined> {
  const body = Buffer.allocUnsafe(MAXIMUM_BODY_BYTES);
  let length = 0;
  for await (const chunk of incoming) {
    if (length + chunk.length > MAXIMUM_BODY_BYTES) return undefined;
    length += chunk.copy(body, length);
  }
  return Buffer.from(body.subarray(0, length)); // Short, as it is kept for as long as a read is held.
}

/** The fields that go further: not those of the connection, nor those that `Connection` names. */
function selectHeaders({ rawHeaders, headers }: Pick<IncomingMessage, 'rawHeaders' | 'headers'>): string[] {
  const named = (headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase());
  const kept = new Set([...CONNECTION_HEADERS, ...named]);
  return rawHeaders.filter((_, index) => !kept.has(rawHeaders[index - (index % 2)]?.toLowerCase() ?? ''));
}
