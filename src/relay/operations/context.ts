import type { AccessRights } from '../../protocol/access-rights.js';
import type { DisplayInformation } from '../../protocol/bodies.js';
import type { Events, OperationName } from '../events.js';
import type { ChangeBus } from '../long-poll/contract.js';
import type { Waiters } from '../long-poll/waiters.js';
import type { Role } from '../mailbox/roles.js';
import type { PushQueue } from '../notify/queue.js';
import type { Address, RecordCodec } from '../store/codec.js';
import type { GuardedStore, StoreBudget } from '../store/guarded-store.js';
import type { KeyedQueue } from '../store/keyed-queue.js';
import type { Random } from '../store/random.js';
import type { BodyParsers } from './bodies.js';
import type { LifetimePolicy } from './lifetime.js';

/** A place where a create may find or open its mailbox. */
export interface CandidateIdentifier {
  readonly identifier: string;
  /** True under the current server key, or without a request id. */
  readonly current: boolean;
}

/**
 * The places of the mailbox of one create, one a server key, in an order that all processes share whichever key is
 * current to them. Without a request id there is one, at random.
 */
export type CandidatesFor = (claim: string, requestId: string | undefined) => readonly CandidateIdentifier[];

/** Everything that operations work with; made once by `createRelay`. */
export interface RelayContext {
  readonly store: GuardedStore;
  readonly codec: RecordCodec;
  readonly queue: KeyedQueue;
  readonly candidatesFor: CandidatesFor;
  readonly bodies: BodyParsers;
  readonly lifetime: LifetimePolicy;
  readonly defaultRights: AccessRights;
  readonly requestIdRequired: boolean;
  /** Public base of every `urlLink`. */
  readonly base: string;
  readonly events: Events;
  readonly random: Random;
  /** Unix time in ms. */
  readonly clock: () => number;
  /** Milliseconds one request may spend on the store. */
  readonly storeBudgetMs: number;
  readonly pushes: PushQueue;
  readonly waiters: Waiters;
  readonly changes: ChangeBus | undefined;
  /** The address of a mailbox in this relay's part of the store. */
  address(identifier: string): Address;
  /** The name of a mailbox in events. */
  hashMailbox(address: Address): string;
}

/** A read that may be held until the mailbox changes. */
export interface WaitRequest {
  /** Seconds granted. */
  readonly seconds: number;
  /** The version that the device has seen. */
  readonly knownVersion: string;
  /** Calls back if the client leaves; the function returned ends that. */
  readonly whenGone: (callback: () => void) => () => void;
  /** The socket (HTTP/1) or session (HTTP/2) of the request, if the host shows it. */
  readonly connection: object | undefined;
  /** False if to hold the request would cost too much memory. */
  readonly isHoldable: boolean;
}

/** A request as an operation gets it: headers and body checked, nothing of HTTP left. */
export interface Command<Body> {
  /** The mailbox named by the path; that of a create follows from claim and request id. */
  readonly address: Address;
  /** In lower case; empty where the operation needs none. */
  readonly claim: string;
  readonly requestId: string | undefined;
  /** Value of Mailbox-Known-Version, unchecked: any text but the current revision is an old one. */
  readonly knownVersion: string | undefined;
  readonly body: Body;
  /** On a read that asks to wait. */
  readonly wait: WaitRequest | undefined;
  readonly budget: StoreBudget;
  /** Asks the host's authorize hook, once the device is known; throws what that throws. */
  readonly authorize: ((role: Role) => Promise<void>) | undefined;
}

/** What an operation answers. */
export interface Outcome {
  /** This very request had its effect before: 201, and nothing was changed. */
  readonly duplicate?: boolean;
  /** JSON members of the answer; absent for an empty one. */
  readonly body?: Readonly<Record<string, unknown>>;
  /** For the preview page. */
  readonly preview?: { readonly display: DisplayInformation; readonly url: string };
  /** Mailbox-Version of a create, read or update. */
  readonly version?: string;
  /** Mailbox-Receiver of a sender's read. */
  readonly receiver?: 'none' | 'bound';
  /** Of a read that asked to wait: the seconds granted, and whether it was held in vain (204) or could not be held. */
  readonly waited?: { readonly seconds: number; readonly result: 'changed' | 'unchanged' | 'declined' };
  /** The mailbox it was about. */
  readonly address: Address;
}

/** One endpoint of the protocol. */
export interface Operation<Body> {
  readonly name: OperationName;
  /** Whether the request must bring a Device Claim. */
  readonly needsClaim: boolean;
  /** Whether the request must bring a Request-ID, unless the relay makes it optional. */
  readonly needsRequestId: boolean;
  /** Whether its answer may be held until the mailbox changes. */
  readonly mayWait?: boolean;
  /** JSON is demanded, may be there, or whatever is there is drained and ignored. */
  readonly takesBody: 'required' | 'optional' | 'ignored';
  /** Checks the parsed body (`undefined` for none); throws `body_invalid` and the like. */
  parse(value: unknown, context: RelayContext): Body;
  run(command: Command<Body>, context: RelayContext): Promise<Outcome>;
}
