import { isRetryable, TransferError, toTransferError } from './errors.js';
import type { WireRequest, WireResponse } from './http-message.js';
import { sendOnce } from './http-request.js';
import type { Progress, Settings } from './options.js';
import { RelayUnreachable, type RetriedResponse, retry } from './retry.js';
import type { StateStore } from './state.js';

/** What the requests of one transfer have in common. */
export interface Connection {
  readonly store: StateStore;
  readonly settings: Settings;
  /** True from a failed request until the next response. */
  isRetrying: boolean;
  /** True after a response with the Mailbox-Request-ID of its request. */
  hasSeenEcho: boolean;
}

export function reportProgress({ settings, store }: Connection, progress: Progress): void {
  settings.onProgress?.(progress, store.state);
}

export function reportRetry(connection: Connection, pauseMs: number, status: number | undefined): void {
  connection.isRetrying = true;
  reportProgress(connection, { type: 'retrying', pauseMs, status });
}

/** Reports `reconnected` after the first response that follows a retry. */
export function reportResponse(connection: Connection): void {
  if (!connection.isRetrying) return;
  connection.isRetrying = false;
  reportProgress(connection, { type: 'reconnected' });
}

/** Repeats a request until its response is not retryable. Throws `unreachable` after `retryTimeoutMs`. */
export async function sendWithRetries(
  connection: Connection,
  request: () => Promise<WireResponse>,
  signal: AbortSignal | undefined,
  shouldRetry: (reply: WireResponse) => boolean = isRetryable,
): Promise<RetriedResponse> {
  const { retryTimeoutMs, retryDelayMs } = connection.settings;
  try {
    const sent = await retry(request, {
      retryTimeoutMs,
      longestPauseMs: retryTimeoutMs,
      retryDelayMs,
      isRetryable: shouldRetry,
      signal,
      onRetry: (pauseMs, status) => reportRetry(connection, pauseMs, status),
    });
    if (shouldRetry(sent.reply)) throw toTransferError(sent.reply);
    reportResponse(connection);
    return sent;
  } catch (cause) {
    if (cause instanceof RelayUnreachable) throw new TransferError('unreachable', cause.message, { cause });
    throw cause;
  }
}

/** Sends a request once. The relay may hold the request for `heldSeconds`. */
export async function sendRequest(
  connection: Connection,
  request: WireRequest,
  signal: AbortSignal | undefined,
  heldSeconds = 0,
): Promise<WireResponse> {
  const { settings } = connection;
  const reply = await sendOnce(request, { ...settings, timeoutMs: settings.timeoutMs + heldSeconds * 1000 }, signal);
  connection.hasSeenEcho ||= reply.hasEcho;
  // A relay that has echoed one Mailbox-Request-ID echoes every one.
  return connection.hasSeenEcho ? { ...reply, isFromRelay: reply.hasEcho } : reply;
}
