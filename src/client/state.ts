import type { NotificationToken } from '../protocol/bodies.js';
import { isObject } from './check.js';
import { type ClientCrypto, generateUuid } from './crypto.js';
import { type Ending, TransferError } from './errors.js';
import type { Vertical } from './share-url.js';
import { TaskQueue } from './task-queue.js';

/** A write that must take effect once. The relay may or may not have received it. */
export interface PendingWrite {
  readonly operation: 'create' | 'update' | 'relinquish' | 'delete';
  readonly url: string;
  /** Mailbox-Request-ID; the same for each try. */
  readonly requestId: string;
  /** JSON text. */
  readonly body?: string | undefined;
  /** Mailbox-Known-Version of an update. */
  readonly knownVersion?: string | undefined;
  /** Fingerprint of the payload of an update. */
  readonly written?: string | undefined;
  /** Fingerprint of the message that the app acknowledges with this write. */
  readonly taken?: string | undefined;
  /** True if a read at a relay without versions found only known content in the mailbox. */
  readonly hasLooked?: boolean | undefined;
  /** The update is only for the receiver that this sender last saw. */
  readonly sameReceiver?: boolean | undefined;
}

/**
 * The state of one transfer on one device, as JSON. It contains the Device Claim and the Secret: store it like keys. An
 * app may read `id`, `role`, `mailboxUrl`, `expiration` and `ended`; the other members are internal.
 */
export interface TransferState {
  readonly format: 1;
  /** Identifies this transfer on this device. The client sends it to nobody. */
  readonly id: string;
  readonly role: 'sender' | 'receiver';
  /** The Device Claim. */
  readonly claim: string;
  /** The Secret, as base64. */
  readonly secret: string;
  readonly vertical?: Vertical | undefined;
  /** The mailbox URL without query and fragment. For a sender, `undefined` until the mailbox exists. */
  readonly mailboxUrl?: string | undefined;
  /** `YYYY-MM-DDThh:mm:ssZ`; `undefined` until the device knows it. */
  readonly expiration?: string | undefined;
  /** For the receiver: this device is bound. For the sender: a receiver is bound. */
  readonly bound: boolean;
  /** The latest Mailbox-Version whose content the app has acknowledged. A reply may replace that version. */
  readonly version?: string | undefined;
  /** Fingerprints of the last 64 messages that the app acknowledged. The client does not deliver them again. */
  readonly seen: readonly string[];
  /** Fingerprints of the last 64 payloads that this device wrote. Older states have them in `seen`. */
  readonly wrote?: readonly string[] | undefined;
  /** Fingerprint of the last payload that could not be opened, after the app received the error. */
  readonly unopened?: string | undefined;
  /** The notification token of this device; see `isTokenLeft`. */
  readonly notificationToken?: NotificationToken | undefined;
  /** True if the relay has this token. Until then, reads and updates carry it. */
  readonly isTokenLeft?: boolean | undefined;
  /** The relay's latest answer. `undefined` for a token without an answer. */
  readonly isPushNotificationSupported?: boolean | undefined;
  readonly pending?: PendingWrite | undefined;
  readonly ended?: Ending | undefined;
}

/** The state of a new transfer. */
export function createState(
  role: TransferState['role'],
  known: Pick<TransferState, 'secret' | 'vertical' | 'mailboxUrl' | 'wrote' | 'notificationToken'>,
  crypto: ClientCrypto,
): TransferState {
  return { format: 1, id: generateUuid(crypto), role, claim: generateUuid(crypto), bound: false, seen: [], ...known };
}

/** Saves a state. The client awaits it before it writes to the relay. */
export type SaveState = (state: TransferState) => Promise<void> | void;

/** Each list of fingerprints in a state has at most so many entries. */
const MAXIMUM_FINGERPRINTS = 64;

/** Holds the state of one transfer. No other code changes the state. */
export class StateStore {
  #state: TransferState;
  readonly #onState: SaveState | undefined;
  #isSaved: boolean;
  readonly #endListeners = new Set<() => void>();
  // A queue, so that a slow save cannot replace a newer state with an older one.
  readonly #queue = new TaskQueue();

  /** `isSaved` is true for a state that the app has loaded. */
  constructor(state: TransferState, onState: SaveState | undefined, isSaved: boolean) {
    this.#state = state;
    this.#onState = onState;
    this.#isSaved = isSaved;
  }

  get state(): TransferState {
    return this.#state;
  }

  /** Changes the state, and resolves when it is saved. Throws the errors of `onState`. */
  save(changes: Partial<TransferState>): Promise<void> {
    this.#state = { ...this.#state, ...changes };
    if (changes.ended !== undefined) for (const listener of this.#endListeners) listener();
    return this.#saveInTurn();
  }

  /** Calls `listener` when the transfer ends. Returns a function that removes the listener. */
  onEnd(listener: () => void): () => void {
    this.#endListeners.add(listener);
    return () => this.#endListeners.delete(listener);
  }

  /** Resolves when the current state is saved. */
  async ensureSaved(): Promise<void> {
    if (!this.#isSaved) await this.#saveInTurn();
  }

  #saveInTurn(): Promise<void> {
    return this.#queue.run(async () => {
      const state = this.#state;
      const onState = this.#onState;
      this.#isSaved = false;
      await onState?.(state);
      if (this.#state === state) this.#isSaved = true;
    });
  }
}

/** Adds a fingerprint to a list, and drops the oldest entry of a full list. */
export function addFingerprint(list: readonly string[] = [], fingerprint: string | undefined): readonly string[] {
  if (fingerprint === undefined || list.includes(fingerprint)) return list;
  return [...list, fingerprint].slice(-MAXIMUM_FINGERPRINTS);
}

/** True if this device wrote the payload, or the app has acknowledged it, or acknowledges it with the pending write. */
export function isKnown({ seen, wrote = [], unopened, pending }: TransferState, fingerprint: string): boolean {
  const { written, taken } = pending ?? {};
  return [...seen, ...wrote, unopened, written, taken].includes(fingerprint);
}

/**
 * Checks a state that the app has loaded. Throws a TypeError for a value that is not a state of this role, and
 * `not_allowed` if its requests would go to a URL that `mayCall` rejects. Only `createUrl` may receive a create.
 */
export function checkState(
  saved: TransferState,
  role: TransferState['role'],
  mayCall: (mailboxUrl: string) => boolean,
  createUrl?: string,
): TransferState {
  // Some databases and bridges turn `undefined` into null.
  const state = withoutNulls(saved);
  const { format, claim, secret, seen, pending, mailboxUrl, ended } = state;
  if (
    format !== 1 ||
    typeof claim !== 'string' ||
    typeof secret !== 'string' ||
    !Array.isArray(seen) ||
    state.role !== role
  ) {
    throw new TypeError(`state: must be the state of a ${role}${describeOtherState(saved)}`);
  }
  const isAllowed =
    (mailboxUrl === undefined ? createUrl !== undefined && (pending ?? ended) !== undefined : mayCall(mailboxUrl)) &&
    (pending === undefined || pending.url === (pending.operation === 'create' ? createUrl : mailboxUrl));
  if (!isAllowed) throw toNotAllowedError();
  return state;
}

function withoutNulls(state: TransferState): TransferState {
  const strip = (value: object): object =>
    Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null));
  if (!isObject(state)) return {} as TransferState;
  const known = strip(state) as TransferState;
  return isObject(known.pending) ? { ...known, pending: strip(known.pending) as PendingWrite } : known;
}

function describeOtherState(state: unknown): string {
  if (typeof state === 'string') return ', parsed: JSON.parse(text)';
  if (!isObject(state)) return '';
  if (typeof state.then === 'function') return ', not a promise: await it';
  if (state.role !== undefined && state.format !== 1)
    return ' of format 1; a newer version of the client wrote this one';
  if (state.role === 'sender' || state.role === 'receiver') return `, and this is the state of a ${state.role}`;
  return 'state' in state ? ': pass share.state' : '';
}

/** The error for a link or a state with a URL that this client may not call. */
export function toNotAllowedError(): TransferError {
  return new TransferError(
    'not_allowed',
    'The URL is not on a relay of receiver.relays, sender.relay or sender.links.',
  );
}

export function toGoneError({ ended }: TransferState): TransferError {
  return new TransferError('gone', 'The mailbox is gone.', { ended });
}
