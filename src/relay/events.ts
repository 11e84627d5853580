import type { RelayErrorCode } from './errors.js';

/** The endpoints of the protocol, as events and hooks name them. */
export type OperationName = 'create' | 'preview' | 'read' | 'update' | 'relinquish' | 'delete';

/**
 * What the relay reports, after the fact. No event holds an identifier, claim, request id, token, attestation,
 * payload, title or address; `mailbox` is a hash of the store key salted anew by each process, good for telling two
 * mailboxes apart in one log and for nothing else.
 */
export interface RelayEventMap {
  /** A request was answered. `ms` is the time from its arrival to its answer. */
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
  /** The operator ended a mailbox by `relay.remove`. */
  'mailbox.removed': { mailbox: string };
  /** A notification token that its provider called dead was taken out of the mailbox. */
  'token.forgotten': { mailbox: string };
  /** A call to the store failed, or gave what cannot be used; `cause` is an error's code or class name. */
  'store.failed': {
    call: 'get' | 'revision' | 'create' | 'replace' | 'sweep' | 'ping' | 'decode';
    cause: string;
    ms: number;
  };
  /**
   * The store has no room: writes are refused with 503 `store_full`. Said at most once a minute; `refused` is how many
   * were refused since it was said last, and `cause` an error's code or class name.
   */
  'store.full': { refused: number; cause: string };
  /**
   * A hook could not decide: the request was refused with 503, or another hook of `anyOf` decided it. `cause` is an
   * error's code or class name. What a hook refuses is no failure of it.
   */
  'hook.failed': { hook: 'authenticate' | 'authorize'; operation: OperationName; cause: string; ms: number };
  /** A sweep erased expired entries. */
  'sweep.completed': { erased: number; ms: number };
  /** A provider took a push. `attempt` counts from 1. */
  'push.sent': { tokenType: string; attempt: number; ms: number };
  /** A provider did not take a push; `code` is its own plain word for why. A `retry` may be followed by another try. */
  'push.failed': {
    tokenType: string;
    outcome: 'retry' | 'gone' | 'rejected';
    code?: string;
    attempt: number;
    ms: number;
  };
  /** A push was given up: too many waited, its time was over, all tries failed, or the relay was closed. */
  'push.dropped': { tokenType: string; reason: 'full' | 'expired' | 'retries' | 'closed' };
  /** A host of a provider kept failing. It gets a push every two seconds, and no more, until it takes one. */
  'push.paused': { tokenType: string };
  /** Something inside the relay failed that should not: a bug. `cause` is the error's class name. */
  'relay.failed': { cause: string };
  /** Something the operator should know before going on, said once. */
  'relay.warned': {
    warning: 'relay_open' | 'mount_path' | 'store_single_process' | 'store_clock_skew' | 'store_evicts';
    message: string;
  };
  /** A listener threw, or its promise rejected; `of` is the type of the event that it heard. */
  'listener.failed': { of: RelayEventType };
}

/** Names of the events, `noun.pastTense`. */
export type RelayEventType = keyof RelayEventMap;

/** One event as `options.onEvent` gets it: its payload, and its `type`. */
export type RelayEvent = { [Type in RelayEventType]: Readonly<{ type: Type } & RelayEventMap[Type]> }[RelayEventType];

/** Called with an event. What it throws, or its promise rejects with, is caught and reported as `listener.failed`. */
export type RelayListener<Type extends RelayEventType> = (
  event: Readonly<{ type: Type } & RelayEventMap[Type]>,
) => void;

/** Hands events to whoever listens. Listeners run at once, cannot veto anything, and cannot fail a request. */
export interface Events {
  emit<Type extends RelayEventType>(type: Type, payload: RelayEventMap[Type]): void;
  /** Adds a listener; the function returned removes it. */
  on<Type extends RelayEventType>(type: Type, listener: RelayListener<Type>): () => void;
  /** False if nobody would hear an event of this type: then its payload need not be made. */
  hasListeners(type: RelayEventType): boolean;
}

/** Makes the events of one relay. `onEvent` hears every one of them. */
export function createEvents(onEvent?: (event: RelayEvent) => void): Events {
  const listeners = new Map<RelayEventType, Set<(event: never) => void>>();

  function emit<Type extends RelayEventType>(type: Type, payload: RelayEventMap[Type]): void {
    const event = Object.freeze({ type, ...payload });
    for (const listener of [...(listeners.get(type) ?? []), ...(onEvent === undefined ? [] : [onEvent])]) {
      // What a listener throws may hold anything: only the fact is reported, and only once.
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
      const set = listeners.get(type) ?? new Set();
      listeners.set(type, set.add(listener));
      return () => void set.delete(listener);
    },
    hasListeners: (type) => onEvent !== undefined || (listeners.get(type)?.size ?? 0) > 0,
  };
}

/** An error as an event names it: its `code` if that is a plain word, else its class. Never its message. */
export function describeCause(error: unknown): string {
  if (typeof error !== 'object' || error === null) return typeof error;
  try {
    const code = 'code' in error ? error.code : undefined;
    const name: unknown = isWord(code) ? code : error.constructor?.name;
    return isWord(name) ? name : 'Object';
  } catch {
    return 'Object'; // What was thrown does not let itself be looked at.
  }
}

function isWord(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Za-z0-9_]{1,64}$/.test(value);
}
