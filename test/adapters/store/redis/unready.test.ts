import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { createClient } from '@keyv/redis';
import type { MailboxStore, RelayEvent } from 'credential-relay';
import { describe, expect, it } from 'vitest';
import { explainReply } from '../../../../adapters/store/redis/explain.js';
import { redisStore } from '../../../../adapters/store/redis/index.js';
import { closeAfterEach } from '../../../support/redis/relay.js';
import { freePort, type RedisServer, startRedis, until, withRedis } from '../../../support/redis/server.js';
import { startSentinel } from '../../../support/redis/topologies.js';
import { device, testRelay } from '../../../support/relay/relay.js';

const { closed, later } = closeAfterEach();

const start = async (...args: string[]): Promise<RedisServer> => closed(await startRedis({ args }));

/** Starts a server, and returns its URL for a user with these ACL rules. */
async function startWithUser(...rules: string[]): Promise<string> {
  const server = await start();
  await server.command('ACL', 'SETUSER', 'app', 'on', '>hunter2', ...rules);
  return server.url.replace('//', '//app:hunter2@');
}

async function startWithPassword(password: string): Promise<RedisServer> {
  const server = await start();
  await server.command('CONFIG', 'SET', 'requirepass', password);
  return server;
}

/** A state of Redis in which the relay cannot work: it returns a URL. `code` and `says` are of the error. */
interface Cause {
  readonly name: string;
  readonly code: string | RegExp;
  readonly says: RegExp;
  /** True if some operations still work. */
  readonly isPartial?: boolean;
  setUp(): Promise<string>;
}

const CAUSES: readonly Cause[] = [
  {
    name: 'the ACL allows another prefix',
    code: 'NOPERM',
    says: /may not read and write the keys of the relay; add ~relay:\*/,
    setUp: () => startWithUser('~other:*', '&*', '+@all'),
  },
  {
    name: 'the ACL allows to read the keys only',
    code: 'NOPERM',
    says: /may not read and write the keys of the relay/,
    setUp: () => startWithUser('%R~relay:*', '&*', '+@all'),
  },
  {
    name: 'the ACL allows reading commands only',
    code: 'NOPERM',
    says: /may not run the command EVALSHA; add \+evalsha/,
    setUp: () => startWithUser('~*', '&*', '+@read', '+@connection', '+time'),
  },
  {
    name: 'the ACL denies GETRANGE',
    code: 'NOPERM',
    says: /may not run the command GETRANGE; add \+getrange/,
    isPartial: true,
    setUp: () => startWithUser('~*', '&*', '+@all', '-getrange'),
  },
  {
    name: 'the ACL denies SET, which the scripts call',
    code: 'redis_script_denied',
    says: /may run scripts, but not (?:each|the) command (?:SET )?inside of them; add \+(?:get \+set|set)/,
    setUp: () => startWithUser('~*', '&*', '+@all', '-set'),
  },
  {
    name: 'the ACL denies TIME',
    code: 'NOPERM',
    says: /may not run the command TIME; add \+time|inside of them; add \+(?:get \+set \+)?time/,
    setUp: () => startWithUser('~*', '&*', '+@all', '-time'),
  },
  {
    name: 'EVALSHA is renamed away',
    code: 'redis_command_missing',
    says: /does not offer the command EVALSHA; end its rename-command/,
    setUp: async () => (await start('--rename-command', 'EVALSHA', '')).url,
  },
  {
    name: 'EVAL is renamed away',
    code: 'redis_command_missing',
    says: /does not offer the command EVAL; end its rename-command/,
    setUp: async () => (await start('--rename-command', 'EVAL', '')).url,
  },
  {
    name: 'Redis is full',
    code: 'OOM',
    says: /has reached its maxmemory/,
    setUp: async () => (await start('--maxmemory', '1', '--maxmemory-policy', 'noeviction')).url,
  },
  {
    name: 'Redis could not save its data',
    code: 'MISCONF',
    says: /could not save its data; read the log of Redis/,
    async setUp() {
      const server = await start('--save', '3600 1000000');
      const [, folder] = (await server.command('CONFIG', 'GET', 'dir')) as [string, string];
      await rm(folder, { recursive: true });
      await server.command('BGSAVE');
      await until(
        async () => String(await server.command('INFO', 'persistence')).includes('rdb_last_bgsave_status:err'),
        'the background save to fail',
      );
      return server.url;
    },
  },
  {
    name: 'too few replicas are connected',
    code: 'NOREPLICAS',
    says: /too few replicas are connected/,
    setUp: async () => (await start('--min-replicas-to-write', '1')).url,
  },
  {
    name: 'the cluster serves no slot',
    code: 'CLUSTERDOWN',
    says: /does not serve all of its slots/,
    setUp: async () => (await start('--cluster-enabled', 'yes')).url,
  },
  {
    name: 'the server is one node of a cluster',
    code: 'MOVED',
    says: /use a redis\+cluster:\/\/ URL/,
    async setUp() {
      const server = await start('--cluster-enabled', 'yes', '--cluster-require-full-coverage', 'no');
      const other = await start('--cluster-enabled', 'yes', '--cluster-require-full-coverage', 'no');
      await server.command('CLUSTER', 'ADDSLOTSRANGE', '0', '5');
      await other.command('CLUSTER', 'ADDSLOTSRANGE', '6', '16383');
      await server.command('CLUSTER', 'MEET', '127.0.0.1', String(other.port));
      await until(
        async () => String(await server.command('CLUSTER', 'INFO')).includes('cluster_slots_assigned:16384'),
        'the nodes to meet',
      );
      await until(
        async () => String(await server.command('CLUSTER', 'INFO')).includes('cluster_state:ok'),
        'the cluster to serve',
      );
      return server.url;
    },
  },
  {
    name: 'the cluster serves some slots only',
    code: 'CLUSTERDOWN',
    isPartial: true,
    says: /does not serve all of its slots/,
    async setUp() {
      const server = await start('--cluster-enabled', 'yes', '--cluster-require-full-coverage', 'no');
      await server.command('CLUSTER', 'ADDSLOTSRANGE', '0', '16000');
      await until(
        async () => String(await server.command('CLUSTER', 'INFO')).includes('cluster_state:ok'),
        'the cluster to serve',
      );
      return server.url.replace('redis:', 'redis+cluster:');
    },
  },
  {
    name: 'the server is a replica',
    code: 'READONLY',
    says: /is a replica and refuses writes; connect to the primary/,
    setUp: async () => (await start('--replicaof', '127.0.0.1', String(await freePort()))).url,
  },
  {
    name: 'Redis loads its data',
    code: 'LOADING',
    says: /is loading its data from the disk/,
    async setUp() {
      const server = await start('--key-load-delay', '300', '--loading-process-events-interval-bytes', '1024');
      await server.command('DEBUG', 'POPULATE', '8000').catch(() => populate(server));
      await server.command('SAVE');
      await server.stop('SIGKILL');
      const starting = server.start();
      later(() => starting);
      await until(
        async () => /LOADING/.test(await server.command('GET', 'k').then(String, (error: unknown) => String(error))),
        'Redis to load',
      );
      return server.url;
    },
  },
  {
    name: 'the URL has no password',
    code: 'NOAUTH',
    says: /requires a password; add it to the URL/,
    setUp: async () => (await startWithPassword('hunter2')).url,
  },
  {
    name: 'the password is wrong',
    code: 'WRONGPASS',
    says: /refused the user name or the password/,
    setUp: async () => (await startWithPassword('right')).url.replace('//', '//:hunter2@'),
  },
  {
    name: 'the database does not exist',
    code: 'redis_database_missing',
    says: /has no database of this number/,
    setUp: async () => `${(await start()).url}/99`,
  },
  {
    name: 'a cluster has no database 3',
    code: 'redis_is_cluster',
    says: /node of a cluster, which has only database 0/,
    setUp: async () => `${(await start('--cluster-enabled', 'yes')).url}/3`,
  },
  {
    name: 'all connections are taken',
    code: 'redis_clients_exhausted',
    says: /accepts no more connections; raise its setting maxclients/,
    async setUp() {
      const server = await start();
      const holder = createClient({ url: server.url }).on('error', () => {});
      await holder.connect();
      later(() => holder.destroy());
      await holder.sendCommand(['CONFIG', 'SET', 'maxclients', '1']);
      return server.url;
    },
  },
  {
    name: 'a script of another program runs',
    code: 'BUSY',
    says: /script of another program blocks Redis/,
    async setUp() {
      const server = await start('--busy-reply-threshold', '20');
      const holder = createClient({ url: server.url }).on('error', () => {});
      await holder.connect();
      const running = holder.sendCommand(['EVAL', 'while true do end', '0']).catch(() => {});
      later(async () => {
        await server.command('SCRIPT', 'KILL');
        await running;
        holder.destroy();
      });
      await until(
        async () => /BUSY/.test(await server.command('GET', 'k').then(String, (error: unknown) => String(error))),
        'Redis to be busy',
      );
      return server.url;
    },
  },
  {
    name: 'the server is a sentinel',
    code: 'redis_is_sentinel',
    says: /is a sentinel; use redis\+sentinel/,
    async setUp() {
      const servers = closed(await startSentinel());
      return `redis://127.0.0.1:${servers.sentinel.port}`;
    },
  },
  {
    name: 'the server is no sentinel',
    code: 'redis_command_missing',
    says: /is no sentinel; give the port of the sentinels/,
    setUp: async () => `${(await start()).url.replace('redis:', 'redis+sentinel:')}/main`,
  },
  {
    name: 'the sentinel knows no such master',
    code: 'redis_unknown_master',
    says: /know no master of the name in the URL/,
    async setUp() {
      const port = await freePort();
      const config = `sentinel monitor other 127.0.0.1 ${await freePort()} 1\nbind 127.0.0.1`;
      const sentinel = closed(await startRedis({ config, port }));
      return `redis+sentinel://127.0.0.1:${sentinel.port}/main`;
    },
  },
  {
    name: 'the server is no cluster',
    code: 'redis_is_no_cluster',
    says: /is not a node of a cluster; use a redis:\/\/ URL/,
    setUp: async () => (await start()).url.replace('redis:', 'redis+cluster:'),
  },
  {
    name: 'the port expects TLS',
    code: /^(?:redis_unreachable|ECONNRESET)$/,
    says: /may expect TLS: use rediss/,
    setUp: async () => closed(await startRedis({ tls: true })).url.replace('rediss:', 'redis:'),
  },
  {
    name: 'the port does not expect TLS',
    code: 'redis_timeout',
    says: /did not answer within 300 ms; .*TLS/,
    setUp: async () => `${(await start()).url.replace('redis:', 'rediss:')}?timeout=300ms&connect_timeout=300ms`,
  },
  {
    name: 'the certificate is self-signed',
    code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
    says: /not signed by an authority that Node knows; name the file of the authority: \?ca=FILE/,
    setUp: async () => closed(await startRedis({ tls: true })).url,
  },
  {
    name: 'nothing listens',
    code: 'ECONNREFUSED',
    says: /Nothing listens at the host and port of Redis/,
    setUp: async () => `redis://127.0.0.1:${await freePort()}`,
  },
  {
    name: 'Redis hangs',
    code: 'redis_timeout',
    says: /did not answer within 300 ms/,
    async setUp() {
      const server = await start();
      server.freeze();
      later(server.thaw);
      return `${server.url}?timeout=300ms&connect_timeout=300ms`;
    },
  },
];

/** DEBUG may be disabled. */
async function populate(server: RedisServer): Promise<void> {
  await server.command('EVAL', "for i = 1, 8000 do redis.call('SET', 'key:' .. i, i) end", '0');
}

async function getError(call: Promise<unknown>): Promise<{ code: string; message: string }> {
  return call.then(
    () => expect.fail('the call must reject'),
    (error: unknown) => error as { code: string; message: string },
  );
}

withRedis(it, () => {
  describe('a Redis that cannot do the work of the relay', () => {
    it.each(CAUSES)('ping and store.failed name the cause and the remedy if $name', async (cause) => {
      const store = closed(redisStore(await cause.setUp()));
      const events: RelayEvent[] = [];
      const relay = closed(testRelay({ store, keys: [randomBytes(32)], onEvent: (event) => events.push(event) }));
      const error = await getError(relay.ping());
      expect(error).toMatchObject({ name: 'RedisStoreError', code: expect.stringMatching(cause.code) });
      expect(error.message).toMatch(cause.says);
      expect(error.message).not.toMatch(/hunter2|127\.0\.0\.1|:ping/);
      if (process.env.PRINT_CAUSES !== undefined) {
        process.stderr.write(`| ${cause.name} | ${error.code} | ${error.message} |\n`);
      }
      if (cause.isPartial !== true) expect((await device(relay).create()).status).toBe(503);
      await expect.poll(() => events.some((event) => event.type === 'store.failed')).toBe(true);
      for (const event of events) {
        if (event.type === 'store.failed') expect(event.reason).toMatch(cause.says);
      }
    });

    it('the keys of a ping end at once, and a ping notifies nobody', async () => {
      const server = await start();
      const raw = createClient({ url: server.url });
      later(() => raw.destroy());
      await raw.connect();
      const messages: string[] = [];
      await raw.pSubscribe('*', (message) => void messages.push(message));
      const store: MailboxStore = closed(redisStore(server.url));
      for (let count = 0; count < 5; count += 1) await store.ping('tenant:ping');
      await until(async () => (await server.command('DBSIZE')) === 0, 'the keys to end', 1000);
      expect(messages).toEqual([]);
    });

    it('ping works with rights to the keys of the namespace only', async () => {
      const url = await startWithUser(
        '~tenant:*',
        '&credential-relay:changes',
        '+get',
        '+getrange',
        '+set',
        '+time',
        '+eval',
        '+evalsha',
        '+publish',
        '+subscribe',
      );
      const store = closed(redisStore(url));
      const relay = closed(testRelay({ store, namespace: 'tenant', keys: [randomBytes(32)] }));
      expect(await relay.ping()).toEqual({ clockSkewMs: expect.any(Number) });
      expect((await device(relay).create()).status).toBe(200);
      await expect(store.ping()).rejects.toMatchObject({ code: 'NOPERM' });
    });
  });
});

describe('explainReply', () => {
  const wordings: readonly (readonly [string, string, string, RegExp])[] = [
    [
      'NOPERM',
      "NOPERM this user has no permissions to run the 'evalsha' command or its subcommand",
      'NOPERM',
      /\+evalsha/,
    ],
    ['NOPERM', "NOPERM User relay has no permissions to run the 'eval' command", 'NOPERM', /\+eval/],
    ['NOPERM', 'NOPERM No permissions to access a key', 'NOPERM', /~relay:\*/],
    [
      'NOPERM',
      'NOPERM this user has no permissions to access one of the keys used as arguments',
      'NOPERM',
      /~relay:\*/,
    ],
    [
      'ERR',
      "ERR The user executing the script can't run this command or subcommand script: 8a2",
      'redis_script_denied',
      /\+set/,
    ],
    [
      'ERR',
      "ERR ACL failure in script: User u has no permissions to run the 'time' command script: 8a2",
      'redis_script_denied',
      /\+time/,
    ],
    [
      'ERR',
      'ERR unknown command `EVALSHA`, with args beginning with: `hunter2`',
      'redis_command_missing',
      /command EVALSHA;/,
    ],
    ['ERR', "ERR unknown command 'HUNTER2', with args", 'redis_command_missing', /a command that the relay needs/],
    ['ERR', 'ERR invalid DB index', 'redis_database_missing', /database/],
    ['ERR', 'ERR Error running script (call to f_8): @user_script:4: ERR syntax error', 'redis_too_old', /6\.2/],
    [
      'DENIED',
      'DENIED Redis is running in protected mode because protected mode is enabled',
      'DENIED',
      /protected mode/,
    ],
    ['ERR', 'ERR something about hunter2', 'ERR', /log of Redis/],
    ['NEWWORD', 'NEWWORD hunter2', 'NEWWORD', /NEWWORD/],
  ];
  it.each(wordings)('explainReply reads %s of %j', (prefix, text, code, says) => {
    const explained = explainReply(prefix, text);
    expect(explained.code).toBe(code);
    expect(explained.message).toMatch(says);
    expect(explained.message).not.toMatch(/hunter2/i);
  });
});
