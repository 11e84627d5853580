/** After so many interrupted reads in a row, the device polls with short reads. */
const MAXIMUM_INTERRUPTIONS = 3;

/** After so many pauses of polling, the device tries a held read again. */
const PAUSES_PER_HELD_READ = 10;

/**
 * How long reads may be held. A proxy may interrupt long requests: then the device asks for shorter holds, and after
 * several interruptions in a row it polls.
 */
export class HoldDuration {
  readonly #maximumSeconds: number;
  #seconds: number;
  #interruptedPolls = 0;
  /** Set until a short read shows that the relay can be reached, and only the held read failed. */
  #lastInterruptedAfterMs: number | undefined;
  #pauses = 0;

  constructor(waitSeconds: number) {
    this.#maximumSeconds = this.#seconds = Math.floor(waitSeconds);
  }

  /** Seconds to request for the next read; 0 for a read that is not held. */
  get seconds(): number {
    return this.#lastInterruptedAfterMs === undefined ? this.#seconds : 0;
  }

  /** Notes that a held read ended without a response. */
  recordInterruption(afterMs: number): void {
    this.#lastInterruptedAfterMs = afterMs;
  }

  /** Notes a response. Returns true when the device has to poll from now on. */
  recordResponse(wasHeld: boolean): boolean {
    if (wasHeld) {
      this.#interruptedPolls = 0;
      this.#seconds = Math.min(this.#maximumSeconds, this.#seconds + 1);
      return false;
    }
    if (this.#lastInterruptedAfterMs === undefined) return false;
    this.#interruptedPolls += 1;
    // 20 % below the time that was interrupted.
    const possibleSeconds = Math.floor((this.#lastInterruptedAfterMs * 0.8) / 1000);
    this.#seconds =
      this.#interruptedPolls >= MAXIMUM_INTERRUPTIONS ? 0 : Math.max(1, Math.min(this.#seconds, possibleSeconds));
    this.#lastInterruptedAfterMs = undefined;
    return this.#interruptedPolls === MAXIMUM_INTERRUPTIONS;
  }

  /** Notes a pause between polls. The proxy may be gone, so one read in ten is held for a second. */
  recordPause(): void {
    if (this.#interruptedPolls < MAXIMUM_INTERRUPTIONS || this.#maximumSeconds < 1) return;
    this.#pauses += 1;
    if (this.#pauses % PAUSES_PER_HELD_READ === 0) this.#seconds = 1;
  }
}
