import type { Message, ReceivedShare, SentShare, TransferOptions, TransferState } from 'credential-relay/client';
import { type Agreement, AgreementError, type Role } from './key-agreement.js';
import type { Chat, SealedContent } from './message.js';
import { addReceivedLines, addSentLine, encodeMessage, openMessage, parseMessage } from './message.js';
import { hasCode, PageError, type Problem, toProblem } from './problems.js';

/** The saved state of one share, the same on both phones. */
export interface ShareState {
  readonly transfer?: TransferState | undefined;
  readonly agreement?: Agreement | undefined;
  readonly chat: Chat;
  /** The message of this phone has changed since the relay last accepted it. */
  readonly isPending: boolean;
}

/** The work on one share. `left` aborts when the phone leaves the share. */
interface Run<Share> {
  readonly left: AbortController;
  share?: Share;
  connecting?: Promise<void> | undefined;
  isLocked: boolean;
  isReading: boolean;
  isSending: boolean;
}

interface Failure {
  readonly problem: Problem;
  readonly retry?: () => Promise<void>;
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
  isSaved = true;
  #state: State;
  #run: Run<Share> = createRun();
  #failures = new Map<'task' | 'read' | 'send' | 'warning', Failure>();

  constructor(
    readonly name: string,
    initial: State,
    readonly role: Role,
    readonly onChange: () => void,
  ) {
    this.#state = { ...initial, ...loadState<State>(name) };
    this.#save();
  }

  /** Everything that this phone has to tell the other one. A mailbox holds one message, so each message is complete. */
  protected abstract content(): SealedContent;
  protected abstract resume(transfer: TransferState): Promise<Share>;
  protected async onConnected(): Promise<void> {}
  /** Handles the commitment of a receiver without an agreement. */
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
    return [...this.#failures.values()].at(-1)?.problem;
  }

  set(changes: Partial<State> | Partial<ShareState>): void {
    this.#state = { ...this.#state, ...changes };
    this.#save();
    this.onChange();
  }

  /** Runs a task of the user, one at a time. The user can retry a task that failed. */
  perform(task: () => Promise<unknown>): Promise<void> {
    return this.#whileIdle(() => {
      this.#report('task', undefined);
      return this.#attempt('task', task);
    });
  }

  retry(): Promise<void> {
    return this.#whileIdle(async () => {
      for (const [source, { retry }] of [...this.#failures]) {
        if (retry !== undefined) this.#report(source, undefined);
        await retry?.();
      }
    });
  }

  warn(code: 'receiver_changed' | 'not_agreed' | undefined): void {
    this.#report('warning', code && { problem: toProblem(code) });
  }

  write(text: string): Promise<void> {
    this.warn(undefined);
    this.set({ chat: addSentLine(this.state.chat, text), isPending: true });
    return this.send();
  }

  /** Sends the message until the relay has its latest state. */
  send(): Promise<void> {
    return this.#attempt('send', () => this.#sendPending(this.#run));
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
    this.#run.share = await afterConflict(() => this.resume(this.state.transfer ?? transfer));
    return this.share;
  }

  leave(): void {
    this.#run.left.abort();
    this.#run = createRun();
    this.#failures = new Map();
    this.connection = '';
  }

  protected async start(share: Share): Promise<void> {
    this.#run.share = share;
    await this.#lock(share.state.id);
    await this.#connect();
  }

  /** The listeners of the current share. They do nothing after the phone has left it. */
  protected listeners(): Required<Pick<TransferOptions, 'onState' | 'onProgress'>> {
    const { signal } = this.#run.left;
    return {
      onState: (transfer) => {
        if (!signal.aborted) this.set({ transfer });
      },
      onProgress: ({ type }) => {
        if (signal.aborted) return;
        if (type === 'retrying') this.connection = 'No connection. Trying again…';
        if (type === 'reconnected' || type === 'ended') this.connection = '';
        if (type === 'ended') this.#failures = new Map();
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
      const hold = () => {
        resolve(true);
        return new Promise((release) => run.left.signal.addEventListener('abort', release));
      };
      const options = { signal: AbortSignal.timeout(LOCK_TIMEOUT_MS) };
      navigator.locks.request(`share ${id}`, options, hold).catch(() => resolve(false));
    });
    if (!run.isLocked) throw new PageError('elsewhere');
  }

  async #connect(): Promise<void> {
    const run = this.#run;
    if (run.share === undefined || run.isReading) return;
    run.connecting ??= this.#readFirst(run, run.share).finally(() => {
      run.connecting = undefined;
    });
    await run.connecting;
  }

  /** The first read does not wait. It binds a receiver, and shows whether the share works. */
  async #readFirst(run: Run<Share>, share: Share): Promise<void> {
    const { signal } = run.left;
    await this.#receive(signal, await afterConflict(() => share.check({ signal })));
    this.#report('read', undefined);
    void this.#readAll(run, share);
    await this.onConnected();
    void this.send();
  }

  async #readAll(run: Run<Share>, share: Share): Promise<void> {
    const { signal } = run.left;
    run.isReading = true;
    try {
      while (share.state.ended === undefined) {
        await this.#receive(signal, await afterConflict(() => share.next({ signal })));
        void this.send();
      }
    } catch (error) {
      if (signal.aborted || hasCode(error, 'gone')) return; // The state shows that the mailbox is gone.
      this.#report('read', { problem: toProblem(error), retry: () => this.#attempt('read', () => this.#connect()) });
    } finally {
      run.isReading = false;
    }
  }

  async #receive(left: AbortSignal, information: Message | undefined): Promise<void> {
    const message = information && parseMessage(information);
    const { agreement } = this.state;
    // After a relinquish the mailbox can hold a message of the receiver before.
    if (message?.commitment === undefined || message.from === this.role || left.aborted) return;
    if (message.commitment !== agreement?.commitment) return this.onCommitment(message.commitment);
    try {
      const opened = await openMessage(agreement, message);
      if (this.state.agreement !== agreement || left.aborted) return;
      const chat = addReceivedLines(this.state.chat, opened.content);
      // A receiver that has the sender's opening sends its own.
      const mustReply = opened.agreement !== agreement && this.role === 'receiver';
      this.set({ chat, agreement: opened.agreement, isPending: this.state.isPending || mustReply });
      this.onContent(opened.content);
    } catch (error) {
      if (!(error instanceof AgreementError)) throw error;
      this.warn('not_agreed');
    }
  }

  async #sendPending(run: Run<Share>): Promise<void> {
    const { share, left } = run;
    if (share === undefined || run.isSending) return;
    run.isSending = true;
    try {
      while (this.state.isPending && share.state.ended === undefined && !left.signal.aborted) {
        const { agreement } = this.state;
        const content = this.content();
        const sent = JSON.stringify([agreement, content]);
        await share.reply(await encodeMessage(this.role, agreement, content), { signal: left.signal });
        if (JSON.stringify([this.state.agreement, this.content()]) === sent) this.set({ isPending: false });
      }
    } catch (error) {
      if (hasCode(error, 'gone')) return;
      if (!hasCode(error, 'conflict')) throw error;
      // The other device was faster. Read its message first, then send again.
      await this.#connect();
      setTimeout(() => void this.send(), CONFLICT_PAUSE_MS);
    } finally {
      run.isSending = false;
    }
  }

  async #whileIdle(task: () => Promise<void>): Promise<void> {
    if (this.isBusy) return;
    this.isBusy = true;
    await task();
    this.isBusy = false;
    this.onChange();
  }

  /** Reports an error of the task until the task succeeds. Ignores the result after the share has ended. */
  async #attempt(source: 'task' | 'read' | 'send', task: () => Promise<unknown>): Promise<void> {
    const failures = this.#failures;
    let failure: Failure | undefined;
    try {
      await task();
    } catch (error) {
      failure = { problem: toProblem(error), retry: () => this.#attempt(source, task) };
    }
    if (failures === this.#failures) this.#report(source, failure);
  }

  #report(source: 'task' | 'read' | 'send' | 'warning', failure: Failure | undefined): void {
    this.#failures.delete(source);
    if (failure !== undefined) this.#failures.set(source, failure);
    this.onChange();
  }

  /** sessionStorage belongs to this tab and origin, and ends with the tab. */
  #save(): void {
    try {
      sessionStorage.setItem(this.name, JSON.stringify({ format: FORMAT, state: this.#state }));
      this.isSaved = true;
    } catch {
      this.isSaved = false;
    }
  }
}

function loadState<State>(name: string): Partial<State> | undefined {
  try {
    const { format, state } = JSON.parse(sessionStorage.getItem(name) ?? '{}');
    return format === FORMAT ? state : undefined;
  } catch {
    return undefined;
  }
}

const createRun = () => ({ left: new AbortController(), isLocked: false, isReading: false, isSending: false });

/** A call carries out a pending write first. If that write fails with a conflict, the call works the second time. */
async function afterConflict<Result>(call: () => Promise<Result>): Promise<Result> {
  try {
    return await call();
  } catch (error) {
    if (!hasCode(error, 'conflict')) throw error;
    return call();
  }
}
