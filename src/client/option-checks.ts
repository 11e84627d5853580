import { isAccessRights } from '../protocol/access-rights.js';
import { type Check, type Checks, checkFunction, checkText, hasMembers, inUnit, isObject } from './check.js';
import type { Network } from './http-request.js';
import type { CallOptions, ResumeOptions, TransferOptions } from './options.js';
import { LONGEST_TIMER_MS } from './timing.js';

/** No relay keeps a mailbox as long as this. */
const MAXIMUM_EXPIRES_SECONDS = 1e9;

const HEADER_NAME = /^[\w!#$%&'*+.^`|~-]+$/;

/** Headers that the client sets, in lower case. */
const OWN_HEADERS = /^(prefer|mailbox-(device-claim|request-id|known-version))$/i;

const checkHeaders: Check = (headers) => {
  if (!isObject(headers) || Symbol.iterator in headers)
    return 'must be an object with a text per header name; convert others by Object.fromEntries(headers)';
  for (const [name, value] of Object.entries(headers)) {
    if (!HEADER_NAME.test(name)) return 'has a name with characters that no header name may have';
    if (OWN_HEADERS.test(name)) return `the client itself sets ${name}`;
    if (typeof value !== 'string') return `${name} must be a text`;
    if (/[^\t\x20-\x7e\x80-\xff]/.test(value)) return `${name} has a line end, or a character that no header may have`;
  }
  return undefined;
};

const checkSignal: Check = (signal) =>
  isObject(signal) && 'aborted' in signal && typeof signal.addEventListener === 'function'
    ? undefined
    : 'must be an AbortSignal, such as controller.signal';

export const checkToken: Check = hasMembers({ type: checkText, tokenData: checkText });

export const checkHosts: Check = (hosts) => {
  if (!Array.isArray(hosts)) return "must be a list of hosts, such as ['example.com']";
  for (const host of hosts as readonly unknown[]) {
    if (typeof host !== 'string') return 'must be a list of texts';
    if (host.includes('://')) return 'must be hosts, without https://';
    if (host.includes('/')) return 'must be hosts, without a path';
    if (host.includes('*')) return 'must be hosts, without *: name each host';
  }
  return undefined;
};

export const checkLinks: Check = (links) => (Array.isArray(links) ? undefined : 'must be a list of URLs');

export const checkRights: Check = (rights) =>
  typeof rights === 'string' && isAccessRights(rights)
    ? undefined
    : "must be a text of the letters R, W and D, each once at most, such as 'RWD'";

export const checkExpires: Check = (seconds) =>
  typeof seconds === 'number' && seconds > 0 && seconds < MAXIMUM_EXPIRES_SECONDS
    ? undefined
    : 'must be above 0 and below 1e9: seconds from now';

/** `parseBases` and `resolveCrypto` check these with better messages. */
export const checkElsewhere: Check = () => undefined;

export const NETWORK: Checks<Network> = {
  fetch: checkFunction,
  headers: checkHeaders,
  timeoutMs: inUnit('milliseconds', 20, LONGEST_TIMER_MS),
  crypto: checkElsewhere,
};

export const TRANSFER: Checks<TransferOptions> = {
  ...NETWORK,
  onState: checkFunction,
  onProgress: checkFunction,
  retryTimeoutMs: (ms) =>
    typeof ms === 'number' && ms >= 0 ? undefined : 'must be a number of milliseconds that is not negative',
  retryDelayMs: inUnit('milliseconds', 0, LONGEST_TIMER_MS),
  waitSeconds: inUnit('seconds', 0, 3600),
  pollMs: inUnit('milliseconds', 10, LONGEST_TIMER_MS),
  maximumBodyBytes: inUnit('bytes', 1024, LONGEST_TIMER_MS),
  maximumHeldReads: inUnit('reads', 1, 1000),
};

export const CALL: Checks<CallOptions> = { signal: checkSignal };

export const RESUME: Checks<ResumeOptions> = { ...CALL, notificationToken: checkToken };

const checkString: Check = (text) => (typeof text === 'string' ? undefined : 'must be a text');

/** The texts and the picture of the preview page. Relays differ in the longest texts that they accept. */
const checkDisplay: Check = hasMembers({
  title: checkString,
  description: checkString,
  imageURL: (url) =>
    typeof url === 'string' && /^https:\/\/[^\s/?#@]+([/?#]\S*)?$/i.test(url)
      ? undefined
      : 'must be an https URL without credentials and spaces',
});

export function assertDisplay(display: unknown): void {
  const problem = checkDisplay(display);
  if (problem !== undefined) throw new TypeError(`display: ${problem}`);
}

/** Objects of which JSON has nothing, or no useful member, by their tag: an object may come from another realm. */
const LOST =
  /^\[object (.*Array|ArrayBuffer|SharedArrayBuffer|DataView|Map|Set|Blob|File|Promise|CryptoKey|RegExp|Error|FormData)\]$/;

/** Throws a TypeError unless JSON can carry the Provisioning Information without a loss. */
export function assertSerializable(information: unknown): void {
  if (!isObject(information)) throw new TypeError('information: must be { format: string, content: JSON object }');
  let problem = 'has a cycle, a bigint, or too many levels';
  try {
    JSON.stringify(information, function check(this: Readonly<Record<string, unknown>>, name: string, value: unknown) {
      // The value before `toJSON`, which the Buffer of Node has.
      const original = this[name];
      const isLost =
        ['function', 'symbol'].includes(typeof value) ||
        (typeof value === 'number' && !Number.isFinite(value)) ||
        (!Array.isArray(original) && LOST.test(Object.prototype.toString.call(original)));
      if (!isLost) return value;
      problem =
        'has bytes, a promise, NaN, a Map, a function or the like, which JSON cannot carry; convert them, such as ' +
        'bytes to base64';
      throw new TypeError();
    });
  } catch {
    throw new TypeError(`information: ${problem}`);
  }
}
