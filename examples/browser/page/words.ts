import type { ProvisioningInformation } from 'credential-relay/client';

/** What can be shared. */
export type KeyKind = 'room' | 'door' | 'car';

/**
 * What this demo's devices say to one another, sealed. A mailbox holds one message, and the other device may not have
 * read the one before: so each message holds all that its writer has to say, not only what is new.
 */
export interface Words {
  readonly from: 'sender' | 'receiver';
  /** What the person has written, from the first line. */
  readonly lines: readonly string[];
  /** Of the sender: which key this is about. */
  readonly kind?: KeyKind | undefined;
  /** Of the sender: the key itself, once it has been handed over. */
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
  const { from, lines, kind, key, number } = content;
  if (format !== FORMAT || (from !== 'sender' && from !== 'receiver') || !Array.isArray(lines)) return undefined;
  return {
    from,
    lines: lines.filter((line) => typeof line === 'string').map((line) => line.slice(0, LONGEST_LINE)),
    kind: kind === 'room' || kind === 'door' || kind === 'car' ? kind : undefined,
    key: typeof key === 'string' ? key : undefined,
    number: typeof number === 'string' && /^\d{6}$/.test(number) ? number : undefined,
  };
}

/** Characters of one line that are shown. */
export const LONGEST_LINE = 280;

/** One line of a conversation, as a phone shows it. */
export interface Line {
  readonly by: 'me' | 'other';
  readonly text: string;
}

/** The lines that this phone's person wrote. */
export const mine = (lines: readonly Line[]): string[] => lines.filter(({ by }) => by === 'me').map(({ text }) => text);

/** A conversation with what the other side has written since. */
export function withTheirs(lines: readonly Line[], theirs: readonly string[]): readonly Line[] {
  const known = lines.filter(({ by }) => by === 'other').length;
  return [...lines, ...theirs.slice(known).map((text) => ({ by: 'other', text }) as const)];
}
