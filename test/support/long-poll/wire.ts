import { randomUUID } from 'node:crypto';
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import type { Relay } from 'credential-relay';
import { createBody, somePayload } from '../relay/relay.js';

/** A header field; several may have one name. */
export type Field = readonly [name: string, value: string];

/** An answer, read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The parsed body; `{}` for an empty one. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape.
  readonly json: any;
  readonly version: string;
  /** Milliseconds that it took. */
  readonly ms: number;
}

/** A request under way. */
export interface Sent {
  /** Rejects if the connection is lost. */
  readonly answer: Promise<Answer>;
  /** Destroys the connection. */
  destroy(): void;
  /** Sends FIN: the client writes no more, and would still read. */
  finish(): void;
}

/** Sends a request, on a connection of its own, which it would use for more. */
export function send(method: string, url: string, fields: readonly Field[], body?: object): Sent {
  const text = body === undefined ? '' : JSON.stringify(body);
  const started = performance.now();
  const framing: Field[] = body === undefined ? [] : [['Content-Type', 'application/json']];
  const all = [...fields, ...framing, ['Host', new URL(url).host], ['Content-Length', `${text.length}`]];
  const agent = new Agent({ keepAlive: true });
  const sent = request(url, { method, headers: [...all, ['Connection', 'keep-alive']].flat() as string[], agent });
  sent.on('close', () => agent.destroy());
  const answer = new Promise<Answer>((resolve, reject) => {
    sent.on('error', reject);
    sent.on('response', (response) => {
      let received = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        received += chunk;
      });
      response.on('error', reject);
      response.on('end', () => {
        const { headers, statusCode: status = 0 } = response;
        const isJson = headers['content-type']?.includes('json') === true;
        const version = String(headers['mailbox-version']);
        const ms = performance.now() - started;
        resolve({ status, headers, text: received, json: isJson ? JSON.parse(received) : {}, version, ms });
      });
    });
  });
  answer.catch(() => {}); // Whoever leaves does not ask.
  sent.end(text);
  return {
    answer,
    destroy: () => void sent.destroy(),
    finish: () => void sent.socket?.end(),
  };
}

/** The fields of a read that waits. */
export const waitFor = (version: string, seconds = 30): Field[] => [
  ['Prefer', `wait=${seconds}`],
  ['Mailbox-Known-Version', version],
];

/** One device on the wire. */
export interface Device {
  readonly claim: string;
  create(base: string, configuration?: object, fields?: readonly Field[]): Promise<Answer>;
  read(url: string, fields?: readonly Field[], body?: object): Promise<Answer>;
  /** A read under way, which waits. */
  wait(url: string, version: string, seconds?: number, body?: object): Sent;
  update(url: string, payload?: object, fields?: readonly Field[]): Promise<Answer>;
  relinquish(url: string, fields?: readonly Field[]): Promise<Answer>;
  delete(url: string, fields?: readonly Field[]): Promise<Answer>;
}

/** A device with a claim of its own. */
export function newDevice(): Device {
  const claim = randomUUID();
  const call = (method: string, url: string, fields: readonly Field[], body?: object): Sent =>
    send(method, url, [['Mailbox-Device-Claim', claim], ['Mailbox-Request-ID', randomUUID()], ...fields], body);
  return {
    claim,
    create: (base, configuration, fields = []) => {
      const members = configuration === undefined ? {} : { mailboxConfiguration: configuration };
      return call('POST', `${base}/v1/m`, fields, createBody(members)).answer;
    },
    read: (url, fields = [], body) => call('POST', url, fields, body).answer,
    wait: (url, version, seconds = 30, body) => call('POST', url, waitFor(version, seconds), body),
    update: (url, payload = somePayload(), fields = []) => call('PUT', url, fields, { payload }).answer,
    relinquish: (url, fields = []) => call('PATCH', url, fields).answer,
    delete: (url, fields = []) => call('DELETE', url, fields).answer,
  };
}

/** A mailbox with both its devices, and its version. */
export interface Pair {
  readonly sender: Device;
  readonly receiver: Device;
  readonly url: string;
  readonly version: string;
}

/** Makes a mailbox at `base` and binds its receiver. */
export async function boundPair(base: string, configuration?: object): Promise<Pair> {
  const [sender, receiver] = [newDevice(), newDevice()];
  const { json } = await sender.create(base, configuration);
  const { version } = await receiver.read(json.urlLink);
  return { sender, receiver, url: json.urlLink, version };
}

/** Resolves once so many reads are held. */
export async function held(relay: Relay, count: number): Promise<void> {
  while (relay.stats().waiters !== count) await new Promise((resolve) => setImmediate(resolve));
}
