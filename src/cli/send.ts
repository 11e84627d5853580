import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { addAbortSignal } from 'node:stream';
import { createSender, type SentShare, TransferError, type Vertical } from '../client/index.js';
import { secondsOf } from './durations.js';
import { informationOfFile } from './file-information.js';
import { CommandFailure } from './outcome.js';
import { qrCode } from './qr.js';
import type { Surroundings } from './surroundings.js';

/** What `send` was called with; texts as they were typed. */
export interface SendOptions {
  /** `-` for standard input. */
  readonly file: string;
  readonly relay: string | undefined;
  readonly title: string;
  readonly description: string;
  readonly image: string;
  readonly vertical?: string | undefined;
  readonly expires?: string | undefined;
  readonly wait: boolean;
  readonly qr: boolean;
  readonly limit: string;
}

/** Seals a file, shares it, and with `wait` shows what becomes of it. Resolves to the exit code. */
export async function send(options: SendOptions, { states, teller, signal, client }: Surroundings): Promise<number> {
  const { relay } = options;
  if (relay === undefined) throw new TypeError('--relay: is needed, or RELAY_URL');
  const expiresInSeconds = options.expires === undefined ? undefined : secondsOf('--expires', options.expires);
  const vertical = verticalOf(options.vertical);
  const maximumBodyBytes = Number(options.limit);
  if (!/^\d{1,9}$/.test(options.limit)) throw new TypeError('--limit: must be a number of bytes');
  const sender = createSender({ ...client, relay, maximumBodyBytes });
  if (options.file === '-') {
    teller.tell({ event: 'reading' }, process.stdin.isTTY ? 'Reading what you type; Ctrl-D ends it.' : undefined);
  }
  const bytes = await readUpTo(options.file, maximumBodyBytes, signal);
  const { title, description, image: imageURL } = options;
  const display = { title, description, imageURL };
  const share = await sender
    .share(informationOfFile(bytes), display, { vertical, expiresInSeconds, signal })
    .catch((error: unknown) => {
      if (!(error instanceof TransferError) || error.code !== 'too_large' || error.status !== undefined) throw error;
      throw tooLarge(options.file, `it has ${bytes.length} bytes. ${error.message}`);
    });

  if (!teller.isJson) process.stdout.write(`${share.url}\n`);
  teller.tell({ event: 'shared', url: share.url });
  if (options.qr) process.stderr.write(qrCode(share.url));
  teller.tell(
    { event: 'kept', folder: states.path },
    'To take it back: credential-relay cancel, and the link; what follows the # may be left out.',
  );
  return options.wait ? watch(share, signal) : 0;
}

/** Stays until the mailbox is gone; what happens is told meanwhile. */
async function watch(share: SentShare, signal: AbortSignal): Promise<number> {
  // A receiver of files has no messages; one of another make may, and they are none of ours.
  while ((await share.next({ signal })) !== undefined);
  return share.state.ended === 'expired' ? 4 : 0;
}

/** The bytes of a file, or of standard input, if they may fit; not more is read than that. */
async function readUpTo(file: string, limit: number, signal: AbortSignal): Promise<Uint8Array> {
  const input = file === '-' ? process.stdin : createReadStream(file);
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of addAbortSignal(signal, input)) {
    chunks.push(chunk);
    length += chunk.length;
    // Sealed it is larger still; that is judged exactly, once it is sealed.
    if (length > limit) throw tooLarge(file, `it has more than ${limit} bytes.`);
  }
  return Buffer.concat(chunks);
}

function tooLarge(file: string, why: string): CommandFailure {
  const name = file === '-' ? 'Standard input' : basename(file);
  return new CommandFailure(1, 'too_large', `${name} is too large: ${why} Nothing was sent.`);
}

function verticalOf(vertical: string | undefined): Vertical | undefined {
  if (vertical === undefined || vertical === 'h' || vertical === 'c' || vertical === 'a') return vertical;
  throw new TypeError('--vertical: must be h, c or a');
}
