import { type OutgoingHttpHeaders, Agent as PlainAgent, request as plainRequest } from 'node:http';
import { type AgentOptions, request } from 'node:https';
import type { LookupFunction } from 'node:net';
import { BoundedAgent, IDLE_TIMEOUT_MS } from '../../shared/bounded-agent.js';
import type { Egress } from '../../shared/egress.js';
import { createHttpCall, type HttpCall, type ProviderResponse } from './http-call.js';
import { createRetry, PushFailure, toErrorCode } from './outcome.js';

export interface HttpSenderOptions {
  /** Time limit in ms for one request, including the connection. */
  readonly timeoutMs: number;
  /** Trusted certificates in place of the system's. */
  readonly ca?: AgentOptions['ca'] | undefined;
  /** Resolves host names in place of `dns.lookup`. An error refuses the connection. */
  readonly lookup?: LookupFunction | undefined;
  /** The way out. A proxy resolves names itself, so `lookup` applies to direct connections only. */
  readonly egress: Egress;
}

export interface HttpPost {
  readonly headers: OutgoingHttpHeaders;
  readonly body: string | Buffer;
  readonly signal?: AbortSignal | undefined;
}

/** Sends POST requests over HTTP/1.1 and reuses connections. Idle connections do not keep the process alive. */
export interface HttpSender {
  /**
   * Resolves to any response, including a redirect, which is not followed. Rejects with a {@link PushFailure} of
   * outcome `retry`: `timeout`, `aborted`, `closed`, or the error code of the network or of TLS.
   */
  post(target: URL, post: HttpPost): Promise<ProviderResponse>;
  /** Closes the connections. Requests under way fail with the code `closed`. */
  close(): void;
}

export function createHttpSender({ timeoutMs, ca, lookup, egress }: HttpSenderOptions): HttpSender {
  const tlsAgent = new BoundedAgent();
  const plainAgent = new PlainAgent({ keepAlive: true, timeout: IDLE_TIMEOUT_MS });
  const underWay = new Set<HttpCall>();
  let isClosed = false;

  return {
    async post(target, { headers, body, signal }) {
      if (isClosed) throw new PushFailure(createRetry('closed'));
      if (signal?.aborted) throw new PushFailure(createRetry('aborted'));
      const isPlain = target.protocol === 'http:';
      const sent = (isPlain ? plainRequest : request)(target, {
        method: 'POST',
        headers: { ...headers, 'content-length': Buffer.byteLength(body) },
        agent: isPlain ? plainAgent : (egress.findAgent(target) ?? tlsAgent),
        ...(ca === undefined ? {} : { ca }),
        ...(lookup === undefined ? {} : { lookup }),
      });
      const call = createHttpCall(timeoutMs, signal, () => sent.destroy());
      // Without this listener Node destroys an upgraded connection and emits no other event.
      sent.on('upgrade', (_response, socket) => {
        socket.destroy();
        call.finish('upgraded');
      });
      sent.on('response', (response) => {
        call.receiveHead(response.statusCode ?? 0, response.headers['retry-after']);
        response.on('data', (chunk: Buffer) => call.receiveData(chunk));
        response.on('error', () => call.finish('cut_off'));
        response.on('close', () => call.finish('cut_off'));
      });
      // The listener stays after the end of the call, since an unhandled 'error' would end the process.
      sent.on('error', (error) => call.finish(toErrorCode(error)));
      underWay.add(call);
      sent.end(body);
      try {
        return await call.response;
      } finally {
        underWay.delete(call);
      }
    },
    close() {
      isClosed = true;
      for (const call of underWay) call.cancel('closed');
      egress.close();
      tlsAgent.destroy();
      plainAgent.destroy();
    },
  };
}
