import type { NotificationToken } from '../protocol/bodies.js';
import { type Checks, checkOptions } from './check.js';
import { type ClientCrypto, resolveCrypto } from './crypto.js';
import type { Ending } from './errors.js';
import type { Network } from './http-request.js';
import type { SaveState, TransferState } from './state.js';

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
  /**
   * Milliseconds of failed tries after which a call fails as `unreachable`. 0 for one try; from 1 to 999 only beside
   * `timeoutMs`, because the default time of one try is longer. Default 120,000.
   */
  readonly retryTimeoutMs?: number | undefined;
  /** Maximum of the random pause before the first retry, in ms; doubles with each retry, up to 30 s. Default 200. */
  readonly retryDelayMs?: number | undefined;
  /** Seconds that the relay may hold a read until the mailbox changes (RFC 7240 `wait`), up to 3,600. 0 for polling. Default 25. */
  readonly waitSeconds?: number | undefined;
  /**
   * Milliseconds between two reads that the relay does not hold, at least 10. Grows to 8 times that value if the relay
   * holds no reads at all. Default 2,000.
   */
  readonly pollMs?: number | undefined;
  /**
   * How many reads a relay may hold at a time for all shares of this page or process; in a browser with Web Locks, for
   * all tabs of the app. The other shares poll in turn: each every `pollMs`, or if more than 4 poll, every `pollMs` / 4
   * times their number. Raise it where connections are not scarce: with HTTP/2, or on a server. Default 2, because a
   * browser opens six HTTP/1.1 connections per host.
   */
  readonly maximumHeldReads?: number | undefined;
  /** The relay's limit of a request body, in bytes, at least 1,024. Default 65,536. */
  readonly maximumBodyBytes?: number | undefined;
}

/** Options of every call that sends requests. */
export interface CallOptions {
  /** Ends the call, which then throws the reason of the signal. A pending write stays in the state. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of {@link Sender.resume} and {@link Receiver.resume}. */
export interface ResumeOptions extends CallOptions {
  /** A notification token that replaces the one in the state. Default: the token in the state. */
  readonly notificationToken?: NotificationToken | undefined;
}

const DEFAULTS = {
  timeoutMs: 10_000,
  retryTimeoutMs: 120_000,
  retryDelayMs: 200,
  waitSeconds: 25,
  pollMs: 2000,
  maximumHeldReads: 2,
  maximumBodyBytes: 65_536,
};

/** Options with their defaults. */
export type Settings = TransferOptions &
  Readonly<typeof DEFAULTS> & {
    readonly crypto: ClientCrypto;
    /** Base URLs that the link of a new mailbox may have; empty for a receiver, which creates no mailboxes. */
    readonly bases: readonly string[];
  };

/**
 * Fills in the defaults. Throws a TypeError in a runtime without the needed interfaces. The message names them, and
 * starts with the path below `role`. Call {@link assertOptions} before.
 */
export function resolveSettings(
  options: TransferOptions,
  role: TransferState['role'],
  bases: readonly string[] = [],
): Settings {
  const settings = { ...options, ...DEFAULTS, ...resolveNetwork(options, role), bases };
  for (const name of Object.keys(DEFAULTS) as (keyof typeof DEFAULTS)[])
    settings[name] = options[name] ?? DEFAULTS[name];
  return settings;
}

/** Throws a TypeError for an unknown or invalid option of `createSender` or `createReceiver`. */
export function assertOptions<Options extends TransferOptions>(
  role: TransferState['role'],
  options: Options,
  checks: Checks<Options>,
): void {
  checkOptions(role, options, checks);
  const { retryTimeoutMs = 0, timeoutMs } = options;
  if (retryTimeoutMs > 0 && retryTimeoutMs < 1000 && timeoutMs === undefined)
    throw new TypeError(`${role}.retryTimeoutMs: must be 0, or at least 1000 milliseconds unless timeoutMs is given`);
}

/** What requests need. Fails before a read binds this device. */
export function resolveNetwork(options: Network, path: string): { readonly crypto: ClientCrypto } {
  if (options.fetch === undefined && typeof fetch !== 'function')
    throw new TypeError(`${path}.fetch: this runtime has no fetch; pass one in this option`);
  if (typeof AbortController !== 'function')
    throw new TypeError('credential-relay/client: this runtime has no AbortController; load a polyfill first');
  return { crypto: resolveCrypto(options.crypto, `${path}.crypto`) };
}
