import { type Problem, problemFor, problemOf } from './problems.js';

/** What a page has under way, what of it went wrong, and how that is tried again. */
export interface Tasks {
  /** What went wrong last and has not been mended. */
  readonly problem: Problem | undefined;
  readonly isBusy: boolean;
  /** Runs a task. If it fails, that is shown until a task of this name succeeds, or is tried again by `again`. */
  attempt(name: string, task: () => Promise<unknown>, again?: () => Promise<void>): Promise<void>;
  /** The same for what a person asks for and waits for: does nothing while another such task is under way. */
  busily(name: string, task: () => Promise<unknown>): Promise<void>;
  /** Tries again all that went wrong. */
  retry(): Promise<void>;
  failed(name: string, error: unknown, again: () => Promise<void>): void;
  succeeded(name: string): void;
  /** Shows what is no error, under the name `warning`. */
  warn(code: string): void;
  /** Forgets what went wrong; tasks that are under way have no say any more. */
  forget(): void;
}

interface Failure {
  readonly problem: Problem;
  readonly again?: (() => Promise<void>) | undefined;
}

/** Makes the tasks of one phone. */
export function createTasks(onChange: () => void): Tasks {
  /** In the order in which they happened. */
  let failures = new Map<string, Failure>();
  let isBusy = false;

  function put(name: string, failure: Failure | undefined): void {
    failures.delete(name);
    if (failure !== undefined) failures.set(name, failure);
    onChange();
  }

  async function whileBusy(run: () => Promise<void>): Promise<void> {
    if (isBusy) return;
    isBusy = true;
    await run();
    isBusy = false;
    onChange();
  }

  const tasks: Tasks = {
    get problem() {
      return [...failures.values()].at(-1)?.problem;
    },
    get isBusy() {
      return isBusy;
    },
    async attempt(name, task, again = () => tasks.attempt(name, task)) {
      const mine = failures;
      try {
        await task();
        if (mine === failures) tasks.succeeded(name);
      } catch (error) {
        if (mine === failures) tasks.failed(name, error, again);
      }
    },
    busily: (name, task) =>
      whileBusy(() => {
        tasks.succeeded(name);
        return tasks.attempt(name, task);
      }),
    retry: () =>
      whileBusy(async () => {
        for (const [name, { again }] of [...failures]) {
          if (again === undefined) continue;
          tasks.succeeded(name);
          await again();
        }
      }),
    failed: (name, error, again) => put(name, { problem: problemOf(error), again }),
    succeeded: (name) => put(name, undefined),
    warn: (code) => put('warning', { problem: problemFor(code) }),
    forget() {
      failures = new Map();
      onChange();
    },
  };
  return tasks;
}
