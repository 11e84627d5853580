import { describe, expect, it } from 'vitest';
import { createByteCollector } from '../../src/relay/byte-collector.js';

const bytes = (length: number, fill = 7): Uint8Array => new Uint8Array(length).fill(fill);

describe('the byte collector', () => {
  it('returns pieces of any size in order', () => {
    const whole = Buffer.from(Array.from({ length: 5_000 }, (_, at) => at % 251));
    const collector = createByteCollector(whole.length);
    let at = 0;
    for (let size = 0; at < whole.length; size = (size + 3) % 97) {
      expect(collector.add(whole.subarray(at, at + size))).toBe(true);
      at += size;
    }
    expect(Buffer.from(collector.bytes()).equals(whole)).toBe(true);
  });

  it('returns no bytes without pieces', () => {
    expect(createByteCollector(10).bytes()).toHaveLength(0);
  });

  it('keeps its bytes if the caller reuses the memory', () => {
    const collector = createByteCollector(10);
    const piece = bytes(3);
    collector.add(piece);
    piece.fill(9);
    expect([...collector.bytes()]).toEqual([7, 7, 7]);
  });

  it('accepts bytes up to the limit, and discards and refuses all bytes after one more', () => {
    const collector = createByteCollector(2_000);
    expect(collector.add(bytes(1_999))).toBe(true);
    expect(collector.add(bytes(1))).toBe(true);
    expect(collector.bytes()).toHaveLength(2_000);
    expect(collector.add(bytes(1))).toBe(false);
    expect(collector.bytes()).toHaveLength(0);
    expect(collector.bytes().buffer.byteLength).toBe(0);
    expect(collector.add(bytes(1))).toBe(false);
  });

  it('uses at most twice the memory of many small pieces, and never more than the limit', () => {
    const collector = createByteCollector(65_536);
    for (let length = 1; length <= 65_536; length += 1) {
      collector.add(bytes(1));
      if (length % 1_000 !== 0 && length !== 65_536) continue;
      const held = collector.bytes().buffer.byteLength;
      expect(held).toBeLessThanOrEqual(Math.max(1_024, 2 * length));
      expect(held).toBeLessThanOrEqual(65_536);
    }
  });
});
