/**
 * The values that docs/protocol.md §3, §4 and §6 accept, without the relay's parsers: base64 by a round trip through
 * Buffer, dates by Date arithmetic. Where the document is silent, the verdict is `open`, and the relay may accept or
 * refuse.
 */

export type Verdict = 'yes' | 'no' | 'open';

/** The verdict on a body, and the dotted paths of the invalid and undecided members. */
export interface Judgement {
  readonly verdict: Verdict;
  readonly at: readonly string[];
}

/** The clock of the tests stands at a whole second, so that every deadline is exact. */
const MAXIMUM_MS = 30 * 86_400_000;

type Rule = (value: unknown) => Verdict;
type Parts = Readonly<Record<string, Verdict>>;

const own = (value: object, name: string): unknown =>
  Object.hasOwn(value, name) ? Object.getOwnPropertyDescriptor(value, name)?.value : undefined;

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const worst = (verdicts: readonly Verdict[]): Verdict =>
  verdicts.includes('no') ? 'no' : verdicts.includes('open') ? 'open' : 'yes';

function judge(parts: Parts): Judgement {
  const at = Object.keys(parts).filter((path) => parts[path] !== 'yes');
  return { verdict: worst(Object.values(parts)), at };
}

/** The members of an object under their dotted paths, or the value itself if the value is not an object. */
function members(value: unknown, path: string, rules: Readonly<Record<string, Rule>>): Parts {
  if (!isObject(value)) return { [path]: 'no' };
  return Object.fromEntries(Object.entries(rules).map(([name, rule]) => [`${path}.${name}`, rule(own(value, name))]));
}

/** Standard or URL-safe, padding optional. Mixed alphabets, partial padding and stray bits at the end are undecided. */
export function base64(value: unknown): Verdict {
  if (typeof value !== 'string') return 'no';
  const [, core = '', padding = ''] = /^([^=]*)(={0,2})$/.exec(value) ?? [];
  if (core === '' || core.length % 4 === 1) return 'no';
  const standard = core.replaceAll('-', '+').replaceAll('_', '/');
  const again = Buffer.from(standard, 'base64').toString('base64').replaceAll('=', '');
  if (again.length !== standard.length || again.slice(0, -1) !== standard.slice(0, -1)) return 'no';
  if (!/[A-Za-z0-9+/]$/.test(standard)) return 'no';
  const mixed = /[+/]/.test(core) && /[-_]/.test(core);
  const half = padding !== '' && (core.length + padding.length) % 4 !== 0;
  return mixed || half || again !== standard ? 'open' : 'yes';
}

/** Non-empty. docs/protocol.md §7 does not define "characters", so some lengths and broken surrogates are undecided. */
const text =
  (limit: number): Rule =>
  (value) => {
    if (typeof value !== 'string' || value === '' || [...value].length > limit) return 'no';
    return value.length > limit || !value.isWellFormed() ? 'open' : 'yes';
  };

export function imageUrl(value: unknown): Verdict {
  if (typeof value !== 'string' || text(2_048)(value) === 'no') return 'no';
  if (/[\s\p{Cc}]/u.test(value) || !URL.canParse(value)) return 'no';
  const { protocol, username, password } = new URL(value);
  if (protocol !== 'https:' || username !== '' || password !== '') return 'no';
  return /^https:\/\/[a-z0-9.-]+(:\d+)?([/?#][!-[\]-~]*)?$/.test(value) ? text(2_048)(value) : 'open';
}

/** Exactly `YYYY-MM-DDThh:mm:ssZ`, a real date, in the future, and not beyond the maximum. */
export function expiration(value: unknown, now: number): Verdict {
  if (typeof value !== 'string') return 'no';
  const parts = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z$/.exec(value)?.slice(1).map(Number);
  if (parts === undefined || value.length !== 20) return 'no';
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts;
  const date = new Date(Date.UTC(2000, month - 1, day, hour, minute, second));
  date.setUTCFullYear(year, month - 1, day);
  const shown = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()];
  const time = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()];
  if ([...shown, ...time].some((number, index) => number !== parts[index])) return 'no';
  return date.getTime() > now && date.getTime() - now <= MAXIMUM_MS ? 'yes' : 'no';
}

export const accessRights: Rule = (value) => {
  if (value === undefined || value === null) return 'yes';
  if (typeof value !== 'string' || value === '') return 'no';
  const letters = [...value];
  return letters.every((letter, at) => 'RWD'.includes(letter) && letters.indexOf(letter) === at) ? 'yes' : 'no';
};

const payloadType: Rule = (value) =>
  typeof value === 'string' && value.length <= 64 && /^[\w.-]+$/.test(value) && !value.endsWith('\n') ? 'yes' : 'no';

/** docs/protocol.md §4 does not bound the members of a token, and does not say whether they may be empty. */
const tokenPart: Rule = (value) => {
  if (typeof value !== 'string') return 'no';
  return /^[!-~]{1,64}$/.test(value) ? 'yes' : 'open';
};

const PAYLOAD = { type: payloadType, data: base64 };
const DISPLAY = { title: text(200), description: text(500), imageURL: imageUrl };
const TOKEN = { type: tokenPart, tokenData: tokenPart };

function tokenParts(body: object): Parts {
  const token = own(body, 'notificationToken') ?? undefined;
  return token === undefined ? {} : members(token, 'notificationToken', TOKEN);
}

export function createBody(body: unknown, now: number): Judgement {
  if (!isObject(body)) return { verdict: 'no', at: [''] };
  const configuration = own(body, 'mailboxConfiguration') ?? undefined;
  const rules = {
    accessRights,
    expiration: (value: unknown) => expiration(value, now),
    timeToLive: (value: unknown): Verdict => (value === undefined || value === null ? 'yes' : 'no'),
  };
  return judge({
    ...members(own(body, 'payload'), 'payload', PAYLOAD),
    ...members(own(body, 'displayInformation'), 'displayInformation', DISPLAY),
    ...(configuration === undefined ? {} : members(configuration, 'mailboxConfiguration', rules)),
    ...tokenParts(body),
    // docs/protocol.md §3 does not say where `timeToLive` was in the body.
    timeToLive: (own(body, 'timeToLive') ?? undefined) === undefined ? 'yes' : 'open',
  });
}

export function updateBody(body: unknown): Judgement {
  if (!isObject(body)) return { verdict: 'no', at: [''] };
  return judge({ ...members(own(body, 'payload'), 'payload', PAYLOAD), ...tokenParts(body) });
}

export function readBody(body: unknown): Judgement {
  return isObject(body) ? judge(tokenParts(body)) : { verdict: 'no', at: [''] };
}

/** The JSON value of bytes. The decoder ignores one byte order mark, as docs/protocol.md §4 demands. */
export function jsonOf(bytes: Uint8Array): { readonly value: unknown } | 'no' {
  try {
    return { value: JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) };
  } catch {
    return 'no';
  }
}
