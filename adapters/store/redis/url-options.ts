import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import {
  booleanParameter,
  parseUrlParameters,
  textParameter,
  type UrlParameter,
  wordParameter,
} from '../url-parameters.js';
import type { RedisCredentials } from './client-options.js';

/** Settings that the parameters of a URL hold. An option of the store overrides each. */
export interface RedisUrlSettings {
  readonly timeoutMs?: number;
  readonly connectTimeoutMs?: number;
  readonly tls?: ConnectionOptions;
  readonly sentinelCredentials?: RedisCredentials;
}

/** The parameters of a URL. */
export interface RedisUrlParameters {
  readonly tls: boolean;
  readonly settings: RedisUrlSettings;
  readonly database?: number;
  readonly username?: string;
  readonly password?: string;
  readonly clientName?: string;
  readonly family?: number;
}

const databaseParameter: UrlParameter<number> = {
  form: 'a number from 0',
  parse: (text) => (/^\d{1,9}$/.test(text) ? Number(text) : undefined),
};

const familyParameter: UrlParameter<number> = {
  form: '4, 6, or 0 for both',
  parse(text) {
    const digits = /^(?:IPv)?([046])$/i.exec(text)?.[1];
    return digits === undefined ? undefined : Number(digits);
  },
};

/** A time. The unit of a plain number is that of the library that the name comes from. */
function timeParameter(unit: 'ms' | 's'): UrlParameter<number> {
  return {
    form: `a time of 50 ms to 10 minutes, such as 2s or 500ms (a plain number is in ${unit})`,
    parse(text) {
      const [, digits, given] = /^(\d{1,7}(?:\.\d{1,3})?)(ms|s)?$/i.exec(text) ?? [];
      const ms = Math.round(Number(digits) * ((given?.toLowerCase() ?? unit) === 's' ? 1000 : 1));
      return digits !== undefined && ms >= 50 && ms <= 600_000 ? ms : undefined;
    },
  };
}

/** `none` turns the check of the certificate off. */
const certificateParameter: UrlParameter<boolean> = {
  form: 'required or none',
  parse: (text) => ({ required: true, optional: true, none: false })[text.toLowerCase().replace(/^cert_/, '')],
};

const negatedParameter: UrlParameter<boolean> = {
  form: booleanParameter.form,
  parse(text) {
    const value = booleanParameter.parse(text);
    return value === undefined ? undefined : !value;
  },
};

/** A parameter, by the names that the tools of the field give it: ioredis, redis-py, go-redis, redis-rb, node-redis. */
const PARAMETERS = {
  db: ['database', databaseParameter],
  database: ['database', databaseParameter],
  username: ['username', textParameter],
  password: ['password', textParameter],
  family: ['family', familyParameter],
  name: ['clientName', textParameter],
  client_name: ['clientName', textParameter],
  clientName: ['clientName', textParameter],
  connectionName: ['clientName', textParameter],
  protocol: ['protocol', wordParameter('2', '3')],
  timeout: ['timeoutMs', timeParameter('s')],
  socket_timeout: ['timeoutMs', timeParameter('s')],
  read_timeout: ['timeoutMs', timeParameter('s')],
  commandTimeout: ['timeoutMs', timeParameter('ms')],
  timeoutMs: ['timeoutMs', timeParameter('ms')],
  connect_timeout: ['connectTimeoutMs', timeParameter('s')],
  socket_connect_timeout: ['connectTimeoutMs', timeParameter('s')],
  dial_timeout: ['connectTimeoutMs', timeParameter('s')],
  connectTimeout: ['connectTimeoutMs', timeParameter('ms')],
  connectTimeoutMs: ['connectTimeoutMs', timeParameter('ms')],
  tls: ['tls', booleanParameter],
  ssl: ['tls', booleanParameter],
  rejectUnauthorized: ['rejectUnauthorized', booleanParameter],
  ssl_cert_reqs: ['rejectUnauthorized', certificateParameter],
  skip_verify: ['rejectUnauthorized', negatedParameter],
  ca: ['ca', textParameter],
  sslrootcert: ['ca', textParameter],
  ssl_ca_certs: ['ca', textParameter],
  cert: ['cert', textParameter],
  ssl_certfile: ['cert', textParameter],
  key: ['key', textParameter],
  ssl_keyfile: ['key', textParameter],
  servername: ['servername', textParameter],
  sentinel_username: ['sentinelUsername', textParameter],
  sentinelUsername: ['sentinelUsername', textParameter],
  sentinel_password: ['sentinelPassword', textParameter],
  sentinelPassword: ['sentinelPassword', textParameter],
} as const satisfies Readonly<Record<string, readonly [string, UrlParameter<unknown>]>>;

const PARSERS = Object.fromEntries(Object.entries(PARAMETERS).map(([name, [, parser]]) => [name, parser]));

interface ParameterValues {
  database?: number;
  username?: string;
  password?: string;
  family?: number;
  clientName?: string;
  timeoutMs?: number;
  connectTimeoutMs?: number;
  tls?: boolean;
  rejectUnauthorized?: boolean;
  ca?: string;
  cert?: string;
  key?: string;
  servername?: string;
  sentinelUsername?: string;
  sentinelPassword?: string;
}

/**
 * Parses the parameters of a Redis URL. The parameters `ca`, `cert` and `key` name files, which this function reads.
 *
 * @throws TypeError that names the parameter at fault and repeats no value
 */
export function parseRedisParameters(
  query: string,
  { isSecure, kind }: { readonly isSecure: boolean; readonly kind: 'single' | 'cluster' | 'sentinel' },
): RedisUrlParameters {
  const names = new Map<string, string>();
  const values: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(parseUrlParameters('redisStore', query, PARSERS))) {
    const field = PARAMETERS[name as keyof typeof PARAMETERS][0];
    const other = names.get(field);
    if (other !== undefined) throw wrong(`the URL parameters ${other} and ${name} mean the same; keep one`);
    names.set(field, name);
    values[field] = value;
  }
  const { timeoutMs, connectTimeoutMs, sentinelUsername, sentinelPassword, tls, ...rest } = values as ParameterValues;
  if (isSecure && tls === false)
    throw wrong(`the URL parameter ${names.get('tls')} contradicts rediss://; use redis://`);
  const settings = readTlsSettings(rest, names);
  if (settings !== undefined && !isSecure && tls !== true) {
    const name = ['rejectUnauthorized', 'ca', 'cert', 'key', 'servername'].find((field) => names.has(field)) ?? '';
    throw wrong(`the URL parameter ${names.get(name)} needs TLS; begin the URL with rediss://`);
  }
  const sentinel = { username: sentinelUsername, password: sentinelPassword };
  const hasSentinel = sentinelUsername !== undefined || sentinelPassword !== undefined;
  if (hasSentinel && kind !== 'sentinel') {
    throw wrong(
      `the URL parameter ${names.get('sentinelPassword') ?? names.get('sentinelUsername')} needs redis+sentinel://`,
    );
  }
  const { database, username, password, clientName, family } = rest;
  return {
    tls: isSecure || tls === true,
    settings: {
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(connectTimeoutMs === undefined ? {} : { connectTimeoutMs }),
      ...(settings === undefined ? {} : { tls: settings }),
      ...(hasSentinel ? { sentinelCredentials: sentinel } : {}),
    },
    ...(database === undefined ? {} : { database }),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(clientName === undefined ? {} : { clientName }),
    ...(family === undefined ? {} : { family }),
  };
}

function readTlsSettings(
  {
    rejectUnauthorized,
    servername,
    ...files
  }: Pick<ParameterValues, 'rejectUnauthorized' | 'servername' | 'ca' | 'cert' | 'key'>,
  names: ReadonlyMap<string, string>,
): ConnectionOptions | undefined {
  const tls: ConnectionOptions = {
    ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
    ...(servername === undefined ? {} : { servername }),
  };
  for (const field of ['ca', 'cert', 'key'] as const) {
    const path = files[field];
    if (path !== undefined) tls[field] = readFile(path, names.get(field) ?? field);
  }
  return Object.keys(tls).length === 0 ? undefined : tls;
}

function readFile(path: string, name: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unreadable';
    throw wrong(`the URL parameter ${name} must name a file that this process can read (${code})`);
  }
}

function wrong(message: string): TypeError {
  return new TypeError(`redisStore: ${message}`);
}
