import { CommandFailure } from './outcome.js';

/** Standard output, where what cannot be written is known of. */
export interface Output {
  readonly isTTY: boolean;
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

function brokenOutput(error: NodeJS.ErrnoException): CommandFailure {
  const why = error.code === 'EPIPE' ? 'nobody reads it any more' : (error.code ?? error.message);
  return new CommandFailure(1, 'io', `Standard output could not be written: ${why}.`, { cause: error });
}
