import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { isIP } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { connectWithAgent, type Egress } from '../../shared/egress.js';
import { createHttpCall, type HttpCall, type ProviderResponse } from '../shared/http-call.js';
import { createRetry, PushFailure, toErrorCode } from '../shared/outcome.js';

export interface ApnsConnectionOptions {
  readonly origin: string;
  readonly timeoutMs: number;
  /** Trusted certificates in place of the system's. */
  readonly ca: ConnectionOptions['ca'];
  readonly egress: Egress;
}

export interface ApnsPost {
  readonly path: string;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: string;
  readonly signal: AbortSignal;
}

/** The connection to APNs: one HTTP/2 session at a time. */
export interface ApnsConnection {
  /** Resolves to any response. Rejects with a PushFailure of outcome `retry`. */
  post(post: ApnsPost): Promise<ProviderResponse>;
  /** Ends the session. Pushes under way fail with the code `closed`. */
  close(): Promise<void>;
}

interface Session {
  readonly http2: ClientHttp2Session;
  /** Destroyed with the session, since an ended session waits for the other side to end the socket. */
  readonly socket: TLSSocket;
  readonly underWay: Set<HttpCall>;
  /** Time of creation, in ms of `performance.now()`. */
  readonly openedAt: number;
  /** Characters of the origins that the server has announced (RFC 8336). Node keeps all of them. */
  originCharacters: number;
  /** Counts responses and ping replies of the server. */
  signsOfLife: number;
  /** Why the session ended. */
  failure?: string;
}

/** Interval of TCP keep-alive probes, which detect a lost connection and keep firewalls open. */
const KEEP_ALIVE_MS = 60_000;

/** Maximum age of a session. Node keeps some data per session, which would otherwise grow. */
const MAXIMUM_AGE_MS = 3_600_000;

/** Characters of origins after which a session is replaced. A correct server announces some origins once. */
const MAXIMUM_ORIGIN_CHARACTERS = 16_384;

/** Characters of origins after which a session is destroyed with its pushes. */
const ABUSIVE_ORIGIN_CHARACTERS = 1_048_576;

/** The code for a request that the server has not processed (RFC 9113 §8.7). */
const NOT_PROCESSED = 'refused_stream';

/**
 * Creates the connection. The first push opens the session. As APNs recommends, the session stays open between pushes,
 * for at most an hour. An idle session does not keep the process alive.
 *
 * If a push has no response after half of `timeoutMs`, the connection sends a ping. If the server sends nothing until
 * the end of `timeoutMs`, the session is dead and ends with all its pushes. Otherwise only this push fails.
 */
export function createApnsConnection(options: ApnsConnectionOptions): ApnsConnection {
  return new Http2Connection(options);
}

class Http2Connection implements ApnsConnection {
  readonly #options: ApnsConnectionOptions;
  /** All sessions whose sockets are open. Only `#current` receives new pushes. */
  readonly #sessions = new Set<Session>();
  #current: Session | undefined;
  /** The session that an agent is about to connect. */
  #opening: Promise<Session> | undefined;
  #isClosed = false;

  constructor(options: ApnsConnectionOptions) {
    this.#options = options;
  }

  async post(post: ApnsPost): Promise<ProviderResponse> {
    // Two attempts: a push that a GOAWAY left unprocessed goes to the next session at once.
    for (let attempt = 1; ; attempt += 1) {
      if (this.#isClosed) throw new PushFailure(createRetry('closed'));
      if (post.signal.aborted) throw new PushFailure(createRetry('aborted'));
      try {
        const found = this.#getSession();
        const session = found instanceof Promise ? await found : found;
        return await sendOn(session, post, this.#options.timeoutMs);
      } catch (error) {
        if (attempt === 2 || !(error instanceof PushFailure) || error.code !== NOT_PROCESSED) throw error;
      }
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#options.egress.close();
    await Promise.all(
      [...this.#sessions].map(async (session) => {
        for (const call of session.underWay) call.cancel('closed');
        const closed = new Promise<void>((resolve) => session.socket.once('close', () => resolve()));
        destroy(session);
        await closed;
      }),
    );
  }

  /** After a GOAWAY, pushes under way may finish, and new pushes need a new session (RFC 9113 §6.8). */
  #getSession(): Session | Promise<Session> {
    const current = this.#current;
    if (current !== undefined && performance.now() - current.openedAt > MAXIMUM_AGE_MS) current.http2.close();
    if (current !== undefined && !current.http2.closed && !current.http2.destroyed) return current;
    // A server may keep the sockets of earlier sessions open.
    for (const session of this.#sessions) if (session.underWay.size === 0) destroy(session);
    const { origin, ca, egress } = this.#options;
    const target = new URL(origin);
    const agent = egress.findAgent(target);
    if (agent === undefined) return this.#openSession(connectTls(toTlsOptions(target, ca)));
    this.#opening ??= this.#openWith(connectWithAgent(agent, toTlsOptions(target, ca)));
    return this.#opening;
  }

  async #openWith(connecting: Promise<TLSSocket>): Promise<Session> {
    try {
      const socket = await connecting;
      if (!this.#isClosed) return this.#openSession(socket);
      socket.destroy();
      throw new PushFailure(createRetry('closed'));
    } catch (error) {
      throw error instanceof PushFailure ? error : new PushFailure(createRetry(toErrorCode(error)));
    } finally {
      this.#opening = undefined;
    }
  }

  #openSession(socket: TLSSocket): Session {
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    const http2 = connect(this.#options.origin, { createConnection: () => socket, settings: { enablePush: false } });
    const session: Session = {
      http2,
      socket,
      underWay: new Set(),
      openedAt: performance.now(),
      originCharacters: 0,
      signsOfLife: 0,
    };
    socket.on('error', (error) => {
      session.failure = toErrorCode(error);
    });
    socket.on('close', () => {
      this.#sessions.delete(session);
      if (this.#current === session) this.#current = undefined;
    });
    // An unhandled 'error' would end the process. The socket closes as well.
    http2.on('error', () => undefined);
    http2.on('origin', (origins) => countOrigins(session, origins));
    this.#sessions.add(session);
    this.#current = session;
    return session;
  }
}

function toTlsOptions({ hostname, port }: URL, ca: ConnectionOptions['ca']) {
  const host = hostname.replace(/^\[|\]$/g, '');
  return {
    host,
    port: port === '' ? 443 : Number(port),
    // RFC 6066 §3: an IP address is not a server name.
    servername: isIP(host) === 0 ? host : '',
    ALPNProtocols: ['h2'],
    ...(ca === undefined ? {} : { ca }),
  };
}

function destroy({ http2, socket }: Session): void {
  http2.destroy();
  socket.destroy();
}

/** Closes a session with too many origins after its pushes, or at once if the server continues to announce origins. */
function countOrigins(session: Session, origins: readonly string[]): void {
  for (const { length } of origins) session.originCharacters += length;
  if (session.originCharacters > ABUSIVE_ORIGIN_CHARACTERS) destroy(session);
  else if (session.originCharacters > MAXIMUM_ORIGIN_CHARACTERS) session.http2.close();
}

async function sendOn(
  session: Session,
  { path, headers, body, signal }: ApnsPost,
  timeoutMs: number,
): Promise<ProviderResponse> {
  const stream = openStream(session, { ...headers, ':method': 'POST', ':path': path });
  let signsAtHalf = Number.NaN;
  const call = createHttpCall(timeoutMs, signal, (code) => {
    if (code === 'timeout' && session.signsOfLife === signsAtHalf) destroy(session);
    else stream.close(constants.NGHTTP2_CANCEL);
  });
  const halfTimer = setTimeout(() => {
    signsAtHalf = session.signsOfLife;
    ping(session);
  }, timeoutMs / 2);
  halfTimer.unref();
  forwardEvents(stream, session, call);
  addCall(session, call);
  stream.end(body);
  try {
    return await call.response;
  } finally {
    clearTimeout(halfTimer);
    removeCall(session, call);
  }
}

function openStream(session: Session, headers: Record<string, string | number>): ClientHttp2Stream {
  try {
    return session.http2.request(headers);
  } catch (error) {
    // The session ended at this moment. Invalid headers would fail in the second attempt, too.
    const code = toErrorCode(error);
    throw new PushFailure(createRetry(code.startsWith('ERR_HTTP2') ? NOT_PROCESSED : code));
  }
}

function forwardEvents(stream: ClientHttp2Stream, session: Session, call: HttpCall): void {
  stream.on('response', (head) => {
    session.signsOfLife += 1;
    call.receiveHead(Number(head[':status']), head['retry-after']);
  });
  stream.on('data', (chunk: Buffer) => call.receiveData(chunk));
  let failure = 'cut_off';
  stream.on('error', (error) => {
    failure = toErrorCode(error);
  });
  stream.on('close', () => {
    const isRefused = stream.rstCode === constants.NGHTTP2_REFUSED_STREAM;
    call.finish(isRefused ? NOT_PROCESSED : (session.failure ?? failure));
  });
}

function ping(session: Session): void {
  if (session.http2.destroyed || session.http2.connecting) return;
  session.http2.ping((error) => {
    if (error === null) session.signsOfLife += 1;
  });
}

/** A session with calls under way keeps the process alive. */
function addCall({ socket, underWay }: Session, call: HttpCall): void {
  underWay.add(call);
  socket.ref();
}

function removeCall({ socket, underWay }: Session, call: HttpCall): void {
  underWay.delete(call);
  if (underWay.size === 0) socket.unref();
}
