import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { LOCALHOST } from './tls.js';

/** An egress proxy on loopback that supports CONNECT. */
export interface ConnectProxy {
  /** `http://127.0.0.1:port`, or `https://localhost:port`. */
  readonly url: string;
  /** The target of each CONNECT, such as `push.example:443`. */
  readonly targets: string[];
  /** The value of Proxy-Authorization of each CONNECT. */
  readonly credentials: (string | undefined)[];
  /** Answers later requests with this status and opens no tunnel. 0: no answer. */
  refuse(status: number): void;
  close(): Promise<void>;
}

/** Starts a proxy that opens each tunnel to one port of 127.0.0.1, whatever its target is named. */
export async function startConnectProxy(port: number, { tls = false } = {}): Promise<ConnectProxy> {
  const targets: string[] = [];
  const credentials: (string | undefined)[] = [];
  const sockets = new Set<Socket>();
  let refusal: number | undefined;
  const server = tls ? createTlsServer(LOCALHOST) : createServer();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('connect', (request, client: Socket, head: Buffer) => {
    client.on('error', () => client.destroy());
    targets.push(request.url ?? '');
    credentials.push(request.headers['proxy-authorization']);
    if (refusal === 0) return;
    if (refusal !== undefined) {
      client.end(`HTTP/1.1 ${refusal} Refused\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    const upstream = connect(port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.write(head);
      upstream.pipe(client).pipe(upstream);
    });
    sockets.add(upstream);
    upstream.on('error', () => client.destroy());
    upstream.once('close', () => {
      sockets.delete(upstream);
      client.destroy();
    });
    client.once('close', () => upstream.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port: own } = server.address() as AddressInfo;
  return {
    url: tls ? `https://localhost:${own}` : `http://127.0.0.1:${own}`,
    targets,
    credentials,
    refuse(status) {
      refusal = status;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
