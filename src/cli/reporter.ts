import type { Progress } from '../client/index.js';
import { wordsOfTime } from './durations.js';
import { isBehind, type Output } from './output.js';
import { printable, printableJson, shownMessage } from './printable.js';

/** A thing that happens, for scripts: a line of JSON. */
export type Event = Readonly<Record<string, unknown>> & { readonly event: string };

/** Tells what goes on: words on standard error, and with `--json` a line a thing on standard output. */
export interface Teller {
  readonly isJson: boolean;
  /** An event, and the words for it, one line, if people should read of it. */
  tell(event: Event, words?: string): void;
  /** Words for people only: one line of up to 300 characters. */
  say(words: string): void;
  /** Words, and a command line that is shown whole: half of one would leave a quotation mark open. */
  sayCommand(words: string, line: string): void;
  /** What the client says of a transfer. */
  progress(progress: Progress): void;
}

/** What a teller is made with. */
export interface TellerOptions {
  readonly isJson: boolean;
  /** The device that the command plays. */
  readonly side: 'sender' | 'receiver';
  readonly output: Output;
  /** Why the last request brought no answer. */
  readonly cause: () => string | undefined;
}

const WORDS: Readonly<Record<string, string>> = {
  opened: 'The receiver has opened it.',
  left: 'The receiver has given its place back; the link can be opened again.',
  polling: 'The relay, or a proxy before it, holds no requests: asking now and then.',
};

/** A pause that is worth a word, in ms. */
const LONG_PAUSE_MS = 1000;

/** Makes the teller of one command. */
export function createTeller({ isJson, side, output, cause }: TellerOptions): Teller {
  let isCutOff = false;

  function write(line: string): void {
    if (!isBehind(process.stderr)) process.stderr.write(`${line}\n`);
  }

  const say = (words: string): void => write(shownMessage(words));

  function tell(event: Event, words?: string): void {
    if (isJson) void output.write(`${printableJson(event)}\n`);
    if (words !== undefined) say(words);
  }

  /** What may happen any number of times is left out while nobody reads. */
  function tellProgress(event: Event, words?: string): void {
    if (!output.isBehind) tell(event, words);
  }

  function retrying(pauseMs: number, status: number | undefined): void {
    const why = status === undefined ? (cause() ?? 'no answer') : String(status);
    const what = status === undefined ? 'The relay does not answer' : 'The relay cannot now';
    const when = pauseMs > LONG_PAUSE_MS ? `in ${wordsOfTime(pauseMs)}` : 'at once';
    // Of short pauses once, and not of each try.
    const isNews = !isCutOff || pauseMs > LONG_PAUSE_MS;
    isCutOff = true;
    tellProgress(
      { event: 'retrying', why, pauseMs: Math.round(pauseMs) },
      isNews ? `${what} (${why}): trying again ${when}.` : undefined,
    );
  }

  return {
    isJson,
    tell,
    say,
    sayCommand: (words, line) => write(`${words} ${printable(line)}`),
    progress(progress) {
      if (progress.type === 'retrying') {
        retrying(progress.pauseMs, progress.status);
      } else if (progress.type === 'reconnected') {
        isCutOff = false;
        tellProgress({ event: 'reconnected' }, 'The relay answers again.');
      } else if (side === 'sender' && progress.type in WORDS) {
        tellProgress({ event: progress.type }, WORDS[progress.type]);
      }
    },
  };
}
