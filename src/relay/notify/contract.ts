/*
 * The contract of notifiers, for adapter authors. A push tells a device that something changed, and nothing else: no
 * mailbox, no payload, no identity (TIGRESS §8.2.2). It is a hint that may be lost; the device reads or waits all the
 * same.
 */

/** One push. */
export interface Push {
  /** The type of the notification token, one of the notifier's `types`. */
  readonly type: string;
  /** The token as the device left it. */
  readonly tokenData: string;
  /**
   * When it may be thrown away, Unix time in ms: a whole hour, 23 to 24 hours ahead, the same for all pushes of that
   * hour. The end of the mailbox would show a provider which two devices share one.
   */
  readonly expiresAt: number;
  /** Aborted when the push has taken too long, and when the relay closes. */
  readonly signal: AbortSignal;
}

/** The result of a push. */
export type PushOutcome =
  /** The provider took it. */
  | { readonly outcome: 'sent' }
  /**
   * Worth another try, not before `retryAfterMs` if given. `code` is the provider's plain word for it. `fault` is
   * `token` if the token alone is concerned, such as a rate limit of one device. Default `provider`: ten of these in
   * a row open the circuit breaker of the host, so an answer that a device can bring about must not be one.
   */
  | {
      readonly outcome: 'retry';
      readonly retryAfterMs?: number;
      readonly code?: string;
      readonly fault?: 'provider' | 'token';
    }
  /** The provider says that the token will never work again: it is forgotten. */
  | { readonly outcome: 'gone'; readonly code?: string }
  /** The provider refused it, for a reason that another try does not mend. */
  | { readonly outcome: 'rejected'; readonly code?: string };

/** Where a push goes, for a notifier whose tokens name their server, or can be written in several ways. */
export interface PushDestination {
  /**
   * A name of a fixed list, such as an entry of the hosts allowed, never one that devices can make up. Pushes to one
   * service do not wait for those to another. Default: one service.
   */
  readonly service?: string;
  /** The host of the service that is called. Each has its own circuit breaker. Default: one host. */
  readonly host?: string;
  /** The same for all tokens of one device: pushes to it are joined, and spaced. Default: the token. */
  readonly device?: string;
}

/** Sends pushes through one provider. */
export interface Notifier {
  /** Types of notification tokens that it handles, such as `com.apple.apns`. */
  readonly types: readonly string[];
  /** False for a token that this provider could not have issued; a relay then says that push is not supported. */
  validate?(tokenData: string): boolean;
  /** Where the push to a token goes. It has to be quick: it is called while a request waits. */
  destination?(tokenData: string): PushDestination;
  /** Sends one push. What it throws counts as `retry`. Never puts a token into what it throws or reports. */
  notify(push: Push): Promise<PushOutcome>;
  /** Ends connections; the relay calls it once, on close. */
  close?(): Promise<void>;
}
