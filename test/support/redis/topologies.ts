import { freePort, type RedisServer, startRedis, until } from './server.js';

const SLOTS = 16_384;

/** A Redis Cluster of three masters, without replicas. */
export interface RedisClusterServers {
  readonly nodes: readonly RedisServer[];
  /** Resolves when each node sees a whole cluster. */
  formed(): Promise<void>;
  close(): Promise<void>;
}

/** Starts three masters on loopback and joins them. */
export async function startRedisCluster(...moreArgs: string[]): Promise<RedisClusterServers> {
  const args = [
    ...moreArgs,
    '--cluster-enabled',
    'yes',
    '--cluster-node-timeout',
    '2000',
    '--cluster-config-file',
    'nodes.conf',
  ];
  const nodes = await all([0, 1, 2].map(() => startRedis({ args })));
  const close = async (): Promise<void> => void (await Promise.all(nodes.map((node) => node.close())));
  async function formed(): Promise<void> {
    for (const node of nodes) {
      await until(async () => {
        const info = String(await node.command('CLUSTER', 'INFO'));
        return info.includes('cluster_state:ok') && info.includes('cluster_known_nodes:3');
      }, 'the cluster to form');
    }
  }
  try {
    const [first] = nodes;
    for (const [index, node] of nodes.entries()) {
      const [from, to] = [index, index + 1].map((part) => Math.floor((part * SLOTS) / nodes.length)) as [
        number,
        number,
      ];
      await node.command('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to - 1));
      if (node !== first) await node.command('CLUSTER', 'MEET', '127.0.0.1', String(first?.port));
    }
    await formed();
  } catch (error) {
    await close();
    throw error;
  }
  return { nodes, formed, close };
}

/** A primary, its replica, and one sentinel with a quorum of 1. */
export interface SentinelServers {
  readonly primary: RedisServer;
  readonly replica: RedisServer;
  readonly sentinel: RedisServer;
  /** The name under which the sentinel knows the primary. */
  readonly name: string;
  readonly url: string;
  close(): Promise<void>;
}

/** Resolves when the replica is in sync and known to the sentinel. */
export async function startSentinel(): Promise<SentinelServers> {
  const name = 'mailboxes';
  const servers: RedisServer[] = [];
  const close = async (): Promise<void> => void (await Promise.all(servers.map((server) => server.close())));
  const start = async (...args: Parameters<typeof startRedis>): Promise<RedisServer> => {
    const server = await startRedis(...args);
    servers.push(server);
    return server;
  };
  try {
    const quick = ['--repl-diskless-sync-delay', '0'];
    const primary = await start({ args: quick });
    const replica = await start({ args: [...quick, '--replicaof', '127.0.0.1', String(primary.port)] });
    await until(
      async () => String(await replica.command('INFO', 'replication')).includes('link_status:up'),
      'the replica',
    );
    const sentinel = await start({
      config: [
        `sentinel monitor ${name} 127.0.0.1 ${primary.port} 1`,
        `sentinel down-after-milliseconds ${name} 500`,
        `sentinel failover-timeout ${name} 3000`,
        'bind 127.0.0.1',
      ].join('\n'),
      port: await freePort(),
    });
    await until(
      async () => {
        const replicas = await sentinel.command('SENTINEL', 'REPLICAS', name);
        return JSON.stringify(replicas).includes(String(replica.port));
      },
      'the sentinel to find the replica',
      15_000,
    );
    return { primary, replica, sentinel, name, url: `redis+sentinel://127.0.0.1:${sentinel.port}/${name}`, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Like Promise.all, but closes the other servers if one fails to start. */
async function all(starting: readonly Promise<RedisServer>[]): Promise<RedisServer[]> {
  const settled = await Promise.allSettled(starting);
  const started = settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const failed = settled.find((result) => result.status === 'rejected');
  if (failed === undefined) return started;
  await Promise.all(started.map((server) => server.close()));
  throw failed.reason;
}
