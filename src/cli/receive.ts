import {
  buildShareUrl,
  createReceiver,
  type ReceivedShare,
  type Receiver,
  type SharedMailbox,
  TransferError,
} from '../client/index.js';
import type { CommandContext } from './context.js';
import { labelSystemErrors } from './errors.js';
import { type OutputFile, openOutputFile, toFileBytes } from './files.js';
import { InputLines } from './input-lines.js';
import { readLinkFrom } from './link.js';
import type { Lock } from './lock-file.js';
import { resolveSecret } from './secret.js';
import { formatTitle } from './text.js';

export interface ReceiveOptions {
  /** `-` reads the link from standard input. */
  readonly url: string;
  /** `undefined` for standard output. */
  readonly out: string | undefined;
  readonly force: boolean;
  /** Hosts of relays; any public host if `undefined`. */
  readonly allow: readonly string[] | undefined;
  /** A file with the Secret; `-` is standard input. */
  readonly secretFile: string | undefined;
  /** The variable `RELAY_SECRET`. */
  readonly secretVariable: string | undefined;
}

const RUN_AGAIN = 'Nothing is lost: run the command again.';

/** Opens a link, writes the message, and deletes the mailbox. Throws a CommandFailure, or an error of the system. */
export async function receive(options: ReceiveOptions, context: CommandContext): Promise<void> {
  const { states, signal, client } = context;
  const receiver = createReceiver({ ...client, relays: options.allow });
  const link = await readLinkWithSecret(options, signal);
  // Two processes would use two Device Claims, and the relay would refuse one of them.
  const lock = await states.lock('receiver', link.mailboxUrl);
  try {
    const share = await openShare(link, receiver, context);
    await receiveShare(share, options, context, lock);
  } finally {
    await lock.release();
  }
}

/** The link with its Secret, which may come from another source. */
async function readLinkWithSecret(
  { url, secretFile: file, secretVariable: variable }: ReceiveOptions,
  signal: AbortSignal,
): Promise<SharedMailbox> {
  const input = new InputLines(signal);
  try {
    const link = await readLinkFrom(url, input);
    const secret = await resolveSecret(link, { file, variable, isBelowLink: url === '-' }, input, signal);
    return { ...link, secret };
  } finally {
    await input.close();
  }
}

/** Opens a share, or resumes a share of the state folder. */
async function openShare(
  { mailboxUrl, vertical, secret = '' }: SharedMailbox,
  receiver: Receiver,
  { states, signal, setHint }: CommandContext,
): Promise<ReceivedShare> {
  const saved = await states.find('receiver', mailboxUrl);
  if (saved === undefined) return receiver.open(buildShareUrl(mailboxUrl, { vertical, secret }));
  setHint(RUN_AGAIN);
  // The Secret of this link: the Secret of the first attempt may have had a typing error.
  return receiver.resume(saved, { secret, signal });
}

async function receiveShare(
  share: ReceivedShare,
  { out, force }: ReceiveOptions,
  context: CommandContext,
  lock: Lock,
): Promise<void> {
  const { reporter, output, setHint } = context;
  if (share.state.ended === 'finished') {
    reporter.event({ event: 'finished' }, 'This device received the share before; the share is finished now.');
    return;
  }
  setHint(undefined);
  const file = await labelSystemErrors('--out', openOutputFile(out, { force, output, onDraft: lock.recordDraft }));
  try {
    await writeMessage(share, file, context);
  } catch (error) {
    await deleteRefusedState(share, error, context);
    throw error;
  } finally {
    await file.close();
  }
}

async function writeMessage(share: ReceivedShare, file: OutputFile, context: CommandContext): Promise<void> {
  const { reporter, output, signal, setHint } = context;
  setHint(RUN_AGAIN);
  const message = await share.next({ signal });
  const bytes = toFileBytes(message);
  const { path } = file;
  const isInEvent = path === undefined && reporter.isJson;
  const { format, content, ...members } = message;
  const isAlone = Object.keys(members).length === 0;
  if (!isInEvent) await (path === undefined ? file.write(bytes) : labelSystemErrors('--out', file.write(bytes)));
  reporter.event(
    {
      event: 'received',
      format,
      bytes: bytes.length,
      ...(isInEvent ? { content, ...(isAlone ? {} : { members }) } : { out: path }),
    },
    `${formatTitle(share.display?.title ?? '')}: ${bytes.length} bytes${path === undefined ? '' : ` in ${path}`}.`,
  );
  // The mailbox stays until the output is written.
  await output.flush();
  setHint('The message was received; run the command again to finish the share.');
  await share.finish({ signal });
  reporter.event({ event: 'finished' }, 'The share is finished.');
}

/** Deletes the state of a claim that the relay has refused, and that cannot be bound. */
async function deleteRefusedState({ state }: ReceivedShare, error: unknown, { states }: CommandContext): Promise<void> {
  if (state.bound || !(error instanceof TransferError)) return;
  // Without a code, a proxy may have refused the request after the relay has bound this device.
  const isFinal = error.code === 'already_claimed' || (error.code === 'refused' && error.relayCode !== undefined);
  if (isFinal) await states.delete(state);
}
