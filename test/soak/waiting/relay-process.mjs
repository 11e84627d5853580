/**
 * One relay process of a proof: a server on loopback, of node:http or Koa. It is told its settings in a message, answers
 * with its URL, and reports on itself when asked. Run it with --expose-gc.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { queryObjects } from 'node:v8';
import { createRelay } from 'credential-relay';
import { postgresStore } from 'credential-relay/adapters/store/postgres';
import { redisStore } from 'credential-relay/adapters/store/redis';
import Koa from 'koa';

/**
 * @typedef {object} Settings
 * @property {'node' | 'koa'} door
 * @property {{ kind: string, url: string, schema?: string }} [backend] none: the memory of the process
 * @property {boolean} [tells] false: of its writes it tells nobody
 * @property {string} key
 * @property {object} [waiting] options of createRelay
 */

const [settings] = /** @type {[Settings]} */ (await once(process, 'message'));
process.on('disconnect', () => process.exit()); // Who started it has ended.

function openStore() {
  const { backend, tells = true } = settings;
  if (backend === undefined) return undefined;
  const options = tells ? {} : { changes: false };
  if (backend.kind === 'redis') return redisStore(backend.url, options);
  return postgresStore(backend.url, { schema: backend.schema, ...options });
}

const server = createServer({ keepAliveTimeout: 65_000 });
server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 });
await once(server, 'listening');
const url = `http://127.0.0.1:${/** @type {import('node:net').AddressInfo} */ (server.address()).port}`;
const relay = createRelay({
  // Shared by all processes: which of them is asked is for the client to say.
  publicUrl: 'http://localhost/relay',
  store: openStore(),
  keys: [settings.key],
  longPoll: settings.longPoll,
});
let failures = 0;
relay.on('store.failed', () => {
  failures += 1;
});
await relay.ping();
server.on('request', settings.door === 'koa' ? new Koa().use(relay.koa()).callback() : relay.node());

const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();

/** Lives in the heap as long as a timer is set, or somebody holds it. */
const Timer = setTimeout(() => {}, 0).constructor;

/** @type {Record<string, () => unknown>} */
const answers = {
  load: relay.load,
  memory() {
    for (let round = 0; round < 3; round += 1) globalThis.gc?.();
    const { rss, heapUsed } = process.memoryUsage();
    return { rss, heapUsed, timers: queryObjects(Timer, { format: 'count' }) };
  },
  resetDelay() {
    delay.reset();
    return {};
  },
  delay: () => ({ p50: delay.percentile(50) / 1e6, p99: delay.percentile(99) / 1e6, max: delay.max / 1e6 }),
  cpu: () => process.cpuUsage(),
  failures: () => ({ count: failures }),
  drain: () => relay.drain().then(() => ({})),
};

process.on('message', async (/** @type {{ id: number, ask: string }} */ { id, ask }) => {
  process.send?.({ id, answer: await answers[ask]?.() });
});
process.send?.({ url: `${url}/relay` });
