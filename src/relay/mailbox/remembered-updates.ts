/** Number of updates per device, and of released receivers, that a mailbox remembers (docs/protocol.md §3, §5). */
const REMEMBERED_UPDATES = 16;

/** Appends an item and keeps the newest {@link REMEMBERED_UPDATES}. */
export function rememberUpdate<Item>(items: readonly Item[], item: Item): readonly Item[] {
  return [...items, item].slice(-REMEMBERED_UPDATES);
}
