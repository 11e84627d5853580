import { TransferError, type TransferErrorCode } from '../client/index.js';

/** Exit codes, as the usage names them. */
const EXIT_CODES: Readonly<Record<TransferErrorCode, number>> = {
  too_large: 1,
  overtaken: 1,
  receiver_changed: 1,
  not_allowed: 3,
  taken: 3,
  refused: 3,
  gone: 4,
  unreachable: 5,
  tampered: 6,
  malformed: 6,
};

/** A command ends otherwise than it should; `message` is for people. */
export class CommandFailure extends Error {
  constructor(
    readonly exitCode: number,
    readonly code: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The failure that an error of the client means; any other error as it is. */
export function failureOf(error: unknown): unknown {
  if (!(error instanceof TransferError)) return error;
  const { code, ended } = error;
  const words: Partial<Record<TransferErrorCode, string>> = {
    taken: 'Another device has opened this link.',
    gone: ended === 'expired' ? 'The share has expired.' : 'There is no such share: cancelled, finished, or expired.',
    unreachable: 'The relay does not answer. Nothing is lost: call this again.',
  };
  return new CommandFailure(EXIT_CODES[code], code, words[code] ?? error.message, { cause: error });
}
