import { Agent, createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';

export interface Target {
  readonly name: string;
  /** The origin. */
  readonly url: string;
}

/**
 * An event of one attempt: the balancer sent the request to a process (`asked`), the process answered, the process did
 * not answer and the balancer tries another (`lost`), or the client disconnected (`left`).
 */
export interface BalancerEvent {
  readonly type: 'asked' | 'answered' | 'lost' | 'left';
  readonly target: Target;
  readonly request: IncomingMessage;
  /** The status of the answer. */
  readonly status?: number | undefined;
}

/** Time for which a process without an answer is tried last. */
const AVOIDED_MS = 1000;
/** Longer than a relay holds a read. */
const TIMEOUT_MS = 60_000;
/** The balancer keeps bodies to send them again. The limit is the relay's. */
const MAXIMUM_BODY_BYTES = 65_536;
/** Fields of one connection (RFC 9110 §7.6.1), and the length, which the balancer sets. */
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
 * Sends requests to the targets in turn, and to another target if one does not answer. It can repeat writes, because
 * one Mailbox-Request-ID takes effect once at the relay. With hooks that accept a proof once (DPoP), only the device
 * can repeat a write, with a new proof. Calls `targets` per request. Every answer names its process in `Served-By`.
 */
export function createBalancer(targets: () => readonly Target[], onEvent: (event: BalancerEvent) => void): Server {
  const agent = new Agent({ keepAlive: true });
  const avoided = new Map<string, number>(); // until, by performance.now()
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
      if (!response.writableFinished) left.abort(); // The process ends the held read of this client.
    });
    const body = await readBody(incoming);
    if (body === undefined) {
      response.writeHead(413, { Connection: 'close' }).end();
      return;
    }
    for (const target of orderTargets()) {
      try {
        onEvent({ type: 'asked', target, request: incoming });
        const answer = await forward(target, incoming, body, agent, left.signal);
        onEvent({ type: 'answered', target, request: incoming, status: answer.statusCode });
        const headers = [...selectHeaders(answer), 'Served-By', target.name];
        const length = answer.headers['content-length'];
        if (length !== undefined) headers.push('Content-Length', length);
        response.writeHead(answer.statusCode ?? 502, headers);
        // After the first byte no retry is possible: an error ends the client's answer as well.
        pipeline(answer, response, () => undefined);
        return;
      } catch {
        onEvent({ type: left.signal.aborted ? 'left' : 'lost', target, request: incoming });
        if (left.signal.aborted) return;
        avoided.set(target.url, performance.now() + AVOIDED_MS);
      }
    }
    response.writeHead(503, { 'Retry-After': '1' }).end();
  }

  const server = createServer({ keepAliveTimeout: 65_000 }, (incoming, response) => {
    serve(incoming, response).catch(() => response.destroy()); // The client disconnected during its body.
  });
  return server.on('close', () => agent.destroy());
}

/** Resolves with the head of the answer. Rejects if there is no answer or the client disconnects. */
function forward(
  { url }: Target,
  { method, url: path, rawHeaders, headers: fields }: IncomingMessage,
  body: Buffer,
  agent: Agent,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    // A list keeps repeated fields, which the relay refuses.
    const headers = [...selectHeaders({ rawHeaders, headers: fields }), 'Content-Length', String(body.length)];
    const outgoing = request(url, { method, path, headers, agent, signal, timeout: TIMEOUT_MS });
    outgoing.on('timeout', () => outgoing.destroy(new Error('silent')));
    outgoing.on('response', resolve).on('error', reject);
    outgoing.end(body);
  });
}

/**
 * Returns `undefined` for a body that is too long. One buffer: in a list, a chunk of one byte takes hundreds of bytes.
 */
async function readBody(incoming: IncomingMessage): Promise<Buffer | undefined> {
  const body = Buffer.allocUnsafe(MAXIMUM_BODY_BYTES);
  let length = 0;
  for await (const chunk of incoming) {
    if (length + chunk.length > MAXIMUM_BODY_BYTES) return undefined;
    length += chunk.copy(body, length);
  }
  return Buffer.from(body.subarray(0, length)); // A short copy, because it stays in memory while a read is held.
}

/** All fields except the connection's and the ones that `Connection` names. */
function selectHeaders({ rawHeaders, headers }: Pick<IncomingMessage, 'rawHeaders' | 'headers'>): string[] {
  const named = (headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase());
  const kept = new Set([...CONNECTION_HEADERS, ...named]);
  return rawHeaders.filter((_, index) => !kept.has(rawHeaders[index - (index % 2)]?.toLowerCase() ?? ''));
}
