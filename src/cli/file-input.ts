import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { addAbortSignal, type Readable } from 'node:stream';
import { createByteCollector } from '../relay/byte-collector.js';
import { CommandFailure, naming } from './errors.js';

/** The input has more bytes than the limit. */
export class TooManyBytes extends Error {}

/**
 * Reads a regular file, or standard input for `-`. Throws {@link TooManyBytes} after `limit` bytes, the reason of the
 * signal, and a {@link CommandFailure} for any other file.
 */
export async function readInput(file: string, limit: number, signal: AbortSignal): Promise<Uint8Array> {
  const input = file === '-' ? process.stdin : await naming('<file>', openRegularFile(file));
  const collector = createByteCollector(limit);
  for await (const chunk of addAbortSignal(signal, input)) if (!collector.add(chunk)) throw new TooManyBytes();
  return collector.bytes();
}

async function openRegularFile(path: string): Promise<Readable> {
  // Without O_NONBLOCK, opening a named pipe blocks until a process writes to it.
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  const stats = await file.stat();
  if (stats.isFile()) return file.createReadStream();
  await file.close();
  if (stats.isDirectory()) throw Object.assign(new Error('EISDIR'), { code: 'EISDIR', syscall: 'read' });
  throw new CommandFailure(1, 'io', '<file>: is not a regular file; use - and redirect standard input.');
}
