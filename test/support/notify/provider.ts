import { createServer as createPlainServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { LOCALHOST } from '../network/tls.js';

/** A request that a {@link PushProvider} received. */
export interface ProviderRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Answers a request of a {@link PushProvider}. */
export type Answer = (response: ServerResponse, request: ProviderRequest) => void;

/** A push service on loopback with answers that the test sets. */
export interface PushProvider {
  readonly origin: string;
  readonly port: number;
  readonly requests: ProviderRequest[];
  /** Number of connections so far. */
  readonly connections: number;
  /** Sets the answer to later requests, or to later requests for one path. Default: 200 and `{}`. */
  answer(answer: Answer, path?: string): void;
  /** Resolves when `count` requests have arrived in total. */
  arrived(count: number): Promise<void>;
  close(): Promise<void>;
}

/** An answer with one status, headers and a body. */
export function answering(status: number, headers: Record<string, string> = {}, body: unknown = {}): Answer {
  const bytes = typeof body === 'string' ? body : JSON.stringify(body);
  return (response) => response.writeHead(status, headers).end(bytes);
}

/** Sends the beginning of an answer, and then an endless byte every 20 ms. */
export function drip(socket: Socket | null, beginning: string): void {
  socket?.write(beginning);
  const timer = setInterval(() => socket?.write('.'), 20);
  socket?.once('close', () => clearInterval(timer));
}

/** Answers 200 with an endless body. Resolves to the number of written bytes when the connection closes. */
export function flood(response: ServerResponse, status = 200): Promise<number> {
  let written = 0;
  return new Promise((resolve) => {
    response.on('close', () => resolve(written));
    const pump = (): void => {
      if (response.destroyed) return;
      written += 65_536;
      response.write(Buffer.alloc(65_536), pump);
    };
    response.writeHead(status);
    pump();
  });
}

/** Starts a push service over TLS with the test certificate, or over plain HTTP. */
export async function startPushProvider({ tls = true } = {}): Promise<PushProvider> {
  const requests: ProviderRequest[] = [];
  const answers = new Map<string, Answer>();
  const sockets = new Set<Socket>();
  const waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  let connections = 0;
  let general: Answer = answering(200);

  const server = tls ? createServer(LOCALHOST) : createPlainServer();
  server.on('request', (message, response) => {
    const chunks: Buffer[] = [];
    message.on('data', (chunk: Buffer) => chunks.push(chunk));
    message.on('end', () => {
      const request = {
        method: message.method ?? '',
        path: message.url ?? '',
        headers: message.headers,
        body: Buffer.concat(chunks),
      };
      requests.push(request);
      (answers.get(request.path) ?? general)(response, request);
      for (const { count, resolve } of waiting) if (requests.length >= count) resolve();
    });
  });
  server.on('connection', (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;

  return {
    origin: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    port,
    requests,
    get connections() {
      return connections;
    },
    answer(answer, path) {
      if (path === undefined) general = answer;
      else answers.set(path, answer);
    },
    arrived: (count) =>
      requests.length >= count
        ? Promise.resolve()
        : new Promise((resolve) => {
            waiting.push({ count, resolve });
          }),
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
