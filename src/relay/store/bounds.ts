/** Bounds of a store in the memory, or on the disk, of the relay's machine. */
export interface StoreBounds {
  /** Maximum number of mailboxes, including deleted mailboxes before their deadline. */
  readonly maximumMailboxes: number;
  /** Maximum size of all mailboxes in bytes, including the overhead of the store. */
  readonly maximumBytes: number;
}

/** Defaults in memory: a process with a heap of 256 MB survives a full store. */
export const MEMORY_BOUNDS: StoreBounds = { maximumMailboxes: 100_000, maximumBytes: 64 * 1024 * 1024 };

/** Defaults in a file. */
export const FILE_BOUNDS: StoreBounds = { maximumMailboxes: 1_000_000, maximumBytes: 1024 * 1024 * 1024 };

/** The space that a store uses. */
export interface UsedSpace {
  readonly mailboxes: number;
  readonly bytes: number;
}

/** New mailboxes may use this share of `maximumBytes`. The rest is reserved for the growth of existing mailboxes. */
const SHARE_FOR_NEW = 7 / 8;

/** An entry may always grow within its blocks of this size. */
const BLOCK_BYTES = 2048;

/** True if a new entry of `bytes` fits. */
export function hasRoomForNew(used: UsedSpace, bytes: number, bounds: StoreBounds): boolean {
  return (
    used.mailboxes < bounds.maximumMailboxes && used.bytes + bytes <= Math.floor(bounds.maximumBytes * SHARE_FOR_NEW)
  );
}

/**
 * True if an entry may change its size from `before` to `after` bytes. An entry may always shrink, and grow within its
 * blocks: a device can bind to a mailbox, and delete a mailbox, even in a full store.
 */
export function hasRoomForGrowth(used: UsedSpace, before: number, after: number, bounds: StoreBounds): boolean {
  return countBlocks(after) <= countBlocks(before) || used.bytes + after - before <= bounds.maximumBytes;
}

function countBlocks(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES);
}
