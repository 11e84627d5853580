import { close, constants, createReadStream, fstat, open } from 'node:fs';
import { Socket } from 'node:net';
import { addAbortSignal, type Readable } from 'node:stream';
import { isatty, ReadStream } from 'node:tty';
import { promisify } from 'node:util';
import { createByteCollector } from '../relay/byte-collector.js';
import { naming } from './errors.js';

const [openFile, statOf, closeFile] = [promisify(open), promisify(fstat), promisify(close)];

/** More bytes than a caller takes. */
export class TooManyBytes extends Error {}

/**
 * The bytes of a file, or for `-` of standard input. Throws {@link TooManyBytes} after `limit` bytes, the signal's reason,
 * and a CommandFailure for what cannot be read.
 */
export async function bytesOf(file: string, limit: number, signal: AbortSignal): Promise<Uint8Array> {
  const input = file === '-' ? process.stdin : await naming('<file>', streamOf(file));
  const collector = createByteCollector(limit);
  for await (const chunk of addAbortSignal(signal, input)) if (!collector.add(chunk)) throw new TooManyBytes();
  return collector.bytes();
}

/**
 * A stream whose reads can be interrupted. `createReadStream` waits for the writer of a named pipe, and for a terminal,
 * in a thread that holds the process even after a signal.
 */
async function streamOf(path: string): Promise<Readable> {
  const fd = await openFile(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const stats = await statOf(fd);
    if (isatty(fd)) return new ReadStream(fd);
    if (stats.isFIFO() || stats.isSocket()) return new Socket({ fd, readable: true, writable: false });
    if (stats.isDirectory()) throw Object.assign(new Error('EISDIR'), { code: 'EISDIR', syscall: 'read' });
    return createReadStream(path, { fd });
  } catch (error) {
    await closeFile(fd);
    throw error;
  }
}
