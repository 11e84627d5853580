import { createHmac, createSecretKey, hash, randomBytes, randomFillSync } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Model, ModelAnswer, Sample } from '../sample.js';
import { readBody } from './body.js';
import { pageTemplate } from './page-template.js';
import { clearCodec, getRevision, sealingCodec, type WorkRecord } from './records.js';
import { createWorkStore } from './work-store.js';

/*
 * C1, the working ceiling: C0 plus what the design cannot do without, each done the quickest way known. Identifier,
 * digests, record or seal, revision, compare-and-set, a deadline on every store call, the page and the JSON made from
 * the record. No validation, routing, commit queue, events or errors: those are what the relay pays for its promises,
 * and for our clumsiness. It shares no code with the relay.
 */

/** The create body, taken at its word. */
interface Wanted {
  readonly payload: WorkRecord['payload'];
  readonly displayInformation: WorkRecord['display'];
  readonly notificationToken: unknown;
  readonly mailboxConfiguration: { readonly accessRights: string; readonly expiration: string };
}

/** A plain handler of node:http that really carries the transfer out, for clients that make no mistakes. */
export function workListener(model: Model, sample: Sample, sealed: boolean): RequestListener {
  const store = createWorkStore();
  const serverKey = createSecretKey(randomBytes(32));
  const codec = sealed ? sealingCodec(serverKey, takeRandom) : clearCodec;
  const renderPage = pageTemplate(model, sample);
  const [base = ''] = model.create.body.slice('{"urlLink":"'.length).split(model.identifier);
  const headersOf = {
    create: constantHeaders(model.create),
    preview: constantHeaders(model.preview),
    read: constantHeaders(model.read),
    remove: constantHeaders(model.remove),
  };

  async function create(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const wanted = JSON.parse((await readBody(request)).toString()) as Wanted;
    const requestId = headerOf(request, 'mailbox-request-id');
    const claim = headerOf(request, 'mailbox-device-claim').toLowerCase();
    const identifier = uuidOf(createHmac('sha256', serverKey).update(`mailbox${claim}${requestId}`).digest());
    const key = keyOf(identifier);
    const revision = takeRandom(12).toString('base64url');
    const record = {
      format: 1,
      createdAt: Date.now(),
      expiresAt: Date.parse(wanted.mailboxConfiguration.expiration),
      rights: wanted.mailboxConfiguration.accessRights,
      display: wanted.displayInformation,
      payload: wanted.payload,
      sender: { claim: claimOf(identifier, claim), updates: [], token: wanted.notificationToken },
      released: [],
    };
    if (!(await store.create(key, codec.encode(record, identifier, key, revision)))) return refuse(response);
    const body = JSON.stringify({ urlLink: base + identifier, isPushNotificationSupported: false });
    send(response, headersOf.create, body, requestId, revision);
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const identifier = (request.url ?? '').slice('/v1/m/'.length);
    if (identifier === '') return create(request, response);
    const key = keyOf(identifier);
    const value = await store.get(key);
    const record = value === undefined ? undefined : codec.decode(value, identifier, key);
    if (value === undefined || record === undefined || record.expiresAt <= Date.now()) return refuse(response);
    if (request.method === 'GET')
      return send(response, headersOf.preview, renderPage(record.display, base + identifier));

    const requestId = headerOf(request, 'mailbox-request-id');
    const claim = claimOf(identifier, headerOf(request, 'mailbox-device-claim').toLowerCase());
    const revision = takeRandom(12).toString('base64url');
    if (request.method === 'POST') {
      if (claim === record.sender.claim || record.receiver !== undefined) return refuse(response);
      const bound = codec.encode({ ...record, receiver: { claim } }, identifier, key, revision);
      if (!(await store.replace(key, getRevision(value), bound))) return refuse(response);
      const body = JSON.stringify({
        payload: record.payload,
        displayInformation: record.display,
        expiration: `${new Date(record.expiresAt).toISOString().slice(0, 19)}Z`,
      });
      return send(response, headersOf.read, body, requestId, revision);
    }
    if (claim !== record.receiver?.claim) return refuse(response);
    const tombstone = codec.encode(undefined, identifier, key, revision);
    if (!(await store.replace(key, getRevision(value), tombstone))) return refuse(response);
    return send(response, headersOf.remove, '', requestId);
  }

  return (request, response) => void handle(request, response);
}

let pool = Buffer.alloc(0);
let taken = 0;

/** Random bytes cut from a pool: to ask for twelve at a time costs ten times as much. */
function takeRandom(count: number): Buffer {
  if (taken + count > pool.length) {
    pool = randomFillSync(Buffer.allocUnsafeSlow(4096));
    taken = 0;
  }
  taken += count;
  return pool.subarray(taken - count, taken);
}

const keyOf = (identifier: string): string => `relay:${hash('sha256', `store${identifier}`, 'base64url')}`;

const claimOf = (identifier: string, claim: string): string =>
  hash('sha256', `claim${identifier}${claim}`, 'base64url');

function uuidOf(bytes: Buffer): string {
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex', 0, 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

function headerOf(request: IncomingMessage, name: string): string {
  return String(request.headers[name]);
}

/** Those of a model's headers whose values are the same in every answer. */
function constantHeaders({ headers }: ModelAnswer): readonly string[] {
  const constant: string[] = [];
  for (let at = 0; at < headers.length; at += 2) {
    const [name = '', value = ''] = headers.slice(at, at + 2);
    if (!['mailbox-request-id', 'mailbox-version', 'content-length'].includes(name.toLowerCase())) {
      constant.push(name, value);
    }
  }
  return constant;
}

function send(
  response: ServerResponse,
  constant: readonly string[],
  body: string,
  requestId?: string,
  revision?: string,
): void {
  const headers = [...constant, 'Content-Length', String(Buffer.byteLength(body))];
  if (requestId !== undefined) headers.push('Mailbox-Request-ID', requestId);
  if (revision !== undefined) headers.push('Mailbox-Version', revision);
  response.writeHead(200, headers);
  response.end(body);
}

/** Ends the benchmark: its client makes no mistakes. */
function refuse(response: ServerResponse): void {
  response.writeHead(404, ['Content-Length', '0']).end();
}
