import { randomBytes } from 'node:crypto';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pathToFileURL } from 'node:url';
import Koa from 'koa';
import { receiveSettings, serveParent } from '../support/process/parent.js';
import { bareListener } from './ceilings/bare.js';
import { koaBareListener } from './ceilings/koa-bare.js';
import { workListener } from './ceilings/work.js';
import type { Assignment } from './sample.js';

/* The measured child process: one server. Its parent sends the configuration. */

const PUBLIC_URL = 'http://localhost';

async function createListener({ configuration, dist, sample, model }: Assignment): Promise<RequestListener> {
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
  // A deleted mailbox leaves a tombstone for a day. With the default bounds a long run would fill the store.
  const { memoryStore } = (await import(
    new URL('adapters/store/memory.js', entry).href
  )) as typeof import('credential-relay/adapters/store/memory');
  const store = memoryStore(new Map(), { maximumMailboxes: 10_000_000, maximumBytes: 2 ** 32 });
  return createRelay({ publicUrl: PUBLIC_URL, store, ...(sealed ? { keys: [randomBytes(32)] } : {}) });
}

const commands = { cpu: () => process.cpuUsage() };

export type ServerCommands = typeof commands;

const server = createServer(await createListener(await receiveSettings<Assignment>()));
server.listen(0, '127.0.0.1', () => serveParent({ port: (server.address() as AddressInfo).port }, commands));
