import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { queryObjects } from 'node:v8';
import { createRelay, type MailboxStore, storeFromUrl } from 'credential-relay';
import { memoryStore } from 'credential-relay/adapters/store/memory';
import { postgresStore } from 'credential-relay/adapters/store/postgres';
import { redisStore } from 'credential-relay/adapters/store/redis';
import Koa from 'koa';
import { acknowledgeFirst } from '../race/acknowledge-first-store.js';
import { createGetThenSetStore } from '../race/get-then-set-store.js';
import type { RelayProcessSettings } from './backends.js';
import { receiveSettings, serveParent } from './parent.js';

/* A relay in a child process, on a server of node:http or Koa on loopback. `memory` needs --expose-gc. */

const settings = await receiveSettings<RelayProcessSettings>();

function openStore(): MailboxStore {
  const { backend, writeMode = 'compare-and-set', publishes = true } = settings;
  if (backend === undefined) return memoryStore();
  if (writeMode === 'get-then-set') return createGetThenSetStore(backend, settings.namespace);
  const { kind, url, schema } = backend;
  const options = publishes ? {} : { changes: false };
  if (writeMode === 'acknowledge-first') return acknowledgeFirst(openSharedStore());
  return openSharedStore();

  function openSharedStore(): MailboxStore {
    if (kind === 'redis') return redisStore(url, options);
    if (kind === 'postgres') return postgresStore(url, { ...(schema === undefined ? {} : { schema }), ...options });
    return storeFromUrl(url);
  }
}

let lostRaces = 0;
let failures = 0;

function countLostRaces(store: MailboxStore): MailboxStore {
  return {
    ...store,
    async replace(...values) {
      const result = await store.replace(...values);
      if (result === 'conflict') lostRaces += 1;
      return result;
    },
  };
}

const server = createServer({ keepAliveTimeout: 65_000 });
// A thousand clients connect at once.
server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 });
await once(server, 'listening');
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const relay = createRelay({
  // One public URL for all processes; the client chooses the process by its own URL.
  publicUrl: 'http://localhost/relay',
  store: countLostRaces(openStore()),
  keys: [settings.key],
  namespace: settings.namespace,
  ...(settings.longPoll === undefined ? {} : { longPoll: settings.longPoll }),
});
relay.on('store.failed', () => {
  failures += 1;
});
await relay.ping();
server.on('request', settings.handler === 'koa' ? new Koa().use(relay.koa()).callback() : relay.node());

const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();

/** Timers stay in the heap while they run or are referenced. */
const Timer = setTimeout(() => {}, 0).constructor as new () => NodeJS.Timeout;

const commands = {
  stats: () => ({ ...relay.stats(), lostRaces, failures }),
  memory() {
    for (let round = 0; round < 3; round += 1) globalThis.gc?.();
    const { rss, heapUsed } = process.memoryUsage();
    return { rss, heapUsed, timers: queryObjects(Timer, { format: 'count' }) };
  },
  resetDelay: () => delay.reset(),
  /** Delays of the event loop since `resetDelay`, in ms. */
  delay: () => ({ p99: delay.percentile(99) / 1e6, max: delay.max / 1e6 }),
  cpu: () => process.cpuUsage(),
  drain: () => relay.drain(),
};

export type RelayCommands = typeof commands;

serveParent({ origin, base: `${origin}/relay` }, commands);
