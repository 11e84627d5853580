import {
  type Message,
  type ReceivedShare,
  type SentShare,
  TransferError,
  type TransferErrorCode,
} from 'credential-relay/client';
import { type Heard, toHeard, toInformation, type Words } from './words.js';

/** Hears the other device and answers it, over one share. */
export interface Conversation {
  /**
   * Looks into the mailbox once, which binds a receiver, and goes on hearing until the mailbox is gone. Does nothing
   * while that is going on. Throws {@link TransferError}.
   */
  begin(): Promise<void>;
  /**
   * Says what `current` gives when its turn comes, until `isDone` finds that what was said is enough. If the other device
   * was faster, hears that first. Throws {@link TransferError}.
   */
  say(current: () => Words, isDone: (said: Words) => boolean): Promise<void>;
  /** Hears and says no more. */
  stop(): void;
}

/** Whom a conversation tells. */
export interface Listener {
  /** Keeps what it is given before it resolves. */
  hear(heard: Heard): Promise<void>;
  /** The hearing came to an end that a person must know. */
  lost(error: unknown): void;
}

/** Longest wait for a message that is known to be there, in ms. */
const SOON_MS = 1000;

/** Makes the conversation of one side. */
export function createConversation(share: SentShare | ReceivedShare, listener: Listener): Conversation {
  const side = share.state.role;
  const { signal, abort } = aborter();
  let heard = 0;
  let wake = (): void => {};
  let beginning: Promise<void> | undefined;
  let isHearing = false;

  async function take(message: Message): Promise<void> {
    const words = toHeard(message);
    // A mailbox may hold what a receiver before this one wrote.
    if (words !== undefined && words.from !== side) await listener.hear(words);
    heard += 1;
    wake();
  }

  /** A read carries out first what could not be said before; if that comes too late now, it is unsaid. */
  async function read(get: () => Promise<Message | undefined>): Promise<Message | undefined> {
    try {
      return await get();
    } catch (error) {
      if (!isCode(error, 'conflict')) throw error;
      return get();
    }
  }

  async function hearAll(): Promise<void> {
    isHearing = true;
    try {
      while (share.state.ended === undefined) {
        const message = await read(() => share.next({ signal }));
        if (message === undefined) return;
        await take(message);
      }
    } catch (error) {
      // That the mailbox is gone is in the state, and no failure.
      if (!isCode(error, 'gone')) listener.lost(error);
    } finally {
      isHearing = false;
    }
  }

  async function begin(): Promise<void> {
    if (isHearing) return;
    // The look that binds, and tells whether all is well, does not wait.
    const message = await read(() => share.check({ signal }));
    if (message !== undefined) await take(message);
    void hearAll();
  }

  const conversation: Conversation = {
    begin() {
      beginning ??= begin().finally(() => {
        beginning = undefined;
      });
      return beginning;
    },
    async say(current, isDone) {
      while (share.state.ended === undefined) {
        const before = heard;
        const words = current();
        try {
          await share.reply(await toInformation(side, words), { signal });
          if (isDone(words)) return;
        } catch (error) {
          if (isCode(error, 'gone')) return;
          if (!isCode(error, 'conflict')) throw error;
          await conversation.begin();
          if (heard === before) await Promise.race([new Promise<void>((resolve) => (wake = resolve)), pause(SOON_MS)]);
        }
      }
    },
    stop: abort,
  };
  return conversation;
}

function aborter(): { readonly signal: AbortSignal; readonly abort: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}

/** Whether an error is the {@link TransferError} of this code. */
export const isCode = (error: unknown, code: TransferErrorCode): boolean =>
  error instanceof TransferError && error.code === code;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
