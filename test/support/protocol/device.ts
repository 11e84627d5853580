import { randomUUID } from 'node:crypto';
import type { Agent } from 'node:http';
import { createBody, somePayload } from './bodies.js';
import { type Answer, type Call, type Field, type Sent, send, start } from './http.js';

export const JSON_TYPE: Field = ['Content-Type', 'application/json'];
export const claimField = (claim: string): Field => ['Mailbox-Device-Claim', claim];
export const idField = (id: string): Field => ['Mailbox-Request-ID', id];

/** The header fields of a read that waits. */
export const waitFields = (version: string, seconds = 30): Field[] => [
  ['Prefer', `wait=${seconds}`],
  ['Mailbox-Known-Version', version],
];

/** Parts of a request that differ from the default. */
export interface Details {
  /** Default: a new one. `null`: none. */
  readonly requestId?: string | null;
  /** A string goes out as it is, any other value as JSON. */
  readonly body?: unknown;
  /** A record replaces default fields of the same name. A list is added to the default fields. */
  readonly headers?: Readonly<Record<string, string>> | readonly Field[];
}

/** The request of an operation. The preview sends no claim. */
export function operation(method: string, url: string, claim?: string, body?: unknown, details: Details = {}): Call {
  const { requestId = randomUUID(), headers = {} } = details;
  const defaults = {
    ...(claim === undefined ? {} : { 'Mailbox-Device-Claim': claim }),
    ...(requestId === null ? {} : { 'Mailbox-Request-ID': requestId }),
  };
  const fields: Field[] = isList(headers)
    ? [...Object.entries(defaults), ...headers]
    : Object.entries({ ...defaults, ...headers });
  const content = 'body' in details ? details.body : body;
  if (content === undefined) return { method, url, fields };
  const hasType = fields.some(([name]) => name.toLowerCase() === 'content-type');
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  return { method, url, fields: hasType ? fields : [...fields, JSON_TYPE], body: text };
}

const isList = (headers: NonNullable<Details['headers']>): headers is readonly Field[] => Array.isArray(headers);

/** The operations of one device. `Reply` depends on the transport. */
export interface Operations<Reply> {
  create(base: string, body?: unknown, details?: Details): Reply;
  preview(url: string, details?: Details): Reply;
  read(url: string, details?: Details): Reply;
  update(url: string, payload?: unknown, details?: Details): Reply;
  relinquish(url: string, details?: Details): Reply;
  delete(url: string, details?: Details): Reply;
}

/** The operations of the device with this claim. `deliver` is the transport. */
export function createOperations<Reply>(claim: string, deliver: (call: Call) => Reply): Operations<Reply> {
  return {
    create: (base, body = createBody(), details) => deliver(operation('POST', `${base}/v1/m`, claim, body, details)),
    preview: (url, details) => deliver(operation('GET', url, undefined, undefined, details)),
    read: (url, details) => deliver(operation('POST', url, claim, undefined, details)),
    update: (url, payload = somePayload(), details) => deliver(operation('PUT', url, claim, { payload }, details)),
    relinquish: (url, details) => deliver(operation('PATCH', url, claim, undefined, details)),
    delete: (url, details) => deliver(operation('DELETE', url, claim, undefined, details)),
  };
}

/** A device that uses HTTP. */
export interface Device extends Operations<Promise<Answer>> {
  readonly claim: string;
  /** Starts a read that waits for a change of `version`. */
  wait(url: string, version: string, seconds?: number, body?: object): Sent;
}

/** A device with a new claim, or the given one. With an agent its requests share connections. */
export function newDevice({ claim = randomUUID(), agent }: { claim?: string; agent?: Agent } = {}): Device {
  const shared = agent === undefined ? {} : { agent };
  const wait: Device['wait'] = (url, version, seconds = 30, body) => {
    const call = operation('POST', url, claim, body, { headers: waitFields(version, seconds) });
    return start({ ...call, ...shared, keepAlive: true, timeoutMs: (seconds + 10) * 1000 });
  };
  const deliver = (call: Call): Promise<Answer> => send({ ...call, ...shared, keepAlive: true });
  return { claim, wait, ...createOperations(claim, deliver) };
}

/** A mailbox with both its devices. */
export interface BoundPair {
  readonly sender: Device;
  readonly receiver: Device;
  /** The URL of the mailbox at the server of `base`. */
  readonly url: string;
  readonly version: string;
}

/** Creates a mailbox at `base` and binds its receiver. */
export async function createBoundPair(base: string, body: object = createBody(), agent?: Agent): Promise<BoundPair> {
  const shared = agent === undefined ? {} : { agent };
  const [sender, receiver] = [newDevice(shared), newDevice(shared)];
  const url = atOrigin(toShareUrl(await sender.create(base, body)), base);
  const { version } = await receiver.read(url);
  return { sender, receiver, url, version };
}

/** Creates a mailbox and returns its share URL. */
export async function createShare(base: string, sender: Device = newDevice()): Promise<string> {
  return toShareUrl(await sender.create(base));
}

/** The same path at another origin: the relay processes of a test share one public URL. */
export const atOrigin = (url: string, origin: string): string => new URL(new URL(url).pathname, origin).href;

/** The share URL in the answer to a create; throws for an error response. */
export function toShareUrl({ status, text, json }: Pick<Answer, 'status' | 'text' | 'json'>): string {
  if (status !== 200 && status !== 201) throw new Error(`create: ${status} ${text}`);
  return String(json.urlLink);
}
