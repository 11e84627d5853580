import { createReceiver, type DisplayInformation, parseShareUrl, type ReceivedShare } from 'credential-relay/client';
import { beginAsReceiver } from './key-agreement.js';
import { createMemory, type Memory } from './memory.js';
import { PageError } from './problems.js';
import { createSession, type Kept, type Listeners, type Session } from './session.js';
import { latestOf, SILENCE } from './talk.js';
import type { DigitalKey, KeyKind } from './words.js';

/** All that a receiver's phone keeps. */
export interface ReceiverState extends Kept {
  /** The links that came by text message. */
  readonly messages: readonly string[];
  /** The link that is looked at. */
  readonly link?: string | undefined;
  readonly display?: DisplayInformation | undefined;
  /** Once the key is here. */
  readonly key?: DigitalKey | undefined;
  /** The keys that have come to stay. */
  readonly wallet: readonly KeyKind[];
}

/** A receiver's side, without its looks. */
export interface ReceiverSession {
  readonly memory: Memory<ReceiverState>;
  readonly session: Session<ReceivedShare>;
  /** Goes on where it was before the page was loaded again. */
  begin(): Promise<void>;
  /** A text message has come. */
  receive(link: string): void;
  /** Looks at what is behind a link; binds nobody. */
  look(link: string): Promise<void>;
  accept(): Promise<void>;
  /** Does not accept. If that was begun, and this phone may be bound, gives its place back. */
  decline(): Promise<void>;
  relinquish(): Promise<void>;
  finish(): Promise<void>;
  /** Back to the messages. */
  reset(): void;
}

const NOTHING = {
  link: undefined,
  display: undefined,
  transfer: undefined,
  agreement: undefined,
  talk: SILENCE,
  unsaid: false,
  key: undefined,
};
/** Text messages that a phone keeps. */
const MOST_MESSAGES = 5;

/** Makes the session of a receiver. */
export function createReceiverSession(name: string, onChange: () => void): ReceiverSession {
  const memory = createMemory<ReceiverState>(name, { messages: [], wallet: [], ...NOTHING }, onChange);

  const session = createSession<ReceivedShare>({
    memory,
    onChange,
    words: () => ({ agreement: memory.state.agreement, ...latestOf(memory.state.talk) }),
    resume: (transfer, listeners) => receiverWith(listeners).resume(transfer),
    async begun() {
      // Bound: ask for the key, whatever was in the mailbox. It may have been what another receiver wrote.
      const { transfer, agreement } = memory.state;
      if (agreement !== undefined || transfer?.mailboxUrl === undefined || transfer.ended !== undefined) return;
      const asking = await beginAsReceiver(transfer.mailboxUrl);
      const isStillDue = memory.state.transfer?.id === transfer.id && memory.state.agreement === undefined;
      if (isStillDue) memory.set({ agreement: asking, unsaid: true });
    },
    arrived(key) {
      const { wallet } = memory.state;
      memory.set({ key, wallet: wallet.includes(key.kind) ? wallet : [key.kind, ...wallet] });
    },
  });
  const { busily, goOn } = session;

  async function accept(): Promise<void> {
    const { link, transfer } = memory.state;
    // A claim that has been sent may be bound without our knowing: it is the one to go on with.
    if (transfer !== undefined || link === undefined) return goOn();
    await session.take(open(link, session.listeners()));
  }

  function reset(): void {
    if (session.isBusy) return;
    session.leave();
    memory.set(NOTHING);
  }

  return {
    memory,
    session,
    async begin() {
      if (memory.state.transfer?.bound === true) await busily('begin', goOn);
    },
    receive(link) {
      if (isLink(link)) memory.set({ messages: [link, ...memory.state.messages].slice(0, MOST_MESSAGES) });
    },
    look: (text) =>
      busily('look', async () => {
        const link = text.trim();
        // By a share that is used for nothing else: a preview has no claim, and what looks is nobody yet.
        const display = await open(link).preview();
        memory.set({ ...NOTHING, link, display });
      }),
    accept: () => busily('accept', accept),
    async decline() {
      const isRefused = session.problem?.code === 'already_claimed';
      if (memory.state.transfer !== undefined && !isRefused) await busily('decline', giveBack);
      if (session.problem?.code !== 'unreachable') reset();
    },
    relinquish: () => busily('relinquish', giveBack),
    finish: () =>
      busily('finish', async () => {
        const share = await session.reach();
        await share?.finish();
      }),
    reset,
  };

  async function giveBack(): Promise<void> {
    const share = await session.reach();
    await share?.relinquish();
  }
}

function receiverWith(listeners: Partial<Listeners>) {
  return createReceiver({ relays: [location.host], ...listeners });
}

/** Opens a link; sends nothing. Throws {@link PageError} `link` for what is none. */
function open(link: string, listeners: Partial<Listeners> = {}): ReceivedShare {
  const receiver = receiverWith(listeners);
  try {
    return receiver.open(link);
  } catch (cause) {
    throw cause instanceof TypeError ? new PageError('link', { cause }) : cause;
  }
}

function isLink(text: string): boolean {
  try {
    return parseShareUrl(text).secret !== undefined;
  } catch {
    return false;
  }
}
