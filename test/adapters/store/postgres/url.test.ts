import { postgresStore } from 'credential-relay/adapters/store/postgres';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parsePostgresUrl } from '../../../../adapters/store/postgres/url.js';

const parse = (rest: string) => parsePostgresUrl(`postgres://${rest}`);

describe('the URL of a Postgres store', () => {
  beforeEach(() => void vi.stubEnv('PGHOST', ''));
  afterEach(() => void vi.unstubAllEnvs());

  it.each([
    ['u:p@h/d', { addresses: [{ host: 'h' }], client: { user: 'u', password: 'p', database: 'd' } }],
    ['h:6432', { addresses: [{ host: 'h', port: 6432 }], client: {} }],
    ['u@[::1]:5433/d', { addresses: [{ host: '::1', port: 5433 }], client: { user: 'u', database: 'd' } }],
    ['u%40azure:p%2F%3F%23%25@h/d%20e', { client: { user: 'u@azure', password: 'p/?#%', database: 'd e' } }],
    ['u@azure:p@ss@h/d', { addresses: [{ host: 'h' }], client: { user: 'u@azure', password: 'p@ss', database: 'd' } }],
    ['u:a:b@h/d', { client: { user: 'u', password: 'a:b', database: 'd' } }],
    [
      '/d?host=/run/postgresql&user=u',
      { addresses: [{ host: '/run/postgresql' }], client: { user: 'u', database: 'd' } },
    ],
    ['%2Frun%2Fpg/d', { addresses: [{ host: '/run/pg' }] }],
    ['u:p@localhost/d?host=/cloudsql/a:b:c', { addresses: [{ host: '/cloudsql/a:b:c' }] }],
    ['a:1,b:2,c/d', { addresses: [{ host: 'a', port: 1 }, { host: 'b', port: 2 }, { host: 'c' }] }],
    [
      '/d?host=a,b&port=1,2',
      {
        addresses: [
          { host: 'a', port: 1 },
          { host: 'b', port: 2 },
        ],
      },
    ],
    [
      '/?host=a,b&port=1&dbname=d',
      {
        addresses: [
          { host: 'a', port: 1 },
          { host: 'b', port: 1 },
        ],
        client: { database: 'd' },
      },
    ],
    ['h/d \n', { client: { database: 'd' } }],
    ['h/d?pgbouncer=true', { prepare: false }],
    ['h/d?pgbouncer=false', { prepare: undefined }],
    ['h/d?prepare=false&changes=off', { prepare: false, changes: false }],
    ['h/d?prepareThreshold=5', { prepare: undefined }],
    ['h/d?schema=app&table=mail', { schema: 'app', table: 'mail' }],
    ['h/d?currentSchema=app', { schema: 'app' }],
    ['h/d?connection_limit=1&pool_timeout=20&socket_timeout=3', { poolSize: 1 }],
    ['h/d?max=7', { poolSize: 7 }],
    ['h/d?connect_timeout=1', { connectTimeoutMs: 1_000 }],
    ['h/d?connect_timeout=0', { connectTimeoutMs: undefined }],
    ['h/d?options=-c%20a%3Db&search_path=app,public', { client: { options: '-c a=b -c search_path=app,public' } }],
    ['h/d?statement_timeout=900&application_name=x', { client: { statement_timeout: 900, application_name: 'x' } }],
    ['h/d?channel_binding=require', { client: { enableChannelBinding: true } }],
    ['h/d?keepalives=0&keepalives_idle=5', { client: { keepAlive: false, keepAliveInitialDelayMillis: 5_000 } }],
    ['h/d?gssencmode=disable&supa=base-pooler.x&workaround=supabase-pooler.vercel', { client: { database: 'd' } }],
    ['h/d?ApplicationName=x&loginTimeout=1', { client: { application_name: 'x' }, connectTimeoutMs: 1_000 }],
    ['h/d?targetServerType=any', { acceptsReadOnly: true }],
    ['h/d?pool_max_conns=7&statement_cache_capacity=0', { poolSize: 7, prepare: false }],
    ['h?db=d&username=u&password=a+b', { client: { database: 'd', user: 'u', password: 'a+b' } }],
    ['h/d?database=d&charset=utf8', { client: { database: 'd', client_encoding: 'UTF8' } }],
    ['h/d?lock_timeout=9&idle_in_transaction_session_timeout=8', { client: { lock_timeout: 9 } }],
    ['h/d?sslsni=1&tcp_user_timeout=5000&keepalives_interval=1&keepalives_count=3', { client: { database: 'd' } }],
    ['h/d?ssl=require', { tls: { ssl: {}, isOptional: false } }],
    ['h/d?ssl=true&sslmode=require', { tls: { ssl: {}, isOptional: false } }],
    ['h/d?ssl=true&ssl_min_protocol_version=TLSv1.3', { tls: { ssl: { minVersion: 'TLSv1.3' } } }],
    ['h/d?sslaccept=strict', { tls: { ssl: {}, isOptional: false } }],
    ['h/d?sslmode=require&sslaccept=accept_invalid_certs', { tls: { ssl: { rejectUnauthorized: false } } }],
    ['h/d', { tls: { ssl: undefined, isOptional: false } }],
    ['h/d?sslmode=disable', { tls: { ssl: false, isOptional: false } }],
    ['h/d?ssl=false', { tls: { ssl: false, isOptional: false } }],
    ['h/d?ssl=true', { tls: { ssl: {}, isOptional: false } }],
    ['h/d?ssl=no-verify', { tls: { ssl: { rejectUnauthorized: false }, isOptional: false } }],
    ['h/d?sslmode=allow', { tls: { ssl: { rejectUnauthorized: false }, isOptional: true } }],
    ['h/d?sslmode=prefer', { tls: { ssl: { rejectUnauthorized: false }, isOptional: true } }],
    ['h/d?sslmode=require', { tls: { ssl: {}, isOptional: false } }],
    ['h/d?sslmode=require&uselibpqcompat=true', { tls: { ssl: { rejectUnauthorized: false }, isOptional: false } }],
    ['h/d?sslmode=verify-ca', { tls: { ssl: {}, isOptional: false } }],
    ['h/d?sslmode=verify-full&sslrootcert=system', { tls: { ssl: {}, isOptional: false } }],
    ['h/d?sslmode=no-verify', { tls: { ssl: { rejectUnauthorized: false }, isOptional: false } }],
    ['h/d?sslmode=verify-ca&sslrootcert=package.json', { tls: { ssl: { checkServerIdentity: expect.any(Function) } } }],
  ])('postgres://%s', (rest, expected) => {
    expect(parse(rest)).toMatchObject(expected);
  });

  it.each([
    ['h/d?poolsize=3', 'URL parameter poolsize is unknown; the known ones are:'],
    [
      'h/d?sslmode=verify',
      'URL parameter sslmode must be one of disable, allow, prefer, require, verify-ca, verify-full',
    ],
    ['h/d?sslrootcert=/4711/none.pem', 'URL parameter sslrootcert names a file that cannot be read (ENOENT)'],
    ['h/d?sslmode=require&sslmode=disable', 'URL parameter sslmode must appear once'],
    ['h/d?ssl=false&sslmode=require', 'the URL parameters ssl and sslmode contradict each other'],
    ['h/d?ssl=true&sslmode=disable', 'the URL parameters ssl and sslmode contradict each other'],
    ['h/d/', 'the URL has a / behind the database'],
    ['h/4711/e', 'the URL has a / behind the database'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: an unexpanded variable
    ['u:${PASSWORD}@h/d', 'the URL holds a variable that is not expanded'],
    ['u:[YOUR-PASSWORD]@h/d', 'the URL holds a placeholder'],
    ['u:<password>@h/d', 'the URL holds a placeholder'],
    ['h/d?connection_limit=0', 'URL parameter connection_limit must be a whole number from 1 to 1000'],
    ['h/d?max=3&pool_size=4', 'the URL sets poolSize twice'],
    ['h/d?pgbouncer=true&prepare=true', 'the URL sets prepare twice'],
    ['u@h/d?user=4711', 'the URL sets user twice'],
    ['h/d?target_session_attrs=standby', 'URL parameter target_session_attrs must be read-write, primary or any'],
    ['h/d?client_encoding=latin1', 'URL parameter client_encoding must be UTF8'],
    ['u:pa/4711@h/d', '/ as %2F'],
    ['u:12/4711@h/d', '/ as %2F'],
    ['u:pa?4711@h/d', '? as %3F'],
    ['u:12?4711@h/d', 'is a ? in the password?'],
    ['u:pa#4711@h/d', '# as %23'],
    ['u:pa%zz4711@h/d', '% as %25'],
    ['u:[4711]@h]/d', '[ as %5B'],
    ['h:4711x/d', 'from 1 to 65535'],
    ['h:471147/d', 'from 1 to 65535'],
    [':5432/d', 'a port without a host'],
    ['h1,,h2/d', 'each host must be a name'],
    ['/d?host=a,b&port=1,2,3', 'the URL parameter port must have one port, or one per host'],
    ['', 'names no host; write postgres://localhost/database, or set PGHOST'],
    ['/d', 'names no host'],
  ])('postgres://%s is refused with the reason', (rest, message) => {
    for (const attempt of [() => parse(rest), () => postgresStore(`postgres://${rest}`)]) {
      expect(attempt).toThrow(TypeError);
      expect(attempt).toThrow(message);
      expect(attempt).toThrow(/^postgresStore: /);
      expect(attempt).not.toThrow(/4711/);
    }
  });

  it('a URL without a host means the host of the environment', () => {
    vi.stubEnv('PGHOST', 'db.internal');
    expect(parse('').addresses).toEqual([{}]);
  });

  it.each(['postgres:', 'postgres:h/d', 'mysql://h/d', '"postgres://h/d"'])('%s is refused', (url) => {
    expect(() => parsePostgresUrl(url)).toThrow('of the form postgres://');
  });

  it.each([
    ['?schema=a.b', 'postgresStore.schema: must be 1 to 63'],
    ['?table=a.b', 'name its schema in the option schema'],
    ['?table=keyv', 'postgresStore.table: must not be the table of a Keyv'],
  ])('the options of a URL are checked as the options are: %s', (query, message) => {
    expect(() => postgresStore(`postgres://h/d${query}`)).toThrow(message);
  });
});
