import { createSender, type SentShare } from 'credential-relay/client';
import { beginAsSender } from './key-agreement.js';
import { KEYS } from './keys.js';
import { EMPTY_CHAT, encodeMessage, getSentLines, type KeyKind, type SealedContent } from './message.js';
import { Session, type ShareState } from './session.js';

export interface SenderState extends ShareState {
  readonly kind: KeyKind;
  /** The commitment of a phone that waits for the user to compare codes. */
  readonly asking?: string | undefined;
  /** Codes created for this share. */
  readonly codes: number;
  /** The user has handed over the key to the phone of the agreement. Until the relay has it, `isPending` is true. */
  readonly isHandedOver: boolean;
}

/** A person with the link has one guess in a million per code. */
export const MAXIMUM_CODES = 3;

/** The state that belongs to one receiver. */
const NO_RECEIVER = {
  chat: EMPTY_CHAT,
  agreement: undefined,
  asking: undefined,
  isPending: false,
  isHandedOver: false,
};
const EMPTY: SenderState = { kind: 'room', transfer: undefined, codes: 0, ...NO_RECEIVER };

/** The sender's phone, without its elements. */
export class SenderSession extends Session<SenderState, SentShare> {
  constructor(
    readonly relay: string,
    onChange: () => void,
  ) {
    super('sender', EMPTY, 'sender', onChange);
  }

  /** Continues after a reload. */
  async begin(): Promise<void> {
    if (this.isShared) await this.perform(() => this.connect());
  }

  /** False for a create that the relay refused: it leaves neither a mailbox nor a pending request. */
  get isShared(): boolean {
    const { transfer } = this.state;
    if (transfer === undefined || transfer.ended !== undefined) return false;
    return transfer.mailboxUrl !== undefined || transfer.pending !== undefined;
  }

  choose(kind: KeyKind): void {
    if (!this.isBusy && !this.isShared) this.set({ kind });
  }

  create(): Promise<void> {
    return this.perform(async () => {
      // If the relay did not answer the first create, continue it: a second create would make a second mailbox.
      if (this.isShared) return this.connect();
      this.set({ ...EMPTY, kind: this.state.kind });
      const { vertical, display } = KEYS[this.state.kind];
      const invitation = await encodeMessage('sender', undefined, this.content());
      const sender = createSender({ relay: this.relay, ...this.listeners() });
      await this.start(await sender.share(invitation, display, { vertical, accessRights: 'RWD' }));
    });
  }

  /** Creates a code with the phone that asks. */
  compare(): Promise<void> {
    return this.perform(async () => {
      const { asking, codes, transfer } = this.state;
      if (asking === undefined || codes >= MAXIMUM_CODES) return;
      this.warn(undefined);
      const agreement = await beginAsSender(asking, transfer?.mailboxUrl ?? '');
      if (this.state.asking !== asking) return;
      this.set({ agreement, asking: undefined, codes: codes + 1, isPending: true });
      void this.send();
    });
  }

  async handOver(): Promise<void> {
    if (this.state.agreement?.peer === undefined) return;
    this.warn(undefined);
    this.set({ isHandedOver: true, isPending: true });
    await this.send();
  }

  cancel(): Promise<void> {
    return this.perform(async () => (await this.reach())?.cancel());
  }

  reset(): void {
    if (this.isBusy) return;
    this.leave();
    this.set({ ...EMPTY, kind: this.state.kind });
  }

  protected content(): SealedContent {
    const { kind, chat, isHandedOver } = this.state;
    return { ...getSentLines(chat), key: isHandedOver ? { kind, serial: KEYS[kind].serial } : undefined };
  }

  protected resume(transfer: NonNullable<SenderState['transfer']>): Promise<SentShare> {
    return createSender({ relay: this.relay, ...this.listeners() }).resume(transfer);
  }

  /** Does not reply before the user wants to compare codes: each reply is one guess for a device in the middle. */
  protected override onCommitment(commitment: string): void {
    if (this.state.agreement !== undefined) this.warn('receiver_changed');
    this.set({ ...NO_RECEIVER, asking: commitment });
  }

  /** No other phone gets the messages for the receiver that has left. */
  protected override onReceiverLeft(): void {
    if (this.state.isHandedOver || this.state.isPending) this.warn('receiver_changed');
    this.set(NO_RECEIVER);
  }
}
