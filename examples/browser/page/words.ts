import type { ProvisioningInformation } from 'credential-relay/client';
import { type Latest, LONGEST_LINE } from './talk.js';

/** What can be shared. */
export type KeyKind = 'room' | 'door' | 'car';

/**
 * What this demo's devices say to one another, sealed. A mailbox holds one message, and the other device may not have
 * read the one before: so each message holds all that its writer has to say, not only what is new.
 */
export interface Words extends Latest {
  readonly from: 'sender' | 'receiver';
  /** Of the sender: which key this is about. */
  readonly kind?: KeyKind | undefined;
  /**
   * Of the sender: the number of the one phone that this is for; no other takes it. Without it, the sender does not know
   * whose phone is bound: whichever it is says its number, and does so again if it has done so before.
   */
  readonly to?: string | undefined;
  /** Of the sender: the key itself, once it has been handed over. It is good for the phone that `to` names. */
  readonly key?: string | undefined;
  /** Of the receiver: asks for the key; both people see this number, and can compare. */
  readonly number?: string | undefined;
}

const FORMAT = 'credential-relay.example/key-sharing';

/** Words as Provisioning Information. */
export function toInformation(words: Words): ProvisioningInformation {
  return { format: FORMAT, content: { ...words } };
}

/** What a message says; `undefined` if it is not of this demo. Whoever has the link could have written it. */
export function toWords({ format, content }: ProvisioningInformation): Words | undefined {
  const { from, first, lines, kind, to, key, number } = content;
  if (format !== FORMAT || (from !== 'sender' && from !== 'receiver') || !Array.isArray(lines)) return undefined;
  const known = kind === 'room' || kind === 'door' || kind === 'car' ? kind : undefined;
  const phone = numberIn(to);
  return {
    from,
    first: Number.isSafeInteger(first) && Number(first) > 0 ? Number(first) : 0,
    lines: lines.filter((line) => typeof line === 'string').map((line) => line.slice(0, LONGEST_LINE)),
    kind: known,
    to: phone,
    key: typeof key === 'string' && known !== undefined && phone !== undefined ? key : undefined,
    number: numberIn(number),
  };
}

const numberIn = (value: unknown): string | undefined =>
  typeof value === 'string' && /^\d{6}$/.test(value) ? value : undefined;
