/** Bounds of a store that keeps its mailboxes where the relay itself runs: in its memory, or on its disk. */
export interface StoreBounds {
  /** Most mailboxes, what is left of deleted ones until their deadline included. */
  readonly maximumMailboxes: number;
  /** Most bytes of all mailboxes, with what the store needs to keep them. */
  readonly maximumBytes: number;
}

/** The bounds of memory where its options name none: a process with a heap of 256 MB survives a full store. */
export const MEMORY_BOUNDS: StoreBounds = { maximumMailboxes: 100_000, maximumBytes: 64 * 1024 * 1024 };

/** The bounds of a file where its options name none. */
export const FILE_BOUNDS: StoreBounds = { maximumMailboxes: 1_000_000, maximumBytes: 1024 * 1024 * 1024 };

/** What a store holds. */
export interface UsedSpace {
  readonly mailboxes: number;
  readonly bytes: number;
}

/** The share of `maximumBytes` that new mailboxes may take. The rest is for those that are there to grow. */
const SHARE_OF_CREATES = 7 / 8;

/** An entry may always grow within the blocks of this many bytes that it takes. */
const BLOCK_BYTES = 2048;

/**
 * The bounds that options ask for. Throws a TypeError for what is no whole number from 1 up; `owner` is the function
 * that it names.
 */
export function assertBounds(
  owner: string,
  asked: { readonly [Name in keyof StoreBounds]?: number | undefined },
  defaults: StoreBounds,
): StoreBounds {
  const bounds = {
    maximumMailboxes: asked.maximumMailboxes ?? defaults.maximumMailboxes,
    maximumBytes: asked.maximumBytes ?? defaults.maximumBytes,
  };
  for (const [name, value] of Object.entries(bounds)) {
    if (!Number.isSafeInteger(value) || value < 1)
      throw new TypeError(`${owner}: ${name} must be a whole number from 1`);
  }
  return bounds;
}

/** Whether there is room for one more entry, of `bytes`. */
export function hasRoomForNew(held: UsedSpace, bytes: number, bounds: StoreBounds): boolean {
  return (
    held.mailboxes < bounds.maximumMailboxes && held.bytes + bytes <= Math.floor(bounds.maximumBytes * SHARE_OF_CREATES)
  );
}

/**
 * Whether an entry of `before` bytes may become one of `after` bytes. One that shrinks, or grows within its blocks, is
 * never refused: a device can bind, and a mailbox can be deleted, in a full store too.
 */
export function hasRoomForGrowth(held: UsedSpace, before: number, after: number, bounds: StoreBounds): boolean {
  return countBlocks(after) <= countBlocks(before) || held.bytes + after - before <= bounds.maximumBytes;
}

function countBlocks(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES);
}
