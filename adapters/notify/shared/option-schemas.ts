import { z } from 'zod';

/** Default time limit in ms for one request to a provider, including the connection. */
const DEFAULT_TIMEOUT_MS = 5_000;

const TIMEOUT_RANGE = 'must be a whole number from 1 to 60000';

/** Trusted certificates in place of the system's: PEM text, or a list of PEM texts. */
export type TrustedCertificates = string | Buffer | ReadonlyArray<string | Buffer>;

const isCertificate = (value: unknown): boolean => typeof value === 'string' || Buffer.isBuffer(value);

/** The options of every notifier. */
export const commonOptions = {
  ca: z
    .custom<TrustedCertificates>(
      (value) => isCertificate(value) || (Array.isArray(value) && value.length > 0 && value.every(isCertificate)),
      'must be a PEM certificate or a list of PEM certificates',
    )
    .transform((value) => (typeof value === 'string' || Buffer.isBuffer(value) ? value : [...value]))
    .optional(),
  timeoutMs: z.int(TIMEOUT_RANGE).min(1, TIMEOUT_RANGE).max(60_000, TIMEOUT_RANGE).default(DEFAULT_TIMEOUT_MS),
  clock: z.custom<() => number>((value) => typeof value === 'function', 'must be a function').default(() => Date.now),
};

/** The types of notification tokens that a notifier handles. */
export const tokenTypes = z
  .array(z.string().regex(/^[\x21-\x7e]{1,128}$/, 'must be 1 to 128 visible ASCII characters'))
  .min(1, 'must name at least one type');

/** An https origin without a path, such as `https://api.push.apple.com`. */
export const httpsOrigin = z
  .string()
  .refine(
    (text) => URL.canParse(text) && new URL(text).protocol === 'https:' && new URL(text).origin === text,
    'must be an https origin without a path, such as https://push.example',
  );
