import { CommandFailure } from './errors.js';

/** Standard output, where what cannot be written is known of. */
export interface Output {
  readonly isTTY: boolean;
  /** Whether so much waits to be read that what can be done without should not be written. */
  readonly isBehind: boolean;
  /** Resolves once it is written. Throws a {@link CommandFailure} if that fails. */
  write(chunk: string | Uint8Array): Promise<void>;
  /** Resolves once all of it is written. Throws a {@link CommandFailure} if any of it failed. */
  flushed(): Promise<void>;
}

/** The output of a command; `onBroken` hears as soon as nobody takes it any more. */
export function createOutput(onBroken: (failure: CommandFailure) => void): Output {
  const { stdout } = process;
  let all: Promise<unknown> = Promise.resolve();
  stdout.on('error', (error) => onBroken(brokenOutput(error)));
  return {
    isTTY: stdout.isTTY === true,
    get isBehind() {
      return isBehind(stdout);
    },
    write(chunk) {
      const written = new Promise<void>((resolve, reject) => {
        stdout.write(chunk, (error) => (error ? reject(brokenOutput(error)) : resolve()));
      });
      all = Promise.all([all, written]);
      // Who does not wait for it hears of it by `onBroken`.
      all.catch(() => {});
      written.catch(() => {});
      return written;
    },
    async flushed() {
      await all;
    },
  };
}

/** Bytes that may wait for the reader of a stream before lines for it are left out. */
export const MOST_WAITING_BYTES = 256 * 1024;

/** Whether the reader of a stream does not keep up: more lines would fill the memory of this process. */
export const isBehind = ({ writableLength }: { readonly writableLength: number }): boolean =>
  writableLength > MOST_WAITING_BYTES;

function brokenOutput(error: NodeJS.ErrnoException): CommandFailure {
  const why = error.code === 'EPIPE' ? 'nobody reads it any more' : (error.code ?? error.message);
  return new CommandFailure(1, 'io', `Standard output could not be written: ${why}.`, { cause: error });
}
