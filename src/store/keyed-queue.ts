/**
 * Runs tasks of one key one after another, tasks of different keys at once. Two devices that write to one mailbox
 * through one process then do not race each other in the store, only the devices of other processes.
 */
export type KeyedQueue = <Result>(key: string, task: () => Promise<Result>) => Promise<Result>;

/** Makes a queue. It holds a key for as long as a task of it runs or waits. */
export function createKeyedQueue(): KeyedQueue {
  const tails = new Map<string, Promise<unknown>>();
  return async (key, task) => {
    const before = tails.get(key);
    const mine = before === undefined ? task() : before.then(task, task);
    tails.set(key, mine);
    try {
      return await mine;
    } finally {
      if (tails.get(key) === mine) tails.delete(key);
    }
  };
}
