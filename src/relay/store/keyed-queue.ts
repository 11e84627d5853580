/**
 * Runs the tasks of one key in order, and tasks of different keys concurrently. Two devices that write to one mailbox
 * through one process then do not compete in the store. Only writes of different processes compete.
 */
export type KeyedQueue = <Result>(key: string, task: QueuedTask<Result>) => Promise<Result>;

/** A task. `hasWaited` is true if another task of the key ran first, so that earlier reads may be outdated. */
export type QueuedTask<Result> = (hasWaited: boolean) => Promise<Result>;

/** Creates a queue, which keeps a key only while a task of the key runs or waits. */
export function createKeyedQueue(): KeyedQueue {
  const lastTasks = new Map<string, Promise<unknown>>();
  return async <Result>(key: string, task: QueuedTask<Result>) => {
    const previous = lastTasks.get(key);
    const runAfter = (): Promise<Result> => task(true);
    const current = previous === undefined ? task(false) : previous.then(runAfter, runAfter);
    lastTasks.set(key, current);
    try {
      return await current;
    } finally {
      if (lastTasks.get(key) === current) lastTasks.delete(key);
    }
  };
}
