import { addAbortSignal } from 'node:stream';

/** Characters of the longest line: a link with its surroundings. */
const MAXIMUM_CHARACTERS = 4096;

/** The lines of standard input. Reads no further than the lines that the command asks for. */
export class InputLines {
  readonly #signal: AbortSignal;
  #chunks: AsyncIterator<string> | undefined;
  #text = '';

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** The next line that is not blank; empty at the end of the input. Cuts off a line that is too long. */
  async next(): Promise<string> {
    // An iterator that leaves the stream open, because a prompt may follow on a terminal.
    this.#chunks ??= addAbortSignal(this.#signal, process.stdin.setEncoding('utf8')).iterator({
      destroyOnReturn: false,
    });
    for (;;) {
      this.#text = this.#text.trimStart();
      const end = this.#text.indexOf('\n');
      if (end !== -1 || this.#text.length > MAXIMUM_CHARACTERS) return this.#take(end === -1 ? undefined : end);
      const { value, done } = await this.#chunks.next();
      if (done === true) return this.#take(undefined);
      this.#text += value;
    }
  }

  /** Stops reading, so that a writer that stays open does not hold the command. Leaves a terminal open. */
  async close(): Promise<void> {
    if (this.#chunks === undefined) return;
    await this.#chunks.return?.();
    if (!process.stdin.isTTY) process.stdin.destroy();
    else process.stdin.pause();
  }

  #take(end: number | undefined): string {
    const line = this.#text.slice(0, Math.min(end ?? MAXIMUM_CHARACTERS, MAXIMUM_CHARACTERS)).trimEnd();
    this.#text = end === undefined ? '' : this.#text.slice(end + 1);
    return line;
  }
}
