import { randomUUID } from 'node:crypto';
import { createRelay, type Relay, type RelayOptions } from 'credential-relay';

/** Mount point of relays that tests reach by `relay.fetch`, without a socket. */
export const PUBLIC_URL = 'http://localhost/relay';

/** A relay for one test; events and clock are the test's own. */
export function testRelay(options: Partial<RelayOptions> = {}): Relay {
  return createRelay({ publicUrl: PUBLIC_URL, ...options });
}

/** An answer, read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The parsed body; `{}` for an empty one. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape.
  readonly json: any;
}

/** What a request of a test may say besides its method. */
export interface Details {
  readonly requestId?: string | null;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

/** One device, speaking to a relay by raw requests. */
export interface Device {
  readonly claim: string;
  create(body?: unknown, details?: Details): Promise<Answer>;
  preview(url: string, details?: Details): Promise<Answer>;
  read(url: string, details?: Details): Promise<Answer>;
  update(url: string, payload?: unknown, details?: Details): Promise<Answer>;
  relinquish(url: string, details?: Details): Promise<Answer>;
  delete(url: string, details?: Details): Promise<Answer>;
}

/** Sends one request through the fetch door. */
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

/** A device with a claim of its own, or the given one. */
export function device(relay: Relay, claim: string = randomUUID()): Device {
  const call = (
    method: string,
    url: string,
    { requestId, body, headers }: Details,
    withClaim = true,
  ): Promise<Answer> =>
    send(
      relay,
      method,
      url,
      {
        ...(requestId === null ? {} : { 'Mailbox-Request-ID': requestId ?? randomUUID() }),
        ...(withClaim ? { 'Mailbox-Device-Claim': claim } : {}),
        ...headers,
      },
      body,
    );
  return {
    claim,
    create: (body = createBody(), details = {}) => call('POST', `${PUBLIC_URL}/v1/m`, { body, ...details }),
    preview: (url, details = {}) => call('GET', url, details, false),
    read: (url, details = {}) => call('POST', url, details),
    update: (url, payload = somePayload(), details = {}) => call('PUT', url, { body: { payload }, ...details }),
    relinquish: (url, details = {}) => call('PATCH', url, details),
    delete: (url, details = {}) => call('DELETE', url, details),
  };
}

/** A payload of its own: random, and well formed. */
export function somePayload(): { type: string; data: string } {
  return { type: 'AEAD_AES_128_GCM', data: Buffer.from(randomUUID()).toString('base64') };
}

/** A create body for the stateful flow, with members replaced as the test wants. */
export function createBody(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    payload: somePayload(),
    displayInformation: { title: 'Hotel Pass', description: 'Some Hotel Pass', imageURL: 'https://example.com/i.png' },
    mailboxConfiguration: { accessRights: 'RWD', expiration: inSeconds(3600) },
    ...changes,
  };
}

/** The wire form of a time so many seconds from `now` (Unix time in ms). */
export function inSeconds(seconds: number, now = Date.now()): string {
  return `${new Date(Math.floor(now / 1000) * 1000 + seconds * 1000).toISOString().slice(0, 19)}Z`;
}

/** A relay with a mailbox in it: its sender, and the link. */
export async function sharedMailbox(
  relay: Relay,
  body: Record<string, unknown> = createBody(),
): Promise<{ sender: Device; url: string; created: Answer }> {
  const sender = device(relay);
  const created = await sender.create(body);
  return { sender, url: created.json.urlLink, created };
}
