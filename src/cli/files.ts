import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, link, lstat, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { addAbortSignal, type Readable } from 'node:stream';
import { type ProvisioningInformation, TransferError } from '../client/index.js';
import { createByteCollector } from '../relay/byte-collector.js';
import { CommandFailure, labelSystemErrors } from './errors.js';
import type { Output } from './reporter.js';
import { isPlainText, toPrintableJson } from './text.js';

/** Format of a sent file; `content` is `{ data: base64 of the file }`. */
const FILE_FORMAT = 'credential-relay.file';

/** The input has more bytes than the limit. */
export class TooManyBytesError extends Error {}

/**
 * Reads a regular file, or standard input for `-`. Throws {@link TooManyBytesError} after `limit` bytes, the reason of
 * the signal, and a {@link CommandFailure} for any other file.
 */
export async function readInput(file: string, limit: number, signal: AbortSignal): Promise<Uint8Array> {
  const input = file === '-' ? process.stdin : await labelSystemErrors('<file>', openRegularFile(file));
  const collector = createByteCollector(limit);
  for await (const chunk of addAbortSignal(signal, input)) if (!collector.add(chunk)) throw new TooManyBytesError();
  return collector.bytes();
}

async function openRegularFile(path: string): Promise<Readable> {
  // Without O_NONBLOCK, opening a named pipe blocks until a process writes to it.
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  const stats = await file.stat();
  if (stats.isFile()) return file.createReadStream();
  await file.close();
  if (stats.isDirectory()) throw new CommandFailure(1, 'io', '<file>: the path is a folder (EISDIR)');
  throw new CommandFailure(1, 'io', '<file>: is not a regular file; use - and redirect standard input.');
}

export function toFileInformation(bytes: Uint8Array): ProvisioningInformation {
  return { format: FILE_FORMAT, content: { data: Buffer.from(bytes).toString('base64') } };
}

/** The bytes of a sent file; the JSON of any other message. Throws {@link TransferError} `malformed`. */
export function toFileBytes(message: ProvisioningInformation): Uint8Array {
  const { format, content } = message;
  if (format !== FILE_FORMAT) return Buffer.from(`${toPrintableJson(message, 2)}\n`);
  const { data } = content;
  const bytes = Buffer.from(typeof data === 'string' ? data : '', 'base64');
  // Buffer ignores characters that are not base64, and would return another file.
  if (bytes.toString('base64') !== data) throw new TransferError('malformed', 'The file in the message is damaged.');
  return bytes;
}

/** The destination of received bytes. It is open before the relay binds this device: an error binds no device. */
export interface OutputFile {
  /** `undefined` for standard output. */
  readonly path: string | undefined;
  /** Writes all bytes; a file appears complete. Throws a {@link CommandFailure}, or an error of the system. */
  write(bytes: Uint8Array): Promise<void>;
  /** Deletes the draft of a file that was not written. */
  close(): Promise<void>;
}

export interface OutputFileOptions {
  /** Whether an existing file is replaced. */
  readonly force: boolean;
  readonly output: Output;
  /** Receives the path of the draft before the draft exists. */
  readonly onDraft: (path: string) => Promise<void>;
}

/** Opens the file of `--out`, or standard output. Throws a {@link CommandFailure} for a file of another kind. */
export async function openOutputFile(out: string | undefined, options: OutputFileOptions): Promise<OutputFile> {
  if (out === undefined || out === '-' || out === '/dev/stdout') return toOutputFile(options.output);
  if (out === '') throw new TypeError('--out: must name a file; - is standard output');
  const existing = await stat(out).catch(ignoreMissing);
  if (existing?.isDirectory() || /[/\\]$/.test(out)) throw createFailure('is a folder. Nothing was opened.');
  const isDangling = existing === undefined && (await lstat(out).catch(ignoreMissing)) !== undefined;
  if (isDangling) throw createFailure('is a symbolic link to a missing file. Nothing was opened.');
  if (existing !== undefined && !existing.isFile()) {
    throw createFailure('is not a regular file; use --out - and redirect standard output. Nothing was opened.');
  }
  if (existing !== undefined && !options.force) {
    throw createFailure('the file exists; --force replaces it. Nothing was opened.');
  }
  const path = existing === undefined ? resolve(out) : await realpath(out);
  const draft = join(dirname(path), `.credential-relay.${process.pid}-${randomBytes(4).toString('hex')}.part`);
  await options.onDraft(draft);
  const file = await open(draft, 'wx', 0o600);
  return {
    path: out,
    async write(bytes) {
      await file.writeFile(bytes);
      if (existing !== undefined) await file.chmod(existing.mode & 0o777);
      await file.sync();
      await (options.force ? rename(draft, path) : publishNew(draft, path));
    },
    async close() {
      await file.close();
      await rm(draft, { force: true });
    },
  };
}

function toOutputFile(output: Output): OutputFile {
  return {
    path: undefined,
    async write(bytes) {
      if (output.isTTY && !isPlainText(bytes)) {
        const message =
          'The received bytes are not plain text, and this terminal could interpret them; use --out FILE.';
        throw new CommandFailure(1, 'io', message);
      }
      await output.write(bytes);
    },
    async close() {},
  };
}

/** Gives the draft its name, and never replaces a file. */
async function publishNew(draft: string, path: string): Promise<void> {
  try {
    // Some file systems have no hard links; a copy is not atomic, and replaces no file either.
    await link(draft, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') throw error;
      return copyFile(draft, path, constants.COPYFILE_EXCL);
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw createFailure('another process created the file; --force replaces it.');
  }
}

const createFailure = (problem: string): CommandFailure => new CommandFailure(1, 'io', `--out: ${problem}`);

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
