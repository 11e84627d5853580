import { isDeepStrictEqual } from 'node:util';
import type { Relay } from 'credential-relay';
import { type Answer, type Command, displayInformation, type Operation, payload, STATUS, timestamp } from './model.js';

export const PUBLIC_URL = 'http://localhost/relay';
export const COLLECTION = `${PUBLIC_URL}/v1/m`;
export const CHALLENGE = 'Mailbox-Device-Claim realm="mailbox"';

/** 2030-01-01T00:00:00Z, the start of the test clocks. */
export const START = Date.UTC(2030, 0, 1);

/** Ends the search for a smaller counterexample before the test times out. */
export const WITHIN = { interruptAfterTimeLimit: 12_000 };

/** A complete response. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** The token of the relay for each version of the model, for one mailbox. */
export type Tokens = ReadonlyMap<number, string>;

export async function exchange(relay: Relay, request: Request): Promise<Reply> {
  const response = await relay.fetch(request);
  return { status: response.status, headers: response.headers, text: await response.text() };
}

const METHOD: Record<Operation, string> = {
  create: 'POST',
  preview: 'GET',
  read: 'POST',
  update: 'PUT',
  relinquish: 'PATCH',
  delete: 'DELETE',
};

function bodyOf({ operation, data, badBody, rights, deadline, title = 'x' }: Command): object | undefined {
  if (badBody === true) return operation === 'read' ? { notificationToken: 1 } : { payload: { type: 'AEAD' } };
  if (operation === 'update') return { payload: payload(data) };
  if (operation !== 'create') return undefined;
  const mailboxConfiguration =
    deadline === undefined ? undefined : { accessRights: rights, expiration: timestamp(deadline) };
  return { payload: payload(data), displayInformation: displayInformation(title), mailboxConfiguration };
}

/** The HTTP request of a command. For a mailbox that does not exist, `url` is arbitrary. */
export function requestOf(command: Command, url: string, tokens: Tokens): Request {
  const { operation, claim, requestId, knownVersion } = command;
  const headers = new Headers();
  if (claim !== undefined && operation !== 'preview') headers.set('Mailbox-Device-Claim', claim);
  if (requestId !== undefined) headers.set('Mailbox-Request-ID', requestId);
  if (knownVersion !== undefined) headers.set('Mailbox-Known-Version', tokens.get(knownVersion) ?? 'never-was');
  const body = METHOD[operation] === 'GET' ? undefined : bodyOf(command);
  if (body !== undefined) headers.set('Content-Type', 'application/json');
  const init = { method: METHOD[operation], headers };
  return new Request(
    operation === 'create' ? COLLECTION : url,
    body === undefined ? init : { ...init, body: JSON.stringify(body) },
  );
}

/** The JSON value, or undefined. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

export function urlLinkOf(reply: Reply): string | undefined {
  const link = member(parsed(reply.text), 'urlLink');
  return typeof link === 'string' ? link : undefined;
}

/** The defect of a problem, or undefined if the problem conforms to docs/protocol.md §6. */
export function problemFault({ status, headers, text }: Reply): string | undefined {
  const problem = parsed(text);
  const code = member(problem, 'code');
  if (headers.get('Content-Type') !== 'application/problem+json') return 'not a problem+json';
  if (typeof code !== 'string' || STATUS[code] !== status) return `status ${status} with code ${String(code)}`;
  if ((member(problem, 'status') ?? status) !== status) return 'another status in the body';
  if (status === 401 && headers.get('WWW-Authenticate') !== CHALLENGE) return '401 without challenge';
  if (status === 405 && headers.get('Allow') === null) return '405 without Allow';
  return undefined;
}

/** The known tokens after this reply, or a text with the difference from the expected answer. */
export function compare(command: Command, wanted: Answer, reply: Reply, tokens: Tokens): Tokens | string {
  const { status, headers, text } = reply;
  const echo = /^[!-~]{1,128}$/.test(command.requestId ?? '') ? (command.requestId ?? null) : null;
  if (headers.get('Mailbox-Request-ID') !== echo) return 'Mailbox-Request-ID is not echoed as it should be';
  if (wanted.refused !== undefined) {
    const code = String(member(parsed(text), 'code'));
    if (!wanted.refused.includes(code)) return `${status} ${code}, not ${wanted.refused.join(' or ')}`;
    if (headers.has('Mailbox-Receiver')) return 'Mailbox-Receiver on a refusal';
    return problemFault(reply) ?? tokens;
  }
  if (status !== wanted.status) return `${status} ${text.slice(0, 200)}, not ${wanted.status}`;
  if (wanted.body !== undefined) {
    const body = parsed(text);
    const { urlLink, ...others } = Object(body) as Record<string, unknown>;
    if (!isDeepStrictEqual(command.operation === 'create' ? others : body, wanted.body)) return `body ${text}`;
    if (command.operation === 'create' && typeof urlLink !== 'string') return 'no urlLink';
  }
  if ((headers.get('Mailbox-Receiver') ?? undefined) !== wanted.receiver) return 'another Mailbox-Receiver';
  return compareVersion(command.operation, wanted, headers.get('Mailbox-Version'), tokens);
}

/** docs/protocol.md §8 does not mention Mailbox-Version on answers to preview, relinquish and delete. */
function compareVersion(
  operation: Operation,
  { status, version }: Exclude<Answer, { refused: readonly string[] }>,
  token: string | null,
  tokens: Tokens,
): Tokens | string {
  if (version === undefined) return status === 201 && token !== null ? 'Mailbox-Version on a 201' : tokens;
  if (token === null || token.length === 0 || token.length > 64) return `Mailbox-Version ${token} on ${operation}`;
  const known = tokens.get(version);
  if (known !== undefined) return known === token ? tokens : 'Mailbox-Version changed, and nothing else';
  if ([...tokens.values()].includes(token)) return 'Mailbox-Version did not change';
  return new Map([...tokens, [version, token]]);
}
