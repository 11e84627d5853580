import { expect, it } from 'vitest';
import { TaskQueue } from '../../src/client/task-queue.js';

it('TaskQueue runs tasks one after another, also after a failed task', async () => {
  const queue = new TaskQueue();
  const order: string[] = [];
  const failed = queue.run(async () => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    order.push('first');
    throw new Error('failed');
  });
  const second = queue.run(() => order.push('second'));
  expect(queue.isBusy).toBe(true);
  await expect(failed).rejects.toThrow('failed');
  await second;
  await queue.idle();
  expect(order).toEqual(['first', 'second']);
  expect(queue.isBusy).toBe(false);
});

it('A TaskQueue rejects an aborted task at once and never runs it', async () => {
  const queue = new TaskQueue();
  const controller = new AbortController();
  let release = (): void => {};
  const first = queue.run(
    () =>
      new Promise<void>((resolve) => {
        release = resolve;
      }),
  );
  let hasRun = false;
  const aborted = queue.run(() => {
    hasRun = true;
  }, controller.signal);
  controller.abort(new Error('stop'));
  await expect(aborted).rejects.toThrow('stop');
  release();
  await first;
  await queue.idle();
  expect(hasRun).toBe(false);
});
