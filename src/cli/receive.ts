import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { createReceiver, type Message, parseShareUrl, type ReceivedShare } from '../client/index.js';
import { bytesOfInformation } from './file-information.js';
import type { Surroundings } from './surroundings.js';
import type { Teller } from './teller.js';

/** What `receive` was called with. */
export interface ReceiveOptions {
  readonly url: string;
  /** Path to write to; standard output without one. */
  readonly out: string | undefined;
  /** Hosts of relays that may be called; any without them. */
  readonly allow: readonly string[] | undefined;
}

/** Opens a link, writes what it brings, and deletes the mailbox. Resolves to the exit code. */
export async function receive(
  { url, out, allow }: ReceiveOptions,
  { states, teller, signal, client }: Surroundings,
): Promise<number> {
  const receiver = createReceiver({ ...client, relays: allow });
  const opened = receiver.open(url);
  // Before anything is bound: what cannot be written must not be taken.
  const draft = out === undefined ? undefined : await openDraft(out);
  try {
    const { mailboxUrl, secret = '' } = parseShareUrl(url);
    const begun = await states.find('receiver', mailboxUrl);
    // The Secret of the link as it is now: the first time it may have been typed wrong.
    const share = begun === undefined ? opened : await receiver.resume({ ...begun, secret }, { signal });
    if (share.state.ended === 'finished') {
      teller.tell({ event: 'finished' }, 'It was received before; the share is finished now.');
      return 0;
    }
    await take(share, out, draft?.file, teller, signal);
    if (draft !== undefined && out !== undefined) await rename(draft.path, out);
    await share.finish({ signal });
    teller.tell({ event: 'finished' }, 'The share is finished.');
    return 0;
  } finally {
    await draft?.file.close();
    if (draft !== undefined) await rm(draft.path, { force: true });
  }
}

/** A file beside the one to write, so that that one is whole as soon as it is there. */
async function openDraft(out: string): Promise<{ readonly path: string; readonly file: FileHandle }> {
  const path = `${out}.${process.pid}.part`;
  return { path, file: await open(path, 'w', 0o600) };
}

async function take(
  share: ReceivedShare,
  out: string | undefined,
  file: FileHandle | undefined,
  teller: Teller,
  signal: AbortSignal,
): Promise<void> {
  const message = await share.next({ signal });
  const bytes = bytesOfInformation(message);
  if (file !== undefined) {
    await file.writeFile(bytes);
    await file.sync();
  } else if (!teller.isJson) {
    await new Promise<void>((resolve, reject) => {
      process.stdout.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
  }
  teller.tell(
    {
      event: 'received',
      format: message.format,
      bytes: bytes.length,
      ...(out === undefined ? contentOf(message) : { out }),
    },
    `${message.display.title}: ${bytes.length} bytes${out === undefined ? '' : ` in ${out}`}.`,
  );
}

/** With `--json` and no file the message itself is in the line. */
function contentOf({ content }: Message): { readonly content: Message['content'] } {
  return { content };
}
