/**
 * Headers of the protocol (SCT and TIGRESS §5). The last three are extensions of this project (docs/protocol.md §8).
 */
export const REQUEST_ID = 'Mailbox-Request-ID';
export const DEVICE_CLAIM = 'Mailbox-Device-Claim';
export const DEVICE_ATTESTATION = 'Mailbox-Device-Attestation';
export const VERSION = 'Mailbox-Version';
export const KNOWN_VERSION = 'Mailbox-Known-Version';
export const RECEIVER = 'Mailbox-Receiver';
