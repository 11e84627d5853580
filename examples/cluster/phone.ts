import { createMailboxClient, open, type Payload, RelayResponseError, seal } from 'credential-relay/client';

/** One phone in one transfer. */
export interface Phone {
  /** Leaves a mailbox with a message in it; gives the link. */
  create(relay: string, message: string): Promise<string>;
  /** Writes a message. */
  write(link: string, message: string): Promise<void>;
  /** Waits, by long polls, until this message is there. Throws an Error if another one comes, or none. */
  awaitMessage(link: string, message: string): Promise<void>;
  /** Waits, by long polls, until the mailbox is gone. Throws an Error if it stays. */
  awaitEnd(link: string): Promise<void>;
  remove(link: string): Promise<void>;
}

/** Seconds that a read asks to be held. */
const WAIT_SECONDS = 5;
/** Milliseconds until what was awaited counts as lost. */
const TIMEOUT_MS = 15_000;

const ROOM = { title: 'Room 417', description: 'Your key', imageURL: 'https://hotel.example/417.png' };

/** Makes a phone, whose requests go through `send`. It repeats none: that is for the balancer to do. */
export function createPhone(secret: string, send: typeof fetch): Phone {
  const client = createMailboxClient({ fetch: send, attempts: 1 });
  /** The version that this phone has seen, and what it wrote last: that is no news. */
  let seen: string | undefined;
  let written = '';

  const sealed = (message: string): Promise<Payload> => {
    written = message;
    return seal(Buffer.from(message), secret);
  };

  /** The next news: a message that this phone has not written, or `undefined` once the mailbox is gone. */
  async function readNext(link: string): Promise<string | undefined> {
    const end = performance.now() + TIMEOUT_MS;
    while (performance.now() < end) {
      const response = await send(link, { method: 'POST', headers: readHeaders(client.claim, seen) });
      if (response.status === 404) return undefined;
      if (!response.ok) throw new Error(`A read was answered with ${response.status}.`);
      seen = response.headers.get('Mailbox-Version') ?? undefined;
      if (response.status === 204) {
        await pause(1000 * Number(response.headers.get('Retry-After') ?? 0)); // The relay could not hold it.
        continue;
      }
      const { payload } = (await response.json()) as { payload: Payload };
      const message = Buffer.from(await open(payload, secret)).toString();
      if (message !== written) return message;
    }
    throw new Error('Nothing came.');
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
      // 201, without a version: a process wrote it, and was killed before it could say so.
      seen = (await client.update(link, { payload: await sealed(message) })).version;
    },
    async awaitMessage(link, message) {
      const came = await readNext(link);
      if (came !== message) throw new Error(`There came "${came}" where "${message}" was awaited.`);
    },
    async awaitEnd(link) {
      const came = await readNext(link);
      if (came !== undefined) throw new Error(`There came "${came}" where nothing was awaited.`);
    },
    async remove(link) {
      try {
        await client.delete(link);
      } catch (error) {
        // A process deleted it, and was killed before it could say so: to the next it is gone, as it should be.
        if (!(error instanceof RelayResponseError && error.status === 404)) throw error;
      }
    },
  };
}

/** Without a version it is a read as any other, which is answered at once. */
function readHeaders(claim: string, seen: string | undefined): Record<string, string> {
  const claimed = { 'Mailbox-Device-Claim': claim, 'Mailbox-Request-ID': crypto.randomUUID() };
  if (seen === undefined) return claimed;
  return { ...claimed, 'Mailbox-Known-Version': seen, Prefer: `wait=${WAIT_SECONDS}` };
}

function getExpiration(): string {
  return `${new Date(Date.now() + 600_000).toISOString().slice(0, 19)}Z`;
}

/** Resolves after so many ms. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
