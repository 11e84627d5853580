import { createSender, type SentShare, type TransferState } from 'credential-relay/client';
import { type Conversation, createConversation } from './conversation.js';
import { KEYS } from './keys.js';
import { createMemory } from './memory.js';
import { connectionOf, type Problem, problemOf } from './problems.js';
import { type KeyKind, type Line, mine, toInformation, type Words, withTheirs } from './words.js';

/** All that the sender's phone keeps. */
export interface SenderState {
  readonly kind: KeyKind;
  readonly transfer?: TransferState | undefined;
  readonly lines: readonly Line[];
  /** The number of the phone that asks for the key. */
  readonly number?: string | undefined;
  readonly handedOver: boolean;
}

/** The sender's side, without its looks. */
export interface SenderSession {
  readonly state: SenderState;
  readonly link: string | undefined;
  readonly problem: Problem | undefined;
  readonly connection: string;
  readonly isBusy: boolean;
  choose(kind: KeyKind): void;
  share(): Promise<void>;
  handOver(): Promise<void>;
  say(text: string): Promise<void>;
  cancel(): Promise<void>;
  retry(): Promise<void>;
  /** Back to the keys. */
  reset(): void;
}

/** What the sender knows of a receiver before there is one. */
const NOBODY = { lines: [], number: undefined, handedOver: false };
const EMPTY: SenderState = { kind: 'room', transfer: undefined, ...NOBODY };

/** Makes the session of a sender; goes on where it was before the page was loaded again. */
export function createSenderSession(relay: string, onChange: () => void): SenderSession {
  const memory = createMemory('sender', EMPTY, onChange);
  let share: SentShare | undefined;
  let talk: Conversation | undefined;
  let problem: Problem | undefined;
  let connection = '';
  let isBusy = false;

  const sender = createSender({
    relay,
    onState: (transfer) => memory.set({ transfer }),
    onProgress(progress) {
      connection = connectionOf(progress);
      // The mailbox holds what the receiver wrote that has left, and the next one could read it.
      if (progress.type === 'left') {
        memory.set(NOBODY);
        void attempt(async () => talk?.say(words));
      }
      onChange();
    },
  });

  function words(): Words {
    const { kind, lines, handedOver } = memory.state;
    return { from: 'sender', kind, lines: mine(lines), key: handedOver ? KEYS[kind].serial : undefined };
  }

  function hear({ lines, number }: Words): void {
    const { state } = memory;
    // Another number is another phone: the place has changed hands while this phone was away.
    if (state.number !== undefined && number !== state.number) memory.set(NOBODY);
    memory.set({ lines: withTheirs(memory.state.lines, lines), number });
  }

  /** Runs what a person asked for, and keeps what went wrong to be shown. */
  async function attempt(task: () => Promise<unknown>): Promise<void> {
    try {
      await task();
      connection = '';
    } catch (error) {
      problem = problemOf(error);
    }
    onChange();
  }

  async function busily(task: () => Promise<unknown>): Promise<void> {
    if (isBusy) return;
    isBusy = true;
    problem = undefined;
    onChange();
    await attempt(task);
    isBusy = false;
    onChange();
  }

  async function converse(): Promise<void> {
    if (share === undefined) return;
    talk ??= createConversation(share, hear);
    const { end } = await talk.begin();
    void attempt(() => end);
  }

  async function resume(): Promise<void> {
    const { transfer } = memory.state;
    if (transfer === undefined || transfer.ended !== undefined) return;
    share = await sender.resume(transfer);
    await converse();
  }

  void attempt(resume);
  return {
    get state() {
      return memory.state;
    },
    get link() {
      return share?.url;
    },
    get problem() {
      return problem;
    },
    get connection() {
      return connection;
    },
    get isBusy() {
      return isBusy;
    },
    choose: (kind) => memory.set({ kind }),
    share: () =>
      busily(async () => {
        const { vertical, display } = KEYS[memory.state.kind];
        share = await sender.share(toInformation(words()), display, { vertical, accessRights: 'RWD' });
        await converse();
      }),
    handOver: () =>
      busily(async () => {
        memory.set({ handedOver: true });
        await talk?.say(words);
      }),
    say(text) {
      memory.set({ lines: [...memory.state.lines, { by: 'me', text }] });
      return attempt(async () => talk?.say(words));
    },
    cancel: () => busily(async () => share?.cancel()),
    retry: () => busily(share === undefined ? resume : converse),
    reset() {
      [share, talk, problem] = [undefined, undefined, undefined];
      memory.set({ ...EMPTY, kind: memory.state.kind });
    },
  };
}
