import {
  createReceiver,
  type DisplayInformation,
  type ReceivedShare,
  type TransferState,
} from 'credential-relay/client';
import { type Conversation, createConversation } from './conversation.js';
import { createMemory } from './memory.js';
import { connectionOf, type Problem, problemOf } from './problems.js';
import { type KeyKind, type Line, mine, type Words, withTheirs } from './words.js';

/** All that a receiver's phone keeps. */
export interface ReceiverState {
  /** The links that came by text message. */
  readonly messages: readonly string[];
  /** The link that is looked at. */
  readonly link?: string | undefined;
  readonly display?: DisplayInformation | undefined;
  readonly transfer?: TransferState | undefined;
  readonly kind?: KeyKind | undefined;
  readonly lines: readonly Line[];
  /** Once this phone has asked for the key. */
  readonly number?: string | undefined;
  /** Once the key is here. */
  readonly key?: string | undefined;
  /** The keys that have come to stay. */
  readonly wallet: readonly KeyKind[];
}

/** A receiver's side, without its looks. */
export interface ReceiverSession {
  readonly state: ReceiverState;
  readonly problem: Problem | undefined;
  readonly connection: string;
  readonly isBusy: boolean;
  /** A text message has come. */
  receive(link: string): void;
  /** Looks at what is behind a link; binds nobody. */
  look(link: string): Promise<void>;
  accept(): Promise<void>;
  say(text: string): Promise<void>;
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
  lines: [],
  number: undefined,
  key: undefined,
};
/** Text messages that a phone keeps. */
const MOST_MESSAGES = 5;

/** Makes the session of a receiver; goes on where it was before the page was loaded again. */
export function createReceiverSession(name: string, onChange: () => void): ReceiverSession {
  const memory = createMemory<ReceiverState>(name, { messages: [], wallet: [], ...NOTHING }, onChange);
  let share: ReceivedShare | undefined;
  let talk: Conversation | undefined;
  let problem: Problem | undefined;
  let connection = '';
  let isBusy = false;

  const receiver = createReceiver({
    relays: [location.host],
    onState: (transfer) => memory.set({ transfer }),
    onProgress(progress) {
      connection = connectionOf(progress);
      onChange();
    },
  });

  function words(): Words {
    const { lines, number } = memory.state;
    return { from: 'receiver', lines: mine(lines), number };
  }

  function hear({ kind, lines, key }: Words): void {
    const { state } = memory;
    const isNewKey = key !== undefined && kind !== undefined && !state.wallet.includes(kind);
    memory.set({
      kind,
      lines: withTheirs(state.lines, lines),
      key: state.key ?? key,
      wallet: isNewKey ? [kind, ...state.wallet] : state.wallet,
    });
  }

  async function attempt(task: () => Promise<unknown>): Promise<void> {
    try {
      await task();
      connection = '';
    } catch (error) {
      problem = problemOf(error);
    }
    onChange();
  }

  /** Runs what a person asked for; what goes wrong is kept to be shown. */
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
    // Bound: ask for the key, whatever was in the mailbox. It may have been what another receiver wrote.
    if (memory.state.number !== undefined || share.state.ended !== undefined) return;
    memory.set({ number: newNumber() });
    await talk.say(words);
  }

  async function resume(): Promise<void> {
    const { transfer, link } = memory.state;
    if (transfer?.ended !== undefined || link === undefined) return;
    // A claim that has been sent may be bound without our knowing: it is the one to go on with.
    share = transfer === undefined ? receiver.open(link) : await receiver.resume(transfer);
    if (share.state.bound) await converse();
  }

  void attempt(resume);
  return {
    get state() {
      return memory.state;
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
    receive: (link) => memory.set({ messages: [link, ...memory.state.messages].slice(0, MOST_MESSAGES) }),
    look: (link) =>
      busily(async () => {
        [share, talk] = [receiver.open(link.trim()), undefined];
        const display = await share.preview();
        memory.set({ ...NOTHING, link: link.trim(), display });
      }),
    accept: () => busily(share === undefined ? resume : converse),
    say(text) {
      memory.set({ lines: [...memory.state.lines, { by: 'me', text }] });
      return attempt(async () => talk?.say(words));
    },
    relinquish: () => busily(async () => share?.relinquish()),
    finish: () => busily(async () => share?.finish()),
    reset() {
      [share, talk, problem] = [undefined, undefined, undefined];
      memory.set(NOTHING);
    },
  };
}

/** Six digits, for two people to compare. */
function newNumber(): string {
  const [random = 0] = crypto.getRandomValues(new Uint32Array(1));
  return String(random % 1_000_000).padStart(6, '0');
}
