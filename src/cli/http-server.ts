import { createServer, type Server } from 'node:http';

/** How long connections of `serve` may take, in ms. */
export interface ServerTimes {
  /** For the header fields of a request, from its first byte, or from the connection itself. */
  readonly headersMs: number;
  /** For a whole request. */
  readonly requestMs: number;
  /** How often the two above are looked at: they act by so much later. */
  readonly checkMs: number;
  /** Without a byte in either direction while a request is answered; more than a read is held. */
  readonly silenceMs: number;
  /** Between two requests. */
  readonly idleMs: number;
}

/** Longest time that the relay of `serve` holds a read, in ms: the default of `longPoll.maximumSeconds`. */
export const LONGEST_WAIT_MS = 50_000;

/** The limits of node:http's own are far too long for requests of some kilobytes, and are looked at each 30 s only. */
export const SERVER_TIMES: ServerTimes = {
  headersMs: 15_000,
  requestMs: 30_000,
  checkMs: 1000,
  silenceMs: LONGEST_WAIT_MS + 25_000,
  idleMs: 65_000,
};

/** A server of node:http whose connections end when a request, or whoever should read its answer, takes too long. */
export function createHttpServer(times: ServerTimes = SERVER_TIMES): Server {
  const server = createServer({
    headersTimeout: times.headersMs,
    requestTimeout: times.requestMs,
    connectionsCheckingInterval: times.checkMs,
    keepAliveTimeout: times.idleMs,
  });
  server.timeout = times.silenceMs;
  return server;
}
