import { createCallLimit } from '../../../src/relay/store/call-limit.js';
import { withTimeout } from '../../../src/relay/time.js';
import {
  closedError,
  overloaded,
  type RedisStoreError,
  replyCode,
  storeError,
  timedOut,
  unreachable,
} from './errors.js';

/** One connection to Redis, or one set of them to a cluster: open until it is lost or destroyed, never mended. */
export interface RedisLink {
  /** Sends a command to the master that holds `key`; to any master without one. Rejects at once if it is not connected. */
  send(key: string | undefined, command: readonly string[]): Promise<unknown>;
  /** False once it has been lost. */
  isUp(): boolean;
  /** Ends it at once; commands under way reject. Never throws. */
  destroy(): void;
  /** True if it can fail in part (one node of a cluster): it then serves on until another is open. */
  readonly partial: boolean;
}

/** Opens a link, within a time of its own; `lost` is told when it fails later, perhaps more than once. */
export type OpenLink = (lost: () => void) => Promise<RedisLink>;

/** A connection that is opened by the first call, and opened anew, for ever, when it is lost. */
export interface RedisConnection {
  /** Sends a command; rejects with a RedisStoreError, at the latest after the time-out. */
  send(key: string | undefined, command: readonly string[]): Promise<unknown>;
  /** Lets calls under way end, then closes. Later calls reject. */
  close(): Promise<void>;
}

/** The first pause before an attempt to connect, in ms; it doubles with each that fails. */
export const SHORTEST_PAUSE = 25;
/** The longest pause between two attempts to connect, in ms. */
export const LONGEST_PAUSE = 250;
/** The longest pause, in ms, before a link that still serves in part is replaced soon after it was opened. */
const PARTIAL_PAUSE = 1000;

interface Tracked {
  readonly link: RedisLink;
  readonly openedAt: number;
  pending: number;
  retired: boolean;
}

/**
 * Keeps one link open. The reconnection of the client library is not used: it dials the same address for ever, where
 * after a fail-over another node is the master, and it does not notice a peer that went silent. Here a link that is
 * lost, that does not answer within `timeoutMs`, or whose server turned out to be a replica is replaced by a new one,
 * found afresh.
 */
export function keepConnection(open: OpenLink, timeoutMs: number): RedisConnection {
  let current: Tracked | undefined;
  let opening: Promise<Tracked> | undefined;
  let retry: NodeJS.Timeout | undefined;
  let lastFailure: RedisStoreError | undefined;
  let failures = 0;
  let closed = false;
  let idle: (() => void) | undefined;
  const limit = createCallLimit();

  function connect(): Promise<Tracked> {
    clearTimeout(retry);
    retry = undefined;
    opening ??= attempt();
    opening.catch(() => {}); // Reported to the calls that wait for it, if any do.
    return opening;
  }

  async function attempt(): Promise<Tracked> {
    let tracked: Tracked | undefined;
    try {
      const link = await open(() => tracked !== undefined && giveUp(tracked, unreachable()));
      tracked = { link, openedAt: performance.now(), pending: 0, retired: false };
      if (closed || !link.isUp()) {
        link.destroy();
        throw closed ? closedError() : unreachable();
      }
    } catch (cause) {
      opening = undefined;
      lastFailure = storeError(cause);
      connectIn(Math.min(LONGEST_PAUSE, SHORTEST_PAUSE * 2 ** failures));
      failures = Math.min(failures + 1, 10);
      throw lastFailure;
    }
    opening = undefined; // At once, not when somebody hears of it: a link that is lost now is to be replaced.
    failures = 0;
    if (current !== undefined) retire(current);
    current = tracked;
    return tracked;
  }

  /** Connects after a pause of `ms`, less a random part of up to the half, so that many processes do not come at once. */
  function connectIn(ms: number): void {
    if (closed || retry !== undefined) return;
    retry = setTimeout(connect, ms * (1 - Math.random() / 2));
    retry.unref();
  }

  /** A link that failed: replaced, and unless it may still serve in part, not used any more. */
  function giveUp(tracked: Tracked, failure: RedisStoreError): void {
    if (tracked !== current || closed) return;
    lastFailure = failure;
    if (!tracked.link.partial) {
      current = undefined;
      tracked.link.destroy();
    }
    if (opening !== undefined) return;
    // One that was good for a moment only (a replica that does not tell, a node that stays down) is not replaced at once.
    const pause = tracked.link.partial ? PARTIAL_PAUSE : LONGEST_PAUSE;
    const young = performance.now() - tracked.openedAt < pause;
    if (young) failures = Math.max(failures, 1);
    connectIn(young ? pause : SHORTEST_PAUSE);
  }

  function retire(tracked: Tracked): void {
    tracked.retired = true;
    if (tracked.pending === 0) tracked.link.destroy();
    else setTimeout(() => tracked.link.destroy(), timeoutMs).unref();
  }

  function usable(): Tracked | Promise<Tracked> {
    if (current !== undefined) return current;
    // While attempts fail, so do calls, at once: nothing is queued for a server that is away, and nobody waits for it.
    if (failures > 0 && lastFailure !== undefined) throw lastFailure;
    return connect();
  }

  async function use(key: string | undefined, command: readonly string[], using: { link?: Tracked }): Promise<unknown> {
    const tracked = current ?? (await usable());
    using.link = tracked;
    tracked.pending += 1;
    try {
      return await tracked.link.send(key, command);
    } catch (cause) {
      const code = replyCode(cause);
      // Not an answer, so the connection is gone; or the answer of a server that is not the master any more.
      if (code === undefined || code === 'READONLY') giveUp(tracked, storeError(cause));
      throw cause;
    } finally {
      tracked.pending -= 1;
      if (tracked.pending === 0 && tracked.retired) tracked.link.destroy();
      if (tracked.pending === 0 && tracked === current) idle?.();
    }
  }

  /** Resolves when `promise` has settled, at the latest after the time-out. */
  async function settled(promise: Promise<unknown> = Promise.resolve()): Promise<void> {
    await withTimeout(timeoutMs, () => promise).catch(() => {});
  }

  return {
    send(key, command) {
      if (closed) return Promise.reject(closedError());
      const using: { link?: Tracked } = {};
      const late = (): RedisStoreError => {
        const failure = timedOut(timeoutMs);
        if (using.link !== undefined && using.link === current) {
          failures = Math.max(failures, 1); // It may well not answer the next call either: until it does, none waits.
          giveUp(using.link, failure);
        }
        return failure;
      };
      const call = (): Promise<unknown> => withTimeout(timeoutMs, () => use(key, command, using), late);
      return limit.run(sizeOf(command), call, overloaded).catch((cause) => {
        throw storeError(cause);
      });
    },
    async close() {
      if (closed) return;
      closed = true;
      clearTimeout(retry);
      await settled(opening);
      if (current === undefined) return;
      if (current.pending > 0) await settled(new Promise<void>((done) => (idle = done)));
      current.link.destroy();
      current = undefined;
    },
  };
}

/** Characters of a command, about its bytes. */
export function sizeOf(command: readonly string[]): number {
  let characters = 0;
  for (const word of command) characters += word.length;
  return characters;
}
