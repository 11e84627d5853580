import { type Message, type ReceivedShare, type SentShare, TransferError } from 'credential-relay/client';
import { toInformation, toWords, type Words } from './words.js';

/** Hears the other device and answers it, over one share. */
export interface Conversation {
  /**
   * Looks into the mailbox once, which binds a receiver, and goes on hearing until the mailbox is gone: `end` resolves
   * then, and throws {@link TransferError} for what a person must know, as this does. Does nothing while it is going on.
   */
  begin(): Promise<{ readonly end: Promise<void> }>;
  /** Says what `current` gives when its turn comes. If the other device was faster, hears that first. */
  say(current: () => Words): Promise<void>;
}

/** Longest wait for a message that is known to be there, in ms. */
const SOON_MS = 1000;

/** Makes the conversation of one side; `hear` keeps what it is given before it returns. */
export function createConversation(share: SentShare | ReceivedShare, hear: (words: Words) => void): Conversation {
  const side = share.state.role;
  let heard = 0;
  let wake = (): void => {};
  let going: Promise<void> | undefined;

  function take(message: Message): void {
    const words = toWords(message);
    // A mailbox may hold what a receiver before this one wrote.
    if (words !== undefined && words.from !== side) hear(words);
    heard += 1;
    wake();
  }

  async function hearAll(): Promise<void> {
    while (share.state.ended === undefined) {
      const message = await share.next();
      if (message === undefined) return;
      take(message);
    }
  }

  return {
    async begin() {
      if (going === undefined) {
        // After a message that could not be opened, nothing changes in the mailbox: look without waiting.
        const message = await share.check();
        if (message !== undefined) take(message);
        going = hearAll()
          .catch(unlessGone)
          .finally(() => {
            going = undefined;
          });
      }
      return { end: going };
    },
    async say(current) {
      for (;;) {
        const before = heard;
        try {
          return await share.answer(toInformation(current()));
        } catch (error) {
          if (!(error instanceof TransferError) || error.code !== 'overtaken') return unlessGone(error);
          if (heard === before) await Promise.race([new Promise<void>((resolve) => (wake = resolve)), pause(SOON_MS)]);
        }
      }
    },
  };
}

/** That the mailbox is gone is in the state, and no failure. */
function unlessGone(error: unknown): void {
  if (!(error instanceof TransferError && error.code === 'gone')) throw error;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
