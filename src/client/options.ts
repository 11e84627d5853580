import type { Ending } from './errors.js';
import { LONGEST_TIMER_MS, type Network } from './request.js';
import type { SaveState, TransferState } from './state.js';

/** What goes on in a transfer, for people to see. */
export type Progress =
  /** The mailbox is there. */
  | { readonly type: 'created' }
  /** The sender sees that a receiver is bound; the receiver, that it is this device. */
  | { readonly type: 'opened' }
  /** The receiver gave its place back. Not heard by a sender that does not look before another one has taken it. */
  | { readonly type: 'left' }
  /** The other device's message has come. */
  | { readonly type: 'message' }
  /** This device's message is in the mailbox. */
  | { readonly type: 'sent' }
  /** No answer, or "not now"; the same request goes out again after the pause. */
  | { readonly type: 'retrying'; readonly pauseMs: number; readonly status: number | undefined }
  /** The first good answer after `retrying`. */
  | { readonly type: 'reconnected' }
  /** Requests that wait do not get through: short ones are sent from now on. */
  | { readonly type: 'polling' }
  | { readonly type: 'ended'; readonly how: Ending };

/** What both sides of a transfer can be told. */
export interface TransferOptions extends Network {
  /**
   * Takes the state of a transfer and keeps it. It is awaited before anything is written to the relay; if it throws,
   * nothing is. With it an app that is killed goes on where it was.
   */
  readonly onState?: SaveState | undefined;
  /** Hears what goes on. Must not throw. */
  readonly onProgress?: ((progress: Progress, state: TransferState) => void) | undefined;
  /** Milliseconds without a good answer after which a call gives up as `unreachable`. Default 120,000. */
  readonly retryTimeoutMs?: number | undefined;
  /** Milliseconds before the first retry; doubled with each one to 30 s, and taken at random below that. Default 200. */
  readonly retryDelayMs?: number | undefined;
  /** Seconds that the relay is asked to hold a read while nothing happens. 0 to poll instead. Default 25. */
  readonly waitSeconds?: number | undefined;
  /** Milliseconds between two reads where the relay does not hold them; grows to 8 times that. Default 2,000. */
  readonly pollMs?: number | undefined;
  /** Bytes of the largest body that the relay takes. Default 65,536. */
  readonly maximumBodyBytes?: number | undefined;
}

/** What every call that talks to a relay can be told. */
export interface CallOptions {
  /** Ends the call; it throws the signal's reason. A write that was begun stays in the state. */
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

/** Options with the defaults in their places. */
export type Settings = TransferOptions &
  Readonly<typeof DEFAULTS> & {
    /** URLs below which the link of a new mailbox must be; none for a receiver, which makes no mailbox. */
    readonly bases: readonly string[];
  };

/**
 * Fills in the defaults. Throws a TypeError for an option that is wrong, whose path `role` begins, and where the runtime
 * lacks what the client stands on.
 */
export function resolveSettings(
  options: TransferOptions,
  role: TransferState['role'],
  bases: readonly string[] = [],
): Settings {
  // Known before a device is bound, not after. Browsers have `crypto.subtle` on https and loopback names only.
  if (globalThis.crypto?.subtle === undefined || typeof TextDecoder === 'undefined' || typeof Headers === 'undefined')
    throw new TypeError('credential-relay/client: needs WebCrypto, TextDecoder and Headers');
  const settings = { ...options, ...DEFAULTS, bases };
  for (const name of Object.keys(DEFAULTS) as (keyof typeof DEFAULTS)[]) {
    const value = options[name] ?? DEFAULTS[name];
    const isGood = value >= 0 && (value <= LONGEST_TIMER_MS || name === 'retryTimeoutMs');
    if (!isGood) throw new TypeError(`${role}.${name}: must be 0 to 2147483647`);
    settings[name] = value;
  }
  try {
    new Headers(options.headers);
  } catch {
    throw new TypeError(`${role}.headers: must be valid headers`);
  }
  return settings;
}
