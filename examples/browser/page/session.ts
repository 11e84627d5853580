import type { ReceivedShare, SentShare, TransferOptions, TransferState } from 'credential-relay/client';
import { type Conversation, createConversation, isCode } from './conversation.js';
import { type Agreement, AgreementError } from './key-agreement.js';
import type { Memory } from './memory.js';
import { onlyHere } from './only-here.js';
import { PageError, type Problem } from './problems.js';
import { type Talk, withMine, withTheirs } from './talk.js';
import { createTasks } from './tasks.js';
import { type DigitalKey, type Heard, understood, type Words } from './words.js';

/** What either phone keeps of a share. */
export interface Kept {
  readonly transfer?: TransferState | undefined;
  /** With the other device. What is said is for that one alone. */
  readonly agreement?: Agreement | undefined;
  readonly talk: Talk;
  /** The words of this phone have changed since they were last in the mailbox. */
  readonly unsaid: boolean;
}

/** In what the two sides differ. */
export interface Side<Share> {
  readonly memory: Memory<Kept>;
  onChange(): void;
  /** All that there is to say. */
  words(): Words;
  resume(transfer: TransferState, listeners: Listeners): Promise<Share>;
  /** The hearing has begun. */
  begun?(): Promise<void>;
  /** A receiver that this phone has not agreed with has sent its commitment. */
  asked?(commitment: string): void;
  /** The key has come. */
  arrived?(key: DigitalKey): void;
  /** The receiver has left. */
  left?(): void;
}

/** What a share tells. */
export type Listeners = Required<Pick<TransferOptions, 'onState' | 'onProgress'>>;

/** What the two sides have in common: one share at a time, what is said over it, and what can go wrong. */
export interface Session<Share> {
  readonly share: Share | undefined;
  readonly problem: Problem | undefined;
  readonly connection: string;
  readonly isBusy: boolean;
  /** For the share that is now, or that is about to be; deaf once that was left. */
  listeners(): Listeners;
  /** Runs what a person asked for, one at a time. What goes wrong is kept under the name, to be shown and tried again. */
  busily(name: string, task: () => Promise<unknown>): Promise<void>;
  /** Tries again what went wrong. */
  retry(): Promise<void>;
  /** Shows what is no error, until the person goes on. */
  warn(code: string): void;
  /** The person goes on. */
  calm(): void;
  /** Begins with a share. */
  take(share: Share): Promise<void>;
  /** The share, or the one that is kept; `undefined` if there is none that goes on. */
  reach(): Promise<Share | undefined>;
  /** Reaches the share, and hears and says what there is. */
  goOn(): Promise<void>;
  /** Adds a line, and says it. */
  say(text: string): Promise<void>;
  /** Says what is unsaid. */
  speak(): Promise<void>;
  /** Leaves the share behind. Not for use while busy. */
  leave(): void;
}

/** Makes a session. Whether words are said outlives a reload with them: what is unsaid then is said once it goes on. */
export function createSession<Share extends SentShare | ReceivedShare>(side: Side<Share>): Session<Share> {
  const { memory, onChange } = side;
  const tasks = createTasks(onChange);
  let share: Share | undefined;
  let talk: Conversation | undefined;
  let release: (() => void) | undefined;
  let connection = '';
  let speaking: Promise<void> | undefined;
  let isMoreToSay = false;
  /** Counts the shares: what comes of an earlier one is too late. */
  let era = 0;

  async function hold(id: string): Promise<void> {
    release ??= await onlyHere(`share ${id}`);
    if (release === undefined) throw new PageError('elsewhere');
  }

  async function resumed(transfer: TransferState): Promise<Share> {
    try {
      return await side.resume(transfer, session.listeners());
    } catch (error) {
      // Words that were under way came too late, and are not in the state any more: they are unsaid.
      if (!isCode(error, 'conflict')) throw error;
      return side.resume(memory.state.transfer ?? transfer, session.listeners());
    }
  }

  async function converse(): Promise<void> {
    if (share === undefined) return;
    const mine = era;
    talk ??= createConversation(share, {
      async hear(heard) {
        if (mine === era) await hear(heard);
        if (mine === era) void speak();
      },
      lost: (error) => {
        if (mine === era) tasks.failed('hear', error, () => tasks.attempt('hear', converse));
      },
    });
    await talk.begin();
    tasks.succeeded('hear');
    await side.begun?.();
    void speak();
  }

  async function hear(heard: Heard): Promise<void> {
    const { agreement } = memory.state;
    if (heard.commitment === undefined) return;
    if (heard.commitment !== agreement?.commitment) return side.asked?.(heard.commitment);
    try {
      const words = await understood(agreement, heard);
      const { talk, unsaid, agreement: current } = memory.state;
      if (current !== agreement) return; // It was given up meanwhile.
      // A receiver that knows the sender's opening shows its own.
      const isDue = words.agreement !== agreement && heard.from === 'sender';
      memory.set({ agreement: words.agreement, talk: withTheirs(talk, words), unsaid: unsaid || isDue });
      if (words.key !== undefined) side.arrived?.(words.key);
    } catch (error) {
      if (!(error instanceof AgreementError)) throw error;
      session.warn('not_agreed');
    }
  }

  function speak(): Promise<void> {
    isMoreToSay = true;
    const mine = era;
    speaking ??= Promise.resolve().then(() => speakUp(mine));
    return speaking;
  }

  async function speakUp(mine: number): Promise<void> {
    while (isMoreToSay && mine === era) {
      isMoreToSay = false;
      const current = talk;
      if (current !== undefined && memory.state.unsaid) {
        await tasks.attempt('say', () => current.say(side.words, isDone), speak);
      }
    }
    if (mine === era) speaking = undefined;
  }

  /** Whether nothing is left to say. */
  function isDone(said: Words): boolean {
    const isStillAll = JSON.stringify(side.words()) === JSON.stringify(said);
    if (isStillAll) memory.set({ unsaid: false });
    return isStillAll;
  }

  const session: Session<Share> = {
    get share() {
      return share;
    },
    get problem() {
      return tasks.problem;
    },
    get connection() {
      return tasks.problem?.code === 'unreachable' ? '' : connection;
    },
    get isBusy() {
      return tasks.isBusy;
    },
    busily: tasks.busily,
    retry: tasks.retry,
    warn: tasks.warn,
    calm: () => tasks.succeeded('warning'),
    listeners() {
      const mine = era;
      return {
        onState: (transfer) => {
          if (mine === era) memory.set({ transfer });
        },
        onProgress({ type }) {
          if (mine !== era) return;
          if (type === 'retrying') connection = 'No connection. Trying again…';
          if (type === 'reconnected' || type === 'ended') connection = '';
          if (type === 'ended') tasks.forget(); // What has not worked does not matter any more.
          if (type === 'left') side.left?.();
          if (type === 'left' || type === 'reconnected') void speak();
          onChange();
        },
      };
    },
    async take(taken) {
      share = taken;
      await hold(taken.state.id);
      await converse();
    },
    async reach() {
      const { transfer } = memory.state;
      if (share !== undefined || transfer === undefined || transfer.ended !== undefined) return share;
      await hold(transfer.id);
      share = await resumed(transfer);
      return share;
    },
    async goOn() {
      await session.reach();
      await converse();
    },
    say(text) {
      session.calm();
      memory.set({ talk: withMine(memory.state.talk, text), unsaid: true });
      return speak();
    },
    speak,
    leave() {
      era += 1;
      talk?.stop();
      release?.();
      [share, talk, release, speaking, connection] = [undefined, undefined, undefined, undefined, ''];
      tasks.forget();
    },
  };
  return session;
}
