import type { Message, ReceivedShare, SentShare, TransferOptions, TransferState } from 'credential-relay/client';
import { type Agreement, AgreementError, type Role } from './key-agreement.js';
import {
  addReceivedLines,
  addSentLine,
  type Chat,
  encodeMessage,
  openMessage,
  parseMessage,
  type SealedContent,
} from './message.js';
import { hasCode, PageError, type Problem, toProblem } from './problems.js';

/** The saved state of one share, the same on both phones. */
export interface ShareState {
  readonly transfer?: TransferState | undefined;
  readonly agreement?: Agreement | undefined;
  readonly chat: Chat;
  /** The message of this phone has changed since the relay last accepted it. */
  readonly isPending: boolean;
}

type Listeners = Required<Pick<TransferOptions, 'onState' | 'onProgress'>>;
type Source = 'task' | 'read' | 'send' | 'warning';
type Retry = () => Promise<void>;

/** The work on one share. It ends when the phone leaves the share. */
interface Run<Share> {
  readonly controller: AbortController;
  share?: Share;
  isLocked: boolean;
  isReading: boolean;
  isSending: boolean;
  connecting?: Promise<void> | undefined;
}

/** The version of the saved state. A page ignores other versions. */
const FORMAT = 4;
const LOCK_TIMEOUT_MS = 1000;
const CONFLICT_PAUSE_MS = 200;

/** One phone: its saved state, its share, and the exchange of messages over the share. */
export abstract class Session<State extends ShareState, Share extends SentShare | ReceivedShare> {
  connection = '';
  isBusy = false;
  /** False if the browser has no storage for this page. */
  isSaved: boolean;
  #state: State;
  #run: Run<Share> = createRun();
  #problems = new Map<Source, { readonly problem: Problem; readonly retry: Retry | undefined }>();

  constructor(
    readonly name: string,
    initial: State,
    readonly role: Role,
    readonly onChange: () => void,
  ) {
    this.#state = { ...initial, ...loadState<State>(name) };
    this.isSaved = saveState(name, this.#state);
  }

  /** Everything that this phone has to tell the other one. A mailbox holds one message, so each message is complete. */
  protected abstract content(): SealedContent;
  protected abstract resume(transfer: TransferState): Promise<Share>;
  protected async onConnected(): Promise<void> {}
  /** The commitment of a receiver without an agreement. */
  protected onCommitment(_commitment: string): void {}
  protected onReceiverLeft(): void {}
  protected onContent(_content: SealedContent): void {}

  get state(): State {
    return this.#state;
  }

  get share(): Share | undefined {
    return this.#run.share;
  }

  get problem(): Problem | undefined {
    return [...this.#problems.values()].at(-1)?.problem;
  }

  set(changes: Partial<State> | Partial<ShareState>): void {
    this.#state = { ...this.#state, ...changes };
    this.isSaved = saveState(this.name, this.#state);
    this.onChange();
  }

  /** Runs a task of the user, one at a time. The user can retry a task that failed. */
  async perform(task: () => Promise<unknown>): Promise<void> {
    await this.#whileIdle(() => {
      this.#setProblem('task', undefined);
      return this.#attempt('task', task);
    });
  }

  async retry(): Promise<void> {
    await this.#whileIdle(async () => {
      for (const [source, { retry }] of [...this.#problems]) {
        if (retry === undefined) continue;
        this.#setProblem(source, undefined);
        await retry();
      }
    });
  }

  warn(code: 'receiver_changed' | 'not_agreed'): void {
    this.#setProblem('warning', { problem: toProblem(code), retry: undefined });
  }

  dismissWarning(): void {
    this.#setProblem('warning', undefined);
  }

  write(text: string): Promise<void> {
    this.dismissWarning();
    this.set({ chat: addSentLine(this.state.chat, text), isPending: true });
    return this.send();
  }

  /** Sends the message until the relay has its latest state. */
  send(): Promise<void> {
    return this.#attempt('send', () => this.#sendPending());
  }

  /** Opens the saved share, if it has not ended, and exchanges messages. */
  async connect(): Promise<void> {
    await this.reach();
    await this.#connect();
  }

  /** Returns the share, or opens the saved one. */
  async reach(): Promise<Share | undefined> {
    const { transfer } = this.state;
    if (this.share !== undefined || transfer === undefined || transfer.ended !== undefined) return this.share;
    await this.#lock(transfer.id);
    // A pending write of an earlier page can be too late. The state no longer has it after the conflict.
    this.#run.share = await afterConflict(() => this.resume(this.state.transfer ?? transfer));
    return this.share;
  }

  /** Leaves the share. */
  leave(): void {
    this.#run.controller.abort();
    this.#run = createRun();
    this.connection = '';
    this.#problems = new Map();
  }

  /** Begins with a new share. */
  protected async start(share: Share): Promise<void> {
    this.#run.share = share;
    await this.#lock(share.state.id);
    await this.#connect();
  }

  /** The listeners of the current share. They do nothing after the phone has left it. */
  protected listeners(): Listeners {
    const { signal } = this.#run.controller;
    return {
      onState: (transfer) => {
        if (!signal.aborted) this.set({ transfer });
      },
      onProgress: ({ type }) => {
        if (signal.aborted) return;
        if (type === 'retrying') this.connection = 'No connection. Trying again…';
        if (type === 'reconnected' || type === 'ended') this.connection = '';
        if (type === 'ended') this.#problems = new Map();
        if (type === 'left') this.onReceiverLeft();
        if (type === 'left' || type === 'reconnected') void this.send();
        this.onChange();
      },
    };
  }

  /** Two tabs with one Device Claim would take each other's messages, and a duplicated tab copies sessionStorage. */
  async #lock(id: string): Promise<void> {
    const run = this.#run;
    run.isLocked ||= await new Promise<boolean>((resolve) => {
      const { signal } = run.controller;
      const hold = () => {
        resolve(true);
        return new Promise((release) => signal.addEventListener('abort', release));
      };
      const options = { signal: AbortSignal.timeout(LOCK_TIMEOUT_MS) };
      navigator.locks.request(`share ${id}`, options, hold).catch(() => resolve(false));
    });
    if (!run.isLocked) throw new PageError('elsewhere');
  }

  async #connect(): Promise<void> {
    const run = this.#run;
    const { share } = run;
    if (share === undefined || run.isReading) return;
    run.connecting ??= this.#readFirst(run, share).finally(() => {
      run.connecting = undefined;
    });
    await run.connecting;
  }

  /** The first read does not wait. It binds a receiver, and shows whether the share works. */
  async #readFirst(run: Run<Share>, share: Share): Promise<void> {
    const { signal } = run.controller;
    const message = await afterConflict(() => share.check({ signal }));
    if (message !== undefined) await this.#receive(run, message);
    this.#setProblem('read', undefined);
    void this.#readAll(run, share);
    await this.onConnected();
    void this.send();
  }

  async #readAll(run: Run<Share>, share: Share): Promise<void> {
    const { signal } = run.controller;
    run.isReading = true;
    try {
      while (share.state.ended === undefined) {
        const message = await afterConflict(() => share.next({ signal }));
        if (message === undefined) return;
        await this.#receive(run, message);
        void this.send();
      }
    } catch (error) {
      if (signal.aborted || hasCode(error, 'gone')) return; // The state tells that the mailbox is gone.
      const retry = () => this.#attempt('read', () => this.#connect());
      this.#setProblem('read', { problem: toProblem(error), retry });
    } finally {
      run.isReading = false;
    }
  }

  async #receive(run: Run<Share>, information: Message): Promise<void> {
    const message = parseMessage(information);
    const { agreement } = this.state;
    // After a relinquish the mailbox can hold a message of the receiver before.
    if (message?.commitment === undefined || message.from === this.role || run.controller.signal.aborted) return;
    if (message.commitment !== agreement?.commitment) return this.onCommitment(message.commitment);
    try {
      const opened = await openMessage(agreement, message);
      const { chat, isPending, agreement: current } = this.state;
      if (current !== agreement || run.controller.signal.aborted) return;
      // A receiver that has the sender's opening sends its own.
      const mustReply = opened.agreement !== agreement && this.role === 'receiver';
      const lines = addReceivedLines(chat, opened.content);
      this.set({ agreement: opened.agreement, chat: lines, isPending: isPending || mustReply });
      this.onContent(opened.content);
    } catch (error) {
      if (!(error instanceof AgreementError)) throw error;
      this.warn('not_agreed');
    }
  }

  async #sendPending(): Promise<void> {
    const run = this.#run;
    const { share } = run;
    if (share === undefined || run.isSending) return;
    run.isSending = true;
    try {
      while (this.state.isPending && share.state.ended === undefined && !run.controller.signal.aborted) {
        await this.#sendOnce(run, share);
      }
    } finally {
      run.isSending = false;
    }
  }

  async #sendOnce(run: Run<Share>, share: Share): Promise<void> {
    const { agreement } = this.state;
    const sent = JSON.stringify([agreement, this.content()]);
    try {
      const { signal } = run.controller;
      await share.reply(await encodeMessage(this.role, agreement, this.content()), { signal });
      if (JSON.stringify([this.state.agreement, this.content()]) === sent) this.set({ isPending: false });
    } catch (error) {
      if (hasCode(error, 'gone')) return;
      if (!hasCode(error, 'conflict')) throw error;
      // The other device was faster. Read its message first.
      await this.#connect();
      await new Promise((resolve) => setTimeout(resolve, CONFLICT_PAUSE_MS));
    }
  }

  async #whileIdle(task: () => Promise<void>): Promise<void> {
    if (this.isBusy) return;
    this.isBusy = true;
    this.onChange();
    await task();
    this.isBusy = false;
    this.onChange();
  }

  /** Shows the error of a task, until the task succeeds. Ignores the result after the share has ended. */
  async #attempt(source: Source, task: () => Promise<unknown>): Promise<void> {
    const problems = this.#problems;
    try {
      await task();
      if (problems === this.#problems) this.#setProblem(source, undefined);
    } catch (error) {
      const retry = () => this.#attempt(source, task);
      if (problems === this.#problems) this.#setProblem(source, { problem: toProblem(error), retry });
    }
  }

  #setProblem(source: Source, failure: { problem: Problem; retry: Retry | undefined } | undefined): void {
    this.#problems.delete(source);
    if (failure !== undefined) this.#problems.set(source, failure);
    this.onChange();
  }
}

const createRun = () => ({ controller: new AbortController(), isLocked: false, isReading: false, isSending: false });

/** A call carries out a pending write first. If that write fails with a conflict, the call works the second time. */
async function afterConflict<Result>(call: () => Promise<Result>): Promise<Result> {
  try {
    return await call();
  } catch (error) {
    if (!hasCode(error, 'conflict')) throw error;
    return call();
  }
}

/** sessionStorage belongs to this tab and origin, and ends with the tab. */
function loadState<State>(name: string): Partial<State> | undefined {
  try {
    const { format, state } = JSON.parse(sessionStorage.getItem(name) ?? '{}');
    return format === FORMAT ? state : undefined;
  } catch {
    return undefined;
  }
}

function saveState(name: string, state: object): boolean {
  try {
    sessionStorage.setItem(name, JSON.stringify({ format: FORMAT, state }));
    return true;
  } catch {
    return false;
  }
}
