/** Collects the chunks of a stream. */
export interface ByteCollector {
  /** Adds a chunk. Returns false once the limit is exceeded; the collector is then empty, and stays empty. */
  add(chunk: Uint8Array): boolean;
  /** All bytes so far. */
  bytes(): Uint8Array;
}

/** Size of the first buffer. Most bodies of several chunks are larger. */
const INITIAL_BYTES = 1024;

/**
 * Creates a collector of at most `limit` bytes. It copies each chunk into one buffer that grows by doubling. A list of
 * chunks would cost about 400 bytes of memory per chunk, and a client may send chunks of one byte.
 */
export function createByteCollector(limit: number): ByteCollector {
  let buffer = Buffer.alloc(0);
  let length = 0;
  let isOver = false;

  function growTo(size: number): void {
    // Not from the shared pool: a slice would keep the whole pool in memory as long as the body.
    const grown = Buffer.allocUnsafeSlow(Math.min(limit, Math.max(size, 2 * buffer.length, INITIAL_BYTES)));
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
