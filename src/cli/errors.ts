import { getSystemErrorMap } from 'node:util';
import { TransferError, type TransferErrorCode } from '../client/index.js';
import { formatDuration } from './text.js';

/** The exit codes of `--help`. */
const EXIT_CODES: Readonly<Record<TransferErrorCode, number>> = {
  too_large: 1,
  conflict: 1,
  receiver_changed: 1,
  not_allowed: 3,
  already_claimed: 3,
  refused: 3,
  gone: 4,
  unreachable: 5,
  redirected: 5,
  not_sent: 5,
  tampered: 6,
  malformed: 6,
};

/** Members of the `failed` event besides its code. */
export interface FailureDetails {
  /** HTTP status of the relay's answer. */
  readonly status?: number | undefined;
  readonly relayCode?: string | undefined;
  readonly detail?: string | undefined;
  readonly maximum?: string | undefined;
}

/** The failure of a command; `message` is for people. */
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

/** No retry can reach the relay, so the message gets no hint to try again. */
export class FatalError extends CommandFailure {
  constructor(message: string, details?: FailureDetails) {
    super(EXIT_CODES.unreachable, 'unreachable', message, {}, details);
  }
}

export interface FailureContext {
  /** The next step for the user if the relay does not answer, or if the command is interrupted. */
  readonly hint?: string | undefined;
  /** The reason why the last request got no answer. */
  readonly cause?: string | undefined;
}

/** The names that the user types for the options of the client and the relay. */
const OPTION_NAMES: ReadonlyArray<readonly [pattern: RegExp, name: string]> = [
  [/^sender\.relay:/, '--relay:'],
  [/^receiver\.relays:/, '--allow:'],
  [/^shareUrl:/, '<url>:'],
  [/^publicUrl:/, '--public-url:'],
  [/^mountPath:/, '--mount-path:'],
  [/^store:/, '--store:'],
  [/^keys\b(\.\d+)?:/, 'RELAY_KEYS:'],
];

export function toCommandFailure(error: unknown, context: FailureContext = {}): CommandFailure {
  if (error instanceof CommandFailure) return addHint(error, context);
  if (error instanceof TransferError) {
    const { code, status, relayCode, detail, maximum } = error;
    const details = { status, relayCode, detail, maximum };
    return new CommandFailure(EXIT_CODES[code], code, formatTransferError(error, context), { cause: error }, details);
  }
  const problem = describeSystemError(error);
  if (problem !== undefined) return new CommandFailure(1, 'io', problem, { cause: error });
  const message = error instanceof Error ? error.message : 'failed';
  if (!(error instanceof TypeError)) return new CommandFailure(1, 'io', message, { cause: error });
  const renamed = OPTION_NAMES.reduce((text, [pattern, name]) => text.replace(pattern, name), message);
  return new CommandFailure(2, 'usage', renamed, { cause: error });
}

/** Begins the message of a system error with the option or argument. The value of the option is not repeated. */
export async function labelSystemErrors<Value>(label: string, work: Promise<Value>): Promise<Value> {
  try {
    return await work;
  } catch (cause) {
    const problem = describeSystemError(cause);
    if (problem === undefined) throw cause;
    throw new CommandFailure(1, 'io', `${label}: ${problem}`, { cause });
  }
}

function addHint(failure: CommandFailure, { hint }: FailureContext): CommandFailure {
  const canContinue = ['unreachable', 'interrupted', 'io'].includes(failure.code);
  if (!canContinue || hint === undefined || failure instanceof FatalError) return failure;
  const { exitCode, code, message, details } = failure;
  return new CommandFailure(exitCode, code, `${message} ${hint}`, { cause: failure }, details);
}

const NOT_ALLOWED =
  'Nothing was sent: the link leads to a relay that is not allowed. Without --allow HOST, receive opens https links ' +
  'of public hosts only. A saved share is sent to the relay of its link only.';

function formatTransferError(error: TransferError, context: FailureContext): string {
  const { code, ended, detail, maximum } = error;
  if (code === 'already_claimed') return 'Another device has opened this link.';
  if (code === 'not_allowed') return NOT_ALLOWED;
  if (code === 'gone' && ended === 'expired') return 'The share has expired.';
  if (code === 'gone') return 'The share does not exist: it was cancelled, finished, or has expired.';
  if (code === 'unreachable') return [formatNoAnswer(error, context), context.hint].join(' ').trim();
  const latest = maximum === undefined ? undefined : `The latest expiration that the relay accepts is ${maximum}.`;
  return [error.message, detail, latest].filter((part) => part !== undefined).join(' ');
}

function formatNoAnswer({ status, retryAfterMs }: TransferError, { cause }: FailureContext): string {
  if (status !== undefined && retryAfterMs !== undefined) {
    return `The relay asks the client to wait for ${formatDuration(retryAfterMs)} (${status}).`;
  }
  if (status !== undefined) return `The relay is unavailable (${status}).`;
  return `The relay does not answer${cause === undefined ? '' : ` (${cause})`}.`;
}

/** The message without the path or host name, which Node repeats; `undefined` for an error of another kind. */
function describeSystemError(error: unknown): string | undefined {
  const { code, errno, syscall } = (error ?? {}) as NodeJS.ErrnoException;
  if (typeof code !== 'string' || typeof syscall !== 'string') return undefined;
  const [, message = `${syscall} failed`] = getSystemErrorMap().get(errno ?? 0) ?? [];
  return `${message} (${code})`;
}
