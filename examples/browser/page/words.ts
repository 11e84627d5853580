import type { ProvisioningInformation } from 'credential-relay/client';
import { type Agreement, open, type Role, receiveMessage, seal, toMessage } from './key-agreement.js';
import { type Latest, LONGEST_LINE, MOST_LINES } from './talk.js';

/** The kinds of key that can be shared. */
export type KeyKind = 'room' | 'door' | 'car';

/** The digital key itself. */
export interface DigitalKey {
  readonly kind: KeyKind;
  readonly serial: string;
}

/** For the other device alone: sealed under the key that the two have agreed on. */
export interface Secrets extends Latest {
  /** Of the sender, once it has been handed over. */
  readonly key?: DigitalKey | undefined;
}

/**
 * All that one device of this demo has to say. A mailbox holds one message, and the other device may not have read the
 * one before: so each message holds all of it, not only the news.
 */
export interface Words extends Secrets {
  /** With the one device that this is for. A sender that answers nobody yet has none. */
  readonly agreement: Agreement | undefined;
}

/** A message before its secrets are opened. Anybody who has the link could have written it. */
export interface Heard {
  readonly from: Role;
  readonly commitment?: string | undefined;
  readonly opening?: string | undefined;
  /** {@link Secrets}, sealed. */
  readonly box?: string | undefined;
}

const FORMAT = 'credential-relay.example/key-sharing';
/** Characters of a key's serial number. */
const LONGEST_SERIAL = 64;
/** Characters of base64 in a commitment and in an opening. */
const [COMMITMENT, OPENING] = [44, 132];

/** Words as Provisioning Information. */
export async function toInformation(from: Role, { agreement, ...secrets }: Words): Promise<ProvisioningInformation> {
  if (agreement === undefined) return { format: FORMAT, content: { from } };
  const box = agreement.peer && (await seal(agreement, JSON.stringify(secrets)));
  return { format: FORMAT, content: { from, ...toMessage(agreement), box } };
}

/** Reads a message; `undefined` if it is not of this demo. */
export function toHeard({ format, content }: ProvisioningInformation): Heard | undefined {
  const { from, commitment, opening, box } = content;
  if (format !== FORMAT || (from !== 'sender' && from !== 'receiver')) return undefined;
  return {
    from,
    commitment: base64In(commitment, COMMITMENT),
    opening: base64In(opening, OPENING),
    box: typeof box === 'string' ? box : undefined,
  };
}

/** The words of the other device of this agreement. Throws `AgreementError`. */
export async function understood(agreement: Agreement, { box, opening }: Heard): Promise<Words> {
  const next = await receiveMessage(agreement, { commitment: agreement.commitment, opening });
  const secrets = box === undefined ? { first: 0, lines: [] } : toSecrets(parsed(await open(next, box)));
  return { agreement: next, ...secrets };
}

/** The value of a JSON text; `undefined` for any other text. */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function toSecrets(value: unknown): Secrets {
  const { first, lines, key } = (value ?? {}) as Record<string, unknown>;
  const { kind, serial } = (key ?? {}) as Record<string, unknown>;
  const isKind = kind === 'room' || kind === 'door' || kind === 'car';
  const isKey = isKind && typeof serial === 'string' && serial.length <= LONGEST_SERIAL;
  const texts = (Array.isArray(lines) ? lines : []).filter((line) => typeof line === 'string');
  const before = Number.isSafeInteger(first) && Number(first) > 0 ? Number(first) : 0;
  return {
    first: before + Math.max(0, texts.length - MOST_LINES),
    lines: texts.slice(-MOST_LINES).map((line) => line.slice(0, LONGEST_LINE)),
    key: isKey ? { kind, serial } : undefined,
  };
}

const base64In = (value: unknown, length: number): string | undefined =>
  typeof value === 'string' && value.length === length && /^[A-Za-z0-9+/]+=*$/.test(value) ? value : undefined;
