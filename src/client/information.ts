import type { Payload } from '../protocol/bodies.js';
import { fromBase64, toBase64 } from './base64.js';
import { TransferError } from './errors.js';
import { parseJsonObject } from './request.js';
import { open, UnopenedPayload } from './seal.js';

/** Provisioning Information to send (SCT, TIGRESS). */
export interface OutgoingInformation {
  /** Names what `content` is, such as `digitalwallet.carkey.ccc`. Not empty. */
  readonly format: string;
  /** A JSON object, in the shape that `format` names; at most 100 objects and arrays in one another. */
  readonly content: object;
}

/** What the devices send to one another, sealed (SCT and TIGRESS: Provisioning Information). */
export interface ProvisioningInformation extends OutgoingInformation {
  readonly content: Readonly<Record<string, unknown>>;
}

/** Objects and arrays in one another in `content`; what walks it by recursion could end with a stack overflow. */
const MOST_DEPTH = 100;

/** The bytes to seal. Throws a TypeError for what is not Provisioning Information. */
export function encodeInformation(information: OutgoingInformation): string {
  const { format, content } = information;
  const text = JSON.stringify({ format, content });
  if (!isInformation(parseJsonObject(text))) {
    throw new TypeError('information: must be { format: string, content: JSON object up to 100 deep }');
  }
  return text;
}

/** Opens a message. Throws `tampered` if it was changed, and `malformed` if it is not Provisioning Information. */
export async function openInformation(payload: Payload, secret: string): Promise<ProvisioningInformation> {
  const value = parseJsonObject(await openText(payload, secret));
  if (!isInformation(value))
    throw new TransferError('malformed', 'The message is not Provisioning Information, or over 100 deep.');
  return { format: value.format, content: value.content };
}

/** The text of a payload. Throws `tampered` if it was changed, or was not sealed under this Secret. */
export async function openText(payload: Payload, secret: string): Promise<string> {
  try {
    return new TextDecoder().decode(await open(payload, secret));
  } catch (cause) {
    if (cause instanceof UnopenedPayload) throw new TransferError('tampered', cause.message, { cause });
    throw cause;
  }
}

/**
 * Tells payloads apart: 16 bytes of the SHA-256 of what `data` encodes, as base64. Each seal gives another one, and the
 * same bytes in another base64 are no other message.
 */
export async function fingerprintPayload({ data }: Payload): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', readBytes(data));
  return toBase64(new Uint8Array(digest).subarray(0, 16));
}

/** The bytes of base64; of any other text, the text itself. */
function readBytes(data: string): Uint8Array<ArrayBuffer> {
  try {
    return fromBase64(data);
  } catch {
    return new TextEncoder().encode(data);
  }
}

/** Whether an object is nested no deeper than that. Level by level: recursion is what could overflow the stack. */
function isShallow(value: object): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; depth < MOST_DEPTH; depth += 1)
    level = level.flatMap((one) => Object.values(one as object)).filter((one) => Object(one) === one);
  return level.length === 0;
}

function isInformation(
  value: Readonly<Record<string, unknown>>,
): value is Record<string, unknown> & ProvisioningInformation {
  const { format, content } = value;
  return (
    typeof format === 'string' &&
    format !== '' &&
    typeof content === 'object' &&
    content !== null &&
    !Array.isArray(content) &&
    isShallow(content)
  );
}
