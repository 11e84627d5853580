import { hash, randomBytes } from 'node:crypto';
import { createEvents } from './events.js';
import { createWaiters, type Waiters } from './long-poll/waiters.js';
import { storeKeyDigest } from './mailbox/digests.js';
import { deriveIdentifier } from './mailbox/identifier.js';
import { createServerKey, SERVER_KEY_BYTES, type ServerKey } from './mailbox/server-keys.js';
import { createPushQueue } from './notify/queue.js';
import { createBodyParsers } from './operations/bodies.js';
import type { CandidatesFor, RelayContext } from './operations/context.js';
import type { Settings } from './options.js';
import { type Address, clearCodec, sealingCodec } from './store/codec.js';
import type { MailboxStore } from './store/contract.js';
import { type GuardedStore, guardStore, startBudget } from './store/guarded-store.js';
import { createKeyedQueue } from './store/keyed-queue.js';
import { createRandom, type Random } from './store/random.js';

/** Wires settings and store into what operations work with. */
export function createContext(settings: Settings, store: MailboxStore): RelayContext {
  const { keys, namespace } = settings;
  const events = createEvents(settings.onEvent);
  const random = createRandom();
  const logSalt = randomBytes(16).toString('hex');
  const [current, ...previous] = identifierKeys(keys);
  const guarded = guardStore(store, Math.min(settings.storeTimeoutMs, settings.storeBudgetMs), events);
  return {
    store: guarded,
    codec: keys.length === 0 ? clearCodec : sealingCodec([current, ...previous]),
    queue: createKeyedQueue(),
    candidatesFor: createCandidates(current, previous, random),
    bodies: createBodyParsers(settings.limits),
    lifetime: settings.lifetime,
    defaultRights: settings.accessRights,
    requestIdRequired: settings.requestIdRequired,
    base: settings.publicUrl.base,
    events,
    random,
    clock: settings.clock,
    storeBudgetMs: settings.storeBudgetMs,
    address: (identifier): Address => ({ identifier, key: `${namespace}:${storeKeyDigest(identifier)}` }),
    hashMailbox: ({ key }) => hash('sha256', `${logSalt}${key}`, 'hex').slice(0, 16),
    waiters: assembleWaiters(settings, store, guarded),
    changes: store.changes,
    pushes: createPushQueue({ notifiers: settings.notifiers, clock: settings.clock, events }),
  };
}

let keyOfThisProcess: ServerKey | undefined;

/** Milliseconds between two looks at a mailbox that is waited for. */
const POLL_MS = { withChangeBus: 10_000, withoutChangeBus: 1_500 };

function assembleWaiters(settings: Settings, store: MailboxStore, guarded: GuardedStore): Waiters {
  const { maximumWaiters, maximumPerConnection, pollMs } = settings.longPoll;
  const watch = {
    periodMs: pollMs ?? (store.changes === undefined ? POLL_MS.withoutChangeBus : POLL_MS.withChangeBus),
    readRevision: (key: string) => guarded.revision(key, startBudget(settings.storeBudgetMs)),
  };
  return createWaiters({ maximum: maximumWaiters, maximumPerConnection }, watch, store.changes);
}

/** Without keys identifiers come from a key that lives and ends with this process, as its mailboxes do. */
export function identifierKeys([current, ...previous]: readonly ServerKey[]): readonly [ServerKey, ...ServerKey[]] {
  if (current !== undefined) return [current, ...previous];
  keyOfThisProcess ??= createServerKey(randomBytes(SERVER_KEY_BYTES));
  return [keyOfThisProcess];
}

function createCandidates(current: ServerKey, previous: readonly ServerKey[], random: Random): CandidatesFor {
  const ordered = [current, ...previous].sort((left, right) => (left.id < right.id ? -1 : 1));
  return (claim, requestId) =>
    requestId === undefined
      ? [{ identifier: random.uuid(), current: true }]
      : ordered.map((key) => ({ identifier: deriveIdentifier(key, claim, requestId), current: key === current }));
}
