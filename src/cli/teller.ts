import type { Progress } from '../client/index.js';

/** Tells what goes on: words on standard error, and with `--json` a line a thing on standard output. */
export interface Teller {
  readonly isJson: boolean;
  /** An event, and the words for it, if people should read of it. */
  tell(event: Readonly<Record<string, unknown>> & { readonly event: string }, words?: string): void;
  /** What the client says of a transfer. */
  progress(progress: Progress): void;
}

const WORDS: Readonly<Record<string, string>> = {
  opened: 'The receiver has opened it.',
  left: 'The receiver has given its place back; the link can be opened again.',
  polling: 'The relay, or a proxy before it, holds no requests: asking now and then.',
};

const ENDINGS: Readonly<Record<string, string>> = {
  deleted: 'The receiver has finished, or the share was cancelled elsewhere.',
  expired: 'The share has expired.',
};

/** Makes the teller of one command; `side` is the device that it plays. */
export function createTeller(isJson: boolean, side: 'sender' | 'receiver'): Teller {
  function tell(event: Readonly<Record<string, unknown>> & { readonly event: string }, words?: string): void {
    if (isJson) process.stdout.write(`${JSON.stringify(event)}\n`);
    if (words !== undefined) process.stderr.write(`${printable(words)}\n`);
  }
  return {
    isJson,
    tell,
    progress(progress) {
      if (progress.type === 'retrying') {
        const why = progress.status === undefined ? 'no answer' : `${progress.status}`;
        tell({ event: 'retrying', why }, progress.pauseMs > 1000 ? `Trying again (${why}).` : undefined);
      } else if (side === 'sender' && progress.type === 'ended' && progress.how !== 'cancelled') {
        tell({ event: 'ended', how: progress.how }, ENDINGS[progress.how]);
      } else if (side === 'sender' && progress.type in WORDS) {
        tell({ event: progress.type }, WORDS[progress.type]);
      }
    },
  };
}

/** Text from elsewhere without what could move the cursor, or make it look like another. */
export function printable(text: string): string {
  return text.replace(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ' ');
}
