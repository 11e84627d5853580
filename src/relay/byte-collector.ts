/** Collects the bytes of a stream. */
export interface ByteCollector {
  /** Adds a chunk. Returns false beyond the limit. The collector then drops all bytes and ignores further chunks. */
  add(chunk: Uint8Array): boolean;
  /** The collected bytes. */
  bytes(): Uint8Array;
}

/** Size of the first buffer. Most bodies in several chunks are longer. */
const MINIMUM_BUFFER_BYTES = 1024;

/**
 * A collector of at most `limit` bytes. It copies each chunk into one buffer and doubles the buffer as needed. A list
 * of chunks would take about 400 bytes of memory per chunk, and a client may send chunks of one byte.
 */
export function createByteCollector(limit: number): ByteCollector {
  let buffer = Buffer.alloc(0);
  let length = 0;
  let isOver = false;

  function growTo(size: number): void {
    // Not from the shared pool: a slice would keep the whole pool in memory for as long as the body.
    const grown = Buffer.allocUnsafeSlow(Math.min(limit, Math.max(size, 2 * buffer.length, MINIMUM_BUFFER_BYTES)));
    buffer.copy(grown, 0, 0, length);
    buffer = grown;
  }

  return {
    add(chunk) {
      isOver ||= length + chunk.length > limit;
      if (isOver) {
        buffer = Buffer.alloc(0);
        length = 0;
        return false;
      }
      if (length + chunk.length > buffer.length) growTo(length + chunk.length);
      buffer.set(chunk, length);
      length += chunk.length;
      return true;
    },
    bytes: () => buffer.subarray(0, length),
  };
}
