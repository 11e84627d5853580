import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface UnreliableProxy {
  readonly port: number;
  readonly accepted: number;
  /** Number of connections that were cut. */
  readonly cuts: number;
  close(): Promise<void>;
}

/**
 * Starts a proxy that resets three of ten connections: at once, after the request reached the backend, or in the
 * middle of the response. The `seed` makes the order repeatable.
 */
export async function startUnreliableProxy(backend: { readonly port: number }, seed: number): Promise<UnreliableProxy> {
  const sockets = new Set<Socket>();
  const counts = { accepted: 0, cuts: 0 };
  let state = seed;
  const random = (): number => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };

  const server = createServer({ noDelay: true }, (client) => {
    client.on('error', () => client.destroy());
    counts.accepted += 1;
    // The event after which the proxy resets this connection, if any.
    const end = random() < 0.3 ? (['made', 'asked', 'answered'] as const)[Math.floor(random() * 3)] : undefined;
    const upstream = connect({ port: backend.port, host: '127.0.0.1', noDelay: true });
    const cut = (): void => {
      counts.cuts += 1;
      client.resetAndDestroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    }
    if (end === 'made') {
      cut();
      return;
    }
    client.on('data', (chunk) => {
      upstream.write(chunk, () => {
        if (end === 'asked' && !client.destroyed) cut();
      });
    });
    upstream.on('data', (chunk) => {
      if (end !== 'answered') client.write(chunk);
      else if (!client.destroyed) client.write(chunk.subarray(0, chunk.length >> 1), cut);
    });
    client.on('close', () => upstream.end());
    upstream.on('close', () => client.end());
    upstream.on('error', () => client.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });

  return {
    port: (server.address() as AddressInfo).port,
    get accepted() {
      return counts.accepted;
    },
    get cuts() {
      return counts.cuts;
    },
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
