import { TransferError } from './errors.js';

/**
 * Messages of errors that no retry can change, in Node, Deno, Bun, workerd, Chromium, Firefox and Safari: an invalid
 * argument, a rule of the page or of the runtime, or a fault in a custom `fetch`.
 */
const PERMANENT = new RegExp(
  [
    'content security policy',
    'bad port|unknown scheme|protocol must be|url is invalid|invalid url|cannot load',
    'header (name|value)|invalid header|invalid \\w+ value|has invalid value|not a legal http',
    '^failed to (execute|construct|parse)|^(window|workerglobalscope|headers?|request)\\.\\w+: ',
    'not (implemented|supported)|illegal invocation',
    'is not (a|an|iterable)\\b|(is|of) (undefined|null)\\b|cannot read prop|cannot destructure|access property',
  ].join('|'),
  'im',
);

/** The same for errors of any class: rules of workerd, and permissions of Deno. */
const FORBIDDEN = /disallowed operation|behalf of a different request|too many subrequests|requires \w+ access/i;

/** The event about a blocked request follows the error of `fetch` within a few milliseconds. */
const POLICY_EVENT_MS = 50;

/** Messages of outages that contain one of these texts: a broken response in Node, errors of the system, CORS in Safari. */
const OUTAGE = /does not match the HTTP|\(os error \d+\)|access control/i;

/**
 * The error to throw at once if `fetch` threw for its arguments: `not_sent`. `undefined` for an outage, which may end.
 * Browsers give both the same class, so the client builds a Request, which checks its arguments and sends nothing.
 */
export async function toNotSentError(
  error: unknown,
  url: string,
  init: RequestInit,
  isSynchronous: boolean,
): Promise<TransferError | undefined> {
  const { name, message, cause } = (error ?? {}) as Partial<Error>;
  const text = `${message}\n${(cause as Partial<Error> | undefined)?.message}`;
  const isPermanent =
    name === 'ReferenceError' ||
    FORBIDDEN.test(text) ||
    (name === 'TypeError' &&
      !OUTAGE.test(text) &&
      (isSynchronous || PERMANENT.test(text) || !mayConstruct(url, init) || (await isBlockedByPolicy(url))));
  if (!isPermanent) return undefined;
  return new TransferError(
    'not_sent',
    'fetch refused the request, so nothing was sent. Possible causes: an option or a header that the runtime refuses, ' +
      'a blocked port, a Content Security Policy, or a fault in your own fetch. The cause of this error has more.',
    { cause: error },
  );
}

/**
 * True if the Content Security Policy of the page has blocked a request for this URL. Chromium 150 tells this by an event
 * only, which follows the error.
 */
function isBlockedByPolicy(url: string): Promise<boolean> {
  const realm = globalThis as unknown as EventTarget & { readonly SecurityPolicyViolationEvent?: unknown };
  if (typeof realm.SecurityPolicyViolationEvent !== 'function') return Promise.resolve(false);
  return new Promise((resolve) => {
    const finish = (isBlocked: boolean): void => {
      clearTimeout(timer);
      realm.removeEventListener('securitypolicyviolation', listener);
      resolve(isBlocked);
    };
    const listener = (event: Event): void => {
      const { blockedURI = '', disposition } = event as Event & { blockedURI?: string; disposition?: string };
      if (disposition === 'enforce' && blockedURI !== '' && url.startsWith(blockedURI)) finish(true);
    };
    const timer = setTimeout(() => finish(false), POLICY_EVENT_MS);
    realm.addEventListener('securitypolicyviolation', listener);
  });
}

function mayConstruct(url: string, init: RequestInit): boolean {
  if (typeof Request !== 'function') return true;
  try {
    new Request(url, init);
    return true;
  } catch {
    return false;
  }
}
