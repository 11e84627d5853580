/** How many requests may be held at once. One mailbox has at most two: one per device. */
export interface WaitLimits {
  /** In total. */
  readonly maximum: number;
  readonly maximumPerConnection: number;
}

/** The slots of held requests. */
export class WaitLimiter {
  readonly #limits: WaitLimits;
  readonly #onEmpty: () => void;
  readonly #usedByConnection = new WeakMap<object, number>();
  #used = 0;

  /** Calls `onEmpty` each time that the last slot is released. */
  constructor(limits: WaitLimits, onEmpty: () => void) {
    this.#limits = limits;
    this.#onEmpty = onEmpty;
  }

  /** Slots in use. */
  get used(): number {
    return this.#used;
  }

  /** Occupies a slot. Returns the function that releases the slot; `undefined` if no slot is free. */
  acquire(connection: object | undefined): (() => void) | undefined {
    const { maximum, maximumPerConnection } = this.#limits;
    if (this.#used >= maximum) return undefined;
    if (connection !== undefined && this.#getUsedBy(connection) >= maximumPerConnection) return undefined;
    this.#count(connection, 1);
    let isReleased = false;
    return () => {
      if (isReleased) return;
      isReleased = true;
      this.#count(connection, -1);
      if (this.#used === 0) this.#onEmpty();
    };
  }

  #count(connection: object | undefined, change: 1 | -1): void {
    this.#used += change;
    if (connection !== undefined) this.#usedByConnection.set(connection, this.#getUsedBy(connection) + change);
  }

  #getUsedBy(connection: object): number {
    return this.#usedByConnection.get(connection) ?? 0;
  }
}
