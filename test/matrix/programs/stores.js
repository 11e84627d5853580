/* The stores of the matrix, each with only its own imports, so that a bundle holds the packages of one store. */

/** @type {Record<string, { packages: string[], imports: string, store: string }>} */
export const STORES = {
  memory: {
    packages: [],
    imports: `import { storeFromUrl } from 'credential-relay';`,
    store: `storeFromUrl('memory:')`,
  },
  'redis URL': {
    packages: ['@keyv/redis'],
    imports: `import { storeFromUrl } from 'credential-relay';`,
    store: 'storeFromUrl(process.env.REDIS_URL)',
  },
  KeyvRedis: {
    packages: ['@keyv/redis'],
    imports: `import KeyvRedis from '@keyv/redis';`,
    store: 'new KeyvRedis(process.env.REDIS_URL)',
  },
  'postgres URL': {
    packages: ['pg'],
    imports: `import { storeFromUrl } from 'credential-relay';`,
    store: 'storeFromUrl(process.env.POSTGRES_URL)',
  },
  KeyvPostgres: {
    packages: ['@keyv/postgres', 'pg'],
    imports: `import { KeyvPostgres } from '@keyv/postgres';`,
    store: 'new KeyvPostgres({ uri: process.env.POSTGRES_URL })',
  },
  'pg Pool': {
    packages: ['pg'],
    imports: `import pg from 'pg'; import { postgresStore } from 'credential-relay/adapters/store/postgres';`,
    store: 'postgresStore(new pg.Pool({ connectionString: process.env.POSTGRES_URL }))',
  },
  sqlite: {
    packages: ['libsql'],
    imports: `import { sqliteStore } from 'credential-relay/adapters/store/sqlite';`,
    store: 'sqliteStore(process.env.SQLITE_FILE)',
  },
};

/** A program that runs a transfer over node:http and one over the fetch handler, and prints `whole`. */
export const program = (store) => `
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { createRelay } from 'credential-relay';
${STORES[store].imports}
import { transfer } from './transfer.js';

async function main() {
  const problems = [];
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const base = 'http://127.0.0.1:' + server.address().port + '/relay';
  const relay = createRelay({
    publicUrl: base,
    keys: [randomBytes(32)],
    store: ${STORES[store].store},
    onEvent: (event) => 'cause' in event && problems.push(event.type + ' ' + String(event.reason ?? event.cause)),
  });
  server.on('request', relay.node());
  try {
    await transfer(base);
    await transfer(base, (url, init) => relay.fetch(new Request(url, init)));
    console.log('whole');
  } catch (error) {
    console.log('FAILED', error.message, problems[0] ?? '');
  }
  process.exit(0);
}
main();
`;
