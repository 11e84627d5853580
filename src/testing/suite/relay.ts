/** The operations of the protocol under their short names, against the relay at one base URL. */
import assert from 'node:assert/strict';
import { type Answer, call, type Sending, send } from '../wire.js';
import { expectJson, expectStatus, versionOf } from './checks.js';
import { configured, createBody, type Json, newClaim, newId, newPayload } from './fixtures.js';

/** How a request departs from the ordinary one. */
export interface Extra {
  /** The Mailbox-Request-ID; absent: a fresh one; null: the header is left out. */
  readonly id?: string | null;
  /** A value is sent as JSON, a string or bytes as they are, undefined as no body at all. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** With its question mark. */
  readonly query?: string;
}

/** A mailbox that a test has opened. */
export interface Mailbox {
  readonly id: string;
  /** `/v1/m/{id}`, below the mount. */
  readonly path: string;
  readonly urlLink: string;
  readonly sender: string;
  /** The Mailbox-Request-ID of its create, and the body, for retries. */
  readonly createId: string;
  readonly body: Json;
  /** The Mailbox-Version that the create, or the read that bound the receiver, answered. */
  readonly version: string;
}

/** A mailbox whose receiver is bound. */
export interface BoundMailbox extends Mailbox {
  readonly receiver: string;
}

type Claim = string | null;

/** What a test gets. */
export interface Relay {
  readonly bodyLimitBytes: number;
  /** The absolute URL of a path below the mount. */
  url(path: string): string;
  /** Any request through fetch; the path is below the mount. */
  call(method: string, path: string, claim: Claim, extra?: Extra): Promise<Answer>;
  /** Any request through `node:http`. */
  send(method: string, path: string, sending?: Sending): Promise<Answer>;
  create(claim: Claim, extra?: Extra): Promise<Answer>;
  read(mailbox: Pick<Mailbox, 'path'>, claim: Claim, extra?: Extra): Promise<Answer>;
  update(mailbox: Pick<Mailbox, 'path'>, claim: Claim, extra?: Extra): Promise<Answer>;
  relinquish(mailbox: Pick<Mailbox, 'path'>, claim: Claim, extra?: Extra): Promise<Answer>;
  cancel(mailbox: Pick<Mailbox, 'path'>, claim: Claim, extra?: Extra): Promise<Answer>;
  preview(mailbox: Pick<Mailbox, 'path'>, extra?: Extra): Promise<Answer>;
  /** Opens a mailbox: with the default configuration, or with these rights for an hour, or with members of its body. */
  open(rights?: string, over?: Json): Promise<Mailbox>;
  /** The same, and binds a receiver by its first read. */
  openBound(rights?: string, over?: Json): Promise<BoundMailbox>;
}

/** Registers one test; the relay it runs against is made when it runs. */
export type Test = (name: string, run: (relay: Relay) => Promise<void>) => void;

/** The headers of an ordinary request, for {@link Relay.send}. */
export const ordinary = (claim: string, id = newId()): Record<string, string> => ({
  'Mailbox-Device-Claim': claim,
  'Mailbox-Request-ID': id,
  'Content-Type': 'application/json',
});

/** The mailbox identifier at the end of a urlLink. */
export function identifierOf(urlLink: unknown): string {
  assert.ok(typeof urlLink === 'string', 'urlLink is a string');
  const [, identifier] = /\/v1\/m\/([^/?#]+)$/.exec(urlLink) ?? [];
  assert.ok(identifier, `urlLink ends with /v1/m/{mailboxIdentifier}: ${urlLink}`);
  return identifier;
}

/** The relay at this base URL. */
export function relayAt(baseUrl: string, bodyLimitBytes: number): Relay {
  const base = baseUrl.replace(/\/+$/, '');
  const url = (path: string): string => `${base}${path}`;

  const request = (method: string, path: string, claim: Claim, extra: Extra = {}): Promise<Answer> => {
    const headers: Record<string, string> = {};
    const id = extra.id === undefined ? newId() : extra.id;
    if (claim !== null) headers['Mailbox-Device-Claim'] = claim;
    if (id !== null) headers['Mailbox-Request-ID'] = id;
    if (extra.body !== undefined) headers['Content-Type'] = 'application/json';
    return call(method, url(path + (extra.query ?? '')), { ...headers, ...extra.headers }, bodyOf(extra.body));
  };

  const create = (claim: Claim, extra: Extra = {}): Promise<Answer> =>
    request('POST', '/v1/m', claim, { body: createBody(), ...extra });

  const read = (mailbox: Pick<Mailbox, 'path'>, claim: Claim, extra?: Extra): Promise<Answer> =>
    request('POST', mailbox.path, claim, extra);

  const open = async (rights?: string, over: Json = {}): Promise<Mailbox> => {
    const configuration = rights === undefined ? {} : { mailboxConfiguration: configured(rights) };
    const opened = { sender: newClaim(), createId: newId(), body: createBody({ ...configuration, ...over }) };
    const answer = await create(opened.sender, { id: opened.createId, body: opened.body });
    const { urlLink } = expectJson(answer, 200, 'opening a mailbox');
    const id = identifierOf(urlLink);
    return { ...opened, id, path: `/v1/m/${id}`, urlLink: String(urlLink), version: versionOf(answer) };
  };

  return {
    bodyLimitBytes,
    url,
    call: request,
    send: (method, path, sending) => send(method, url(path), sending),
    create,
    read,
    update: (mailbox, claim, extra) =>
      request('PUT', mailbox.path, claim, { body: { payload: newPayload() }, ...extra }),
    relinquish: (mailbox, claim, extra) => request('PATCH', mailbox.path, claim, extra),
    cancel: (mailbox, claim, extra) => request('DELETE', mailbox.path, claim, extra),
    preview: (mailbox, extra) => request('GET', mailbox.path, null, extra),
    open,
    openBound: async (rights, over) => {
      const mailbox = await open(rights, over);
      const receiver = newClaim();
      const answer = await read(mailbox, receiver);
      expectStatus(answer, 200, 'binding a receiver');
      return { ...mailbox, receiver, version: versionOf(answer) };
    },
  };
}

function bodyOf(body: unknown): string | Uint8Array | undefined {
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) return body;
  return JSON.stringify(body);
}

/** A path that no relay has given out: a fresh UUID is not a mailbox. */
export const nowhere = (): { path: string } => ({ path: `/v1/m/${newId()}` });
