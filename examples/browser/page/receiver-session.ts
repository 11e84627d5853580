import { createReceiver, type DisplayInformation, parseShareUrl, type ReceivedShare } from 'credential-relay/client';
import { beginAsReceiver } from './key-agreement.js';
import { type DigitalKey, EMPTY_CHAT, getSentLines, type KeyKind, type SealedContent } from './message.js';
import { PageError } from './problems.js';
import { Session, type ShareState } from './session.js';

export interface ReceiverState extends ShareState {
  /** The links that arrived as text messages. */
  readonly links: readonly string[];
  /** The link that the phone shows. */
  readonly link?: string | undefined;
  readonly display?: DisplayInformation | undefined;
  readonly key?: DigitalKey | undefined;
  readonly wallet: readonly KeyKind[];
}

const MAXIMUM_LINKS = 5;
const MAXIMUM_LINK_LENGTH = 2048;
const NO_SHARE = {
  link: undefined,
  display: undefined,
  transfer: undefined,
  agreement: undefined,
  chat: EMPTY_CHAT,
  isPending: false,
  key: undefined,
};

/** A receiver's phone, without its elements. */
export class ReceiverSession extends Session<ReceiverState, ReceivedShare> {
  constructor(name: string, onChange: () => void) {
    super(name, { links: [], wallet: [], ...NO_SHARE }, 'receiver', onChange);
  }

  /** Continues after a reload. */
  async begin(): Promise<void> {
    if (this.state.transfer?.bound === true) await this.perform(() => this.connect());
  }

  addLink(link: string): void {
    if (link.length > MAXIMUM_LINK_LENGTH || !hasSecret(link)) return;
    this.set({ links: [link, ...this.state.links].slice(0, MAXIMUM_LINKS) });
  }

  /** Shows the preview of a link. A preview sends no claim and binds no device. */
  preview(text: string): Promise<void> {
    return this.perform(async () => {
      const link = text.trim();
      this.set({ ...NO_SHARE, link, display: await this.#open(link, false).preview() });
    });
  }

  accept(): Promise<void> {
    return this.perform(async () => {
      const { link, transfer } = this.state;
      // The relay may have bound the claim of the first try.
      if (transfer !== undefined || link === undefined) return this.connect();
      await this.start(this.#open(link, true));
    });
  }

  /** Leaves the preview. Relinquishes if the relay may have bound this phone. */
  async decline(): Promise<void> {
    const isRefused = this.problem?.code === 'already_claimed';
    if (this.state.transfer !== undefined && !isRefused) await this.relinquish();
    if (this.problem?.code !== 'unreachable') this.reset();
  }

  relinquish(): Promise<void> {
    return this.perform(async () => (await this.reach())?.relinquish());
  }

  finish(): Promise<void> {
    return this.perform(async () => (await this.reach())?.finish());
  }

  reset(): void {
    if (this.isBusy) return;
    this.leave();
    this.set(NO_SHARE);
  }

  protected content(): SealedContent {
    return getSentLines(this.state.chat);
  }

  protected resume(transfer: NonNullable<ReceiverState['transfer']>): Promise<ReceivedShare> {
    return createReceiver({ relays: [location.host], ...this.listeners() }).resume(transfer);
  }

  /** Sends a commitment. A message in the mailbox can be for another receiver. */
  protected override async onConnected(): Promise<void> {
    const { transfer, agreement } = this.state;
    if (agreement !== undefined || transfer?.mailboxUrl === undefined || transfer.ended !== undefined) return;
    const created = await beginAsReceiver(transfer.mailboxUrl);
    if (this.state.transfer?.id !== transfer.id || this.state.agreement !== undefined) return;
    this.set({ agreement: created, isPending: true });
  }

  protected override onContent({ key }: SealedContent): void {
    if (key === undefined) return;
    const { wallet } = this.state;
    this.set({ key, wallet: wallet.includes(key.kind) ? wallet : [key.kind, ...wallet] });
  }

  #open(link: string, isListening: boolean): ReceivedShare {
    const receiver = createReceiver({ relays: [location.host], ...(isListening ? this.listeners() : {}) });
    try {
      return receiver.open(link);
    } catch (error) {
      throw error instanceof TypeError ? new PageError('link') : error;
    }
  }
}

function hasSecret(link: string): boolean {
  try {
    return parseShareUrl(link).secret !== undefined;
  } catch {
    return false;
  }
}
