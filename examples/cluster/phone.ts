import { createMailboxClient, open, type Payload, RelayResponseError, seal } from 'credential-relay/client';

/** One phone in one transfer. */
export interface Phone {
  /** Creates a mailbox with a message and returns the link. */
  create(relay: string, message: string): Promise<string>;
  write(link: string, message: string): Promise<void>;
  /** Waits by long polls for this message. Throws an Error for another message or a time-out. */
  awaitMessage(link: string, message: string): Promise<void>;
  /** Waits by long polls until the mailbox is gone. Throws an Error for a message or a time-out. */
  awaitEnd(link: string): Promise<void>;
  remove(link: string): Promise<void>;
}

const WAIT_SECONDS = 5;
const TIMEOUT_MS = 15_000;

const ROOM = { title: 'Room 417', description: 'Your key', imageURL: 'https://hotel.example/417.png' };

/** Does not repeat requests: the balancer does. */
export function createPhone(secret: string, send: typeof fetch): Phone {
  const client = createMailboxClient({ fetch: send, attempts: 1 });
  /** The last read version and the last written message, which the phone ignores. */
  let seen: string | undefined;
  let written = '';

  const sealed = (message: string): Promise<Payload> => {
    written = message;
    return seal(Buffer.from(message), secret);
  };

  /** The next message of the other phone, or `undefined` if the mailbox is gone. */
  async function readNext(link: string): Promise<string | undefined> {
    const end = performance.now() + TIMEOUT_MS;
    while (performance.now() < end) {
      const response = await send(link, { method: 'POST', headers: readHeaders(client.claim, seen) });
      if (response.status === 404) return undefined;
      if (!response.ok) throw new Error(`A read was answered with ${response.status}.`);
      seen = response.headers.get('Mailbox-Version') ?? undefined;
      if (response.status === 204) {
        await pause(1000 * Number(response.headers.get('Retry-After') ?? 0)); // The relay could not hold the read.
        continue;
      }
      const { payload } = (await response.json()) as { payload: Payload };
      const message = Buffer.from(await open(payload, secret)).toString();
      if (message !== written) return message;
    }
    throw new Error('No message arrived in time.');
  }

  return {
    async create(relay, message) {
      const mailboxConfiguration = { accessRights: 'RWD', expiration: getExpiration() };
      const content = { payload: await sealed(message), displayInformation: ROOM, mailboxConfiguration };
      const { version, body } = await client.create(relay, content);
      seen = version;
      return body.urlLink;
    },
    async write(link, message) {
      // 201 without a version: a process wrote the message and was killed before its answer.
      seen = (await client.update(link, { payload: await sealed(message) })).version;
    },
    async awaitMessage(link, message) {
      const received = await readNext(link);
      if (received !== message) throw new Error(`Received "${received}" instead of "${message}".`);
    },
    async awaitEnd(link) {
      const received = await readNext(link);
      if (received !== undefined) throw new Error(`Received "${received}" instead of the end of the mailbox.`);
    },
    async remove(link) {
      try {
        await client.delete(link);
      } catch (error) {
        // A process deleted the mailbox and was killed before its answer, so the next process answers 404.
        if (!(error instanceof RelayResponseError && error.status === 404)) throw error;
      }
    },
  };
}

/** The relay answers a read without a version at once. */
function readHeaders(claim: string, seen: string | undefined): Record<string, string> {
  const claimed = { 'Mailbox-Device-Claim': claim, 'Mailbox-Request-ID': crypto.randomUUID() };
  if (seen === undefined) return claimed;
  return { ...claimed, 'Mailbox-Known-Version': seen, Prefer: `wait=${WAIT_SECONDS}` };
}

function getExpiration(): string {
  return `${new Date(Date.now() + 600_000).toISOString().slice(0, 19)}Z`;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
