import { spawn } from 'node:child_process';
import { cp } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { STORES } from './programs/stores.js';
import { transfer } from './programs/transfer.js';
import { makeFolder, makeProject, readVersion, run, write } from './support.mjs';

const ROUTES = ['memory', 'redis URL', 'KeyvRedis', 'postgres URL', 'KeyvPostgres', 'pg Pool', 'sqlite'];

/** A route handler per store: `/r0/relay`, `/r1/relay`, … */
const route = (/** @type {number} */ index, /** @type {string} */ store) => `
import { createRelay } from 'credential-relay';
${STORES[store]?.imports}
let relay;
const handle = (request) => {
  relay ??= createRelay({
    publicUrl: process.env.BASE + '/r${index}/relay',
    keys: [Buffer.alloc(32, 7)],
    store: ${STORES[store]?.store},
    onEvent: (event) => 'cause' in event && console.log(event.type, event.reason ?? event.cause),
  });
  return relay.fetch(request);
};
export const dynamic = 'force-dynamic';
export { handle as GET, handle as POST, handle as PUT, handle as PATCH, handle as DELETE };
`;

/** Builds `output: 'standalone'`, copies only what Next.js traced to another folder, and starts it there. */
export async function runNext(/** @type {import('./support.mjs').Results} */ results, /** @type {object} */ env) {
  const peers = ['@keyv/redis', '@keyv/postgres', 'pg', 'libsql'];
  const folder = await makeProject('next', ['next@16', 'react', 'react-dom', ...peers]);
  for (const [index, store] of ROUTES.entries()) {
    await write(folder, `app/r${index}/relay/[...path]/route.js`, route(index, store));
  }
  await write(folder, 'app/layout.js', 'export default ({ children }) => <html><body>{children}</body></html>;');
  await write(folder, 'app/page.js', 'export default () => <p>relay</p>;');
  const version = await readVersion(folder, 'next');
  for (const [name, flag, external] of /** @type {const} */ ([
    ['Turbopack', '--turbopack', false],
    ['Turbopack, package external', '--turbopack', true],
    ['webpack', '--webpack', false],
    ['webpack, package external', '--webpack', true],
  ])) {
    const row = `Next.js ${version} standalone, ${name}`;
    const externals = external ? ['credential-relay', 'libsql'] : ['libsql'];
    const config = {
      output: 'standalone',
      serverExternalPackages: externals,
      turbopack: { root: folder },
      outputFileTracingRoot: folder,
    };
    await write(folder, 'next.config.mjs', `export default ${JSON.stringify(config)};`);
    const built = await run('npx', ['next', 'build', flag], {
      cwd: folder,
      env: { NEXT_TELEMETRY_DISABLED: '1', ...env },
    });
    if (built.status !== 0) results.add(row, 'memory', built.output.slice(-900));
    else await tryStandalone(row, folder, results, env);
  }
}

async function tryStandalone(row, folder, results, env) {
  const place = await makeFolder('standalone');
  await cp(join(folder, '.next/standalone'), place, { recursive: true, verbatimSymlinks: true });
  const port = await freePort();
  const base = `http://127.0.0.1:${port}`;
  const server = spawn('node', ['server.js'], {
    cwd: place,
    env: { ...process.env, ...env, PORT: String(port), HOSTNAME: '127.0.0.1', BASE: base },
  });
  let output = '';
  for (const stream of [server.stdout, server.stderr]) stream.on('data', (text) => (output += text));
  try {
    for (
      let tries = 0;
      tries < 100 &&
      !(await fetch(base).then(
        () => true,
        () => false,
      ));
      tries++
    )
      await sleep(100);
    for (const [index, store] of ROUTES.entries()) {
      output = '';
      await transfer(`${base}/r${index}/relay`).then(
        () => results.add(row, store),
        (error) => results.add(row, store, `${error.message} ${output.slice(0, 600)}`),
      );
    }
  } finally {
    server.kill();
  }
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
      server.close(() => resolve(port));
    });
  });
}
