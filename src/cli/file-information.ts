import { type ProvisioningInformation, TransferError } from '../client/index.js';
import { printableJson } from './printable.js';

/** Format of the Provisioning Information that `send` makes: `content` is `{ data: base64 of the file }`. */
const FILE_FORMAT = 'credential-relay.file';

/** A file as Provisioning Information. */
export function informationOfFile(bytes: Uint8Array): ProvisioningInformation {
  return { format: FILE_FORMAT, content: { data: Buffer.from(bytes).toString('base64') } };
}

/**
 * The bytes to write: of a file what it was, of anything else its JSON. Throws {@link TransferError} `malformed` for a
 * file whose base64 is damaged.
 */
export function bytesOfInformation({ format, content }: ProvisioningInformation): Uint8Array {
  if (format !== FILE_FORMAT) return Buffer.from(`${printableJson({ format, content }, 2)}\n`);
  const { data } = content;
  const bytes = Buffer.from(typeof data === 'string' ? data : '', 'base64');
  // Buffer drops what is not base64, and would give some other file.
  if (bytes.toString('base64') !== data) throw new TransferError('malformed', 'The file in the message is damaged.');
  return bytes;
}
