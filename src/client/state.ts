import { type Ending, TransferError } from './errors.js';
import type { Vertical } from './share-url.js';

/** A write that is to take effect once: on its way, or its answer was lost. */
export interface PendingWrite {
  readonly operation: 'create' | 'update' | 'relinquish' | 'delete';
  readonly url: string;
  readonly requestId: string;
  /** JSON text. */
  readonly body?: string | undefined;
  /** Mailbox-Known-Version of an update. */
  readonly knownVersion?: string | undefined;
  /** Fingerprint of the payload of an update. */
  readonly written?: string | undefined;
  /** Fingerprint of the message that the app has dealt with, if the write is carried out. */
  readonly taken?: string | undefined;
  /** What is in the mailbox was found to be known, though not its version. */
  readonly hasLooked?: boolean | undefined;
  /** It is for the receiver that was last seen, and for no other. */
  readonly sameReceiver?: boolean | undefined;
}

/**
 * All that a device knows of one transfer, as JSON. It holds Device Claim and Secret: keep it as you keep keys. What is
 * in here but `id`, `role`, `mailboxUrl`, `expiration` and `ended` is for this library.
 */
export interface TransferState {
  readonly format: 1;
  /** Names this transfer on this device, and nowhere else. */
  readonly id: string;
  readonly role: 'sender' | 'receiver';
  readonly claim: string;
  readonly secret: string;
  readonly vertical?: Vertical | undefined;
  /** Without query and fragment; of a sender once the mailbox is there. */
  readonly mailboxUrl?: string | undefined;
  /** `YYYY-MM-DDThh:mm:ssZ`, once known. */
  readonly expiration?: string | undefined;
  /** The receiver: this device is bound. The sender: some receiver is. */
  readonly bound: boolean;
  /** Mailbox-Version up to which the app has dealt with everything: an answer may take the place of what is there. */
  readonly version?: string | undefined;
  /** Fingerprints of messages that the app has dealt with: they are no news. The last 64. */
  readonly seen: readonly string[];
  /** Fingerprints of payloads that this device wrote; an older state has them in `seen`. The last 64. */
  readonly wrote?: readonly string[] | undefined;
  /** Fingerprint of the last payload that could not be opened, once the app has heard of it. It makes no other forgotten. */
  readonly unopened?: string | undefined;
  readonly pending?: PendingWrite | undefined;
  readonly ended?: Ending | undefined;
}

/** The state of a transfer that begins. */
export function newState(
  role: TransferState['role'],
  known: Pick<TransferState, 'secret' | 'vertical' | 'mailboxUrl' | 'wrote'>,
): TransferState {
  return { format: 1, id: crypto.randomUUID(), role, claim: crypto.randomUUID(), bound: false, seen: [], ...known };
}

/** Takes each new state, and keeps it before it resolves: nothing is written to the relay until then. */
export type SaveState = (state: TransferState) => Promise<void> | void;

/** The state of one transfer, and the only place that changes it. */
export interface StateStore {
  readonly state: TransferState;
  /** Changes the state and resolves once it is kept. Throws what the keeper throws. */
  save(changes: Partial<TransferState>): Promise<void>;
  /** Resolves once the state as it is now is kept; does nothing if it is. */
  ensureSaved(): Promise<void>;
}

/** Most fingerprints that each list of a state holds. */
const MOST_FINGERPRINTS = 64;

/** Begins a journal; `isKept` tells whether `initial` came from where the keeper puts it. */
export function createStateStore(initial: TransferState, keep: SaveState | undefined, isKept: boolean): StateStore {
  let state = initial;
  let kept = isKept;
  let turn: Promise<void> = Promise.resolve();

  // One after another: a keeper that is slow once must not put an older state over a newer one.
  function keepInTurn(): Promise<void> {
    const mine = turn.then(async () => {
      const current = state;
      kept = false;
      await keep?.(current);
      if (state === current) kept = true;
    });
    turn = mine.catch(() => {});
    return mine;
  }

  return {
    get state() {
      return state;
    },
    save(changes) {
      state = { ...state, ...changes };
      return keepInTurn();
    },
    ensureSaved: () => (kept ? Promise.resolve() : keepInTurn()),
  };
}

/** A list of fingerprints with one more on it. */
export function addFingerprint(list: readonly string[] = [], fingerprint: string | undefined): readonly string[] {
  if (fingerprint === undefined || list.includes(fingerprint)) return list;
  return [...list, fingerprint].slice(-MOST_FINGERPRINTS);
}

/** Whether a payload is of this device, or the app has dealt with it, or will have with the write that is under way. */
export function isKnown({ seen, wrote = [], unopened, pending }: TransferState, fingerprint: string): boolean {
  const { written, taken } = pending ?? {};
  return [...seen, ...wrote, unopened, written, taken].includes(fingerprint);
}

/**
 * Checks a state that an app brings back. Throws a TypeError for what is none, or is of the other role, and
 * `not_allowed` if one of its requests would go elsewhere than `mayCall` allows. Creates go to `createUrl`.
 */
export function checkState(
  state: TransferState,
  role: TransferState['role'],
  mayCall: (mailboxUrl: string) => boolean,
  createUrl?: string,
): TransferState {
  const { format, claim, secret, seen, pending, mailboxUrl, ended } = (state ?? {}) as Partial<TransferState>;
  if (
    format !== 1 ||
    typeof claim !== 'string' ||
    typeof secret !== 'string' ||
    !Array.isArray(seen) ||
    state.role !== role
  ) {
    throw new TypeError(`state: must be that of a ${role} of this library`);
  }
  const isAllowed =
    (mailboxUrl === undefined ? createUrl !== undefined && (pending ?? ended) !== undefined : mayCall(mailboxUrl)) &&
    (pending === undefined || pending.url === (pending.operation === 'create' ? createUrl : mailboxUrl));
  if (!isAllowed) throw notAllowed();
  return state;
}

/** A link, or what a state holds, leads where nothing is to be sent. */
export function notAllowed(): TransferError {
  return new TransferError('not_allowed', 'It is of no relay of receiver.relays, sender.relay or sender.links.');
}
