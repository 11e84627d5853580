/** The device side of the protocol, for browsers, Node and every other runtime with fetch and WebCrypto. */

export type { DisplayInformation, NotificationToken, Payload } from '../protocol/bodies.js';
export type { ClientCrypto } from './crypto.js';
export {
  type Ending,
  RelayResponseError,
  TransferError,
  type TransferErrorCode,
  type TransferErrorDetails,
} from './errors.js';
export type { Network } from './http-request.js';
export type { InformationMembers, OutgoingInformation, ProvisioningInformation } from './information.js';
export {
  type CreatedMailbox,
  createMailboxClient,
  type MailboxClient,
  type MailboxClientOptions,
  type MailboxResponse,
  type NewMailboxContent,
  type SecureContent,
  type UpdatedMailbox,
} from './mailbox-client.js';
export type { Message } from './message-reader.js';
export type { CallOptions, Progress, ResumeOptions, TransferOptions } from './options.js';
export {
  createReceiver,
  type OpenOptions,
  type ReceivedShare,
  type Receiver,
  type ReceiverOptions,
  type ReceiverResumeOptions,
} from './receiver.js';
export { RelayUnreachable } from './retry.js';
export { type AeadName, generateSecret, open, seal, UnopenedPayload } from './seal.js';
export { createSender, type Sender, type SenderOptions, type SentShare, type ShareOptions } from './sender.js';
export type { Share } from './share.js';
export { buildShareUrl, parseShareUrl, type SharedMailbox, type Vertical } from './share-url.js';
export type { PendingWrite, SaveState, TransferState } from './state.js';
export type { ReplyOptions, SendReply } from './writes.js';
