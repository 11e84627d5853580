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
  /** When it is of no use any more, Unix time in ms. */
  readonly expiresAt: number;
  /** Aborted when the push has taken too long, and when the relay closes. */
  readonly signal: AbortSignal;
}

/** What became of a push. */
export type PushOutcome =
  /** The provider took it. */
  | { readonly outcome: 'sent' }
  /** Worth another try, not before `retryAfterMs` if given. `code` is the provider's plain word for it. */
  | { readonly outcome: 'retry'; readonly retryAfterMs?: number; readonly code?: string }
  /** The provider says that the token will never work again: it is forgotten. */
  | { readonly outcome: 'gone'; readonly code?: string }
  /** The provider refused it, for a reason that another try does not mend. */
  | { readonly outcome: 'rejected'; readonly code?: string };

/** Sends pushes through one provider. */
export interface Notifier {
  /** Types of notification tokens that it handles, such as `com.apple.apns`. */
  readonly types: readonly string[];
  /** False for a token that this provider could not have issued; a relay then says that push is not supported. */
  validate?(tokenData: string): boolean;
  /** Sends one push. What it throws counts as `retry`. Never puts a token into what it throws or reports. */
  notify(push: Push): Promise<PushOutcome>;
  /** Ends connections; the relay calls it once, on close. */
  close?(): Promise<void>;
}
