/** The device side of the protocol: for browsers, Node and any runtime with fetch and WebCrypto. */

export type { DisplayInformation, NotificationToken, Payload } from '../protocol/bodies.js';
export {
  type CreatedMailbox,
  createMailboxClient,
  type MailboxAnswer,
  type MailboxClient,
  type MailboxClientOptions,
  type NewMailboxContent,
  RelayRefusal,
  RelayUnreachable,
  type SecureContent,
  type UpdatedMailbox,
} from './mailbox-client.js';
export { type AeadName, generateSecret, open, seal, UnopenedPayload } from './seal.js';
export { buildShareUrl, parseShareUrl, type SharedMailbox, type Vertical } from './share-url.js';
