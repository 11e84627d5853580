import { type AddressInfo, createServer, connect as dial, type Socket } from 'node:net';

/** A TCP proxy on loopback whose open connections can die without a word, as after a fail-over. */
export interface BlackHoleProxy {
  readonly port: number;
  /** Open connections from clients that are not black-holed. */
  readonly open: number;
  readonly accepted: number;
  /**
   * From now on the open connections deliver nothing in either direction, and no end either. New connections work, and
   * lead to `port` if it is given.
   */
  blackHole(port?: number): void;
  /** From now on new connections deliver nothing either. */
  ignoreNew(): void;
  /** From now on new connections work again. */
  serveNew(): void;
  close(): Promise<void>;
}

/** Starts a proxy in front of `port` on 127.0.0.1. */
export async function startBlackHoleProxy(port: number): Promise<BlackHoleProxy> {
  const sockets = new Set<Socket>();
  const live = new Set<Socket>();
  let target = port;
  let accepted = 0;
  let ignores = false;

  const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    accepted += 1;
    const upstream = dial({ port: target, host: '127.0.0.1', noDelay: true });
    const pairs: [Socket, Socket][] = [
      [client, upstream],
      [upstream, client],
    ];
    if (!ignores) live.add(client);
    for (const [from, to] of pairs) {
      sockets.add(from);
      from.on('data', (chunk) => live.has(client) && to.write(chunk));
      from.on('end', () => live.has(client) && to.end());
      from.on('error', () => live.has(client) && to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        if (live.delete(client)) to.destroy();
      });
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });

  return {
    port: (server.address() as AddressInfo).port,
    get open() {
      return live.size;
    },
    get accepted() {
      return accepted;
    },
    blackHole(next = target) {
      target = next;
      live.clear();
    },
    ignoreNew() {
      ignores = true;
    },
    serveNew() {
      ignores = false;
    },
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
