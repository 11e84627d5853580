import { createRetry, PushFailure } from './outcome.js';

/** What a provider answered. */
export interface ProviderResponse {
  readonly status: number;
  /** The `Retry-After` header as it came. */
  readonly retryAfter: string | undefined;
  /** The body as UTF-8 text, as far as it came: see {@link createHttpCall}. */
  readonly body: string;
}

/** One request under way. The transport reports to it; the first end counts. */
export interface HttpCall {
  /** Rejects with a {@link PushFailure} of outcome `retry`. */
  readonly response: Promise<ProviderResponse>;
  /** The head of the answer has come. */
  receiveHead(status: number, retryAfter: string | undefined): void;
  /** A part of the body has come. */
  receiveData(chunk: Buffer): void;
  /** The transport is through; `code` names the failure if no head has come. */
  finish(code: string): void;
  /** Ends it early and tells the transport. */
  cancel(code: string): void;
}

/** The bytes of an answer that are read; those of providers are a few hundred. */
const MAXIMUM_BODY_BYTES = 16 * 1024;

/**
 * Begins an exchange that is over after `timeoutMs`, or when `signal` aborts; `abandon` then has to free the transport.
 * The status is the answer, and the body an explanation of it: one that is cut off, too long or too slow to finish
 * is handed over as far as it came, so that a push that the provider took is not sent again.
 */
export function createHttpCall(
  timeoutMs: number,
  signal: AbortSignal | undefined,
  abandon: (code: string) => void,
): HttpCall {
  const { promise, resolve, reject } = withResolvers<ProviderResponse>();
  // One buffer: kept one by one, chunks of one byte would take a hundred times their size.
  let body: Buffer | undefined;
  let bytes = 0;
  let head: { readonly status: number; readonly retryAfter: string | undefined } | undefined;
  let over = false;

  function end(code: string): void {
    if (over) return;
    over = true;
    clearTimeout(timer);
    signal?.removeEventListener('abort', aborted);
    if (head === undefined) reject(new PushFailure(createRetry(code)));
    else resolve({ ...head, body: body?.toString('utf8', 0, bytes) ?? '' });
  }
  function giveUp(code: string): void {
    if (over) return;
    end(code);
    abandon(code);
  }
  const aborted = (): void => giveUp('aborted');
  const timer = setTimeout(() => giveUp('timeout'), timeoutMs);
  timer.unref();
  signal?.addEventListener('abort', aborted);

  return {
    response: promise,
    receiveHead(status, retryAfter) {
      head = { status, retryAfter };
    },
    receiveData(chunk) {
      if (over) return;
      body ??= Buffer.allocUnsafe(MAXIMUM_BODY_BYTES);
      const copied = chunk.copy(body, bytes);
      bytes += copied;
      if (copied < chunk.length) giveUp('body_too_long');
    },
    finish: end,
    cancel: giveUp,
  };
}

function withResolvers<Value>(): {
  readonly promise: Promise<Value>;
  readonly resolve: (value: Value) => void;
  readonly reject: (error: unknown) => void;
} {
  let resolve: (value: Value) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<Value>((done, failed) => {
    resolve = done;
    reject = failed;
  });
  return { promise, resolve, reject };
}
