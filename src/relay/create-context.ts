import { randomBytes } from 'node:crypto';
import type { Events } from './events.js';
import { hash } from './hash.js';
import { Waiters } from './long-poll/waiters.js';
import { digestStoreKey } from './mailbox/digests.js';
import { createServerKey, deriveIdentifier, SERVER_KEY_BYTES, type ServerKey } from './mailbox/keys.js';
import { PushQueue } from './notify/queue.js';
import type { RelayStore } from './open-store.js';
import { createBodyParsers } from './operations/bodies.js';
import type { CandidatesFor, RelayContext } from './operations/context.js';
import type { Settings } from './options.js';
import { type Address, clearCodec, sealingCodec } from './store/codec.js';
import { startBudget } from './store/guarded-store.js';
import { createKeyedQueue } from './store/keyed-queue.js';
import { createRandom, type Random } from './store/random.js';

/** The parts of a relay that exist before its context. */
export interface ContextParts {
  readonly settings: Settings;
  readonly events: Events;
  readonly store: RelayStore;
  /** The keys that identifiers are derived from, the current one first. */
  readonly identifierKeys: readonly [ServerKey, ...ServerKey[]];
}

export function createContext({ settings, events, store, identifierKeys }: ContextParts): RelayContext {
  const random = createRandom();
  const logSalt = randomBytes(16).toString('hex');
  return {
    store: store.guarded,
    codec: settings.keys.length === 0 ? clearCodec : sealingCodec(identifierKeys),
    queue: createKeyedQueue(),
    candidatesFor: createCandidates(identifierKeys, random),
    bodies: createBodyParsers(settings.limits),
    lifetime: settings.lifetime,
    defaultRights: settings.accessRights,
    requestIdRequired: settings.requestIdRequired,
    base: settings.publicUrl.base,
    events,
    random,
    clock: settings.clock,
    storeBudgetMs: settings.storeBudgetMs,
    toAddress: (identifier): Address => ({ identifier, key: `${settings.namespace}:${digestStoreKey(identifier)}` }),
    hashMailbox: ({ key }) => hash('sha256', `${logSalt}${key}`, 'hex').slice(0, 16),
    waiters: createRelayWaiters(settings, store),
    changes: store.changes,
    pushes: new PushQueue({ notifiers: settings.notifiers, clock: settings.clock, events }),
  };
}

/** Default of `longPoll.pollMs`. */
const POLL_MS = { withChangeBus: 10_000, withoutChangeBus: 1_500 };

function createRelayWaiters({ longPoll, storeBudgetMs }: Settings, { guarded, changes }: RelayStore): Waiters {
  const { maximumWaiters, maximumPerConnection, pollMs } = longPoll;
  const poll = {
    periodMs: pollMs ?? (changes === undefined ? POLL_MS.withoutChangeBus : POLL_MS.withChangeBus),
    readRevision: (key: string) => guarded.revision(key, startBudget(storeBudgetMs)),
  };
  return new Waiters({ maximum: maximumWaiters, maximumPerConnection }, poll, changes);
}

let processKey: ServerKey | undefined;

/** Without keys all relays of this process derive identifiers from one random key. It ends with the process. */
export function resolveIdentifierKeys([current, ...previous]: readonly ServerKey[]): readonly [
  ServerKey,
  ...ServerKey[],
] {
  if (current !== undefined) return [current, ...previous];
  processKey ??= createServerKey(randomBytes(SERVER_KEY_BYTES));
  return [processKey];
}

function createCandidates(keys: readonly [ServerKey, ...ServerKey[]], random: Random): CandidatesFor {
  const [current] = keys;
  // By key id, so that all processes use one order during a rotation of the keys.
  const ordered = [...keys].sort((left, right) => (left.id < right.id ? -1 : 1));
  return (claim, requestId) =>
    requestId === undefined
      ? [{ identifier: random.uuid(), current: true }]
      : ordered.map((key) => ({ identifier: deriveIdentifier(key, claim, requestId), current: key === current }));
}
