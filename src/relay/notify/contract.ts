/*
 * The contract of notifiers, for adapter authors. A push only says that something changed: it contains no mailbox, no
 * payload and no identity (TIGRESS §8.2.2). A push may be lost, so devices must also read or wait.
 */

/** One push. */
export interface Push {
  /** The type of the notification token, one of the notifier's `types`. */
  readonly type: string;
  /** The notification token, exactly as the device sent it. */
  readonly tokenData: string;
  /**
   * When the provider may discard the push, Unix time in ms: a full hour, 23 to 24 hours ahead, the same for all pushes
   * of that hour. The deadline of the mailbox would show the provider which two devices share a mailbox.
   */
  readonly expiresAt: number;
  /** Aborts when the attempt times out, and when the relay closes. */
  readonly signal: AbortSignal;
}

/** The result of a push. */
export type PushOutcome =
  /** The provider accepted the push. */
  | { readonly outcome: 'sent' }
  /**
   * Temporary failure: the relay retries, after `retryAfterMs` (ms) at the earliest. `code` is the provider's error
   * code, a plain word without parts of the token. `fault` is `token` if only this device is affected, for example by a
   * rate limit per device. Default `provider`: ten of these in a row open the circuit breaker of the host, so do not
   * use `provider` for a failure that a device can provoke.
   */
  | {
      readonly outcome: 'retry';
      readonly retryAfterMs?: number;
      readonly code?: string;
      readonly fault?: 'provider' | 'token';
    }
  /** The token will never work again. The relay removes the token from the mailbox. */
  | { readonly outcome: 'gone'; readonly code?: string }
  /** Permanent failure of this push. The relay does not retry. */
  | { readonly outcome: 'rejected'; readonly code?: string };

/** The destination of a push, for notifiers whose tokens name a server, or have several spellings. */
export interface PushDestination {
  /**
   * The service, a name of a fixed list, such as an entry of the allowed hosts. Devices must not be able to invent
   * names. Pushes to one service do not wait for pushes to another service. Default: one service.
   */
  readonly service?: string;
  /** The host of the service. Each host has its own circuit breaker. Default: one host. */
  readonly host?: string;
  /**
   * An identifier of the device, the same for all its tokens. The relay merges pushes to one device, and keeps an
   * interval of two seconds between them. Default: the token.
   */
  readonly device?: string;
}

/**
 * Sends pushes through one provider.
 *
 * @example
 * const notifier: Notifier = {
 *   types: ['com.example.push'],
 *   async notify({ tokenData, signal }) {
 *     const { status } = await fetch('https://push.example.com', { method: 'POST', body: tokenData, signal });
 *     if (status === 410) return { outcome: 'gone' };
 *     return status < 300 ? { outcome: 'sent' } : { outcome: 'retry', code: `status_${status}` };
 *   },
 * };
 */
export interface Notifier {
  /** The types of notification tokens that this notifier handles, such as `com.apple.apns`. */
  readonly types: readonly string[];
  /**
   * Checks a token when a device sends it. Default: every token is valid.
   *
   * @returns False if the provider cannot have issued the token. The relay then answers that push is not supported, and
   * emits `token.declined`.
   */
  validate?(tokenData: string): boolean;
  /**
   * Returns why `validate` declines a token, for the event `token.declined`: a word of a fixed list, such as
   * `host_not_listed`, without any part of the token. Default: `token_invalid`.
   */
  explainDecline?(tokenData: string): string | undefined;
  /** Returns the destination of a token. Must be fast, because a request waits for this call. */
  destination?(tokenData: string): PushDestination;
  /**
   * Sends one push. The attempt times out after five seconds.
   *
   * @throws Any error counts as `retry`. The error must not contain the token.
   */
  notify(push: Push): Promise<PushOutcome>;
  /** Closes connections. The relay calls this method once, when it closes. */
  close?(): Promise<void>;
}
