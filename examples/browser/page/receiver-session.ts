import { createReceiver, type DisplayInformation, parseShareUrl, type ReceivedShare } from 'credential-relay/client';
import { createMemory, type Memory } from './memory.js';
import { PageError } from './problems.js';
import { createSession, type Kept, type Listeners, type Session } from './session.js';
import { latestOf, SILENCE, withTheirs } from './talk.js';
import type { KeyKind, Words } from './words.js';

/** All that a receiver's phone keeps. */
export interface ReceiverState extends Kept {
  /** The links that came by text message. */
  readonly messages: readonly string[];
  /** The link that is looked at. */
  readonly link?: string | undefined;
  readonly display?: DisplayInformation | undefined;
  readonly kind?: KeyKind | undefined;
  /** Once this phone has asked for the key. */
  readonly number?: string | undefined;
  /** Once the key is here. */
  readonly key?: string | undefined;
  /** A key has come that was made for another phone. */
  readonly isForAnother: boolean;
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
  kind: undefined,
  talk: SILENCE,
  unsaid: false,
  number: undefined,
  key: undefined,
  isForAnother: false,
};
/** Text messages that a phone keeps. */
const MOST_MESSAGES = 5;

/** Makes the session of a receiver. */
export function createReceiverSession(name: string, onChange: () => void): ReceiverSession {
  const memory = createMemory<ReceiverState>(name, { messages: [], wallet: [], ...NOTHING }, onChange);

  function hear({ kind, to, key, ...theirs }: Words): void {
    const { number, talk, wallet, isForAnother } = memory.state;
    memory.set({ kind });
    if (to === undefined || to !== number) {
      // Not for this phone. If it has said its number, the sender does not know that, or is not sure any more.
      memory.set({ isForAnother: isForAnother || key !== undefined, unsaid: number !== undefined });
      return;
    }
    memory.set({ talk: withTheirs(talk, theirs) });
    if (key === undefined || kind === undefined) return;
    memory.set({ key, wallet: wallet.includes(kind) ? wallet : [kind, ...wallet] });
  }

  const session = createSession<ReceivedShare>({
    memory,
    onChange,
    words: () => ({ from: 'receiver', ...latestOf(memory.state.talk), number: memory.state.number }),
    isAll: () => true,
    hear,
    resume: (transfer, listeners) => receiverWith(listeners).resume(transfer),
    begun() {
      // Bound: ask for the key, whatever was in the mailbox. It may have been what another receiver wrote.
      const isToAsk = memory.state.number === undefined && memory.state.transfer?.ended === undefined;
      if (isToAsk) memory.set({ number: newNumber(), unsaid: true });
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
      const isRefused = session.problem?.code === 'taken';
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

/** Six digits, for two people to compare. */
function newNumber(): string {
  const [random = 0] = crypto.getRandomValues(new Uint32Array(1));
  return String(random % 1_000_000).padStart(6, '0');
}
