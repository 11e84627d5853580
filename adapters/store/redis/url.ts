/** The parts of a Redis URL. */
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
 * Parses a Redis URL. `URL` accepts only one host, and its error holds the URL and so the password.
 *
 * @throws TypeError that names the accepted forms and repeats nothing of the URL
 */
export function parseRedisUrl(url: string): RedisAddress {
  const match = /^redis(s?)(?:\+(sentinel|cluster))?:\/\/(?:([^@/]*)@)?([^@/?#]*)((?:\/[^/?#]*)*)$/.exec(url);
  if (match === null) throw malformedUrlError();
  const [, secure, kind = 'single', user = '', authority = '', path = ''] = match;
  const segments = path.split('/').filter((segment) => segment !== '');
  const tls = secure === 's';
  const credentials = parseUser(user);
  const hosts = authority.split(',').map((host) => parseHost(host, kind === 'sentinel' ? 26_379 : 6379));
  const [first, ...rest] = hosts;
  if (first === undefined || (kind === 'single' && rest.length > 0)) throw malformedUrlError();
  const common = { hosts: [first, ...rest] as const, tls, credentials };

  if (kind === 'sentinel') {
    const [master, ...after] = segments;
    if (master === undefined) throw malformedUrlError();
    return { ...common, kind, master: decodePart(master), database: parseDatabase(after) };
  }
  const database = parseDatabase(segments);
  if (kind === 'cluster' && database !== 0) throw malformedUrlError(); // A cluster has only database 0.
  return { ...common, kind: kind === 'cluster' ? kind : 'single', database };
}

function parseUser(text: string): { username?: string; password?: string } {
  const colon = text.indexOf(':');
  const username = decodePart(colon < 0 ? text : text.slice(0, colon));
  const password = colon < 0 ? '' : decodePart(text.slice(colon + 1));
  return { ...(username === '' ? {} : { username }), ...(password === '' ? {} : { password }) };
}

function parseHost(text: string, defaultPort: number): RedisHost {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text === '' ? 'localhost' : text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3] ?? defaultPort);
  if (host === undefined || port < 1 || port > 65_535) throw malformedUrlError();
  return { host, port };
}

function parseDatabase([text = '0', ...rest]: readonly string[]): number {
  if (!/^\d{1,9}$/.test(text) || rest.length > 0) throw malformedUrlError();
  return Number(text);
}

function decodePart(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw malformedUrlError();
  }
}

function malformedUrlError(): TypeError {
  return new TypeError(`A Redis URL has one of the forms ${FORMS}`);
}
