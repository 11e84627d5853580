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

/** An identifier under which a create may find or create its mailbox. */
export interface CandidateIdentifier {
  readonly identifier: string;
  /** True for the identifier from the current server key, and for a random identifier. */
  readonly current: boolean;
}

/**
 * The candidate identifiers of a create, one per server key. All processes use the same order, even while they disagree
 * about the current key. Without a request id there is one random identifier.
 */
export type CandidatesFor = (claim: string, requestId: string | undefined) => readonly CandidateIdentifier[];

/** The dependencies of the operations; one object per relay. */
export interface RelayContext {
  readonly store: GuardedStore;
  readonly codec: RecordCodec;
  readonly queue: KeyedQueue;
  readonly candidatesFor: CandidatesFor;
  readonly bodies: BodyParsers;
  readonly lifetime: LifetimePolicy;
  readonly defaultRights: AccessRights;
  readonly requestIdRequired: boolean;
  /** Public URL of the mount, with which every `urlLink` begins. */
  readonly base: string;
  readonly events: Events;
  readonly random: Random;
  /** Unix time in ms. */
  readonly clock: () => number;
  /** Milliseconds that one request may spend on the store. */
  readonly storeBudgetMs: number;
  readonly pushes: PushQueue;
  readonly waiters: Waiters;
  readonly changes: ChangeBus | undefined;
  /** The address of a mailbox in the namespace of this relay. */
  toAddress(identifier: string): Address;
  /** The salted hash of a mailbox for events. */
  hashMailbox(address: Address): string;
}

/** A read that may be held until the mailbox changes. */
export interface WaitRequest {
  /** Seconds that the relay grants. */
  readonly seconds: number;
  /** The version that the device already has. */
  readonly knownVersion: string;
  /** Aborted when the client disconnects. */
  readonly signal: AbortSignal;
  /** The socket (HTTP/1) or session (HTTP/2) of the request, if the host provides it. */
  readonly connection: object | undefined;
  /** False if the request takes too much memory to be held. */
  readonly isHoldable: boolean;
}

/** The checked parts of a request from a device, without anything of HTTP. */
interface Command<Body> {
  /** In lower case. */
  readonly claim: string;
  readonly requestId: string | undefined;
  readonly body: Body;
  readonly budget: StoreBudget;
  /** Calls the host's authorize hook with the role of the device. Throws the error of the hook. */
  readonly authorize: ((role: Role) => Promise<void>) | undefined;
}

/** A create. It has no address: the identifier follows from claim and request id. */
export interface CreateCommand<Body> extends Command<Body> {}

/** A preview. It has no claim: anyone with the link may see the display information. */
export interface PreviewCommand {
  readonly address: Address;
  readonly budget: StoreBudget;
}

/** An operation of a device on a mailbox that exists. */
export interface MailboxCommand<Body> extends Command<Body> {
  readonly address: Address;
  /** Value of Mailbox-Known-Version, unchecked: any text but the current revision is an old one. */
  readonly knownVersion: string | undefined;
  /** Present on a read that asks to wait. */
  readonly wait: WaitRequest | undefined;
}

/** The result of an operation on a mailbox. */
export interface Outcome {
  /** True if an earlier request with the same id had this effect: 201, and nothing was changed. */
  readonly duplicate?: boolean;
  /** JSON members of the answer; absent for an empty answer. */
  readonly body?: Readonly<Record<string, unknown>>;
  /** Mailbox-Version of a create, read or update; of a duplicate only while the version of its success is current. */
  readonly version?: string;
  /** Mailbox-Receiver of a sender's read. */
  readonly receiver?: 'none' | 'bound';
  /** The seconds granted to a read that asked to wait, and its result. */
  readonly waited?: { readonly seconds: number; readonly result: WaitResult };
}

/**
 * `changed`: the mailbox has another version than the device knows; `unchanged`: it has the known version after the
 * time granted (204); `declined`: it has the known version, and the relay cannot hold the request (204).
 */
export type WaitResult = 'changed' | 'unchanged' | 'declined';

/** The result of a create. */
export interface CreateOutcome extends Outcome {
  /** Address of the mailbox that was created or found. */
  readonly address: Address;
}

/** The content of a preview page. */
export interface Preview {
  readonly display: DisplayInformation;
  /** The share URL without query and fragment. */
  readonly url: string;
}

/** CreateMailbox. Takes a JSON body and a Request-ID. */
export interface CreateOperation<Body> {
  readonly name: 'create';
  /** Checks the parsed body; throws `body_invalid`, `body_too_large` or `expiration_out_of_range`. */
  parse(value: unknown, context: RelayContext): Body;
  run(command: CreateCommand<Body>, context: RelayContext): Promise<CreateOutcome>;
}

/** ReadDisplayInformationFromMailbox. Takes no claim and no body. */
export interface PreviewOperation {
  readonly name: 'preview';
  run(command: PreviewCommand, context: RelayContext): Promise<Preview>;
}

/** One of the four operations of a device on a mailbox. */
export interface MailboxOperation<Body> {
  readonly name: Exclude<OperationName, 'create' | 'preview'>;
  /** True if the request must have a Request-ID, unless the relay makes the Request-ID optional. */
  readonly needsRequestId: boolean;
  /** True if the relay may hold the answer until the mailbox changes. */
  readonly mayWait: boolean;
  /** JSON is required or optional, or a body of any type is drained and ignored. */
  readonly takesBody: 'required' | 'optional' | 'ignored';
  /** Checks the parsed body (`undefined` without a body); throws `body_invalid` or `body_too_large`. */
  parse(value: unknown, context: RelayContext): Body;
  run(command: MailboxCommand<Body>, context: RelayContext): Promise<Outcome>;
}
