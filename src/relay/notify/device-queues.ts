import { createHash } from 'node:crypto';
import type { NotificationToken } from '../../protocol/bodies.js';

/** A push to one device, after a change of its mailbox. */
export interface PushJob {
  readonly token: NotificationToken;
  /** The deadline of the mailbox, Unix time in ms. */
  readonly expiresAt: number;
  /** Removes the token from the mailbox, unless the device has replaced the token. */
  readonly forget: () => Promise<void>;
}

/** A push that waits. */
export interface PendingPush {
  readonly job: PushJob;
  /** Unix time in ms; the queue drops the push at this time. */
  readonly dropAt: number;
  readonly failedAttempts: number;
}

/**
 * The pushes to one device. A push does not name its mailbox, so one push serves all mailboxes with the same token: at
 * most one push waits, and at most one is in flight. A push starts at the later of `nextAllowedAt` and `backoffUntil`,
 * both of the monotonic clock, in ms.
 */
export interface DeviceQueue {
  /** The digest of the token. */
  readonly key: string;
  /** The destination host. */
  readonly host: string;
  pending: PendingPush | undefined;
  isSending: boolean;
  /** The end of the interval since the last push started. */
  nextAllowedAt: number;
  /** The end of the backoff after a failure. */
  backoffUntil: number;
  /** Failures in a row. */
  failures: number;
}

/** Merges two pushes to one device. The result lives as long as the longer of the two. */
export function mergePushes(newer: PendingPush, older: PendingPush | undefined): PendingPush {
  return older === undefined ? newer : { ...newer, dropAt: Math.max(newer.dropAt, older.dropAt) };
}

/** How long an idle queue with a failure is kept after its backoff. */
const KEEP_FAILED_MS = 600_000;

const SWEEP_INTERVAL_MS = 10_000;

/** All queues with a pending push, and a limited number of recently used queues. */
export class DeviceQueues {
  readonly #limit: number;
  /** The least recently used queue first. */
  readonly #queues = new Map<string, DeviceQueue>();
  #sweptAt = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#queues.size;
  }

  /** Returns the queue of a device; creates the queue if there is none. */
  get(tokenType: string, device: string, host: string): DeviceQueue {
    const key = createHash('sha256').update(`${tokenType}\0${device}`).digest('base64');
    const queue = this.#queues.get(key) ?? {
      key,
      host,
      pending: undefined,
      isSending: false,
      nextAllowedAt: 0,
      backoffUntil: 0,
      failures: 0,
    };
    this.#queues.delete(key);
    this.#makeRoom();
    this.#queues.set(key, queue);
    return queue;
  }

  #makeRoom(): void {
    const now = performance.now();
    if (now - this.#sweptAt >= SWEEP_INTERVAL_MS) {
      this.#sweptAt = now;
      for (const queue of this.#queues.values()) if (isExpired(queue, now)) this.#queues.delete(queue.key);
    }
    if (this.#queues.size < this.#limit) return;
    for (const queue of this.#queues.values()) {
      if (isIdle(queue)) {
        this.#queues.delete(queue.key);
        return;
      }
    }
  }
}

function isIdle({ pending, isSending }: DeviceQueue): boolean {
  return pending === undefined && !isSending;
}

function isExpired(queue: DeviceQueue, now: number): boolean {
  const kept = queue.failures > 0 ? KEEP_FAILED_MS : 0;
  return isIdle(queue) && Math.max(queue.nextAllowedAt, queue.backoffUntil) + kept <= now;
}
