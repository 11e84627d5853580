import { type AddressInfo, createServer, connect as dial, type Socket } from 'node:net';

/** A TCP proxy on loopback with network faults. */
export interface TcpProxy {
  /** The port on 127.0.0.1. */
  readonly port: number;
  /** Accepted connections, without the connections that {@link cut} refused. */
  readonly accepted: number;
  /** Chunks from the client. If a client waits for each answer, this is the number of round trips. */
  readonly roundTrips: number;
  /** Resets every connection, and each new connection at once, until {@link mend}. */
  cut(): void;
  /** Holds all data in both directions, as a network that hangs. New connections hang as well. */
  pause(): void;
  /** Forwards the data that {@link pause} held, and all later data. */
  resume(): void;
  /** Delays every chunk by `ms`, in both directions. 0 ends the delay. */
  delay(ms: number): void;
  /**
   * Discards the answers of the backend, until {@link mend}: the backend does the work, and the client gets no answer.
   */
  dropAnswers(): void;
  /** Ends every fault. Discarded answers stay lost. */
  mend(): void;
  close(): Promise<void>;
}

/** Starts a proxy in front of `port` on `host` (default 127.0.0.1). */
export async function startTcpProxy(backend: { readonly port: number; readonly host?: string }): Promise<TcpProxy> {
  const state = { cut: false, paused: false, delayMs: 0, dropping: false, accepted: 0, roundTrips: 0 };
  const sockets = new Set<Socket>();
  const held: (() => void)[] = [];

  function pass(from: Socket, to: Socket, isAnswer: boolean): void {
    // One chain per direction keeps the order of the chunks when a delay ends.
    let turn = Promise.resolve();
    const inTurn = (act: () => void): void => {
      const ms = state.delayMs;
      turn = turn.then(async () => {
        if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
        if (state.paused) await new Promise<void>((resolve) => held.push(resolve));
        act();
      });
    };
    from.on('data', (chunk) => {
      if (!isAnswer) state.roundTrips += 1;
      if (isAnswer && state.dropping) return;
      inTurn(() => {
        if (!to.destroyed) to.write(chunk);
      });
    });
    from.on('end', () => inTurn(() => to.end()));
    from.on('close', () => inTurn(() => to.destroy()));
    from.on('error', () => to.destroy());
  }

  const server = createServer({ noDelay: true }, (client) => {
    client.on('error', () => client.destroy());
    if (state.cut) {
      client.resetAndDestroy();
      return;
    }
    state.accepted += 1;
    const upstream = dial({ port: backend.port, host: backend.host ?? '127.0.0.1', noDelay: true });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    }
    pass(client, upstream, false);
    pass(upstream, client, true);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });

  function release(): void {
    for (const go of held.splice(0)) go();
  }
  function endAll(): void {
    for (const socket of sockets) socket.resetAndDestroy();
  }

  return {
    port: (server.address() as AddressInfo).port,
    get accepted() {
      return state.accepted;
    },
    get roundTrips() {
      return state.roundTrips;
    },
    cut() {
      state.cut = true;
      endAll();
    },
    pause() {
      state.paused = true;
    },
    resume() {
      state.paused = false;
      release();
    },
    delay(ms) {
      state.delayMs = ms;
    },
    dropAnswers() {
      state.dropping = true;
    },
    mend() {
      Object.assign(state, { cut: false, paused: false, delayMs: 0, dropping: false });
      release();
    },
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      state.paused = false;
      release();
      endAll();
      await closed;
    },
  };
}

/** Cuts all proxies. Resolves to a function that mends them. */
export async function cutAll(proxies: readonly TcpProxy[]): Promise<() => Promise<void>> {
  for (const proxy of proxies) proxy.cut();
  return async () => {
    for (const proxy of proxies) proxy.mend();
  };
}
