import type { Writable } from 'node:stream';
import type { Progress } from '../client/index.js';
import { CommandFailure } from './errors.js';
import { formatDuration, formatMessage, toPrintable, toPrintableJson } from './text.js';

/** Unread bytes of a stream after which the command drops lines for the stream. */
export const MAXIMUM_BACKLOG_BYTES = 256 * 1024;

const hasBacklog = ({ writableLength }: Pick<Writable, 'writableLength'>): boolean =>
  writableLength > MAXIMUM_BACKLOG_BYTES;

/** Standard output with its errors. */
export interface Output {
  readonly isTTY: boolean;
  /** Whether the reader is behind; the command drops lines that scripts can do without. */
  readonly hasBacklog: boolean;
  /** Resolves when the chunk is written. Throws a {@link CommandFailure}. */
  write(chunk: string | Uint8Array): Promise<void>;
  /** Resolves when all chunks are written. Throws a {@link CommandFailure}. */
  flush(): Promise<void>;
}

/** `onError` is called as soon as the reader closes standard output. */
export function createOutput(onError: (failure: CommandFailure) => void): Output {
  const { stdout } = process;
  let all: Promise<unknown> = Promise.resolve();
  stdout.on('error', (error) => onError(createOutputFailure(error)));
  return {
    isTTY: stdout.isTTY === true,
    get hasBacklog() {
      return hasBacklog(stdout);
    },
    write(chunk) {
      const written = new Promise<void>((resolve, reject) => {
        stdout.write(chunk, (error) => (error ? reject(createOutputFailure(error)) : resolve()));
      });
      all = Promise.all([all, written]);
      // A caller that does not await the promise gets the error through `onError`.
      all.catch(() => {});
      written.catch(() => {});
      return written;
    },
    async flush() {
      await all;
    },
  };
}

function createOutputFailure(error: NodeJS.ErrnoException): CommandFailure {
  const reason = error.code === 'EPIPE' ? 'the reader has closed it' : (error.code ?? error.message);
  return new CommandFailure(1, 'io', `Cannot write to standard output: ${reason}.`, { cause: error });
}

/**
 * The event log of `serve`: lines of JSON. The log drops lines while its reader is behind, because other people's
 * requests would otherwise fill the memory. Afterwards it writes their number: `{"type":"log.dropped","lines":…}`.
 */
export function createEventLog(stream: Writable): (event: object) => void {
  let dropped = 0;
  const write = (event: object): void => void stream.write(`${toPrintableJson(event)}\n`);
  return (event) => {
    if (!hasBacklog(stream)) return write(event);
    if (dropped === 0) {
      stream.once('drain', () => {
        write({ type: 'log.dropped', lines: dropped });
        dropped = 0;
      });
    }
    dropped += 1;
  };
}

/** An event for scripts: a line of JSON. */
export type Event = Readonly<Record<string, unknown>> & { readonly event: string };

export interface ReporterOptions {
  readonly isJson: boolean;
  readonly role: 'sender' | 'receiver';
  readonly output: Output;
  /** The reason why the last request got no answer. */
  readonly getCause: () => string | undefined;
}

const PROGRESS_MESSAGES: Readonly<Record<string, string>> = {
  opened: 'The receiver has opened the link.',
  left: 'The receiver has relinquished the share; another device can open the link.',
  polling: 'The relay, or a proxy, does not hold requests: polling.',
};

/** Only pauses of this length or more, in ms, appear in messages. */
const LONG_PAUSE_MS = 1000;

/** Writes messages to standard error, and with `--json` events to standard output. */
export class Reporter {
  readonly isJson: boolean;
  readonly #options: ReporterOptions;
  #isDisconnected = false;

  constructor(options: ReporterOptions) {
    this.isJson = options.isJson;
    this.#options = options;
  }

  /** Reports an event to scripts, and the message to people. */
  event(event: Event, message?: string): void {
    if (this.isJson) void this.#options.output.write(`${toPrintableJson(event)}\n`);
    if (message !== undefined) this.message(message);
  }

  /** Writes one line of up to 300 characters. */
  message(text: string): void {
    writeError(formatMessage(text));
  }

  /** Writes a command line without a limit: a truncated line would leave a quotation mark open. */
  command(label: string, line: string): void {
    writeError(`${label} ${toPrintable(line)}`);
  }

  readonly progress = (progress: Progress): void => {
    if (progress.type === 'retrying') {
      this.#retrying(progress.pauseMs, progress.status);
    } else if (progress.type === 'reconnected') {
      this.#isDisconnected = false;
      this.#repeatable({ event: 'reconnected' }, 'The relay answers again.');
    } else if (this.#options.role === 'sender' && progress.type in PROGRESS_MESSAGES) {
      this.#repeatable({ event: progress.type }, PROGRESS_MESSAGES[progress.type]);
    }
  };

  /** Reports an event that can occur any number of times, unless the reader is behind. */
  #repeatable(event: Event, message?: string): void {
    if (!this.#options.output.hasBacklog) this.event(event, message);
  }

  #retrying(pauseMs: number, status: number | undefined): void {
    const why = status === undefined ? (this.#options.getCause() ?? 'no answer') : String(status);
    const problem = status === undefined ? 'The relay does not answer' : 'The relay is unavailable';
    const isLong = pauseMs > LONG_PAUSE_MS;
    const message = `${problem} (${why}): retrying ${isLong ? `in ${formatDuration(pauseMs)}` : 'now'}.`;
    // One message for all short pauses.
    const isNew = !this.#isDisconnected || isLong;
    this.#isDisconnected = true;
    this.#repeatable({ event: 'retrying', why, pauseMs: Math.round(pauseMs) }, isNew ? message : undefined);
  }
}

function writeError(line: string): void {
  if (!hasBacklog(process.stderr)) process.stderr.write(`${line}\n`);
}
