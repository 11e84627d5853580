import { createReceiver, createSender, type DisplayInformation, type Message } from 'credential-relay/client';
import { parseMessage, type ReceivedMessage } from '../../../examples/browser/page/message.js';

/** Somebody with a program instead of a phone, on either side of a share. */
export interface ProtocolClient {
  /** Of one who shares. */
  readonly link: string;
  readonly mailboxUrl: string;
  /** Says anything, in the shape of the demo's messages. */
  send(content: object): Promise<void>;
  /** The next message that the other side has written. */
  receive(): Promise<ReceivedMessage>;
  /** Whether there is none now. */
  hasNoMessage(): Promise<boolean>;
}

const FORMAT = 'credential-relay.example/key-sharing';

/** Takes the receiver's place. */
export async function openAsReceiver(link: string): Promise<ProtocolClient & { readonly found: Message }> {
  const share = createReceiver({ relays: [new URL(link).host] }).open(link);
  const found = await share.next();
  return { ...createProtocolClient(share, link), found };
}

/** Shares something with a receiver. */
export async function shareAsSender(relay: string, display: Partial<DisplayInformation> = {}): Promise<ProtocolClient> {
  const shown = { title: 'A key', description: 'For you', imageURL: 'https://images.example/key.png', ...display };
  const invitation = { format: FORMAT, content: { from: 'sender' } };
  const share = await createSender({ relay }).share(invitation, shown, { accessRights: 'RWD' });
  return createProtocolClient(share, share.url);
}

type Share = Pick<Awaited<ReturnType<ReturnType<typeof createSender>['share']>>, 'state' | 'reply' | 'next' | 'check'>;

function createProtocolClient(
  share: Share | ReturnType<ReturnType<typeof createReceiver>['open']>,
  link: string,
): ProtocolClient {
  return {
    link,
    mailboxUrl: share.state.mailboxUrl ?? '',
    send: (content) => share.reply({ format: FORMAT, content }),
    async receive() {
      const message = await share.next();
      const heard = message === undefined ? undefined : parseMessage(message);
      if (heard === undefined) throw new Error('The share has ended.');
      return heard;
    },
    hasNoMessage: async () => (await share.check()) === undefined,
  };
}
