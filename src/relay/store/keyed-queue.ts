/**
 * Runs the tasks of one key in order, and tasks of different keys concurrently. Two devices that write to one mailbox
 * through one process then do not compete in the store. Only writes of different processes compete.
 */
export type KeyedQueue = <Result>(key: string, task: QueuedTask<Result>) => Promise<Result>;

/** A task. `hasWaited` if others of its key ran first: what it knew before may be out of date. */
export type QueuedTask<Result> = (hasWaited: boolean) => Promise<Result>;

/** Creates a queue, which keeps a key only while a task of the key runs or waits. */
export function createKeyedQueue(): KeyedQueue {
  const tails = new Map<string, Promise<unknown>>();
  return async <Result>(key: string, task: QueuedTask<Result>) => {
    const before = tails.get(key);
    const afterOthers = (): Promise<Result> => task(true);
    const mine = before === undefined ? task(false) : before.then(afterOthers, afterOthers);
    tails.set(key, mine);
    try {
      return await current;
    } finally {
      if (lastTasks.get(key) === current) lastTasks.delete(key);
    }
  };
}
