import {
  createSecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { LOCALHOST } from '../network/tls.js';

/** A push that {@link ApnsServer} received. */
export interface ApnsRequest {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly stream: ServerHttp2Stream;
  readonly session: ServerHttp2Session;
}

/** APNs on loopback, over HTTP/2 and TLS, with answers that the test sets. */
export interface ApnsServer {
  readonly origin: string;
  readonly port: number;
  readonly requests: ApnsRequest[];
  /** All sessions, open and ended. */
  readonly sessions: ServerHttp2Session[];
  /** Sets the answer to later pushes. Default: 200. */
  answer(answer: (request: ApnsRequest) => void): void;
  /** Resolves when `count` pushes have arrived in total. */
  arrived(count: number): Promise<void>;
  close(): Promise<void>;
}

/** Answers with a status and, as APNs does on errors, a reason. */
export function reply(
  { stream }: ApnsRequest,
  status: number,
  reason?: string,
  headers: Record<string, string> = {},
): void {
  if (stream.destroyed) return;
  stream.respond({ ':status': status, ...headers });
  stream.end(reason === undefined ? undefined : JSON.stringify({ reason }));
}

/** `maxConcurrentStreams` is the limit in SETTINGS, by default 1,000 as in production. */
export async function startApns({ maxConcurrentStreams = 1_000 } = {}): Promise<ApnsServer> {
  const requests: ApnsRequest[] = [];
  const sessions: ServerHttp2Session[] = [];
  const waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  let answer = (request: ApnsRequest): void => reply(request, 200);

  const server = createSecureServer({ ...LOCALHOST, settings: { maxConcurrentStreams } });
  server.on('session', (session) => {
    sessions.push(session);
    session.on('error', () => session.destroy());
  });
  server.on('stream', (stream, headers) => {
    const session = stream.session as ServerHttp2Session;
    stream.on('error', () => stream.destroy());
    let body = '';
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => {
      body += chunk;
    });
    stream.on('end', () => {
      const request = { headers, body, stream, session };
      requests.push(request);
      answer(request);
      for (const { count, resolve } of waiting) if (requests.length >= count) resolve();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;

  return {
    origin: `https://127.0.0.1:${port}`,
    port,
    requests,
    sessions,
    answer(next) {
      answer = next;
    },
    arrived: (count) =>
      requests.length >= count
        ? Promise.resolve()
        : new Promise((resolve) => {
            waiting.push({ count, resolve });
          }),
    async close() {
      for (const session of sessions) session.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
