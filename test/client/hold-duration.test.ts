import { describe, expect, it } from 'vitest';
import { HoldDuration } from '../../src/client/hold-duration.js';

/** Interrupts a held read after so many ms, and answers the short read that follows. */
function interrupt(hold: HoldDuration, afterMs: number): boolean {
  hold.recordInterruption(afterMs);
  expect(hold.seconds).toBe(0);
  return hold.recordResponse(false);
}

describe('HoldDuration', () => {
  it('HoldDuration starts with the whole seconds of waitSeconds', () => {
    expect(new HoldDuration(25.9).seconds).toBe(25);
    expect(new HoldDuration(0).seconds).toBe(0);
  });

  it('An interruption shortens the hold to 80 % of its time, and a held response lengthens it by a second', () => {
    const hold = new HoldDuration(25);
    expect(interrupt(hold, 10_000)).toBe(false);
    expect(hold.seconds).toBe(8);
    hold.recordResponse(true);
    expect(hold.seconds).toBe(9);
  });

  it('The third interruption in a row ends the holds, and every tenth pause tries one of a second', () => {
    const hold = new HoldDuration(25);
    expect([interrupt(hold, 20), interrupt(hold, 20), interrupt(hold, 20)]).toEqual([false, false, true]);
    const seconds = Array.from({ length: 10 }, () => {
      hold.recordPause();
      return hold.seconds;
    });
    expect(seconds).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
  });
});
