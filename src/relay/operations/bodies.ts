import { z } from 'zod';
import { isAccessRights } from '../../protocol/access-rights.js';
import type { BodyLimits, CreateBody, ReadBody, UpdateBody } from '../../protocol/bodies.js';
import { bodyInvalid, RelayError } from '../errors.js';

/** Checks of parsed JSON bodies. They throw `body_invalid` with the name of the field, or `body_too_large`. */
export interface BodyParsers {
  create(value: unknown): CreateBody;
  update(value: unknown): UpdateBody;
  read(value: unknown): ReadBody;
}

const TOKEN_TYPE_CHARACTERS = 128;
const TOKEN_DATA_CHARACTERS = 4096;

/** Marks the only issue with status 413 instead of 400. */
const TOO_LARGE = 'too large';

const AEAD_NAME = /^[A-Za-z0-9_.-]{1,64}$/;
const STANDARD_BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
const URL_SAFE_BASE64 = /^[A-Za-z0-9_-]+={0,2}$/;

/** Base64 in either alphabet, padding optional, not empty (docs/protocol.md §4). */
function isBase64(text: string): boolean {
  if (!STANDARD_BASE64.test(text) && !URL_SAFE_BASE64.test(text)) return false;
  return text.endsWith('=') ? text.length % 4 === 0 : text.length % 4 !== 1;
}

/** The rule that a text breaks, for a text that is not base64. Some encoders break lines by default (MIME, RFC 2045). */
function describeBase64Fault(text: string): string {
  if (text === '') return 'must be base64 and not empty';
  if (/[\r\n]/.test(text)) return 'must be base64 without line breaks: use an encoder without MIME line breaks';
  if (/\s/.test(text)) return 'must be base64 without white space';
  if (text.startsWith('data:')) return 'must be base64 without the prefix of a data URL';
  if (/[+/]/.test(text) && /[-_]/.test(text)) return 'must be base64 in one alphabet: + and /, or - and _';
  if (/^[A-Za-z0-9+/_-]+=*$/.test(text)) return 'must be whole base64, with all of its padding or none';
  return 'must be base64, in the standard or the URL-safe alphabet';
}

/**
 * Accepts JSON `null` in place of an absent member: serializers of Java, Kotlin and Swift write `null` for an optional
 * member without a value (docs/protocol.md §4).
 */
function nullable<Schema extends z.ZodType>(schema: Schema) {
  return z.preprocess((value) => value ?? undefined, schema.optional()).optional();
}

/** True for at most `limit` code points. Counts them only if the number of UTF-16 units does not decide. */
function fits(text: string, limit: number): boolean {
  if (text.length <= limit) return true;
  return text.length <= 2 * limit && [...text].length <= limit;
}

/**
 * An absolute https URL without credentials, white space, control characters or backslashes. This check runs before the
 * URL parser, because the parser drops line breaks and trims spaces. An `@` before the first slash ends credentials.
 * The parser reads a backslash as a slash. Other parsers read it as part of the credentials, and find another host.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the expression rejects control characters.
const IMAGE_URL = /^https:\/\/[^\s\u0000-\u001f\u007f-\u009f/\\?#@]+([/?#][^\s\u0000-\u001f\u007f-\u009f\\]*)?$/i;

function isImageUrl(text: string): boolean {
  return IMAGE_URL.test(text) && URL.canParse(text);
}

function textUpTo(limit: number): z.ZodType<string> {
  return z
    .string('must be a string')
    .refine((text) => text !== '' && fits(text, limit), `must have 1 to ${limit} characters`);
}

const notificationToken = nullable(
  z.object(
    { type: textUpTo(TOKEN_TYPE_CHARACTERS), tokenData: textUpTo(TOKEN_DATA_CHARACTERS) },
    'must be an object with type and tokenData',
  ),
);

/** A configuration without an expiration is an error, whether its members are absent or `null`. */
const EXPIRATION_RULE =
  'must be a time of the form YYYY-MM-DDThh:mm:ssZ, as a string; for the default of the relay, omit mailboxConfiguration';

const mailboxConfiguration = nullable(
  z.object(
    {
      timeToLive: nullable(z.undefined('is not supported: use expiration')),
      accessRights: nullable(
        z
          .string('must be a string')
          .refine(isAccessRights, 'must be a non-empty subset of the letters R, W and D, each once'),
      ),
      expiration: z.string(EXPIRATION_RULE),
    },
    'must be an object',
  ),
);

/**
 * The parsers of the three bodies, with the limits of the operator. They drop unknown members (docs/protocol.md §4).
 * The limit of `data` also applies to a body that the host has parsed.
 */
export function createBodyParsers(limits: BodyLimits): BodyParsers {
  const payload = z.object(
    {
      type: z.string('must be a string').regex(AEAD_NAME, 'must be the name of an AEAD (RFC 5116)'),
      data: z
        .string('must be a string')
        .refine((text) => text.length <= limits.bodyBytes, { message: TOO_LARGE, abort: true })
        .refine(isBase64, { error: ({ input }) => describeBase64Fault(String(input)) }),
    },
    'must be an object with type and data',
  );
  const displayInformation = z.object(
    {
      title: textUpTo(limits.titleCharacters),
      description: textUpTo(limits.descriptionCharacters),
      imageURL: textUpTo(limits.imageUrlCharacters).refine(
        isImageUrl,
        'must be an absolute https URL without credentials, white space, control characters or backslashes',
      ),
    },
    'must be an object with title, description and imageURL',
  );
  const create = z.object(
    {
      timeToLive: nullable(z.undefined('is not supported: use mailboxConfiguration.expiration')),
      payload,
      displayInformation,
      notificationToken,
      mailboxConfiguration,
    },
    'must be a JSON object',
  );
  const update = z.object({ payload, notificationToken }, 'must be a JSON object');
  const read = z.object({ notificationToken }, 'must be a JSON object');
  return {
    create: (value) => check(create, value),
    update: (value) => check(update, value),
    read: (value) => check(read, value),
  };
}

function check<Body>(schema: z.ZodType<Body>, value: unknown): Body {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  if (issue?.message === TOO_LARGE) throw new RelayError('body_too_large');
  const field = issue?.path.join('.') ?? '';
  throw bodyInvalid(field, `${field === '' ? 'The body' : field} ${issue?.message ?? 'is invalid'}.`);
}
