/** What a Redis URL says. */
export type RedisAddress = {
  readonly hosts: readonly [RedisHost, ...RedisHost[]];
  readonly tls: boolean;
  readonly credentials: { readonly username?: string; readonly password?: string };
  readonly database: number;
} & ({ readonly kind: 'single' | 'cluster' } | { readonly kind: 'sentinel'; readonly master: string });

interface RedisHost {
  readonly host: string;
  readonly port: number;
}

const FORMS =
  'redis://[user:password@]host[:port][/database], rediss:// for TLS, ' +
  'redis+sentinel://[user:password@]host[:port],…/masterName[/database], redis+cluster://[user:password@]host[:port],…';

/**
 * Reads a Redis URL. By hand, as `URL` takes one host only, and as its error carries the URL, and so the password.
 * Throws a TypeError that names the forms and nothing of the URL.
 */
export function parseRedisUrl(url: string): RedisAddress {
  const match = /^redis(s?)(?:\+(sentinel|cluster))?:\/\/(?:([^@/]*)@)?([^@/?#]*)((?:\/[^/?#]*)*)$/.exec(url);
  if (match === null) throw malformed();
  const [, secure, kind = 'single', user = '', authority = '', path = ''] = match;
  const segments = path.split('/').filter((segment) => segment !== '');
  const tls = secure === 's';
  const credentials = readUser(user);
  const hosts = authority.split(',').map((host) => readHost(host, kind === 'sentinel' ? 26_379 : 6379));
  const [first, ...rest] = hosts;
  if (first === undefined || (kind === 'single' && rest.length > 0)) throw malformed();
  const common = { hosts: [first, ...rest] as const, tls, credentials };

  if (kind === 'sentinel') {
    const [master, ...after] = segments;
    if (master === undefined) throw malformed();
    return { ...common, kind, master: decode(master), database: readDatabase(after) };
  }
  const database = readDatabase(segments);
  if (kind === 'cluster' && database !== 0) throw malformed(); // A cluster has one database only.
  return { ...common, kind: kind === 'cluster' ? kind : 'single', database };
}

function readUser(text: string): { username?: string; password?: string } {
  const colon = text.indexOf(':');
  const username = decode(colon < 0 ? text : text.slice(0, colon));
  const password = colon < 0 ? '' : decode(text.slice(colon + 1));
  return { ...(username === '' ? {} : { username }), ...(password === '' ? {} : { password }) };
}

function readHost(text: string, defaultPort: number): RedisHost {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text === '' ? 'localhost' : text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3] ?? defaultPort);
  if (host === undefined || port < 1 || port > 65_535) throw malformed();
  return { host, port };
}

function readDatabase([text = '0', ...rest]: readonly string[]): number {
  if (!/^\d{1,9}$/.test(text) || rest.length > 0) throw malformed();
  return Number(text);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw malformed();
  }
}

function malformed(): TypeError {
  return new TypeError(`A Redis URL has one of the forms ${FORMS}`);
}
