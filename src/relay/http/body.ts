import { isUtf8 } from 'node:buffer';
import { bodyInvalid, RelayError } from '../errors.js';
import type { HeaderSource, RawBody, RelayRequest } from '../request.js';

/** Deepest nesting of arrays and objects in a body (docs/protocol.md §6). */
const MAXIMUM_DEPTH = 16;

const JSON_TYPE = /^application\/json[ \t]*(;.*)?$/i;
const CHARSET = /;[ \t]*charset[ \t]*=[ \t]*"?([^";\s]*)"?/i;

/**
 * The JSON value of a body; `undefined` if an optional body is absent. Throws `media_type`, `body_too_large`,
 * `body_already_read`, `body_timeout` or `body_invalid`.
 */
export async function readJsonBody(
  request: RelayRequest,
  presence: 'required' | 'optional',
  limit: number,
): Promise<unknown> {
  if (presence === 'required') assertJson(request);
  const body = withoutMark(await request.readBody(limit));
  if (isEmpty(body)) {
    if (presence === 'required') throw bodyInvalid('', 'The body is empty.');
    return undefined;
  }
  if (presence === 'optional') assertJson(request);
  return body.kind === 'parsed' ? checkHostBody(body.value) : parseJson(body.bytes);
}

/**
 * Removes a byte order mark, which some encoders write before the JSON (docs/protocol.md §4). RFC 8259 §8.1 allows a
 * parser to ignore it, and the body parsers of hosts do.
 */
function withoutMark(body: RawBody): RawBody {
  if (body.kind === 'bytes') return { kind: 'bytes', bytes: skipMark(body.bytes) };
  if (body.kind === 'none' || !isRaw(body.value)) return body;
  const bytes = skipMark(typeof body.value === 'string' ? Buffer.from(body.value) : body.value);
  return { kind: 'bytes', bytes };
}

/** A body that the host consumed without parsing it. */
function isRaw(value: unknown): value is string | Uint8Array {
  return typeof value === 'string' || value instanceof Uint8Array;
}

function skipMark(bytes: Uint8Array): Uint8Array {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes;
}

function isEmpty(body: RawBody): body is { readonly kind: 'none' } {
  return body.kind === 'none' || (body.kind === 'bytes' && body.bytes.length === 0);
}

function assertJson(headers: HeaderSource): void {
  const type = headers.header('Content-Type') ?? '';
  const charset = CHARSET.exec(type)?.[1]?.toLowerCase() ?? 'utf-8';
  if (!JSON_TYPE.test(type) || charset !== 'utf-8' || headers.header('Content-Encoding') !== undefined) {
    throw new RelayError('media_type');
  }
}

function parseJson(bytes: Uint8Array): unknown {
  if (!isUtf8(bytes)) throw bodyInvalid('', 'The body is not valid UTF-8.');
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  if (isTooDeep(text)) throw createTooDeepError();
  try {
    return JSON.parse(text);
  } catch {
    // The message of the parser quotes the body, so it must not be sent.
    throw bodyInvalid('', 'The body is not valid JSON.');
  }
}

/** A body that the host parsed. */
function checkHostBody(value: unknown): unknown {
  if (isValueTooDeep(value, MAXIMUM_DEPTH)) throw createTooDeepError();
  return value;
}

function createTooDeepError(): RelayError {
  return bodyInvalid('', `The body is nested more than ${MAXIMUM_DEPTH} levels deep.`);
}

/** Runs before parsing. Nearly every text has few opening brackets and is not scanned. */
function isTooDeep(text: string): boolean {
  if (countUpTo(text, '{', MAXIMUM_DEPTH) + countUpTo(text, '[', MAXIMUM_DEPTH) <= MAXIMUM_DEPTH) return false;
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (inString) {
      if (character === '\\') at += 1;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === '{' || character === '[') depth += 1;
    else if (character === '}' || character === ']') depth -= 1;
    if (depth > MAXIMUM_DEPTH) return true;
  }
  return false;
}

/** The number of occurrences of a character, counted to one more than `enough` at most. */
function countUpTo(text: string, character: string, enough: number): number {
  let count = 0;
  for (let at = text.indexOf(character); at !== -1 && count <= enough; at = text.indexOf(character, at + 1)) count += 1;
  return count;
}

function isValueTooDeep(value: unknown, allowed: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (allowed === 0) return true;
  return Object.values(value).some((member) => isValueTooDeep(member, allowed - 1));
}
