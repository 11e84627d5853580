import { createRetry, PushFailure } from './outcome.js';

/** The response of a provider. */
export interface ProviderResponse {
  readonly status: number;
  /** The value of the `Retry-After` header. */
  readonly retryAfter: string | undefined;
  /** The received part of the body as UTF-8 text, at most 16 KiB. */
  readonly body: string;
}

/**
 * One request under way. The transport reports its progress, and only the first end counts. The status decides the
 * outcome, and the body only explains it. So a call whose body is truncated, too long or too slow still resolves, with
 * the received part: otherwise the relay would send an accepted push again.
 */
export interface HttpCall {
  /** Rejects with a {@link PushFailure} of outcome `retry`. */
  readonly response: Promise<ProviderResponse>;
  receiveHead(status: number, retryAfter: string | undefined): void;
  receiveData(chunk: Buffer): void;
  /** The transport has ended. `code` names the failure if it ended before the head. */
  finish(code: string): void;
  /** Ends the call early and aborts the transport. */
  cancel(code: string): void;
}

/** Maximum bytes of a body. Bodies of providers have a few hundred bytes. */
const MAXIMUM_BODY_BYTES = 16 * 1024;

/** Starts a call that ends after `timeoutMs` or when `signal` aborts. `abortTransport` must then free the transport. */
export function createHttpCall(
  timeoutMs: number,
  signal: AbortSignal | undefined,
  abortTransport: (code: string) => void,
): HttpCall {
  return new BoundedHttpCall(timeoutMs, signal, abortTransport);
}

class BoundedHttpCall implements HttpCall {
  readonly response: Promise<ProviderResponse>;
  readonly #signal: AbortSignal | undefined;
  readonly #abortTransport: (code: string) => void;
  readonly #timer: NodeJS.Timeout;
  readonly #onAbort = (): void => this.cancel('aborted');
  #resolve: (response: ProviderResponse) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;
  #head: { readonly status: number; readonly retryAfter: string | undefined } | undefined;
  /** One buffer for all chunks, since a list of 1-byte chunks takes a hundred times their size. */
  #body: Buffer | undefined;
  #bytes = 0;
  #isOver = false;

  constructor(timeoutMs: number, signal: AbortSignal | undefined, abortTransport: (code: string) => void) {
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#signal = signal;
    this.#abortTransport = abortTransport;
    this.#timer = setTimeout(() => this.cancel('timeout'), timeoutMs);
    this.#timer.unref();
    signal?.addEventListener('abort', this.#onAbort);
  }

  receiveHead(status: number, retryAfter: string | undefined): void {
    this.#head = { status, retryAfter };
  }

  receiveData(chunk: Buffer): void {
    if (this.#isOver) return;
    this.#body ??= Buffer.allocUnsafe(MAXIMUM_BODY_BYTES);
    const copied = chunk.copy(this.#body, this.#bytes);
    this.#bytes += copied;
    if (copied < chunk.length) this.cancel('body_too_long');
  }

  finish(code: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener('abort', this.#onAbort);
    if (this.#head === undefined) this.#reject(new PushFailure(createRetry(code)));
    else this.#resolve({ ...this.#head, body: this.#body?.toString('utf8', 0, this.#bytes) ?? '' });
  }

  cancel(code: string): void {
    if (this.#isOver) return;
    this.finish(code);
    this.#abortTransport(code);
  }
}

/** Returns the object in a JSON text, or an empty object for any other text. */
export function parseJsonObject(text: string): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}
