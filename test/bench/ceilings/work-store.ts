import { getRevision, type WorkValue } from './records.js';

/** A Map with put-if-absent and compare-and-set. */
export interface WorkStore {
  get(key: string): Promise<WorkValue | undefined>;
  create(key: string, value: WorkValue): Promise<boolean>;
  replace(key: string, revision: string, value: WorkValue): Promise<boolean>;
}

const DEADLINE_MS = 2000;

/** A store whose every call has a deadline of its own, as any call to another machine needs one. */
export function createWorkStore(): WorkStore {
  const entries = new Map<string, WorkValue>();
  return {
    get: (key) => withDeadline(async () => entries.get(key)),
    create: (key, value) =>
      withDeadline(async () => {
        if (entries.has(key)) return false;
        entries.set(key, value);
        return true;
      }),
    replace: (key, revision, value) =>
      withDeadline(async () => {
        const current = entries.get(key);
        if (current === undefined || getRevision(current) !== revision) return false;
        entries.set(key, value);
        return true;
      }),
  };
}

function withDeadline<Answer>(run: () => Promise<Answer>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('The store did not answer.')), DEADLINE_MS);
    timer.unref();
    run().then((answer) => {
      clearTimeout(timer);
      resolve(answer);
    }, reject);
  });
}
