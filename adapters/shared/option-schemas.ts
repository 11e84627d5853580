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

const isPem = (value: unknown): value is string | Buffer =>
  (typeof value === 'string' || Buffer.isBuffer(value)) && value.includes('-----BEGIN');

/** True for a whole PEM block that is no certificate. TLS would ignore it, and then trust nobody. */
function isBroken(pem: string | Buffer): boolean {
  if (!pem.includes('-----END')) return false;
  try {
    new X509Certificate(pem);
    return false;
  } catch {
    return true;
  }
}

/** The mistake in a value in place of certificates; `undefined` for certificates. */
function describeCertificatesFault(value: unknown): string | undefined {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (list.length === 0 || !list.every(isPem)) return 'must be PEM certificates: the text of the file, not its path';
  return list.some(isBroken) ? 'must be PEM certificates, with their line ends' : undefined;
}

export const certificates = z
  .custom<TrustedCertificates>((value) => describeCertificatesFault(value) === undefined, {
    error: ({ input }) => describeCertificatesFault(input),
  })
  .transform((value) => (typeof value === 'string' || Buffer.isBuffer(value) ? value : [...value]));

/** A shorter time limit is meant in seconds. */
export const MINIMUM_TIMEOUT_MS = 20;

/** A time limit in milliseconds. */
export function timeout(most: number) {
  const message = `must be a whole number from ${MINIMUM_TIMEOUT_MS} to ${most}, in milliseconds`;
  return z.int(message).min(MINIMUM_TIMEOUT_MS, message).max(most, message);
}
