import { z } from 'zod';

/** Milliseconds that one request to a provider may take, connecting included. */
const DEFAULT_TIMEOUT_MS = 5_000;

/** Certificates that a connection trusts in place of the system's: PEM text, or several. */
export type TrustedCertificates = string | Buffer | ReadonlyArray<string | Buffer>;

const isCertificate = (value: unknown): boolean => typeof value === 'string' || Buffer.isBuffer(value);

/** The options that every notifier has, as members of a schema. */
export const commonOptions = {
  ca: z
    .custom<TrustedCertificates>(
      (value) => isCertificate(value) || (Array.isArray(value) && value.length > 0 && value.every(isCertificate)),
      'must be a PEM certificate, or several',
    )
    .transform((value) => (typeof value === 'string' || Buffer.isBuffer(value) ? value : [...value]))
    .optional(),
  timeoutMs: z
    .int('must be a whole number')
    .min(1, 'must be at least 1')
    .max(60_000, 'must be at most 60000')
    .default(DEFAULT_TIMEOUT_MS),
  clock: z.custom<() => number>((value) => typeof value === 'function', 'must be a function').default(() => Date.now),
};

/** The types of notification tokens that a notifier handles. */
export const tokenTypes = z
  .array(z.string('must be a text').regex(/^[\x21-\x7e]{1,128}$/, 'must be 1 to 128 visible ASCII characters'))
  .min(1, 'must name at least one type');

/** An https origin, such as `https://api.push.apple.com`: no path, no credentials. */
export const httpsOrigin = z
  .string('must be a text')
  .refine(
    (text) => URL.canParse(text) && new URL(text).protocol === 'https:' && new URL(text).origin === text,
    'must be an https origin such as https://push.example, without a path',
  );
