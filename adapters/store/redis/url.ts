import { assertNoPlaceholder } from '../url-parameters.js';
import { parseRedisParameters, type RedisUrlSettings } from './url-options.js';

/** The parts of a Redis URL. */
export type RedisAddress = {
  readonly hosts: readonly [RedisHost, ...RedisHost[]];
  readonly tls: boolean;
  readonly credentials: { readonly username?: string; readonly password?: string };
  readonly database: number;
  /** The name of the connection in CLIENT LIST. */
  readonly clientName?: string;
  /** 4 or 6; 0 for both. */
  readonly family?: number;
  /** Settings that the parameters of the URL hold. */
  readonly settings: RedisUrlSettings;
} & ({ readonly kind: 'single' | 'cluster' } | { readonly kind: 'sentinel'; readonly master: string });

/** A server, or the file of its Unix socket. */
type RedisHost = { readonly host: string; readonly port: number } | { readonly path: string };

const FORMS = {
  single: 'redis://user:password@host:6379/0, or rediss:// for TLS',
  cluster: 'redis+cluster://user:password@host:6379,host:6379',
  sentinel: 'redis+sentinel://user:password@host:26379,host:26379/masterName/0',
  unix: 'redis+unix://user:password@/run/redis/redis.sock?db=0',
};

const SCHEME = /^\s*(?:(?:redis|valkey)(s?)(?:\+(sentinel|cluster|unix|socket))?:\/\/|unix:(?:\/\/)?)/i;

/**
 * Parses a Redis URL. `URL` accepts only one host, and its error holds the URL and so the password. White space around
 * the URL does not count: files and secrets often end in a line end. `valkey` and `redis` mean the same.
 *
 * @throws TypeError that names the part at fault and repeats no value of the URL
 */
export function parseRedisUrl(url: string): RedisAddress {
  const scheme = SCHEME.exec(url);
  if (scheme === null)
    throw wrong('the URL must begin with redis://, rediss://, redis+sentinel://, redis+cluster:// or redis+unix://');
  assertNoPlaceholder('redisStore', url);
  const isSocket = /unix|socket/i.test(scheme[0]);
  const kind = isSocket ? 'single' : ((scheme[2]?.toLowerCase() ?? 'single') as 'single' | 'cluster' | 'sentinel');
  const { user, authority, path, query } = split(url.slice(scheme[0].length).trim());
  const parameters = parseRedisParameters(query, { isSecure: scheme[1] === 's', kind });
  if (isSocket && parameters.tls) throw wrong('a Unix socket has no TLS; use redis+unix://');
  const credentials = parseUser(user, parameters);
  const hosts = isSocket ? [parseSocket(authority, path)] : authority.split(',').map((host) => parseHost(host, kind));
  const [first, ...rest] = hosts;
  if (first === undefined) throw wrong('the host is missing');
  if (kind === 'single' && rest.length > 0) {
    throw wrong('several hosts need redis+sentinel:// or redis+cluster://; redis:// takes one host');
  }
  const { database: inQuery, clientName, family, tls, settings } = parameters;
  const common = {
    hosts: [first, ...rest] as const,
    tls,
    credentials,
    settings,
    ...(clientName === undefined ? {} : { clientName }),
    ...(family === undefined ? {} : { family }),
  };
  const segments = isSocket ? [] : path.split('/').filter((segment) => segment !== '');
  if (kind === 'sentinel') {
    const [master, ...after] = segments;
    if (master === undefined) throw wrong(`the name of the master is missing behind the hosts: ${FORMS.sentinel}`);
    return { ...common, kind, master: decode(master, 'name of the master'), database: parseDatabase(after, inQuery) };
  }
  const database = parseDatabase(segments, inQuery);
  if (kind === 'cluster' && database !== 0) throw wrong('a cluster has only database 0; remove the number');
  return { ...common, kind, database };
}

interface UrlParts {
  /** Absent without an `@`. */
  readonly user: string | undefined;
  readonly authority: string;
  readonly path: string;
  readonly query: string;
}

/** Splits the text behind `://`. */
function split(text: string): UrlParts {
  if (/\s/.test(text)) throw wrong('the URL holds white space; write a space in a password as %20');
  const end = /[/?#]/.exec(text)?.index ?? text.length;
  const before = text.slice(0, end);
  const at = before.lastIndexOf('@');
  const hash = text.indexOf('#', end);
  const mark = text.indexOf('?', end);
  const query = mark < 0 ? '' : text.slice(mark + 1);
  // An @ in the value of a parameter is fine. Any other @ behind the host shows that the password ended too early.
  if (at < 0 && /@/.test(mark < 0 ? text.slice(end) : text.slice(end, mark) + (query.split('=', 1)[0] ?? ''))) {
    throw reservedError();
  }
  if (hash >= 0)
    throw at < 0 && text.includes('@')
      ? reservedError()
      : wrong('the URL must not hold a #; write # as %23, and the name of a master behind the hosts: /masterName');
  return {
    user: at < 0 ? undefined : before.slice(0, at),
    authority: before.slice(at + 1),
    path: text.slice(end, mark < 0 ? text.length : mark),
    query,
  };
}

function parseUser(
  text: string | undefined,
  parameters: { readonly username?: string | undefined; readonly password?: string | undefined },
): { username?: string; password?: string } {
  const colon = text?.indexOf(':') ?? -1;
  const inUrl = {
    username: text === undefined ? '' : decode(colon < 0 ? text : text.slice(0, colon), 'user name'),
    password: text === undefined || colon < 0 ? '' : decode(text.slice(colon + 1), 'password'),
  };
  for (const name of ['username', 'password'] as const) {
    if (inUrl[name] !== '' && parameters[name] !== undefined) throw wrong(`the URL holds the ${name} twice`);
  }
  // The user `default` has no password on a new server.
  const isIncomplete = inUrl.username !== '' && inUrl.password === '' && parameters.password === undefined;
  if (isIncomplete && (colon < 0 || inUrl.username !== 'default')) {
    throw wrong('the URL holds a user name without a password; write a password alone as redis://:password@host');
  }
  const username = inUrl.username || parameters.username;
  const password = inUrl.password || parameters.password;
  return { ...(username ? { username } : {}), ...(password ? { password } : {}) };
}

function parseSocket(authority: string, path: string): RedisHost {
  if (authority !== '') throw wrong(`a Unix socket has no host; write three slashes: ${FORMS.unix}`);
  const file = decode(path, 'path');
  if (/^\/*$/.test(file)) throw wrong(`the path of the Unix socket is missing: ${FORMS.unix}`);
  return { path: file };
}

function parseHost(text: string, kind: 'single' | 'cluster' | 'sentinel'): RedisHost {
  const match = /^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/.exec(text);
  const [, address, name, portText] = match ?? [];
  // The parts of a password without its @ may arrive here, so the messages hold no text of the URL.
  if (match === null || (address === undefined && portText?.includes(':')))
    throw wrong('the host holds more than one colon; write an IPv6 address in brackets: redis://[::1]:6379');
  if (address !== undefined && !/^[0-9a-f:.]+(?:%25[\w.-]+)?$/i.test(address))
    throw wrong('the text in brackets is no IPv6 address');
  if (address === undefined && !name) {
    throw wrong(`the host is missing; for a Redis on this machine write redis://localhost, or ${FORMS.unix}`);
  }
  if (name !== undefined && !/^[\w.-]+$/.test(name)) {
    throw wrong(
      'the host holds a character that no host name has; encode reserved characters of the password in percent form',
    );
  }
  const port = Number(portText ?? (kind === 'sentinel' ? 26_379 : 6379));
  if (portText !== undefined && (!/^\d{1,5}$/.test(portText) || port < 1 || port > 65_535)) {
    throw wrong('the port must be a number from 1 to 65535');
  }
  return { host: address ?? name ?? '', port };
}

function parseDatabase([text, ...rest]: readonly string[], inQuery: number | undefined): number {
  if (rest.length > 0) throw wrong('the path holds too many parts; only the number of the database may end it');
  if (text !== undefined && !/^\d{1,9}$/.test(text)) {
    throw wrong('the database, behind the host, must be a number from 0; most servers have 0 to 15');
  }
  if (text !== undefined && inQuery !== undefined && Number(text) !== inQuery) {
    throw wrong('the URL holds two databases, in the path and as the parameter db');
  }
  return text === undefined ? (inQuery ?? 0) : Number(text);
}

function decode(text: string, part: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw wrong(`the ${part} holds a % that begins no percent form; write % as %25`);
  }
}

function reservedError(): TypeError {
  return wrong('the password holds a reserved character; write / as %2F, ? as %3F, # as %23, @ as %40 and : as %3A');
}

function wrong(message: string): TypeError {
  return new TypeError(`redisStore: ${message}`);
}
