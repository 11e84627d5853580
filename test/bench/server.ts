import { randomBytes } from 'node:crypto';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pathToFileURL } from 'node:url';
import Koa from 'koa';
import { bareListener } from './ceilings/bare.js';
import { koaBareListener } from './ceilings/koa-bare.js';
import { workListener } from './ceilings/work.js';
import type { Assignment } from './sample.js';

/*
 * The process that is measured: one server, told by its parent which. It answers `cpu` with its CPU time, and ends
 * with the channel to its parent.
 */

const PUBLIC_URL = 'http://localhost';

async function listenerFor({ configuration, dist, sample, model }: Assignment): Promise<RequestListener> {
  const sealed = configuration.endsWith('-sealed');
  if (model !== undefined) {
    if (configuration === 'bare') return bareListener(model);
    if (configuration === 'koa-bare') return koaBareListener(model);
    if (configuration.startsWith('work')) return workListener(model, sample, sealed);
  }
  const relay = await startRelay(dist, sealed);
  if (configuration !== 'koa') return relay.node();
  return new Koa().use(relay.koa()).callback();
}

async function startRelay(dist: string, sealed: boolean): Promise<import('credential-relay').Relay> {
  const entry = pathToFileURL(`${dist}/index.js`).href;
  const { createRelay } = (await import(entry)) as typeof import('credential-relay');
  // Deleted mailboxes leave a trace for a day: without wider bounds a long run would fill the store.
  const { memoryStore } = (await import(
    new URL('adapters/store/memory.js', entry).href
  )) as typeof import('credential-relay/adapters/store/memory');
  const store = memoryStore(new Map(), { maximumMailboxes: 10_000_000, maximumBytes: 2 ** 32 });
  return createRelay({ publicUrl: PUBLIC_URL, store, ...(sealed ? { keys: [randomBytes(32)] } : {}) });
}

async function start(assignment: Assignment): Promise<void> {
  const server = createServer(await listenerFor(assignment));
  server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
}

process.on('message', (question: Assignment | 'cpu') => {
  if (question === 'cpu') process.send?.(process.cpuUsage());
  else void start(question);
});
process.on('disconnect', () => process.exit());
