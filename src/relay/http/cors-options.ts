import { z } from 'zod';
import { hasUnsetPart, UNSET_PART } from '../unset-part.js';

/** The validated option `cors`. */
export interface CorsSettings {
  /** True for `*`: every origin. */
  readonly anyOrigin: boolean;
  /** Origins in the form in which browsers send them. */
  readonly origins: readonly string[];
  /** Origins with a wildcard in place of the first labels of the host. */
  readonly wildcards: readonly RegExp[];
  /** Names of request headers beside those of the protocol. */
  readonly headers: readonly string[];
  /** Beginnings of names of request headers, in lower case. */
  readonly headerPrefixes: readonly string[];
}

/** An origin whose leftmost label is `*`. A domain of one label, such as `*.com`, is allowed for localhost only. */
const WILDCARD_ORIGIN = /^(https?:\/\/)\*\.((?:[a-z0-9_-]+\.)+[a-z0-9-]+|localhost)(:\d+)?$/;

/** Apps in a web view have origins with other schemes. The class URL has no origin for these. */
const APP_ORIGIN = /^(?!(?:https?|wss?|ftp|file|data|blob):)[a-z][a-z0-9+.-]*:\/\/[^/?#\s*]+$/;

/** The origin in the form in which browsers send it; a message for other texts. */
function parseOrigin(text: string): { origin: string } | { message: string } {
  const lower = text.trim().toLowerCase();
  if (lower === '*') return { origin: lower };
  if (lower === '') return { message: 'is empty: is the environment variable set?' };
  if (lower === 'null') {
    return { message: 'must not be null: sandboxed frames and local files of every site have this origin' };
  }
  if (/[,;\s]/.test(lower)) return { message: 'must be one origin: make one entry of the array for each origin' };
  if (!/^[a-z][a-z0-9+.-]*:\/\//.test(lower)) return { message: 'has no scheme: write https:// before the host' };
  if (hasUnsetPart(text)) return { message: UNSET_PART };
  if (lower.includes('*')) {
    const origin = parseWildcard(lower);
    if (origin !== undefined) return { origin };
    return { message: 'may have * only as the whole leftmost label, such as https://*.example.com, or alone' };
  }
  if (APP_ORIGIN.test(lower)) return { origin: lower };
  const url = URL.canParse(lower) ? new URL(lower) : undefined;
  const isApp = APP_ORIGIN.test(lower.replace(/\/$/, ''));
  if (!isApp && (url === undefined || !/^https?:$/.test(url.protocol))) return { message: RULE };
  if (url !== undefined && /^https?:\/\/[^/?#@]+$/.test(lower)) return { origin: url.origin };
  return { message: `${RULE}, without a path, a slash at the end, or credentials` };
}

/** An origin whose leftmost label is `*`, in the form in which browsers send origins. `undefined` for other texts. */
function parseWildcard(text: string): string | undefined {
  const [, scheme, domain] = /^(https?:\/\/)\*\.([^*/?#@]+)$/.exec(text) ?? [];
  if (scheme === undefined || domain === undefined || !URL.canParse(scheme + domain)) return undefined;
  const { host } = new URL(scheme + domain);
  const origin = `${scheme}*.${host}`;
  return WILDCARD_ORIGIN.test(origin) && !/\.\d+(:\d+)?$/.test(host) ? origin : undefined;
}

const RULE = 'must be an origin such as https://app.example, or *';

const origin = z.string(`${RULE}, as a string`).transform((text, context) => {
  const parsed = parseOrigin(text);
  if ('origin' in parsed) return parsed.origin;
  context.addIssue(parsed.message);
  return z.NEVER;
});

/** A field name (RFC 9110 §5.1). `*` at the end stands for the rest of the name. */
const HEADER_NAME = /^(?:[!#$%&'+.^_`|~0-9A-Za-z-]+\*?|\*)$/;

const headerName = z
  .string('must be the name of a header')
  .regex(HEADER_NAME, 'must be the name of a header, such as traceparent, or its beginning and *, such as x-datadog-*');

/** The option `cors`. */
export const corsOption = z
  .strictObject({
    origins: z
      .array(origin, "must be an array of origins, such as ['https://app.example']")
      .min(1, 'must be an array with at least one origin'),
    headers: z.array(headerName, "must be an array of names, such as ['traceparent']").default([]),
  })
  .transform(({ origins, headers }): CorsSettings => {
    const wildcards = origins.filter((text) => WILDCARD_ORIGIN.test(text));
    return {
      anyOrigin: origins.includes('*'),
      origins: origins.filter((text) => !wildcards.includes(text)),
      wildcards: wildcards.map(createWildcard),
      headers: headers.filter((name) => !name.endsWith('*')),
      headerPrefixes: headers.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1).toLowerCase()),
    };
  })
  .optional();

/** Matches every subdomain of any depth, and never the domain itself. Scheme and port must be equal. */
function createWildcard(text: string): RegExp {
  const [scheme = '', rest = ''] = text.split('*.');
  return new RegExp(`^${escapeDots(scheme)}(?:[a-z0-9_-]+\\.)+${escapeDots(rest)}$`);
}

function escapeDots(text: string): string {
  return text.replace(/[.]/g, '\\.');
}
