import { findNearestName } from '../protocol/nearest-name.js';
import type { RelayErrorCode } from './errors.js';

/** Names of the operations in events and hooks. */
export type OperationName = 'create' | 'preview' | 'read' | 'update' | 'relinquish' | 'delete';

/**
 * The events of a relay and their payloads. No event contains an identifier, claim, request id, token, attestation,
 * payload, title or IP address. `mailbox` is a hash with a salt of the process: it distinguishes mailboxes in the log
 * of one process. `ms` is a duration in milliseconds. `cause` is the code or the class name of an error.
 */
export interface RelayEventMap {
  /** The relay answered a request. `ms` is the time from its arrival to its answer. */
  'request.completed': {
    operation?: OperationName;
    status: number;
    code?: RelayErrorCode;
    ms: number;
    mailbox?: string;
  };
  'mailbox.created': { mailbox: string };
  'mailbox.bound': { mailbox: string };
  'mailbox.updated': { mailbox: string };
  'mailbox.relinquished': { mailbox: string };
  'mailbox.deleted': { mailbox: string };
  /** The operator removed a mailbox by `relay.remove`. */
  'mailbox.removed': { mailbox: string };
  /** The relay removed a notification token from a mailbox, because its provider called the token invalid. */
  'token.forgotten': { mailbox: string };
  /**
   * A notifier declined the notification token of a device, so the device gets no push. `reason` is a word of the
   * notifier, such as `host_not_listed` for a push service that is not in the list of `webPushNotifier`. Emitted once a
   * minute at most per type and reason. `tokens` is the number of checks that failed since the last event.
   */
  'token.declined': { tokenType: string; reason: string; tokens: number };
  /**
   * A call to the store failed, or its result was unusable. `reason` is a sentence with the cause and the remedy, if
   * the store gives one.
   */
  'store.failed': {
    call: 'get' | 'revision' | 'create' | 'replace' | 'sweep' | 'ping' | 'decode';
    cause: string;
    reason?: string;
    ms: number;
  };
  /**
   * The store has no room: writes get 503 `store_full`. Emitted once a minute at most. `refused` is the number of
   * refused writes since the last event.
   */
  'store.full': { refused: number; cause: string };
  /**
   * A hook failed: the request got 503, or another hook of `anyOf` decided it. A hook that refuses a request has not
   * failed. `reason` is a sentence of the relay with the rule that the hook broke. It contains no value of the hook.
   */
  'hook.failed': {
    hook: 'authenticate' | 'authorize';
    operation: OperationName;
    cause: string;
    reason: string;
    ms: number;
  };
  /**
   * A hook refused a request and gave a reason: a sentence for the operator, which the client does not get. It names the
   * rule, such as the claim that a token lacks, never a value. Refusals without a reason emit no event.
   */
  'hook.refused': {
    hook: 'authenticate' | 'authorize';
    operation: OperationName;
    code: RelayErrorCode;
    reason: string;
  };
  /** A sweep erased expired entries of the store. */
  'sweep.completed': { erased: number; ms: number };
  /** A provider accepted a push. `attempt` counts from 1. */
  'push.sent': { tokenType: string; attempt: number; ms: number };
  /**
   * A provider did not accept a push. `code` is the provider's own code. After `retry` there may be another attempt.
   */
  'push.failed': {
    tokenType: string;
    outcome: 'retry' | 'gone' | 'rejected';
    code?: string;
    attempt: number;
    ms: number;
  };
  /** A push was dropped: the queue was full, the push expired, all attempts failed, or the relay was closed. */
  'push.dropped': { tokenType: string; reason: 'full' | 'expired' | 'retries' | 'closed' };
  /** A host of a provider keeps failing. The relay sends it one push every two seconds until it accepts a push. */
  'push.paused': { tokenType: string };
  /** An internal error: a bug of the relay. */
  'relay.failed': { cause: string };
  /**
   * A warning for the operator, emitted once; `mount_path`, which a client can cause, at most once in ten minutes.
   * `wrong_handler`: a host called a handler that is for other hosts, or a method in place of a handler.
   */
  'relay.warned': {
    warning:
      | 'relay_open'
      | 'mount_path'
      | 'wrong_handler'
      | 'store_single_process'
      | 'store_clock_skew'
      | 'store_evicts';
    message: string;
  };
  /** A listener threw, or its promise rejected. `of` is the type of the event. */
  'listener.failed': { of: RelayEventType };
}

/** Names of the events, `noun.pastTense`. */
export type RelayEventType = keyof RelayEventMap;

/** All names, for `on`: a listener for a misspelt name would never run. */
const EVENT_TYPES: Readonly<Record<RelayEventType, true>> = {
  'request.completed': true,
  'mailbox.created': true,
  'mailbox.bound': true,
  'mailbox.updated': true,
  'mailbox.relinquished': true,
  'mailbox.deleted': true,
  'mailbox.removed': true,
  'token.forgotten': true,
  'token.declined': true,
  'store.failed': true,
  'store.full': true,
  'hook.failed': true,
  'hook.refused': true,
  'sweep.completed': true,
  'push.sent': true,
  'push.failed': true,
  'push.dropped': true,
  'push.paused': true,
  'relay.failed': true,
  'relay.warned': true,
  'listener.failed': true,
};

function assertListener(type: unknown, listener: unknown): void {
  if (typeof type !== 'string' || !Object.hasOwn(EVENT_TYPES, type)) {
    const types = Object.keys(EVENT_TYPES);
    const nearest = typeof type === 'string' ? findNearestName(type, types) : undefined;
    const hint = nearest === undefined ? `the events are ${types.join(', ')}.` : `did you mean ${nearest}?`;
    throw new TypeError(`relay.on: there is no such event; ${hint} The option onEvent gets all events`);
  }
  if (typeof listener !== 'function') throw new TypeError('relay.on: the listener must be a function');
}

/** One event for `options.onEvent`: its payload and its `type`. */
export type RelayEvent = { [Type in RelayEventType]: Readonly<{ type: Type } & RelayEventMap[Type]> }[RelayEventType];

/** Receives events. An error that it throws, and a rejection of its promise, is reported as `listener.failed`. */
export type RelayListener<Type extends RelayEventType> = (
  event: Readonly<{ type: Type } & RelayEventMap[Type]>,
) => void;

/** Emits events. Listeners run synchronously, and cannot refuse or fail a request. */
export interface Events {
  emit<Type extends RelayEventType>(type: Type, payload: RelayEventMap[Type]): void;
  /** Adds a listener. Returns a function that removes it. */
  on<Type extends RelayEventType>(type: Type, listener: RelayListener<Type>): () => void;
  /** False if there is no listener, so that the payload need not be computed. */
  hasListeners(type: RelayEventType): boolean;
}

/** The events of one relay. `onEvent` receives all of them. */
export function createEvents(onEvent?: (event: RelayEvent) => void): Events {
  const listeners = new Map<RelayEventType, Set<(event: never) => void>>();

  function emit<Type extends RelayEventType>(type: Type, payload: RelayEventMap[Type]): void {
    const event = Object.freeze({ type, ...payload });
    for (const listener of [...(listeners.get(type) ?? []), ...(onEvent === undefined ? [] : [onEvent])]) {
      // The error of a listener may contain secrets, so only the failure is reported, and only once.
      const failed = (): void => {
        if (type !== 'listener.failed') emit('listener.failed', { of: type });
      };
      try {
        const result = (listener as (event: unknown) => unknown)(event);
        if (result instanceof Promise) result.catch(failed);
      } catch {
        failed();
      }
    }
  }

  return {
    emit,
    on(type, listener) {
      assertListener(type, listener);
      const set = listeners.get(type) ?? new Set();
      listeners.set(type, set.add(listener));
      return () => void set.delete(listener);
    },
    hasListeners: (type) => onEvent !== undefined || (listeners.get(type)?.size ?? 0) > 0,
  };
}

/** The `code` of an error if it is a plain word, otherwise its class name. Never its message. */
export function describeCause(error: unknown): string {
  if (typeof error !== 'object' || error === null) return typeof error;
  try {
    const code = 'code' in error ? error.code : undefined;
    const name: unknown = isWord(code) ? code : error.constructor?.name;
    return isWord(name) ? name : 'Object';
  } catch {
    return 'Object'; // A getter of the thrown object threw.
  }
}

function isWord(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Za-z0-9_]{1,64}$/.test(value);
}
