import { createSender, type SentShare, TransferError, type TransferState } from '../client/index.js';
import {
  type DisplayOptions,
  parseByteLimit,
  parseDisplayOptions,
  parseDuration,
  parseRelayUrl,
  parseVertical,
} from './arguments.js';
import type { CommandContext } from './context.js';
import { CommandFailure } from './errors.js';
import { readInput, TooManyBytesError, toFileInformation } from './files.js';
import { createShareCommands, formatQrCode } from './share-hints.js';
import { formatDuration } from './text.js';
import { ShareWaiter } from './wait.js';

/** Options of `send` as the user typed them. */
export interface SendOptions extends DisplayOptions {
  /** `-` for standard input. */
  readonly file: string;
  readonly relay: string | undefined;
  readonly vertical?: string | undefined;
  readonly expires?: string | undefined;
  readonly wait: boolean;
  /** Prints the link and the Secret apart. */
  readonly separate: boolean;
  readonly qr: boolean;
  readonly limit: string;
  readonly state?: string | undefined;
}

/** Milliseconds for the request that asks the relay for the expiration. */
const EXPIRATION_TIMEOUT_MS = 3000;

/** Encrypts a file and shares it; with `wait`, waits for the receiver. Throws a {@link CommandFailure}. */
export async function send(options: SendOptions, context: CommandContext): Promise<void> {
  const { states, signal, client } = context;
  const relay = parseRelayUrl(options.relay);
  const expiresInSeconds = options.expires === undefined ? undefined : parseDuration('--expires', options.expires);
  if (expiresInSeconds !== undefined) states.setLifetime(expiresInSeconds);
  const shareOptions = { vertical: parseVertical(options.vertical), expiresInSeconds, signal };
  const display = parseDisplayOptions(options);
  const maximumBodyBytes = parseByteLimit(options.limit);
  const waiter = new ShareWaiter(context);
  let state: TransferState | undefined;
  const sender = createSender({
    ...client,
    relay,
    maximumBodyBytes,
    onState: (current) => {
      state = current;
      return waiter.onState(current);
    },
  });

  const bytes = await readFileArgument(options.file, maximumBodyBytes, context);
  context.setHint('The relay may have received the share, but nobody has the link. Send it again.');
  const share = await sender.share(toFileInformation(bytes), display, shareOptions).catch(async (error: unknown) => {
    // Nobody can open or cancel a mailbox without its link.
    if (state !== undefined) await states.delete(state);
    if (!(error instanceof TransferError) || error.code !== 'too_large' || error.status !== undefined) throw error;
    throw createTooLargeFailure(options.file, `it has ${bytes.length} bytes. ${error.message}`);
  });
  await announce(share, options, context);
  if (options.wait) await waiter.waitForEnd(share);
}

/** Prints the link, and the command lines for both devices. */
async function announce(
  share: SentShare,
  { qr, state, separate }: SendOptions,
  context: CommandContext,
): Promise<void> {
  const { states, reporter, output, signal, setHint } = context;
  const { link, secret } = share;
  const url = separate ? link : share.url;
  setHint('Nobody has the link; the relay keeps the share until it expires.');
  if (!reporter.isJson) await output.write(separate ? `${link}\n${secret}\n` : `${url}\n`);
  const lines = 'The first line is the link, and the second line is its Secret: send them by two channels.';
  if (separate) reporter.event({ event: 'shared', link, secret }, reporter.isJson ? undefined : lines);
  else reporter.event({ event: 'shared', url });
  await output.flush();
  setHint('The link works.');
  if (qr) process.stderr.write(formatQrCode(url, process.stderr));
  // Standard error often goes to a log: it gets the Secret only if both streams are terminals.
  const isShown = output.isTTY && process.stderr.isTTY === true && !reporter.isJson;
  const commands = createShareCommands({ url, state: share.state }, isShown, state);
  reporter.command('To receive:', commands.receive);
  reporter.command('To cancel:', commands.cancel);
  reporter.event({ event: 'kept', folder: states.path });
  const expiration = await getExpiration(share, signal);
  if (expiration === undefined) return;
  const remaining = formatDuration(Date.parse(expiration) - Date.now());
  reporter.event({ event: 'expires', expiration }, `The link works until ${expiration}, for ${remaining}.`);
}

/** The relay sends the expiration with its response to a read. */
async function getExpiration(share: SentShare, signal: AbortSignal): Promise<string | undefined> {
  const timeout = AbortSignal.timeout(EXPIRATION_TIMEOUT_MS);
  try {
    await share.check({ signal: AbortSignal.any([signal, timeout]) });
  } catch (error) {
    // The share exists, so a relay that does not answer this request is not a failure.
    if (signal.aborted || !(error instanceof TransferError || timeout.aborted)) throw error;
  }
  return share.state.expiration;
}

async function readFileArgument(file: string, limit: number, context: CommandContext): Promise<Uint8Array> {
  if (file === '-') {
    const message = process.stdin.isTTY ? 'Reading standard input; Ctrl-D ends the input.' : undefined;
    context.reporter.event({ event: 'reading' }, message);
  }
  return readInput(file, limit, context.signal).catch((error: unknown) => {
    if (!(error instanceof TooManyBytesError)) throw error;
    // The client checks the exact size after encryption, which makes the message larger.
    throw createTooLargeFailure(file, `it has more than ${limit} bytes.`);
  });
}

function createTooLargeFailure(file: string, reason: string): CommandFailure {
  const name = file === '-' ? 'Standard input' : 'The file';
  return new CommandFailure(1, 'too_large', `${name} is too large: ${reason} Nothing was sent.`);
}
