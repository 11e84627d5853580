import { createReceiver, type Message, type ReceivedShare, type Receiver, TransferError } from '../client/index.js';
import type { Surroundings } from './context.js';
import { naming } from './errors.js';
import { bytesOfInformation } from './file-information.js';
import { demandSecret, type Link, linkOf } from './link.js';
import type { Lock } from './lock-file.js';
import { type OutputFile, openOutputFile } from './output-file.js';
import { quotedTitle } from './printable.js';

/** What `receive` was called with. */
export interface ReceiveOptions {
  /** `-` reads the link from standard input. */
  readonly url: string;
  /** Path to write to; standard output without one. */
  readonly out: string | undefined;
  /** Whether a file that is there may be replaced. */
  readonly force: boolean;
  /** Hosts of relays that may be called; any without them. */
  readonly allow: readonly string[] | undefined;
}

const AGAIN = 'Nothing is lost: call this again.';

/** Opens a link, writes what it brings, and deletes the mailbox. Throws a CommandFailure, or what Node throws. */
export async function receive(options: ReceiveOptions, surroundings: Surroundings): Promise<void> {
  const { states, signal, client } = surroundings;
  const receiver = createReceiver({ ...client, relays: options.allow });
  const link = await linkOf(options.url, signal);
  demandSecret(link);
  // Of two at once each would make a claim of its own, and one of these is refused.
  const lock = await states.lock('receiver', link.mailboxUrl);
  try {
    await receiveAlone(options, surroundings, receiver, link, lock);
  } finally {
    await lock.release();
  }
}

async function receiveAlone(
  { out, force }: ReceiveOptions,
  surroundings: Surroundings,
  receiver: Receiver,
  link: Link,
  lock: Lock,
): Promise<void> {
  const { teller, output, advise } = surroundings;
  const share = await shareOf(link, receiver, surroundings);
  if (share.state.ended === 'finished') {
    teller.tell({ event: 'finished' }, 'It was received before; the share is finished now.');
    return;
  }
  advise(undefined);
  const file = await naming('--out', openOutputFile(out, { force, output, onDraft: lock.recordDraft }));
  try {
    await take(share, file, surroundings);
  } catch (error) {
    await forgetRefused(share, error, surroundings);
    throw error;
  } finally {
    await file.close();
  }
}

/** The share as this device left it, or as a new one. */
async function shareOf(
  { url, mailboxUrl, secret = '' }: Link,
  receiver: Receiver,
  { states, signal, advise }: Surroundings,
): Promise<ReceivedShare> {
  const begun = await states.find('receiver', mailboxUrl);
  if (begun === undefined) return receiver.open(url);
  advise(AGAIN);
  // The Secret of the link as it is now: the first time it may have been typed wrong.
  return receiver.resume({ ...begun, secret }, { signal });
}

async function take(share: ReceivedShare, file: OutputFile, surroundings: Surroundings): Promise<void> {
  const { teller, output, signal, advise } = surroundings;
  advise(AGAIN);
  const message = await share.next({ signal });
  const bytes = bytesOfInformation(message);
  const { path } = file;
  const isInLine = path === undefined && teller.isJson;
  if (!isInLine) await (path === undefined ? file.write(bytes) : naming('--out', file.write(bytes)));
  teller.tell(
    {
      event: 'received',
      format: message.format,
      bytes: bytes.length,
      ...(isInLine ? contentOf(message) : { out: path }),
    },
    `${quotedTitle(message.display.title)}: ${bytes.length} bytes${path === undefined ? '' : ` in ${path}`}.`,
  );
  // What could not be told has not come: the mailbox stays.
  await output.flushed();
  advise('It was received; call this again to finish the share.');
  await share.finish({ signal });
  teller.tell({ event: 'finished' }, 'The share is finished.');
}

/** With `--json` and no file the message itself is in the line. */
function contentOf({ content }: Message): { readonly content: Message['content'] } {
  return { content };
}

/** A claim that was refused is of no use; only one that may be bound is worth keeping. */
async function forgetRefused({ state }: ReceivedShare, error: unknown, { states }: Surroundings): Promise<void> {
  if (state.bound || !(error instanceof TransferError)) return;
  // Without a code it may be a proxy that refuses, and the relay has bound this device all the same.
  const isFinal = error.code === 'already_claimed' || (error.code === 'refused' && error.relayCode !== undefined);
  if (isFinal) await states.forget(state);
}
