import { randomUUID } from 'node:crypto';
import { createRelay, type Relay, type RelayOptions } from 'credential-relay';
import { createBody } from '../protocol/bodies.js';
import { createOperations, type Details, type Operations } from '../protocol/device.js';

export { createBody, inSeconds, somePayload } from '../protocol/bodies.js';

/** The public URL of relays that tests call by `relay.fetch`, without a socket. */
export const PUBLIC_URL = 'http://localhost/relay';

/** A relay for one test. */
export function testRelay(options: Partial<RelayOptions> = {}): Relay {
  return createRelay({ publicUrl: PUBLIC_URL, ...options });
}

/** An answer, read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The parsed body; `{}` for an empty one. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read bodies of every shape.
  readonly json: any;
}

/** A device that calls a relay without a socket. */
export interface Device extends Omit<Operations<Promise<Answer>>, 'create'> {
  readonly claim: string;
  create(body?: unknown, details?: Details): Promise<Answer>;
}

/** Sends one request through `relay.fetch`. */
export async function send(
  relay: Relay,
  method: string,
  url: string,
  headers: Record<string, string>,
  body?: unknown,
): Promise<Answer> {
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  const all = new Headers(headers);
  if (text !== undefined && !all.has('Content-Type')) all.set('Content-Type', 'application/json');
  const response = await relay.fetch(
    new Request(url, { method, headers: all, ...(text === undefined ? {} : { body: text }) }),
  );
  const received = await response.text();
  const isJson = response.headers.get('Content-Type')?.includes('json') === true && received !== '';
  return {
    status: response.status,
    headers: response.headers,
    text: received,
    json: isJson ? JSON.parse(received) : {},
  };
}

/** A device with a new claim, or the given one. */
export function device(relay: Relay, claim: string = randomUUID()): Device {
  const { create, ...others } = createOperations(claim, ({ method, url, fields = [], body }) =>
    send(relay, method, url, Object.fromEntries(fields), body),
  );
  return { claim, ...others, create: (body, details) => create(PUBLIC_URL, body, details) };
}

/** Creates a mailbox and returns its sender and its share URL. */
export async function sharedMailbox(
  relay: Relay,
  body: Record<string, unknown> = createBody(),
): Promise<{ sender: Device; url: string; created: Answer }> {
  const sender = device(relay);
  const created = await sender.create(body);
  return { sender, url: created.json.urlLink, created };
}
