import type { Payload } from '../protocol/bodies.js';
import { fromBase64, toBase64 } from './base64.js';
import type { ClientCrypto } from './crypto.js';
import { TransferError } from './errors.js';
import { parseJsonObject } from './json-values.js';
import { open, UnopenedPayload } from './seal.js';
import { decodeText, encodeText } from './text-codec.js';

/**
 * Provisioning Information to send (SCT: Provisioning Information; TIGRESS §7). A format may define more top-level
 * members than these two. The client sends every member as JSON, and changes no text.
 */
export type OutgoingInformation = InformationMembers | (InformationMembers & Readonly<Record<string, unknown>>);

/** The members that every format has. */
export interface InformationMembers {
  /** Names the format of `content`, such as `digitalwallet.carkey.ccc`. Not empty. */
  readonly format: string;
  /** A JSON object in that format, nested at most 100 levels deep, as every other member. */
  readonly content: object;
}

/** Received Provisioning Information, with every top-level member that the other device sent (TIGRESS §7). */
export interface ProvisioningInformation {
  readonly format: string;
  readonly content: Readonly<Record<string, unknown>>;
  /** The members that the format defines besides these two. */
  readonly [member: string]: unknown;
}

/** A deeper member could overflow the stack of an app that walks it by recursion. */
const MAXIMUM_DEPTH = 100;

/** The JSON text to seal. Throws a TypeError if the value is not Provisioning Information. */
export function encodeInformation(information: OutgoingInformation): string {
  let cause: unknown;
  try {
    const text = JSON.stringify(information);
    if (isInformation(parseJsonObject(text))) return text;
  } catch (error) {
    cause = error;
  }
  const problem = 'information: must be { format: string, content: JSON object }, up to 100 levels deep';
  throw new TypeError(problem, { cause });
}

/** Opens a message. Throws `tampered` if it cannot be opened, `malformed` if it is not Provisioning Information. */
export async function openInformation(
  payload: Payload,
  secret: string,
  crypto: ClientCrypto,
): Promise<ProvisioningInformation> {
  const value = parseJsonObject(await openText(payload, secret, crypto));
  if (isInformation(value)) return value;
  throw new TransferError('malformed', 'The message is not Provisioning Information up to 100 levels deep.');
}

/** The text of a payload. Throws `tampered` if it was changed, or sealed under another Secret. */
export async function openText(payload: Payload, secret: string, crypto: ClientCrypto): Promise<string> {
  try {
    return decodeText(await open(payload, secret, crypto));
  } catch (cause) {
    if (cause instanceof UnopenedPayload) throw new TransferError('tampered', cause.message, { cause });
    throw cause;
  }
}

/**
 * Identifies a payload: base64 of the first 16 bytes of the SHA-256 of its decoded `data`. Each seal has another
 * fingerprint. The same bytes in another base64 alphabet have the same fingerprint.
 */
export async function fingerprintPayload({ data }: Payload, crypto: ClientCrypto): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', decodeData(data));
  return toBase64(new Uint8Array(digest).subarray(0, 16));
}

/** Decodes base64. Text that is not base64 stays text, so that each payload has a fingerprint. */
function decodeData(data: string): Uint8Array<ArrayBuffer> {
  try {
    return fromBase64(data);
  } catch {
    return encodeText(data);
  }
}

/** Checks the depth of each member level by level, because recursion could overflow the stack. */
function isShallow(value: object): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; depth <= MAXIMUM_DEPTH; depth += 1)
    level = level.flatMap((parent) => Object.values(parent as object)).filter((child) => Object(child) === child);
  return level.length === 0;
}

function isInformation(value: Readonly<Record<string, unknown>>): value is ProvisioningInformation {
  const { format, content } = value;
  return (
    typeof format === 'string' &&
    format !== '' &&
    typeof content === 'object' &&
    content !== null &&
    !Array.isArray(content) &&
    isShallow(value)
  );
}
