import { type OutgoingHttpHeaders, Agent as PlainAgent, request as plainRequest } from 'node:http';
import { type Agent, type AgentOptions, request } from 'node:https';
import type { LookupFunction } from 'node:net';
import { BoundedAgent, IDLE_TIMEOUT_MS } from '../../shared/bounded-agent.js';
import { createHttpCall, type HttpCall, type ProviderResponse } from './http-call.js';
import { createRetry, PushFailure, toErrorCode } from './outcome.js';

/** How requests are sent. */
export interface HttpSenderOptions {
  /** Milliseconds for one request, connecting included. */
  readonly timeoutMs: number;
  /** Trusted in place of the system's certificates. */
  readonly ca?: AgentOptions['ca'] | undefined;
  /** Finds the addresses of a host, in place of `dns.lookup`; an error of its own refuses the connection. */
  readonly lookup?: LookupFunction | undefined;
  /** Connects in place of the sender's own agent, and stays open on close. */
  readonly agent?: Agent | undefined;
}

/** One POST. */
export interface HttpPost {
  readonly headers: OutgoingHttpHeaders;
  readonly body: string | Buffer;
  readonly signal?: AbortSignal | undefined;
}

/** Sends POST requests over HTTP/1.1 and keeps connections for the next ones; idle ones keep no process alive. */
export interface HttpSender {
  /**
   * Resolves to any answer, a redirect included: none is followed. Rejects with a {@link PushFailure} of outcome
   * `retry`: `timeout`, `aborted`, `closed`, or the code of the network's or TLS's error.
   */
  post(target: URL, post: HttpPost): Promise<ProviderResponse>;
  /** Ends connections, and what is under way with the code `closed`. */
  close(): void;
}

/** Makes a {@link HttpSender}. */
export function createHttpSender({ timeoutMs, ca, lookup, agent }: HttpSenderOptions): HttpSender {
  const own = new BoundedAgent();
  const plain = new PlainAgent({ keepAlive: true, timeout: IDLE_TIMEOUT_MS });
  const underWay = new Set<HttpCall>();
  let closed = false;

  return {
    async post(target, { headers, body, signal }) {
      if (closed) throw new PushFailure(createRetry('closed'));
      if (signal?.aborted) throw new PushFailure(createRetry('aborted'));
      const isPlain = target.protocol === 'http:';
      const sent = (isPlain ? plainRequest : request)(target, {
        method: 'POST',
        headers: { ...headers, 'content-length': Buffer.byteLength(body) },
        agent: isPlain ? plain : (agent ?? own),
        ...(ca === undefined ? {} : { ca }),
        ...(lookup === undefined ? {} : { lookup }),
      });
      const exchange = createHttpCall(timeoutMs, signal, () => sent.destroy());
      // Node destroys the connection of an upgrade that nobody hears, and emits nothing else.
      sent.on('upgrade', (_response, socket) => {
        socket.destroy();
        exchange.finish('upgraded');
      });
      sent.on('response', (response) => {
        exchange.receiveHead(response.statusCode ?? 0, response.headers['retry-after']);
        response.on('data', exchange.receiveData);
        response.on('error', () => exchange.finish('cut_off'));
        response.on('close', () => exchange.finish('cut_off'));
      });
      // Also after the end: an unheard error would end the process.
      sent.on('error', (error) => exchange.finish(toErrorCode(error)));
      underWay.add(exchange);
      sent.end(body);
      try {
        return await exchange.response;
      } finally {
        underWay.delete(exchange);
      }
    },
    close() {
      closed = true;
      for (const exchange of underWay) exchange.cancel('closed');
      own.destroy();
      plain.destroy();
    },
  };
}
