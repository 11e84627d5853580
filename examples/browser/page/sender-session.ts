import { createSender, type SentShare } from 'credential-relay/client';
import { KEYS } from './keys.js';
import { createMemory, type Memory } from './memory.js';
import { createSession, type Kept, type Session } from './session.js';
import { latestOf, SILENCE, withTheirs } from './talk.js';
import { type KeyKind, toInformation, type Words } from './words.js';

/** All that the sender's phone keeps. */
export interface SenderState extends Kept {
  readonly kind: KeyKind;
  /** The number of the phone that asks for the key. */
  readonly number?: string | undefined;
  /** Another phone may have taken the place since that number was heard. */
  readonly isUnsure: boolean;
  /** The person has handed the key over to the phone with that number; it is on its way while it is `unsaid`. */
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
  handOver(): Promise<void>;
  cancel(): Promise<void>;
  /** Back to the keys. */
  reset(): void;
}

/** What the sender knows of a receiver before there is one. */
const NOBODY = { talk: SILENCE, number: undefined, isUnsure: false, handedOver: false };
const EMPTY: SenderState = { kind: 'room', transfer: undefined, unsaid: false, ...NOBODY };

/** Makes the session of a sender. */
export function createSenderSession(relay: string, onChange: () => void): SenderSession {
  const memory = createMemory('sender', EMPTY, onChange);

  /**
   * All of it for the phone that was heard. While it is not sure that the place is still that phone's, it says nothing
   * but that; the phone that is there tells its number then, and the rest is said to it if the number is the same.
   */
  function words(): Words {
    const { kind, talk, number, isUnsure, handedOver } = memory.state;
    if (number === undefined || isUnsure) return { from: 'sender', kind, first: talk.said, lines: [] };
    return { from: 'sender', kind, to: number, ...latestOf(talk), key: handedOver ? KEYS[kind].serial : undefined };
  }

  /** The phone that was heard has lost its place; what was meant for it is meant for no other. */
  function forget(): void {
    if (memory.state.handedOver || memory.state.unsaid) session.warn('receiver_changed');
    // The mailbox holds what was said to that phone, or what it wrote itself, and the next one could read it.
    memory.set({ ...NOBODY, unsaid: true });
  }

  const session = createSession<SentShare>({
    memory,
    onChange,
    words,
    isAll: ({ to }) => to === memory.state.number,
    hear({ number, ...theirs }) {
      if (memory.state.number !== undefined && number !== memory.state.number) {
        session.warn('receiver_changed');
        forget();
      }
      memory.set({ talk: withTheirs(memory.state.talk, theirs), number, isUnsure: false });
    },
    resume: (transfer, listeners) => createSender({ relay, ...listeners }).resume(transfer),
    changed: () => memory.set({ isUnsure: true }),
    left: forget,
  });
  const { busily, goOn, leave } = session;

  async function share(): Promise<void> {
    // A create that is under way, or whose answer was lost, is carried on: two mailboxes would be one too many.
    if (isShared(memory.state)) return goOn();
    memory.set({ ...EMPTY, kind: memory.state.kind });
    const { vertical, display } = KEYS[memory.state.kind];
    const sender = createSender({ relay, ...session.listeners() });
    await session.take(await sender.share(toInformation(words()), display, { vertical, accessRights: 'RWD' }));
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
    handOver() {
      session.calm();
      memory.set({ handedOver: true, unsaid: true });
      return session.speak();
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
