import { isRetryable, TransferError, toTransferError } from './errors.js';
import { sendOnce, type WireRequest, type WireResponse } from './http-request.js';
import type { Progress, Settings } from './options.js';
import { RelayUnreachable, type RetriedResponse, retry } from './retry.js';
import type { StateStore } from './state.js';

/** Sends the requests of one transfer, repeats failed ones, and reports progress. */
export class Connection {
  readonly settings: Settings;
  readonly #store: StateStore;
  #isRetrying = false;
  #hasSeenEcho = false;

  constructor(store: StateStore, settings: Settings) {
    this.#store = store;
    this.settings = settings;
  }

  report(progress: Progress): void {
    if (progress.type === 'retrying') this.#isRetrying = true;
    this.settings.onProgress?.(progress, this.#store.state);
  }

  /** Reports `reconnected` after the first response that follows a retry. */
  reportResponse(): void {
    if (!this.#isRetrying) return;
    this.#isRetrying = false;
    this.report({ type: 'reconnected' });
  }

  /** Repeats a request until its response is not retryable. Throws `unreachable` after `retryTimeoutMs`. */
  async send(
    request: () => Promise<WireResponse>,
    signal: AbortSignal | undefined,
    shouldRetry: (reply: WireResponse) => boolean = isRetryable,
  ): Promise<RetriedResponse> {
    const { retryTimeoutMs, retryDelayMs } = this.settings;
    try {
      const sent = await retry(request, {
        retryTimeoutMs,
        longestPauseMs: retryTimeoutMs,
        retryDelayMs,
        isRetryable: shouldRetry,
        signal,
        onRetry: (pauseMs, status) => this.report({ type: 'retrying', pauseMs, status }),
      });
      if (shouldRetry(sent.reply)) throw toTransferError(sent.reply);
      this.reportResponse();
      return sent;
    } catch (cause) {
      if (cause instanceof RelayUnreachable) throw new TransferError('unreachable', cause.message, { cause });
      throw cause;
    }
  }

  /** Sends a request once. The relay may hold the request for `heldSeconds`. */
  async sendOnce(request: WireRequest, signal: AbortSignal | undefined, heldSeconds = 0): Promise<WireResponse> {
    const timeoutMs = this.settings.timeoutMs + heldSeconds * 1000;
    const reply = await sendOnce(request, { ...this.settings, timeoutMs }, signal);
    this.#hasSeenEcho ||= reply.hasEcho;
    // A relay that has echoed one Mailbox-Request-ID echoes every one.
    return this.#hasSeenEcho ? { ...reply, isFromRelay: reply.hasEcho } : reply;
  }
}
