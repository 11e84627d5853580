/** Header fields of the protocol (SCT and TIGRESS §5; the last three are this project's). Names are case-insensitive. */
export const REQUEST_ID = 'Mailbox-Request-ID';
export const DEVICE_CLAIM = 'Mailbox-Device-Claim';
export const DEVICE_ATTESTATION = 'Mailbox-Device-Attestation';
export const VERSION = 'Mailbox-Version';
export const KNOWN_VERSION = 'Mailbox-Known-Version';
export const RECEIVER = 'Mailbox-Receiver';
