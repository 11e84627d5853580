import type { Ending } from './errors.js';
import type { Network } from './http-request.js';
import type { SaveState, TransferState } from './state.js';
import { LONGEST_TIMER_MS } from './timing.js';

/** A progress report of a transfer, for the user interface. */
export type Progress =
  /** The relay has created the mailbox. */
  | { readonly type: 'created' }
  /** For the sender: a receiver is bound. For the receiver: this device is bound. */
  | { readonly type: 'opened' }
  /** The receiver relinquished. The sender misses this report if another receiver is bound before its next read. */
  | { readonly type: 'left' }
  /** A message of the other device has arrived. */
  | { readonly type: 'message' }
  /** The message of this device is in the mailbox. */
  | { readonly type: 'sent' }
  /** A request failed for now. The client repeats it after `pauseMs`. `status` is `undefined` without a response. */
  | { readonly type: 'retrying'; readonly pauseMs: number; readonly status: number | undefined }
  /** The first response after `retrying`. */
  | { readonly type: 'reconnected' }
  /** The relay or a proxy does not hold reads. The client polls with short reads. */
  | { readonly type: 'polling' }
  /** The share has ended. */
  | { readonly type: 'ended'; readonly how: Ending };

/** Options of senders and receivers. */
export interface TransferOptions extends Network {
  /**
   * Saves the state of a transfer after each change, so that an app can resume after it was killed. The client awaits
   * it before each write to the relay. If it throws, the call fails and sends nothing. Default: the state is not saved.
   */
  readonly onState?: SaveState | undefined;
  /** Receives progress reports. Must not throw. Default: none. */
  readonly onProgress?: ((progress: Progress, state: TransferState) => void) | undefined;
  /** Milliseconds of failed tries after which a call fails as `unreachable`. Default 120,000. */
  readonly retryTimeoutMs?: number | undefined;
  /** Maximum of the random pause before the first retry, in ms; doubles with each retry, up to 30 s. Default 200. */
  readonly retryDelayMs?: number | undefined;
  /** Seconds that the relay may hold a read until the mailbox changes (RFC 7240 `wait`). 0 for polling. Default 25. */
  readonly waitSeconds?: number | undefined;
  /** Milliseconds between two reads that the relay does not hold; grows to 8 times that value. Default 2,000. */
  readonly pollMs?: number | undefined;
  /** The relay's limit of a request body, in bytes. Default 65,536. */
  readonly maximumBodyBytes?: number | undefined;
}

/** Options of every call that sends requests. */
export interface CallOptions {
  /** Ends the call, which then throws the reason of the signal. A pending write stays in the state. */
  readonly signal?: AbortSignal | undefined;
}

const DEFAULTS = {
  timeoutMs: 10_000,
  retryTimeoutMs: 120_000,
  retryDelayMs: 200,
  waitSeconds: 25,
  pollMs: 2000,
  maximumBodyBytes: 65_536,
};

/** Options with their defaults. */
export type Settings = TransferOptions &
  Readonly<typeof DEFAULTS> & {
    /** Base URLs that the link of a new mailbox may have; empty for a receiver, which creates no mailboxes. */
    readonly bases: readonly string[];
  };

/**
 * Fills in the defaults. Throws a TypeError for an invalid option, with its path below `role`, and in a runtime without
 * the needed interfaces.
 */
export function resolveSettings(
  options: TransferOptions,
  role: TransferState['role'],
  bases: readonly string[] = [],
): Settings {
  // Fail before a read binds this device. Browsers have `crypto.subtle` on https and loopback names only.
  if (globalThis.crypto?.subtle === undefined || typeof TextDecoder === 'undefined' || typeof Headers === 'undefined')
    throw new TypeError('credential-relay/client: needs WebCrypto, TextDecoder and Headers');
  const settings = { ...options, ...DEFAULTS, bases };
  for (const name of Object.keys(DEFAULTS) as (keyof typeof DEFAULTS)[]) {
    const value = options[name] ?? DEFAULTS[name];
    const isValid = value >= 0 && (value <= LONGEST_TIMER_MS || name === 'retryTimeoutMs');
    if (!isValid) throw new TypeError(`${role}.${name}: must be 0 to 2147483647`);
    settings[name] = value;
  }
  try {
    new Headers(options.headers);
  } catch {
    throw new TypeError(`${role}.headers: must be valid headers`);
  }
  return settings;
}
