import type { ProvisioningInformation } from '../client/index.js';

/** Format of the Provisioning Information that `send` makes: `content` is `{ data: base64 of the file }`. */
const FILE_FORMAT = 'credential-relay.file';

/** A file as Provisioning Information. */
export function informationOfFile(bytes: Uint8Array): ProvisioningInformation {
  return { format: FILE_FORMAT, content: { data: Buffer.from(bytes).toString('base64') } };
}

/** The bytes to write: of a file what it was, of anything else its JSON. */
export function bytesOfInformation({ format, content }: ProvisioningInformation): Uint8Array {
  if (format === FILE_FORMAT && typeof content.data === 'string') return Buffer.from(content.data, 'base64');
  return Buffer.from(`${JSON.stringify({ format, content }, undefined, 2)}\n`);
}
