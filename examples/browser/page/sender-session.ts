import { createSender, type SentShare } from 'credential-relay/client';
import { beginAsSender } from './key-agreement.js';
import { KEYS } from './keys.js';
import { createMemory, type Memory } from './memory.js';
import { createSession, type Kept, type Session } from './session.js';
import { latestOf, SILENCE } from './talk.js';
import { type KeyKind, toInformation, type Words } from './words.js';

/** All that the sender's phone keeps. */
export interface SenderState extends Kept {
  readonly kind: KeyKind;
  /** The commitment of a phone that asks for the key, until the person compares codes with it. */
  readonly asking?: string | undefined;
  /** Codes that were made for this share. */
  readonly codes: number;
  /** The person has handed the key over to the phone of the agreement; it is on its way while it is `unsaid`. */
  readonly handedOver: boolean;
}

/** The sender's side, without its looks. */
export interface SenderSession {
  readonly memory: Memory<SenderState>;
  readonly session: Session<SentShare>;
  /** Goes on where it was before the page was loaded again. */
  begin(): Promise<void>;
  /** Picks a key; not while one is shared. */
  choose(kind: KeyKind): void;
  share(): Promise<void>;
  /** Makes a code with the phone that asks. */
  compare(): Promise<void>;
  /** Hands the key over to the phone whose code was compared. */
  handOver(): Promise<void>;
  cancel(): Promise<void>;
  /** Back to the keys. */
  reset(): void;
}

/** Codes for one share. Somebody who has the link has one guess in a million for each. */
export const MOST_CODES = 3;
/** What the sender knows of a receiver before there is one. */
const NOBODY = { talk: SILENCE, agreement: undefined, asking: undefined, unsaid: false, handedOver: false };
const EMPTY: SenderState = { kind: 'room', transfer: undefined, codes: 0, ...NOBODY };

/** Makes the session of a sender. */
export function createSenderSession(relay: string, onChange: () => void): SenderSession {
  const memory = createMemory('sender', EMPTY, onChange);

  function words(): Words {
    const { kind, agreement, talk, handedOver } = memory.state;
    const key = handedOver ? { kind, serial: KEYS[kind].serial } : undefined;
    return { agreement, ...latestOf(talk), key };
  }

  /** The phone of the agreement has lost its place; what was meant for it is meant for no other. */
  function forget(): void {
    if (memory.state.handedOver || memory.state.unsaid) session.warn('receiver_changed');
    memory.set(NOBODY);
  }

  const session = createSession<SentShare>({
    memory,
    onChange,
    words,
    // No answer before the person asks for it: each would be a guess for somebody in the middle.
    asked(commitment) {
      if (memory.state.agreement !== undefined) session.warn('receiver_changed');
      memory.set({ ...NOBODY, asking: commitment });
    },
    resume: (transfer, listeners) => createSender({ relay, ...listeners }).resume(transfer),
    left: forget,
  });
  const { busily, goOn, leave } = session;

  async function share(): Promise<void> {
    // A create that is under way, or whose answer was lost, is carried on: two mailboxes would be one too many.
    if (isShared(memory.state)) return goOn();
    memory.set({ ...EMPTY, kind: memory.state.kind });
    const { vertical, display } = KEYS[memory.state.kind];
    const sender = createSender({ relay, ...session.listeners() });
    const invitation = await toInformation('sender', words());
    await session.take(await sender.share(invitation, display, { vertical, accessRights: 'RWD' }));
  }

  async function compare(): Promise<void> {
    const { asking, codes, transfer } = memory.state;
    if (asking === undefined || codes >= MOST_CODES) return;
    session.calm();
    const agreement = await beginAsSender(asking, transfer?.mailboxUrl ?? '');
    if (memory.state.asking !== asking) return; // Another phone asks meanwhile, or none.
    memory.set({ agreement, asking: undefined, codes: codes + 1, unsaid: true });
    void session.speak();
  }

  return {
    memory,
    session,
    async begin() {
      if (isShared(memory.state)) await busily('share', goOn);
    },
    choose(kind) {
      if (!session.isBusy && !isShared(memory.state)) memory.set({ kind });
    },
    share: () => busily('share', share),
    compare: () => busily('compare', compare),
    async handOver() {
      if (memory.state.agreement?.peer === undefined) return;
      session.calm();
      memory.set({ handedOver: true, unsaid: true });
      await session.speak();
    },
    cancel: () =>
      busily('cancel', async () => {
        const reached = await session.reach();
        await reached?.cancel();
      }),
    reset() {
      if (session.isBusy) return;
      leave();
      memory.set({ ...EMPTY, kind: memory.state.kind });
    },
  };
}

/** Whether there is a share that can be gone on with. One that was refused leaves neither a mailbox nor a request. */
export const isShared = ({ transfer }: SenderState): boolean =>
  transfer !== undefined &&
  transfer.ended === undefined &&
  (transfer.mailboxUrl !== undefined || transfer.pending !== undefined);
