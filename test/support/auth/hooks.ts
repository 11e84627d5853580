import { randomUUID } from 'node:crypto';
import {
  type AuthenticationHook,
  type AuthenticationHooks,
  type AuthenticationInput,
  type OperationName,
  type Principal,
  type Relay,
  RelayError,
  type RelayEvent,
  type RelayOptions,
  type ResourceMetadata,
} from 'credential-relay';
import { memoryStore } from 'credential-relay/adapters/store/memory';
import { afterEach, expect } from 'vitest';
import type { Details } from '../protocol/device.js';
import {
  type Answer,
  createBody,
  type Device,
  device,
  PUBLIC_URL,
  send,
  somePayload,
  testRelay,
} from '../relay/relay.js';

/** In every credential, message and payload of these tests. No event and no answer may contain it. */
export const SECRET = 'planted-7f3c.secret';

export const CREDENTIALS = {
  Authorization: `Bearer ${SECRET}`,
  DPoP: `proof-${SECRET}`,
  'Mailbox-Device-Attestation': `attestation-${SECRET}`,
} as const;

const heard: RelayEvent[] = [];
const planted = new Set<string>([SECRET, Buffer.from(SECRET).toString('base64')]);
const unhandled: unknown[] = [];

/** Registers a value that no event may contain, and returns it. */
export function plant<Value extends string>(value: Value): Value {
  planted.add(value);
  return value;
}

/** Waits one turn of the event loop, so that Node reports unhandled rejections. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Asserts after each test of the file that no event contained a planted value, and that no rejection was unhandled. */
export function watchForLeaks(): void {
  process.on('unhandledRejection', (reason) => unhandled.push(reason));
  afterEach(async () => {
    await turn();
    const said = JSON.stringify(heard.splice(0));
    expect([...planted].filter((value) => said.includes(value))).toEqual([]);
    planted.clear();
    planted.add(SECRET).add(Buffer.from(SECRET).toString('base64'));
    expect(unhandled.splice(0)).toEqual([]);
  });
}

/** A relay that records its events, for the test and for {@link watchForLeaks}. */
export interface WatchedRelay {
  readonly relay: Relay;
  readonly events: readonly RelayEvent[];
  /** The events of one type so far. */
  of<Type extends RelayEvent['type']>(type: Type): Extract<RelayEvent, { type: Type }>[];
}

export function watchedRelay(options: Partial<RelayOptions> = {}): WatchedRelay {
  const events: RelayEvent[] = [];
  const relay = testRelay({
    ...options,
    onEvent(event) {
      heard.push(event);
      events.push(event);
      options.onEvent?.(event);
    },
  });
  return {
    relay,
    events,
    of: <Type extends RelayEvent['type']>(type: Type) =>
      events.filter((event): event is Extract<RelayEvent, { type: Type }> => event.type === type),
  };
}

/** A device with a planted claim. */
export const visitor = (relay: Relay): Device => device(relay, plant(randomUUID()));

export const OPERATIONS: readonly OperationName[] = ['create', 'preview', 'read', 'update', 'relinquish', 'delete'];

/** Operations with a device: `default` and `authorize` apply to them. */
export const DEVICE_OPERATIONS = OPERATIONS.filter((name) => name !== 'preview');

/** One hook for all operations and the preview. */
export function everywhere(hook: AuthenticationHook): AuthenticationHooks {
  return { default: hook, preview: hook };
}

/** A hook that admits every request. */
export const lenient = (): { via: readonly string[] } => ({ via: ['lenient'] });

/** A hook that throws one refusal. */
export const refusing =
  (...refusal: ConstructorParameters<typeof RelayError>): AuthenticationHook =>
  () => {
    throw new RelayError(...refusal);
  };

/** A relay with an unbound mailbox, a bound mailbox, and a caller of each operation. */
export interface Scene extends WatchedRelay {
  /** The content of the store as text, for comparisons. */
  stored(): string;
  readonly open: { readonly sender: Device; readonly url: string };
  readonly taken: { readonly sender: Device; readonly receiver: Device; readonly url: string };
  /** Sends an operation as an authorized device. Repeated calls send the same request. */
  attempt(operation: OperationName, details?: Details): Promise<Answer>;
}

/** The hooks must admit every request until the setup is complete. */
export async function setScene(options: Partial<RelayOptions> = {}): Promise<Scene> {
  const entries = new Map<string, unknown>();
  const watched = watchedRelay({ store: memoryStore(entries), ...options });
  const { relay } = watched;
  const body = createBody({ payload: secretPayload() });
  const create = async (): Promise<{ sender: Device; url: string }> => {
    const sender = visitor(relay);
    const created = await sender.create(body, { headers: CREDENTIALS });
    expect(created.status).toBe(200);
    return { sender, url: created.json.urlLink };
  };
  const open = await create();
  const taken = { ...(await create()), receiver: visitor(relay) };
  expect((await taken.receiver.read(taken.url)).status).toBe(200);

  const newcomer = visitor(relay);
  const requestId = plant(randomUUID());
  const payload = secretPayload();
  return {
    ...watched,
    stored: () => JSON.stringify([...entries]),
    open,
    taken,
    attempt(operation, details = {}) {
      const all = { requestId, ...details, headers: { ...CREDENTIALS, ...details.headers } };
      if (operation === 'create') return newcomer.create(body, all);
      if (operation === 'preview') return newcomer.preview(open.url, all);
      if (operation === 'read') return newcomer.read(open.url, all);
      if (operation === 'update') return open.sender.update(open.url, payload, all);
      if (operation === 'relinquish') return taken.receiver.relinquish(taken.url, all);
      return open.sender.delete(open.url, all);
    },
  };
}

function secretPayload(): { type: string; data: string } {
  return { ...somePayload(), data: Buffer.from(SECRET).toString('base64') };
}

/** Asserts the answer to a request after a hook failed. */
export function expectUndecided(answer: Answer): void {
  expect(answer.json).toEqual({
    type: 'about:blank',
    title: expect.any(String),
    status: 503,
    code: 'authentication_unavailable',
  });
  expect(answer.status).toBe(503);
  expect(answer.headers.get('Retry-After')).toMatch(/^[1-9]\d*$/);
  expect(answer.headers.has('WWW-Authenticate')).toBe(false);
}

/** Creates a mailbox with the hook under test. */
export function tryCreate(relay: Relay, headers: Record<string, string> = CREDENTIALS): Promise<Answer> {
  return visitor(relay).create(createBody(), { headers });
}

/** The input of a hook for a real request, and the relay of the hook. */
export async function inputOf(
  options: Partial<RelayOptions> = {},
  metadata?: ResourceMetadata,
): Promise<{ input: AuthenticationInput; relay: Relay }> {
  let input: AuthenticationInput | undefined;
  const hook = (given: AuthenticationInput): Principal => {
    input = given;
    return lenient();
  };
  const authenticate = Object.assign(hook, metadata === undefined ? {} : { metadata });
  const { relay } = watchedRelay({ ...options, authenticate });
  const base = String(options.publicUrl ?? PUBLIC_URL).replace(/\/$/, '');
  const headers = { 'Mailbox-Request-ID': randomUUID(), 'Mailbox-Device-Claim': plant(randomUUID()) };
  // Without an expiration, which depends on the relay's clock.
  await send(relay, 'POST', `${base}/v1/m`, headers, createBody({ mailboxConfiguration: undefined }));
  if (input === undefined) throw new Error('The hook was not asked.');
  return { input, relay };
}

/** A promise with its settle functions. */
export function deferred<Value = void>(): {
  readonly promise: Promise<Value>;
  resolve(value: Value): void;
  reject(reason: unknown): void;
} {
  let resolve: (value: Value) => void = () => {};
  let reject: (reason: unknown) => void = () => {};
  const promise = new Promise<Value>((one, other) => {
    resolve = one;
    reject = other;
  });
  return { promise, resolve, reject };
}

/** An answer as text, without the one field that differs per request. */
export function bytesOf({ status, headers, text }: Answer): string {
  const fields = [...headers].filter(([name]) => name !== 'mailbox-request-id');
  return JSON.stringify([status, fields, text]);
}
