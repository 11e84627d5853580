import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { redisStore } from '../../../../adapters/store/redis/index.js';
import { parseRedisUrl } from '../../../../adapters/store/redis/url.js';

const folder = mkdtempSync(join(tmpdir(), 'relay-redis-url-'));
const caFile = join(folder, 'ca.pem');
writeFileSync(caFile, 'the certificate');
afterAll(() => rmSync(folder, { recursive: true }));

const single = { kind: 'single', hosts: [{ host: 'h', port: 6379 }], tls: false, database: 0, credentials: {} };

describe('parseRedisUrl', () => {
  const forms: readonly (readonly [string, object])[] = [
    ['redis://h', single],
    ['REDIS://h', single],
    ['valkey://h', single],
    ['valkeys://h', { ...single, tls: true }],
    ['redis://h/', single],
    ['  redis://h/2 \n', { ...single, database: 2 }],
    ['redis://h?db=2', { ...single, database: 2 }],
    ['redis://h/2?db=2', { ...single, database: 2 }],
    ['redis://h?family=0', { ...single, family: 0 }],
    ['redis://h?family=IPv6', { ...single, family: 6 }],
    ['redis://h?protocol=3', single],
    ['redis://h?client_name=relay', { ...single, clientName: 'relay' }],
    ['redis://h?timeout=5', { ...single, settings: { timeoutMs: 5000 } }],
    ['redis://h?commandTimeout=500', { ...single, settings: { timeoutMs: 500 } }],
    [
      'redis://h?dial_timeout=300ms&read_timeout=3s',
      { ...single, settings: { connectTimeoutMs: 300, timeoutMs: 3000 } },
    ],
    ['redis://h?socket_connect_timeout=1.5', { ...single, settings: { connectTimeoutMs: 1500 } }],
    ['redis://h?tls=true', { ...single, tls: true, settings: {} }],
    ['rediss://h?ssl_cert_reqs=none', { ...single, tls: true, settings: { tls: { rejectUnauthorized: false } } }],
    [
      'rediss://h?ssl_cert_reqs=CERT_REQUIRED',
      { ...single, tls: true, settings: { tls: { rejectUnauthorized: true } } },
    ],
    ['rediss://h?rejectUnauthorized=0', { ...single, tls: true, settings: { tls: { rejectUnauthorized: false } } }],
    ['rediss://h?skip_verify=true', { ...single, tls: true, settings: { tls: { rejectUnauthorized: false } } }],
    [
      `rediss://h?ca=${caFile}&servername=x`,
      { ...single, tls: true, settings: { tls: { ca: 'the certificate', servername: 'x' } } },
    ],
    [`rediss://h?ssl_ca_certs=${caFile}`, { ...single, tls: true, settings: { tls: { ca: 'the certificate' } } }],
    ['redis://h?password=p%2F&username=u', { ...single, credentials: { username: 'u', password: 'p/' } }],
    ['redis://h?password=p+q', { ...single, credentials: { password: 'p+q' } }],
    ['redis://default:@h', { ...single, credentials: { username: 'default' } }],
    ['unix:///run/redis%20a/r.sock?db=2', { ...single, hosts: [{ path: '/run/redis a/r.sock' }], database: 2 }],
    ['unix:/run/r.sock', { ...single, hosts: [{ path: '/run/r.sock' }] }],
    [
      'Redis+Unix://u:p@/run/r.sock',
      { ...single, hosts: [{ path: '/run/r.sock' }], credentials: { username: 'u', password: 'p' } },
    ],
    ['valkey+unix://:p@/run/r.sock', { ...single, hosts: [{ path: '/run/r.sock' }], credentials: { password: 'p' } }],
    ['redis://:p@h', { ...single, credentials: { password: 'p' } }],
    ['redis://u:p:@q@h', { ...single, credentials: { username: 'u', password: 'p:@q' } }],
    ['redis://u:p@h?name=a@b', { ...single, credentials: { username: 'u', password: 'p' }, clientName: 'a@b' }],
    ['redis://h?name=a@b', { ...single, clientName: 'a@b' }],
    [
      'rediss://u%40x:p%3A%2F@[::1]:7000/12',
      {
        kind: 'single',
        hosts: [{ host: '::1', port: 7000 }],
        tls: true,
        credentials: { username: 'u@x', password: 'p:/' },
        database: 12,
      },
    ],
    [
      'redis+sentinel://:p@a:1,b/main/2?sentinelPassword=q',
      {
        kind: 'sentinel',
        hosts: [
          { host: 'a', port: 1 },
          { host: 'b', port: 26_379 },
        ],
        credentials: { password: 'p' },
        master: 'main',
        database: 2,
        settings: { sentinelCredentials: { password: 'q' } },
      },
    ],
    [
      'rediss+cluster://a,b',
      {
        kind: 'cluster',
        tls: true,
        hosts: [
          { host: 'a', port: 6379 },
          { host: 'b', port: 6379 },
        ],
      },
    ],
    ['Valkey+Cluster://a/0', { kind: 'cluster', tls: false, database: 0 }],
  ];
  it.each(forms)('parseRedisUrl parses %j', (url, parts) => {
    expect(parseRedisUrl(url)).toMatchObject(parts);
  });

  const faults: readonly (readonly [string, RegExp])[] = [
    ['redis://', /the host is missing; for a Redis on this machine write redis:\/\/localhost/],
    ['redis://:6379', /the host is missing/],
    ['redis:///0', /the host is missing/],
    ['redis:h', /must begin with redis:\/\//],
    ['redis://h:hunter2', /the port must be a number from 1 to 65535/],
    ['redis://:hunter2@h:99999', /the port must be a number/],
    ['redis://h:', /the port must be a number/],
    ['redis://::1:6379', /more than one colon; write an IPv6 address in brackets|the port must be/],
    ['redis://[hunter2]', /no IPv6 address/],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: an unexpanded variable
    ['redis://${hunter2}', /holds a variable that is not expanded/],
    ['redis://:{{ .hunter2 }}@h', /white space|holds a variable/],
    ['redis://<hunter2>', /holds a placeholder/],
    ['redis://:[YOUR-PASSWORD]@h', /holds a placeholder/],
    ['redis://a*hunter2', /a character that no host name has/],
    ['redis://hunter2:@h', /a user name without a password/],
    ['redis+sentinel://:hunter2@h/0#main', /the name of a master behind the hosts: \/masterName/],
    ['redis+unix://h/hunter2.sock', /a Unix socket has no host; write three slashes/],
    ['unix:', /the path of the Unix socket is missing/],
    ['rediss+unix:///hunter2.sock', /a Unix socket has no TLS/],
    ['unix:///hunter2.sock?tls=true', /a Unix socket has no TLS/],
    ['redis://:hunter2@h/x', /the database, behind the host, must be a number/],
    ['redis://h/-1', /the database/],
    ['redis://h/1/2', /too many parts/],
    ['redis://h/1?db=2', /two databases/],
    ['redis://:hun/ter2@h', /the password holds a reserved character; write \/ as %2F/],
    ['redis://:hun?ter2@h', /the password holds a reserved character/],
    ['redis://:hun#ter2@h', /the password holds a reserved character/],
    ['redis://:12?hunter2@h', /the password holds a reserved character/],
    ['redis://u:hunter2@h#x', /must not hold a #/],
    ['redis://u:%zz@h', /the password holds a % that begins no percent form; write % as %25/],
    ['redis://hunter2@h', /a user name without a password; write a password alone as redis:\/\/:password@host/],
    ['redis://u:hunter 2@h', /white space; write a space in a password as %20/],
    ['redis://u:hunter2@h?password=x', /holds the password twice/],
    ['redis://:hunter2@a,b', /several hosts need redis\+sentinel/],
    ['redis://h?family=5', /URL parameter family must be 4, 6, or 0/],
    ['redis://h?family=hunter2', /URL parameter family/],
    ['redis://h?retryDelay=1', /URL parameter retryDelay is unknown; the known ones are: db, /],
    ['redis://h?hun/ter2=1', /URL parameter with special characters .*is unknown/],
    ['redis://h?timeout=2000', /URL parameter timeout must be a time .*a plain number is in s/],
    ['redis://h?timeoutMs=2', /URL parameter timeoutMs must be a time .*a plain number is in ms/],
    ['redis://h?name=a&client_name=b', /name and client_name mean the same/],
    ['redis://h?db=1&db=2', /db must appear once/],
    ['redis://h?ssl_cert_reqs=none', /ssl_cert_reqs needs TLS; begin the URL with rediss/],
    ['rediss://h?tls=false', /tls contradicts rediss/],
    ['rediss://h?ca=/nowhere/hunter2', /URL parameter ca must name a file that this process can read \(ENOENT\)/],
    ['redis://h?sentinelPassword=hunter2', /sentinelPassword needs redis\+sentinel/],
    ['redis+sentinel://u:hunter2@h', /the name of the master is missing/],
    ['redis+cluster://u:hunter2@h/1', /a cluster has only database 0/],
  ];
  it.each(faults)('parseRedisUrl names the part at fault of %j, and repeats no value', (url, says) => {
    let error: unknown;
    try {
      redisStore(url);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(TypeError);
    expect((error as Error).message).toMatch(/^redisStore: /);
    expect((error as Error).message).toMatch(says);
    expect(inspect((error as Error).message)).not.toMatch(/hunter|ter2/);
  });
});

describe('options of redisStore', () => {
  const wrong: readonly (readonly [object, RegExp])[] = [
    [{ timeoutMs: 2 }, /^redisStore\.timeoutMs: must be a whole number of milliseconds from 50/],
    [{ timeoutMs: 0 }, /^redisStore\.timeoutMs: /],
    [{ timeoutMs: '5' }, /^redisStore\.timeoutMs: must be a whole number of milliseconds/],
    [{ timeoutMs: Number.NaN }, /^redisStore\.timeoutMs: must be a whole number of milliseconds/],
    [{ timeoutMs: Number.POSITIVE_INFINITY }, /^redisStore\.timeoutMs: must be a whole number of milliseconds/],
    [{ connectTimeoutMs: 3 }, /^redisStore\.connectTimeoutMs: must be a whole number of milliseconds/],
    [{ timeoutMS: 2000 }, /^redisStore\.timeoutMS: there is no such option/],
    [{ tls: true }, /^redisStore\.tls: must be an object of TLS options/],
    [{ tls: { ca: 'x' } }, /^redisStore\.tls: needs a rediss:\/\/ URL/],
    [{ changes: 'yes' }, /^redisStore\.changes: must be true or false/],
    [
      { sentinelCredentials: { password: 'hunter2' } },
      /^redisStore\.sentinelCredentials: needs a redis\+sentinel:\/\/ URL/,
    ],
    [{ sentinelCredentials: 'hunter2' }, /^redisStore\.sentinelCredentials: must be an object/],
  ];
  it.each(wrong)('redisStore rejects %j by the path of the option', (options, says) => {
    expect(() => redisStore('redis://localhost', options)).toThrow(says);
    expect(() => redisStore('redis://localhost', options)).not.toThrow(/hunter2/);
  });
});
