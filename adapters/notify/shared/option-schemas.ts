import { z } from 'zod';
import { clockOption } from '../../../src/relay/clock-option.js';
import { egressOptions } from '../../shared/egress.js';
import { certificates, timeout } from '../../shared/option-schemas.js';

export type { TrustedCertificates } from '../../shared/option-schemas.js';

/** Default time limit in ms for one request to a provider, including the connection. */
const DEFAULT_TIMEOUT_MS = 5_000;

/** The options of every notifier. */
export const commonOptions = {
  ...egressOptions,
  ca: certificates.optional(),
  timeoutMs: timeout(60_000).default(DEFAULT_TIMEOUT_MS),
  clock: clockOption.default(() => Date.now),
};

/** The types of notification tokens that a notifier handles. */
export const tokenTypes = z
  .array(z.string().regex(/^[\x21-\x7e]{1,128}$/, 'must be 1 to 128 visible ASCII characters'), {
    error: ({ input }) => `${input === undefined ? 'is required and ' : ''}must be a list of token types`,
  })
  .min(1, 'must name at least one type');

/** An https origin without a path, such as `https://api.push.apple.com`. */
export const httpsOrigin = z
  .string()
  .refine(
    (text) => URL.canParse(text) && new URL(text).protocol === 'https:' && new URL(text).origin === text,
    'must be an https origin without a path, such as https://push.example',
  );
