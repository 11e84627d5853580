import { TransferError, type TransferErrorCode } from '../client/index.js';
import { wordsOfTime } from './durations.js';
import { wordsOfSystemError } from './system-errors.js';

/** Exit codes, as the usage names them. */
const EXIT_CODES: Readonly<Record<TransferErrorCode, number>> = {
  too_large: 1,
  conflict: 1,
  receiver_changed: 1,
  not_allowed: 3,
  already_claimed: 3,
  refused: 3,
  gone: 4,
  unreachable: 5,
  tampered: 6,
  malformed: 6,
};

/** What `--json` tells of a failure besides its code, where it is known. */
export interface FailureDetails {
  /** HTTP status of the relay's answer. */
  readonly status?: number | undefined;
  readonly relayCode?: string | undefined;
  readonly detail?: string | undefined;
  readonly maximum?: string | undefined;
}

/** A command ends otherwise than it should; `message` is for people. */
export class CommandFailure extends Error {
  constructor(
    readonly exitCode: number,
    /** For scripts: a code of the client, or `usage`, `io`, `interrupted`, `busy`, `unknown`. */
    readonly code: string,
    message: string,
    options?: ErrorOptions,
    readonly details: FailureDetails = {},
  ) {
    super(message, options);
  }
}

/** There is no relay to be reached by trying again: advice to do that would be wrong. */
export class HopelessFailure extends CommandFailure {
  constructor(message: string, details?: FailureDetails) {
    super(EXIT_CODES.unreachable, 'unreachable', message, {}, details);
  }
}

/** What is known of a command when it fails. */
export interface Circumstances {
  /** What the user can do if the relay does not answer, or the command is interrupted. */
  readonly advice?: string | undefined;
  /** Why the last request brought no answer. */
  readonly cause?: string | undefined;
}

/** How an option is called where people type it. */
const TYPED: ReadonlyArray<readonly [pattern: RegExp, name: string]> = [
  [/^sender\.relay:/, '--relay:'],
  [/^receiver\.relays:/, '--allow:'],
  [/^shareUrl:/, '<url>:'],
  [/^publicUrl:/, '--public-url:'],
  [/^mountPath:/, '--mount-path:'],
  [/^store:/, '--store:'],
  [/^keys\b(\.\d+)?:/, 'RELAY_KEYS:'],
];

/** The failure that an error means. */
export function failureOf(error: unknown, circumstances: Circumstances = {}): CommandFailure {
  const { advice } = circumstances;
  if (error instanceof CommandFailure) {
    const isOpen = error.code === 'unreachable' || error.code === 'interrupted' || error.code === 'io';
    if (!isOpen || advice === undefined || error instanceof HopelessFailure) return error;
    const { exitCode, code, message, details } = error;
    return new CommandFailure(exitCode, code, `${message} ${advice}`, { cause: error }, details);
  }
  if (error instanceof TransferError) return failureOfTransfer(error, circumstances);
  const system = wordsOfSystemError(error);
  if (system !== undefined) return new CommandFailure(1, 'io', system, { cause: error });
  const message = error instanceof Error ? error.message : 'failed';
  if (!(error instanceof TypeError)) return new CommandFailure(1, 'io', message, { cause: error });
  const words = TYPED.reduce((text, [pattern, name]) => text.replace(pattern, name), message);
  return new CommandFailure(2, 'usage', words, { cause: error });
}

/** Says of a failure of the system which part of the command line it is about; that part itself is not repeated. */
export async function naming<Value>(part: string, work: Promise<Value>): Promise<Value> {
  try {
    return await work;
  } catch (cause) {
    const words = wordsOfSystemError(cause);
    if (words === undefined) throw cause;
    throw new CommandFailure(1, 'io', `${part}: ${words}`, { cause });
  }
}

function failureOfTransfer(cause: TransferError, circumstances: Circumstances): CommandFailure {
  const { code, status, relayCode, detail, maximum } = cause;
  const details = { status, relayCode, detail, maximum };
  return new CommandFailure(EXIT_CODES[code], code, wordsFor(cause, circumstances), { cause }, details);
}

const NOT_ALLOWED =
  'Nothing was sent: this leads to a relay that may not be called. Without --allow HOST, receive opens links of public ' +
  'hosts only, by https; what is kept of a share leads to the relay of its link only.';

function wordsFor(error: TransferError, circumstances: Circumstances): string {
  const { code, ended, detail, maximum } = error;
  if (code === 'already_claimed') return 'Another device has opened this link.';
  if (code === 'not_allowed') return NOT_ALLOWED;
  if (code === 'gone' && ended === 'expired') return 'The share has expired.';
  if (code === 'gone') return 'There is no such share: cancelled, finished, or expired.';
  if (code === 'unreachable') return [wordsForSilence(error, circumstances), circumstances.advice].join(' ').trim();
  const latest = maximum === undefined ? undefined : `The latest that it takes is ${maximum}.`;
  return [error.message, detail, latest].filter((part) => part !== undefined).join(' ');
}

function wordsForSilence({ status, retryAfterMs }: TransferError, { cause }: Circumstances): string {
  if (status !== undefined && retryAfterMs !== undefined) {
    return `The relay asks to wait for ${wordsOfTime(retryAfterMs)} (${status}).`;
  }
  if (status !== undefined) return `The relay is not there, or too busy (${status}).`;
  return `The relay does not answer${cause === undefined ? '' : ` (${cause})`}.`;
}
