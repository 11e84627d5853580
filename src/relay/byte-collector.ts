/** The bytes of a stream, collected piece by piece. */
export interface ByteCollector {
  /** Adds a piece. False if the bytes are now more than the limit: then nothing is kept, nor added any more. */
  add(piece: Uint8Array): boolean;
  /** The bytes that were added. */
  bytes(): Uint8Array;
}

/** Bytes of the first buffer: most bodies that come in pieces are longer. */
const SMALLEST = 1024;

/**
 * Makes a collector of at most `limit` bytes. It copies each piece into one buffer that grows by doubling. A list of the
 * pieces would cost about 400 bytes of memory a piece, and a client may send pieces of one byte.
 */
export function createByteCollector(limit: number): ByteCollector {
  let buffer = Buffer.alloc(0);
  let length = 0;
  let isOver = false;

  function growTo(size: number): void {
    // Of its own memory: a slice of the shared pool would keep the whole pool for as long as the body is held.
    const grown = Buffer.allocUnsafeSlow(Math.min(limit, Math.max(size, 2 * buffer.length, SMALLEST)));
    buffer.copy(grown, 0, 0, length);
    buffer = grown;
  }

  return {
    add(piece) {
      isOver ||= length + piece.length > limit;
      if (isOver) {
        buffer = Buffer.alloc(0);
        length = 0;
        return false;
      }
      if (length + piece.length > buffer.length) growTo(length + piece.length);
      buffer.set(piece, length);
      length += piece.length;
      return true;
    },
    bytes: () => buffer.subarray(0, length),
  };
}
