import { createSender, type SentShare, TransferError, type TransferState, type Vertical } from '../client/index.js';
import type { Surroundings } from './context.js';
import { type DisplayOptions, displayOf } from './display-options.js';
import { secondsOf, wordsOfTime } from './durations.js';
import { CommandFailure } from './errors.js';
import { informationOfFile } from './file-information.js';
import { readInput, TooManyBytes } from './file-input.js';
import { qrCode } from './qr.js';
import { relayOf } from './relay-option.js';
import { shareCommands } from './share-commands.js';
import { createWatch } from './wait.js';

/** What `send` was called with; texts as they were typed. */
export interface SendOptions extends DisplayOptions {
  /** `-` for standard input. */
  readonly file: string;
  readonly relay: string | undefined;
  readonly vertical?: string | undefined;
  readonly expires?: string | undefined;
  readonly wait: boolean;
  readonly qr: boolean;
  readonly limit: string;
  readonly state?: string | undefined;
}

/** The longest that the command waits for the relay to say when the share expires, in ms. */
const EXPIRATION_MS = 3000;

/** Bytes of the largest body that `--limit` may name: what the client reads of an answer at the most. */
const MOST_BODY_BYTES = 4_194_304;

/** Seals a file, shares it, and with `wait` shows what becomes of it. Throws a {@link CommandFailure}. */
export async function send(options: SendOptions, surroundings: Surroundings): Promise<void> {
  const { states, signal, client } = surroundings;
  const relay = relayOf(options.relay);
  const expiresInSeconds = options.expires === undefined ? undefined : secondsOf('--expires', options.expires);
  if (expiresInSeconds !== undefined) states.expect(expiresInSeconds);
  const shareOptions = { vertical: verticalOf(options.vertical), expiresInSeconds, signal };
  const display = displayOf(options);
  const maximumBodyBytes = limitOf(options.limit);
  const { onState, watch } = createWatch(surroundings);
  let state: TransferState | undefined;
  const sender = createSender({
    ...client,
    relay,
    maximumBodyBytes,
    onState: (current) => {
      state = current;
      return onState(current);
    },
  });

  const bytes = await readUpTo(options.file, maximumBodyBytes, surroundings);
  surroundings.advise('It is not known whether the relay has it; nobody has the link. Send it again.');
  const share = await sender.share(informationOfFile(bytes), display, shareOptions).catch(async (error: unknown) => {
    // A mailbox whose link nobody knows can neither be opened nor be cancelled.
    if (state !== undefined) await states.forget(state);
    if (!(error instanceof TransferError) || error.code !== 'too_large' || error.status !== undefined) throw error;
    throw tooLarge(options.file, `it has ${bytes.length} bytes. ${error.message}`);
  });
  await announce(share, options, surroundings);
  if (options.wait) await watch(share);
}

/** Gives the link out, and says what can be done with it. */
async function announce(share: SentShare, { qr, state }: SendOptions, surroundings: Surroundings): Promise<void> {
  const { states, teller, output, signal, advise } = surroundings;
  const { url } = share;
  advise('Nobody has the link; the share is there until it expires.');
  if (!teller.isJson) await output.write(`${url}\n`);
  teller.tell({ event: 'shared', url });
  await output.flushed();
  advise('The link works.');
  if (qr) process.stderr.write(qrCode(url, process.stderr));
  // The Secret goes where the link went, and into no log besides.
  const isShown = output.isTTY && process.stderr.isTTY === true && !teller.isJson;
  const commands = shareCommands(share, isShown, state);
  teller.sayCommand('The other side:', commands.receive);
  teller.sayCommand('To take it back:', commands.cancel);
  teller.tell({ event: 'kept', folder: states.path });
  const expiration = await expirationOf(share, signal);
  if (expiration === undefined) return;
  const left = wordsOfTime(Date.parse(expiration) - Date.now());
  teller.tell({ event: 'expires', expiration }, `The link works until ${expiration}, for ${left}.`);
}

/** When the share expires; the relay says so in what it answers to a read. */
async function expirationOf(share: SentShare, signal: AbortSignal): Promise<string | undefined> {
  const soon = AbortSignal.timeout(EXPIRATION_MS);
  try {
    await share.check({ signal: AbortSignal.any([signal, soon]) });
  } catch (error) {
    // The link is out: that the relay cannot say so now is no failure.
    if (signal.aborted || !(error instanceof TransferError || soon.aborted)) throw error;
  }
  return share.state.expiration;
}

/** The bytes of a file, or of standard input, if they may fit; not more is read than that. */
async function readUpTo(file: string, limit: number, { teller, signal }: Surroundings): Promise<Uint8Array> {
  if (file === '-') {
    teller.tell({ event: 'reading' }, process.stdin.isTTY ? 'Reading what you type; Ctrl-D ends it.' : undefined);
  }
  return readInput(file, limit, signal).catch((error: unknown) => {
    if (!(error instanceof TooManyBytes)) throw error;
    // Sealed it is larger still; that is judged exactly, once it is sealed.
    throw tooLarge(file, `it has more than ${limit} bytes.`);
  });
}

function tooLarge(file: string, why: string): CommandFailure {
  const name = file === '-' ? 'Standard input' : 'The file';
  return new CommandFailure(1, 'too_large', `${name} is too large: ${why} Nothing was sent.`);
}

/** The largest body. More than the client reads of an answer could be sent, and never be received. */
function limitOf(text: string): number {
  if (/^\d{1,9}$/.test(text) && Number(text) <= MOST_BODY_BYTES) return Number(text);
  throw new TypeError(`--limit: must be a number of bytes, of up to ${MOST_BODY_BYTES}`);
}

function verticalOf(vertical: string | undefined): Vertical | undefined {
  if (vertical === undefined || vertical === 'h' || vertical === 'c' || vertical === 'a') return vertical;
  throw new TypeError('--vertical: must be h, c or a');
}
