/**
 * Runs tasks of one key one after another, tasks of different keys at once. Two devices that write to one mailbox
 * through one process then do not race each other in the store, only the devices of other processes.
 */
export type KeyedQueue = <Result>(key: string, task: QueuedTask<Result>) => Promise<Result>;

/** A task. `hasWaited` if others of its key ran first: what it knew before may be out of date. */
export type QueuedTask<Result> = (hasWaited: boolean) => Promise<Result>;

/** Makes a queue. It holds a key for as long as a task of it runs or waits. */
export function createKeyedQueue(): KeyedQueue {
  const tails = new Map<string, Promise<unknown>>();
  return async <Result>(key: string, task: QueuedTask<Result>) => {
    const before = tails.get(key);
    const afterOthers = (): Promise<Result> => task(true);
    const mine = before === undefined ? task(false) : before.then(afterOthers, afterOthers);
    tails.set(key, mine);
    try {
      return await mine;
    } finally {
      if (tails.get(key) === mine) tails.delete(key);
    }
  };
}
