import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { isIP } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { createHttpCall, type HttpCall, type ProviderResponse } from '../shared/http-call.js';
import { createRetry, PushFailure, toErrorCode } from '../shared/outcome.js';

/** One POST to APNs. */
export interface ApnsPost {
  readonly path: string;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: string;
  readonly signal: AbortSignal;
}

/** The connection to APNs: one HTTP/2 session at a time, replaced when it ends. */
export interface ApnsConnection {
  /** Resolves to any answer. Rejects with a PushFailure of outcome `retry`. */
  post(post: ApnsPost): Promise<ProviderResponse>;
  /** Ends the session, and what is under way with the code `closed`. */
  close(): Promise<void>;
}

interface Session {
  readonly http2: ClientHttp2Session;
  /** What the session is on. A session that ended waits with it for the other side, so it is ended here. */
  readonly socket: TLSSocket;
  readonly underWay: Set<HttpCall>;
  /** When it was opened, in ms of `performance.now()`. */
  readonly openedAt: number;
  /** Characters of the origins that the other side has named (RFC 8336), all of which Node keeps with the session. */
  originCharacters: number;
  /** Counts what was heard of the other side. */
  signs: number;
  /** Why it ended. */
  failure?: string;
}

/** How long the connection is idle before TCP asks whether the other side is still there, and keeps the way open. */
const KEEP_ALIVE_MS = 60_000;

/** A session is replaced after this time, and with it whatever Node keeps of it. */
const MAXIMUM_AGE_MS = 3_600_000;

/** Characters of origins after which a session is replaced: a server that means well names some, once. */
const MAXIMUM_ORIGIN_CHARACTERS = 16_384;

/** Characters of origins after which a session is ended with all that is on it. */
const TOO_MANY_ORIGINS = 1_048_576;

/** The word for a request that the server has certainly not looked at (RFC 9113 §8.7). */
const NOT_PROCESSED = 'refused_stream';

/**
 * Makes the connection, which is opened by the first push. It stays open between pushes, as APNs asks for, for an hour, and keeps no
 * process alive while nothing is under way. A push that got no answer by half of `timeoutMs` has the session pinged:
 * if nothing is heard until the time is up, the session is dead and is dropped with all that is on it; else only
 * that one push is given up.
 */
export function createApnsConnection(origin: string, timeoutMs: number, ca: ConnectionOptions['ca']): ApnsConnection {
  const sessions = new Set<Session>();
  let current: Session | undefined;
  let closed = false;

  function open(): Session {
    const socket = openSocket(new URL(origin), ca);
    const http2 = connect(origin, { createConnection: () => socket, settings: { enablePush: false } });
    const session: Session = {
      http2,
      socket,
      underWay: new Set(),
      openedAt: performance.now(),
      originCharacters: 0,
      signs: 0,
    };
    socket.on('error', (error) => {
      session.failure = toErrorCode(error);
    });
    socket.on('close', () => {
      sessions.delete(session);
      if (current === session) current = undefined;
    });
    // Heard, or it would end the process; the socket closes as well.
    http2.on('error', () => undefined);
    http2.on('origin', (origins) => weighOrigins(session, origins));
    sessions.add(session);
    return session;
  }

  /** After a GOAWAY what is under way may finish, but nothing new may begin (RFC 9113 §6.8). */
  function usable(): Session {
    if (current !== undefined && performance.now() - current.openedAt > MAXIMUM_AGE_MS) current.http2.close();
    if (current !== undefined && !current.http2.closed && !current.http2.destroyed) return current;
    // Those before, for which the other side keeps its end open.
    for (const session of sessions) if (session.underWay.size === 0) end(session);
    current = open();
    return current;
  }

  return {
    async post(post) {
      // Twice: what a GOAWAY left unprocessed goes to the next session at once.
      for (let tries = 1; ; tries += 1) {
        if (closed) throw new PushFailure(createRetry('closed'));
        if (post.signal.aborted) throw new PushFailure(createRetry('aborted'));
        try {
          return await exchangeOn(usable(), post, timeoutMs);
        } catch (error) {
          if (tries === 2 || !(error instanceof PushFailure) || error.code !== NOT_PROCESSED) throw error;
        }
      }
    },
    async close() {
      closed = true;
      await Promise.all(
        [...sessions].map(async (session) => {
          for (const exchange of session.underWay) exchange.cancel('closed');
          const gone = new Promise<void>((resolve) => session.socket.once('close', () => resolve()));
          end(session);
          await gone;
        }),
      );
    },
  };
}

function openSocket({ hostname, port }: URL, ca: ConnectionOptions['ca']): TLSSocket {
  const host = hostname.replace(/^\[|\]$/g, '');
  const socket = connectTls({
    host,
    port: port === '' ? 443 : Number(port),
    // RFC 6066 §3: an address is no server name.
    servername: isIP(host) === 0 ? host : '',
    ALPNProtocols: ['h2'],
    ...(ca === undefined ? {} : { ca }),
  });
  return socket.setKeepAlive(true, KEEP_ALIVE_MS);
}

function end({ http2, socket }: Session): void {
  http2.destroy();
  socket.destroy();
}

/** Replaces a session of too many origins; what is under way may finish, unless they keep coming. */
function weighOrigins(session: Session, origins: readonly string[]): void {
  for (const { length } of origins) session.originCharacters += length;
  if (session.originCharacters > TOO_MANY_ORIGINS) end(session);
  else if (session.originCharacters > MAXIMUM_ORIGIN_CHARACTERS) session.http2.close();
}

/** Sends one request on a session. */
async function exchangeOn(
  session: Session,
  { path, headers, body, signal }: ApnsPost,
  timeoutMs: number,
): Promise<ProviderResponse> {
  const stream = beginStream(session, { ...headers, ':method': 'POST', ':path': path });
  let signsAtHalf = Number.NaN;
  const exchange = createHttpCall(timeoutMs, signal, (code) => {
    if (code === 'timeout' && session.signs === signsAtHalf) end(session);
    else stream.close(constants.NGHTTP2_CANCEL);
  });
  const half = setTimeout(() => {
    signsAtHalf = session.signs;
    listen(session);
  }, timeoutMs / 2);
  half.unref();
  stream.on('response', (head) => {
    session.signs += 1;
    exchange.receiveHead(Number(head[':status']), head['retry-after']);
  });
  stream.on('data', exchange.receiveData);
  let failure = 'cut_off';
  stream.on('error', (error) => {
    failure = toErrorCode(error);
  });
  stream.on('close', () => {
    const refused = stream.rstCode === constants.NGHTTP2_REFUSED_STREAM;
    exchange.finish(refused ? NOT_PROCESSED : (session.failure ?? failure));
  });
  hold(session, exchange);
  stream.end(body);
  try {
    return await exchange.response;
  } finally {
    clearTimeout(half);
    release(session, exchange);
  }
}

function beginStream(session: Session, headers: Record<string, string | number>): ClientHttp2Stream {
  try {
    return session.http2.request(headers);
  } catch (error) {
    // A session that ended in this very moment; headers are checked before, and would fail twice.
    throw new PushFailure(createRetry(toErrorCode(error).startsWith('ERR_HTTP2') ? NOT_PROCESSED : toErrorCode(error)));
  }
}

/** Pings; the answer counts as a sign of life. */
function listen(session: Session): void {
  if (session.http2.destroyed || session.http2.connecting) return;
  session.http2.ping((error) => {
    if (error === null) session.signs += 1;
  });
}

/** Keeps the process alive while something is under way. */
function hold({ socket, underWay }: Session, exchange: HttpCall): void {
  underWay.add(exchange);
  socket.ref();
}

function release({ socket, underWay }: Session, exchange: HttpCall): void {
  underWay.delete(exchange);
  if (underWay.size === 0) socket.unref();
}
