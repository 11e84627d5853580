/** How many requests may wait at once. Of one mailbox two do at most, one a device. */
export interface WaitLimits {
  /** In all. */
  readonly maximum: number;
  /** Of one connection. */
  readonly maximumPerConnection: number;
}

/** The places of those who wait. */
export interface WaitLimiter {
  /** Takes a place; the function returned gives it back, once. `undefined` if there is none. */
  take(connection: object | undefined): (() => void) | undefined;
  taken(): number;
}

/** Makes the places of one relay. `emptied` is called each time that the last of them has been given back. */
export function createWaitLimiter({ maximum, maximumPerConnection }: WaitLimits, emptied: () => void): WaitLimiter {
  const ofConnection = new WeakMap<object, number>();
  let taken = 0;

  function count(connection: object | undefined, by: 1 | -1): void {
    taken += by;
    if (connection !== undefined) ofConnection.set(connection, (ofConnection.get(connection) ?? 0) + by);
  }

  return {
    take(connection) {
      if (taken >= maximum) return undefined;
      if (connection !== undefined && (ofConnection.get(connection) ?? 0) >= maximumPerConnection) return undefined;
      count(connection, 1);
      let isTaken = true;
      return () => {
        if (!isTaken) return;
        isTaken = false;
        count(connection, -1);
        if (taken === 0) emptied();
      };
    },
    taken: () => taken,
  };
}
