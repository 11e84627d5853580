/** A primary of node:cluster whose worker tries to create relays. Prints the results of the worker. */
import cluster from 'node:cluster';
import { memoryStore } from '../../../dist/adapters/store/memory.js';
import { createRelay, storeFromUrl } from '../../../dist/index.js';

const ATTEMPTS = {
  default: () => createRelay({ publicUrl: 'http://localhost' }),
  map: () => createRelay({ publicUrl: 'http://localhost', store: new Map() }),
  url: () => createRelay({ publicUrl: 'http://localhost', store: storeFromUrl('memory:') }),
  store: () => memoryStore(),
  allowed: () => createRelay({ publicUrl: 'http://localhost', store: memoryStore({ allowCluster: true }) }),
};

function attempt(create) {
  try {
    create();
    return 'created';
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
}

if (cluster.isPrimary) {
  cluster.fork().on('message', (message) => process.stdout.write(JSON.stringify(message)));
} else {
  const results = Object.entries(ATTEMPTS).map(([name, create]) => [name, attempt(create)]);
  process.send(Object.fromEntries(results), () => process.exit());
}
