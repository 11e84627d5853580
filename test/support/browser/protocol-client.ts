import { createReceiver, createSender, type DisplayInformation, type Message } from 'credential-relay/client';
import { parseMessage, type ReceivedMessage } from '../../../examples/browser/page/message.js';

/** A client without the example's page, on either side of a share. */
export interface ProtocolClient {
  readonly link: string;
  readonly mailboxUrl: string;
  /** Sends any content in the example's format. */
  send(content: object): Promise<void>;
  receive(): Promise<ReceivedMessage>;
  hasNoMessage(): Promise<boolean>;
}

const FORMAT = 'credential-relay.example/key-sharing';

export async function openAsReceiver(link: string): Promise<ProtocolClient & { readonly found: Message }> {
  const share = createReceiver({ relays: [new URL(link).host] }).open(link);
  const found = await share.next();
  return { ...createProtocolClient(share, link), found };
}

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
      const received = message === undefined ? undefined : parseMessage(message);
      if (received === undefined) throw new Error('The share has ended.');
      return received;
    },
    hasNoMessage: async () => (await share.check()) === undefined,
  };
}
