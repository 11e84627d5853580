/** Runs tasks one after another. A task that fails does not stop the next task. */
export class TaskQueue {
  #last: Promise<unknown> = Promise.resolve();

  run<Value>(task: () => Promise<Value> | Value): Promise<Value> {
    const result = this.#last.then(task);
    this.#last = result.catch(() => {});
    return result;
  }

  /** Resolves when every task that was queued before this call has ended. */
  idle(): Promise<unknown> {
    return this.#last;
  }
}
