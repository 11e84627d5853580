import { abortable, throwIfAborted } from './timing.js';

/** Runs tasks one after another. A task that fails does not stop the next task. */
export class TaskQueue {
  #last: Promise<unknown> = Promise.resolve();
  #size = 0;

  /** True while a task runs or waits. */
  get isBusy(): boolean {
    return this.#size > 0;
  }

  /** Runs a task after all tasks before it. If `signal` is aborted before that, the task does not run. */
  run<Value>(task: () => Promise<Value> | Value, signal?: AbortSignal): Promise<Value> {
    this.#size += 1;
    const result = this.#last
      .then(() => {
        throwIfAborted(signal);
        return task();
      })
      .finally(() => {
        this.#size -= 1;
      });
    this.#last = result.catch(() => {});
    return abortable(result, signal);
  }

  /** Resolves when every task that was queued before this call has ended. */
  idle(): Promise<unknown> {
    return this.#last;
  }
}
