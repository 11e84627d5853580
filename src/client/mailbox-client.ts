import type { DisplayInformation, NotificationToken, Payload } from '../protocol/bodies.js';
import { parseShareUrl } from './share-url.js';

/** How a client reaches relays. */
export interface MailboxClientOptions {
  /** This device's claim for one mailbox: a UUID that is used for no other. Default: a fresh one. */
  readonly claim?: string | undefined;
  /** Default: the global `fetch`. */
  readonly fetch?: typeof fetch | undefined;
  /** Added to every request, such as `Authorization`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Tries of one request in all. Default 4. */
  readonly attempts?: number | undefined;
  /** Milliseconds that one try may take. Default 10,000. */
  readonly timeoutMs?: number | undefined;
  /** Milliseconds before the first retry; doubled with each one, and taken at random below that. Default 200. */
  readonly backOffMs?: number | undefined;
}

/** What a mailbox begins with. */
export interface NewMailboxContent {
  readonly payload: Payload;
  readonly displayInformation: DisplayInformation;
  readonly notificationToken?: NotificationToken;
  readonly mailboxConfiguration?: { readonly accessRights?: string; readonly expiration: string };
}

/** The answer to a create. */
export interface CreatedMailbox {
  /** URL of the mailbox; the client adds vertical and Secret ({@link buildShareUrl}). */
  readonly urlLink: string;
  readonly isPushNotificationSupported: boolean;
}

/** The answer to an update. */
export interface UpdatedMailbox {
  readonly isPushNotificationSupported: boolean;
}

/** The answer to a read. */
export interface SecureContent {
  readonly payload: Payload;
  readonly displayInformation: DisplayInformation;
  /** `YYYY-MM-DDThh:mm:ssZ` */
  readonly expiration: string;
}

/** Any answer of the relay that is not a refusal. */
export interface MailboxAnswer<Body> {
  readonly status: number;
  /** True if the relay had carried this request out before, and only says so again (201). */
  readonly duplicate: boolean;
  /** Mailbox-Version: changes with every change of the mailbox. */
  readonly version: string | undefined;
  /** Mailbox-Receiver, for the sender. */
  readonly receiver: 'none' | 'bound' | undefined;
  /** Tries that it took. */
  readonly attempts: number;
  readonly body: Body;
}

/** The relay refused, with a status and, if it is one of ours, a stable code (RFC 9457). */
export class RelayRefusal extends Error {
  override readonly name = 'RelayRefusal';
  constructor(
    readonly status: number,
    readonly code: string | undefined,
    title: string,
  ) {
    super(title);
  }
}

/** No answer came in all the tries. What became of a write is unknown; the same request may be sent again. */
export class RelayUnreachable extends Error {
  override readonly name = 'RelayUnreachable';
}

/** One device's side of one mailbox. */
export interface MailboxClient {
  readonly claim: string;
  /** CreateMailbox on the relay whose mount point is `relay`. */
  create(relay: string, content: NewMailboxContent): Promise<MailboxAnswer<CreatedMailbox>>;
  /** ReadDisplayInformationFromMailbox: the preview page. Sends no claim and binds nobody. */
  preview(shareUrl: string): Promise<MailboxAnswer<string>>;
  /** ReadSecureContentFromMailbox. The first other device that does so becomes the receiver. */
  read(shareUrl: string, token?: NotificationToken): Promise<MailboxAnswer<SecureContent>>;
  /** UpdateMailbox; with `knownVersion` only if that is still the current version. */
  update(
    shareUrl: string,
    content: { readonly payload: Payload; readonly notificationToken?: NotificationToken },
    knownVersion?: string,
  ): Promise<MailboxAnswer<UpdatedMailbox>>;
  /** RelinquishMailbox. */
  relinquish(shareUrl: string): Promise<MailboxAnswer<undefined>>;
  /** DeleteMailbox. A 404 to a retry counts as done: the first try had its effect. */
  delete(shareUrl: string): Promise<MailboxAnswer<undefined>>;
}

/** What one request is made of. */
interface Wanted<Body> {
  readonly method: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  /** `parse` of the answer's text. */
  readonly parse: (text: string) => Body;
  /** A 404 to a retry means that an earlier try was carried out. */
  readonly goneIsDone?: boolean;
}

/** Statuses after which the same request may be sent again. */
const PASSING = new Set([429, 503]);
/** Most that one pause between tries may take, in ms, whatever Retry-After says. */
const LONGEST_PAUSE_MS = 30_000;

const nothing = (): undefined => undefined;
const json = <Body>(text: string): Body => JSON.parse(text) as Body;

/**
 * Makes a client for one mailbox. It retries what failed in passing (no answer, 429, 503) with the same Request-ID, so
 * that nothing takes effect twice, and never sends a fragment. Every call throws {@link RelayRefusal} for a refusal and
 * {@link RelayUnreachable} when no answer came.
 */
export function createMailboxClient(options: MailboxClientOptions = {}): MailboxClient {
  const claim = options.claim ?? crypto.randomUUID();
  const claimed = { 'Mailbox-Device-Claim': claim };
  const send = <Body>(wanted: Wanted<Body>): Promise<MailboxAnswer<Body>> => sendWithRetries(wanted, options);
  const urlOf = (shareUrl: string): string => parseShareUrl(shareUrl).mailboxUrl;

  return {
    claim,
    create: (relay, content) =>
      send({
        method: 'POST',
        url: `${relay.replace(/\/$/, '')}/v1/m`,
        headers: claimed,
        json: content,
        parse: json<CreatedMailbox>,
      }),
    preview: (shareUrl) => send({ method: 'GET', url: urlOf(shareUrl), parse: (text) => text }),
    read: (shareUrl, notificationToken) =>
      send({
        method: 'POST',
        url: urlOf(shareUrl),
        headers: claimed,
        ...(notificationToken === undefined ? {} : { json: { notificationToken } }),
        parse: json<SecureContent>,
      }),
    update: (shareUrl, content, knownVersion) =>
      send({
        method: 'PUT',
        url: urlOf(shareUrl),
        headers: { ...claimed, ...(knownVersion === undefined ? {} : { 'Mailbox-Known-Version': knownVersion }) },
        json: content,
        parse: json<UpdatedMailbox>,
      }),
    relinquish: (shareUrl) => send({ method: 'PATCH', url: urlOf(shareUrl), headers: claimed, parse: nothing }),
    delete: (shareUrl) =>
      send({ method: 'DELETE', url: urlOf(shareUrl), headers: claimed, parse: nothing, goneIsDone: true }),
  };
}

async function sendWithRetries<Body>(
  wanted: Wanted<Body>,
  options: MailboxClientOptions,
): Promise<MailboxAnswer<Body>> {
  const { attempts = 4, backOffMs = 200 } = options;
  const requestId = crypto.randomUUID();
  let lost: unknown;
  for (let attempt = 1; ; attempt += 1) {
    let pause = Math.random() * backOffMs * 2 ** (attempt - 1);
    try {
      const response = await sendOnce(wanted, requestId, options);
      const isGone = wanted.goneIsDone === true && response.status === 404 && attempt > 1;
      if (response.ok || isGone) {
        const text = await response.text();
        return answerOf(response, attempt, response.ok ? wanted.parse(text) : (undefined as Body));
      }
      if (attempt >= attempts || !PASSING.has(response.status)) throw await refusalOf(response);
      await response.body?.cancel();
      pause = Math.max(pause, 1000 * Number(response.headers.get('Retry-After') ?? 0) || 0);
    } catch (error) {
      if (error instanceof RelayRefusal) throw error;
      lost = error;
    }
    if (attempt >= attempts) throw new RelayUnreachable('The relay did not answer.', { cause: lost });
    await new Promise((resolve) => setTimeout(resolve, Math.min(pause, LONGEST_PAUSE_MS)));
  }
}

function sendOnce<Body>(wanted: Wanted<Body>, requestId: string, options: MailboxClientOptions): Promise<Response> {
  const { fetch: send = fetch, headers, timeoutMs = 10_000 } = options;
  return send(wanted.url, {
    method: wanted.method,
    redirect: 'error',
    signal: AbortSignal.timeout(timeoutMs),
    headers: {
      ...headers,
      ...wanted.headers,
      'Mailbox-Request-ID': requestId,
      ...(wanted.json === undefined ? {} : { 'Content-Type': 'application/json' }),
    },
    ...(wanted.json === undefined ? {} : { body: JSON.stringify(wanted.json) }),
  });
}

function answerOf<Body>(response: Response, attempts: number, body: Body): MailboxAnswer<Body> {
  const receiver = response.headers.get('Mailbox-Receiver');
  return {
    status: response.status,
    duplicate: response.status === 201,
    version: response.headers.get('Mailbox-Version') ?? undefined,
    receiver: receiver === 'none' || receiver === 'bound' ? receiver : undefined,
    attempts,
    body,
  };
}

/** A refusal from whatever answered: a problem of the relay, or the page of a proxy before it. */
async function refusalOf(response: Response): Promise<RelayRefusal> {
  const text = await response.text();
  try {
    const { code, title } = JSON.parse(text) as { code?: unknown; title?: unknown };
    return new RelayRefusal(
      response.status,
      typeof code === 'string' ? code : undefined,
      typeof title === 'string' ? title : `The relay answered ${response.status}.`,
    );
  } catch {
    return new RelayRefusal(response.status, undefined, `The relay answered ${response.status}.`);
  }
}
