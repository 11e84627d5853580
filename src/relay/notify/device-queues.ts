import { createHash } from 'node:crypto';
import type { NotificationToken } from '../../protocol/bodies.js';

/** One device to be told that its mailbox changed. */
export interface PushJob {
  readonly token: NotificationToken;
  /** When the mailbox ends, Unix time in ms. */
  readonly expiresAt: number;
  /** Takes the token out of the mailbox, if it is still the same. */
  readonly forget: () => Promise<void>;
}

/** A push that waits. */
export interface PendingPush {
  readonly job: PushJob;
  /** When it is given up, Unix time in ms. */
  readonly until: number;
  /** Tries that failed. */
  readonly tries: number;
}

/**
 * The pushes to one device. A push says nothing of its mailbox, so one serves all mailboxes that hold the token: at most
 * one waits, and one is under way. Times are of the monotonic clock, in ms: nothing begins before both have come.
 */
export interface DeviceQueue {
  /** The digest of the token. */
  readonly key: string;
  /** The host that the push goes to. */
  readonly host: string;
  pending: PendingPush | undefined;
  running: boolean;
  /** End of the interval since the last push began. */
  restsUntil: number;
  /** End of the pause after a failure. */
  pausedUntil: number;
  /** Failures in a row. */
  failures: number;
}

/** Two pushes to one device as one, which is of use as long as either. */
export function join(newer: PendingPush, older: PendingPush | undefined): PendingPush {
  return older === undefined ? newer : { ...newer, until: Math.max(newer.until, older.until) };
}

/** A token that failed is remembered for so long after its pause. */
const FAILED_MS = 600_000;

const SWEEP_MS = 10_000;

/** The lanes of one queue: those with a push, and a bounded number of those that had one lately. */
export class DeviceQueues {
  readonly #limit: number;
  /** Those that were not used for longest first. */
  readonly #lanes = new Map<string, DeviceQueue>();
  #sweptAt = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#lanes.size;
  }

  /** The lane of a device; a new one if none is known. */
  of(tokenType: string, device: string, host: string): DeviceQueue {
    const key = createHash('sha256').update(`${tokenType}\0${device}`).digest('base64');
    const lane = this.#lanes.get(key) ?? {
      key,
      host,
      pending: undefined,
      running: false,
      restsUntil: 0,
      pausedUntil: 0,
      failures: 0,
    };
    this.#lanes.delete(key);
    this.#makeRoom();
    this.#lanes.set(key, lane);
    return lane;
  }

  #makeRoom(): void {
    const now = performance.now();
    if (now - this.#sweptAt >= SWEEP_MS) {
      this.#sweptAt = now;
      for (const lane of this.#lanes.values()) if (isOver(lane, now)) this.#lanes.delete(lane.key);
    }
    if (this.#lanes.size < this.#limit) return;
    for (const lane of this.#lanes.values()) {
      if (isIdle(lane)) {
        this.#lanes.delete(lane.key);
        return;
      }
    }
  }
}

function isIdle({ pending, running }: DeviceQueue): boolean {
  return pending === undefined && !running;
}

function isOver(lane: DeviceQueue, now: number): boolean {
  const kept = lane.failures > 0 ? FAILED_MS : 0;
  return isIdle(lane) && Math.max(lane.restsUntil, lane.pausedUntil) + kept <= now;
}
