import type { ProvisioningInformation } from 'credential-relay/client';
import { type Agreement, open, type Role, receiveMessage, seal, toMessage } from './key-agreement.js';

export type KeyKind = 'room' | 'door' | 'car';

/** The digital key itself. */
export interface DigitalKey {
  readonly kind: KeyKind;
  readonly serial: string;
}

export interface Line {
  readonly by: 'me' | 'other';
  readonly text: string;
}

/** A chat as one phone saves it: the latest lines of both people, and the number of lines that each has written. */
export interface Chat {
  readonly lines: readonly Line[];
  readonly sent: number;
  readonly received: number;
}

/** The part of a message that is sealed for the other device. */
export interface SealedContent {
  /** The number of the writer's lines before these. */
  readonly first: number;
  readonly lines: readonly string[];
  readonly key?: DigitalKey | undefined;
}

/** A message before its content is opened. Anybody who has the link can have written it. */
export interface ReceivedMessage {
  readonly from: Role;
  readonly commitment?: string | undefined;
  readonly opening?: string | undefined;
  readonly box?: string | undefined;
}

export const EMPTY_CHAT: Chat = { lines: [], sent: 0, received: 0 };
export const MAXIMUM_LINE_LENGTH = 280;
const MAXIMUM_LINES = 200;
const MAXIMUM_SERIAL_LENGTH = 64;
/** Bytes of JSON. Sealed twice, in base64, the lines stay below the relay's limit of 65,536 bytes. */
const MAXIMUM_LINES_BYTES = 30_000;
const FORMAT = 'credential-relay.example/key-sharing';

export function addSentLine({ lines, sent, received }: Chat, text: string): Chat {
  return { lines: [...lines, { by: 'me', text } as const].slice(-MAXIMUM_LINES), sent: sent + 1, received };
}

export function addReceivedLines(chat: Chat, { first, lines }: SealedContent): Chat {
  const added = lines.slice(Math.max(0, chat.received - first)).map((text) => ({ by: 'other', text }) as const);
  const received = Math.max(chat.received, first + lines.length);
  return { ...chat, lines: [...chat.lines, ...added].slice(-MAXIMUM_LINES), received };
}

/** The latest lines of this phone, as many as fit into a message. */
export function getSentLines({ lines, sent }: Chat): Pick<SealedContent, 'first' | 'lines'> {
  const own = lines.filter(({ by }) => by === 'me').map(({ text }) => text);
  let bytes = 0;
  const fitting = own.toReversed().findIndex((text) => {
    bytes += new TextEncoder().encode(JSON.stringify(text)).length + 1;
    return bytes > MAXIMUM_LINES_BYTES;
  });
  const latest = fitting < 0 ? own : own.slice(own.length - fitting);
  return { first: sent - latest.length, lines: latest };
}

export async function encodeMessage(
  from: Role,
  agreement: Agreement | undefined,
  content: SealedContent,
): Promise<ProvisioningInformation> {
  if (agreement === undefined) return { format: FORMAT, content: { from } };
  const box = agreement.peer && (await seal(agreement, JSON.stringify(content)));
  return { format: FORMAT, content: { from, ...toMessage(agreement), box } };
}

/** Returns `undefined` for a message of another app. */
export function parseMessage({ format, content }: ProvisioningInformation): ReceivedMessage | undefined {
  const { from, commitment, opening, box } = content;
  if (format !== FORMAT || (from !== 'sender' && from !== 'receiver')) return undefined;
  const base64 = (value: unknown, length: number): string | undefined =>
    typeof value === 'string' && value.length === length && /^[A-Za-z0-9+/]+=*$/.test(value) ? value : undefined;
  return {
    from,
    commitment: base64(commitment, 44),
    opening: base64(opening, 132),
    box: typeof box === 'string' ? box : undefined,
  };
}

/** Applies a message of the device of this agreement and decrypts its content. Throws `AgreementError`. */
export async function openMessage(
  before: Agreement,
  { box, opening }: ReceivedMessage,
): Promise<{ readonly agreement: Agreement; readonly content: SealedContent }> {
  const agreement = await receiveMessage(before, { commitment: before.commitment, opening });
  return { agreement, content: box === undefined ? { first: 0, lines: [] } : parseContent(await open(agreement, box)) };
}

function parseContent(json: string): SealedContent {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {}
  const { first, lines, key } = (value ?? {}) as Record<string, unknown>;
  const { kind, serial } = (key ?? {}) as Record<string, unknown>;
  const isKind = kind === 'room' || kind === 'door' || kind === 'car';
  const isKey = isKind && typeof serial === 'string' && serial.length <= MAXIMUM_SERIAL_LENGTH;
  const texts = (Array.isArray(lines) ? lines : []).filter((line) => typeof line === 'string');
  const before = Number.isSafeInteger(first) && Number(first) > 0 ? Number(first) : 0;
  return {
    first: before + Math.max(0, texts.length - MAXIMUM_LINES),
    lines: texts.slice(-MAXIMUM_LINES).map((line) => line.slice(0, MAXIMUM_LINE_LENGTH)),
    key: isKey ? { kind, serial } : undefined,
  };
}
