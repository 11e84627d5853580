import { X509Certificate } from 'node:crypto';
import { z } from 'zod';

/* Schemas of options that hooks and notifiers share. */

/** The end of a message for a secret that is undefined. */
export const UNSET_VARIABLE = '; it is undefined: if it comes from the environment, the variable is not set';

/** A secret text. Secrets usually come from the environment. */
export const secretText = z.string({
  error: ({ input }) => (input === undefined ? `is required and must be a string${UNSET_VARIABLE}` : undefined),
});

/** Trusted certificates in place of the system's: PEM text, or a list of PEM texts. */
export type TrustedCertificates = string | Buffer | ReadonlyArray<string | Buffer>;

const CERTIFICATES = 'must be PEM certificates, with their line ends: the text of the file, not its path';

/** TLS ignores a text without a certificate, and then trusts nobody. */
function isCertificate(value: unknown): boolean {
  if (typeof value !== 'string' && !Buffer.isBuffer(value)) return false;
  try {
    return value.includes('-----BEGIN') && new X509Certificate(value) instanceof X509Certificate;
  } catch {
    return false;
  }
}

export const certificates = z
  .custom<TrustedCertificates>(
    (value) => isCertificate(value) || (Array.isArray(value) && value.length > 0 && value.every(isCertificate)),
    CERTIFICATES,
  )
  .transform((value) => (typeof value === 'string' || Buffer.isBuffer(value) ? value : [...value]));

/** A shorter time limit is meant in seconds. */
export const MINIMUM_TIMEOUT_MS = 20;

/** A time limit in milliseconds. */
export function timeout(most: number) {
  const message = `must be a whole number from ${MINIMUM_TIMEOUT_MS} to ${most}, in milliseconds`;
  return z.int(message).min(MINIMUM_TIMEOUT_MS, message).max(most, message);
}
