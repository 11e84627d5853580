/**
 * One mailbox as docs/protocol.md §3, §5, §6 and §7 describe it, without wire format, store, keys and clock: a pure
 * function from a state and a command to the next state and the answer. The property tests compare the relay with the
 * model.
 */

export type Operation = 'create' | 'preview' | 'read' | 'update' | 'relinquish' | 'delete';

/** The relevant part of a request. A header that is absent here is absent on the wire. */
export interface Command {
  readonly operation: Operation;
  readonly claim?: string;
  readonly requestId?: string;
  /** The payload of a create or update. */
  readonly data: string;
  /** The body lacks a required member. */
  readonly badBody?: boolean;
  /** Mailbox-Known-Version, as the number of the version. -1 is a version that never existed. */
  readonly knownVersion?: number;
  /** Further members of a create. No rights and no deadline mean no mailboxConfiguration. */
  readonly rights?: string;
  readonly deadline?: number;
  readonly title?: string;
}

interface Device {
  readonly claim: string;
  /** Request-IDs of its last 16 updates. */
  readonly updates: readonly string[];
}

export interface Mailbox {
  readonly kind: 'mailbox';
  readonly sender: Device;
  readonly receiver?: Device;
  /** The last 16 released claims, each with the Request-ID of its relinquish. */
  readonly released: readonly { readonly claim: string; readonly requestId: string }[];
  readonly rights: string;
  readonly data: string;
  readonly title: string;
  readonly deadline: number;
  /** Counts changes. The relay shows each number as one opaque token. */
  readonly version: number;
  /** The request that made the version: `create`, or an update as its claim and Request-ID. Absent for other changes. */
  readonly madeBy?: string;
}

/** The record after a delete. */
export interface Tombstone {
  readonly kind: 'tombstone';
  readonly deadline: number;
}

export type State = Mailbox | Tombstone | undefined;

/** A success, or a refusal with the codes that docs/protocol.md §6 allows (more than one if it does not decide). */
export type Answer =
  | { readonly refused: readonly string[] }
  | {
      readonly refused?: undefined;
      readonly status: 200 | 201;
      /** The JSON body, without the urlLink of a create. Absent if the body is optional. */
      readonly body?: unknown;
      /** The version number of Mailbox-Version. Absent if the header must be absent. */
      readonly version?: number;
      readonly receiver?: 'none' | 'bound';
    };

export const STATUS: Readonly<Record<string, number>> = {
  ...{ request_id_missing: 400, request_id_invalid: 400, claim_missing: 400, body_invalid: 400 },
  ...{ body_already_read: 400, expiration_out_of_range: 400 },
  ...{ claim_invalid: 401, mailbox_taken: 401, not_bound: 401, claim_released: 401, right_missing: 401 },
  ...{ mailbox_not_found: 404, not_found: 404, unsupported_version: 404, method_not_allowed: 405 },
  ...{ version_changed: 412, body_too_large: 413, media_type: 415, tls_required: 403 },
};

const HOUR = 3_600_000;
const REMEMBERED = 16;
const RIGHT: Partial<Record<Operation, string>> = { read: 'R', update: 'W', delete: 'D' };
const NO_PUSH = { isPushNotificationSupported: false };
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const NIL = /^[0-]+$/;

/** RFC 3339, whole seconds, UTC. */
export const timestamp = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');

export const displayInformation = (title: string) => ({
  title,
  description: 'A door',
  imageURL: 'https://a.example/i',
});
export const payload = (data: string) => ({ type: 'AEAD_AES_128_GCM', data });

const refuse = (state: State, ...refused: string[]): [State, Answer] => [state, { refused }];
const remember = <Item>(items: readonly Item[], item: Item): Item[] => [...items, item].slice(-REMEMBERED);

/** The required answer to `command` at `now`, and the next state of the mailbox. */
export function step(before: State, command: Command, now: number): [State, Answer] {
  const faults = faultsOf(command);
  if (faults.length > 0) return refuse(before, ...faults);

  const state = before !== undefined && before.deadline > now ? before : undefined;
  if (command.operation === 'create') return create(state, command, now);
  if (state?.kind !== 'mailbox') return refuse(state, 'mailbox_not_found');
  if (command.operation === 'preview') return [state, { status: 200 }];

  const claim = (command.claim ?? '').toLowerCase();
  const requestId = command.requestId ?? '';
  const { sender, receiver, released } = state;
  const isSender = claim === sender.claim;
  const isReceiver = claim === receiver?.claim;

  const device = isSender ? sender : isReceiver ? receiver : undefined;
  if (command.operation === 'update' && device?.updates.includes(requestId)) {
    return [state, { status: 201, body: NO_PUSH, ...currentVersion(state, nameOf(claim, requestId)) }];
  }
  const wasReleased = released.find((one) => one.claim === claim);
  if (command.operation === 'relinquish' && wasReleased?.requestId === requestId) return [state, { status: 201 }];

  const mayBind = command.operation === 'read' && receiver === undefined && wasReleased === undefined;
  const admitted = command.operation === 'relinquish' ? isReceiver : device !== undefined || mayBind;
  if (!admitted) return refuse(state, ...refusalCodes(state, command.operation, wasReleased !== undefined));

  const right = RIGHT[command.operation];
  const free = right === undefined || (isSender && command.operation !== 'update');
  if (!free && !state.rights.includes(right)) return refuse(state, 'right_missing');

  if (command.operation === 'update' && (command.knownVersion ?? state.version) !== state.version) {
    return refuse(state, 'version_changed');
  }
  return apply(state, command, { claim, requestId, isSender, binds: device === undefined }, now);
}

/** The relay checks headers before bodies. docs/protocol.md does not order the checks of two invalid headers. */
function faultsOf({ operation, claim, requestId, badBody }: Command): string[] {
  const faults: string[] = [];
  if (requestId === undefined) {
    if (operation !== 'read' && operation !== 'preview') faults.push('request_id_missing');
  } else if (!/^[!-~]{1,128}$/.test(requestId)) faults.push('request_id_invalid');
  if (operation !== 'preview') {
    if (claim === undefined) faults.push('claim_missing');
    else if (!UUID.test(claim.toLowerCase()) || NIL.test(claim)) faults.push('claim_invalid');
  }
  if (faults.length > 0 || badBody !== true) return faults;
  return operation === 'create' || operation === 'update' || operation === 'read' ? ['body_invalid'] : [];
}

const nameOf = (claim: string, requestId: string): string => `${claim} ${requestId}`;

/** A 201 has the version of the first success while it is current (docs/protocol.md §8). */
function currentVersion(state: Mailbox | Tombstone, request: string): { version?: number } {
  return state.kind === 'mailbox' && state.madeBy === request ? { version: state.version } : {};
}

/** The caller passes the mailbox of this claim and Request-ID. */
function create(
  state: State,
  { claim = '', rights, deadline, data, title = 'x' }: Command,
  now: number,
): [State, Answer] {
  if (state !== undefined) return [state, { status: 201, body: NO_PUSH, ...currentVersion(state, 'create') }];
  const opened: Mailbox = {
    kind: 'mailbox',
    sender: { claim: claim.toLowerCase(), updates: [] },
    released: [],
    rights: rights ?? 'RD',
    data,
    title,
    deadline: deadline ?? now + 48 * HOUR,
    version: 1,
    madeBy: 'create',
  };
  return [opened, { status: 200, body: NO_PUSH, version: 1 }];
}

/** docs/protocol.md §6 lists the codes but not every case. Every code whose description applies is valid. */
function refusalCodes(state: Mailbox, operation: Operation, released: boolean): string[] {
  if (operation !== 'read') return released ? ['claim_released', 'not_bound'] : ['not_bound'];
  if (!released) return ['mailbox_taken'];
  return state.receiver === undefined ? ['claim_released'] : ['claim_released', 'mailbox_taken'];
}

interface Caller {
  readonly claim: string;
  readonly requestId: string;
  readonly isSender: boolean;
  readonly binds: boolean;
}

function apply(state: Mailbox, { operation, data }: Command, caller: Caller, now: number): [State, Answer] {
  const { claim, requestId, isSender, binds } = caller;
  const version = state.version + 1;
  const { receiver, madeBy: _, ...others } = state;
  if (operation === 'delete') {
    return [{ kind: 'tombstone', deadline: Math.min(state.deadline, now + 24 * HOUR) }, { status: 200 }];
  }
  if (operation === 'relinquish') {
    return [{ ...others, released: remember(state.released, { claim, requestId }), version }, { status: 200 }];
  }
  if (operation === 'update') {
    const known = (device: Device): Device => ({ ...device, updates: remember(device.updates, requestId) });
    const side = isSender || receiver === undefined ? { sender: known(state.sender) } : { receiver: known(receiver) };
    return [
      { ...state, ...side, data, version, madeBy: nameOf(claim, requestId) },
      { status: 200, body: NO_PUSH, version },
    ];
  }
  const after = binds ? { ...others, receiver: { claim, updates: [] }, version } : state;
  const body = {
    payload: payload(state.data),
    displayInformation: displayInformation(state.title),
    expiration: timestamp(state.deadline),
  };
  const shown = isSender ? { receiver: receiver === undefined ? ('none' as const) : ('bound' as const) } : {};
  return [after, { status: 200, body, version: after.version, ...shown }];
}
