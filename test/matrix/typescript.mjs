import { copyTransfer, judge, makeProject, run, write } from './support.mjs';

const SUBPATHS = [
  'client',
  'koa',
  'testing',
  'adapters/store/memory',
  'adapters/store/redis',
  'adapters/store/postgres',
  'adapters/store/sqlite',
  'adapters/auth/oauth-bearer',
  'adapters/auth/client-attestation',
  'adapters/notify/apns',
  'adapters/notify/fcm',
  'adapters/notify/web-push',
  'adapters/notify/webhook',
];

/** Imports every subpath, and is strict about an option that does not exist: types that resolve to `any` fail here. */
const APP = `
import { createServer } from 'node:http';
import { createRelay, isRelayError, type RelayOptions } from 'credential-relay';
import { createMailboxClient } from 'credential-relay/client';
import { memoryStore } from 'credential-relay/adapters/store/memory';
${SUBPATHS.map((subpath, index) => `import * as module${index} from 'credential-relay/${subpath}';`).join('\n')}
export const modules: object[] = [${SUBPATHS.map((_, index) => `module${index}`).join(', ')}];
export { createMailboxClient, isRelayError };
export const options: RelayOptions = { publicUrl: 'http://127.0.0.1', store: memoryStore() };
// @ts-expect-error there is no such option
createRelay({ publicUrl: 'http://127.0.0.1', prefix: '/relay' });
export const server = createServer(createRelay(options).node());
`;

const PROGRAM = `
import { createServer } from 'node:http';
import { createRelay } from 'credential-relay';
import { memoryStore } from 'credential-relay/adapters/store/memory';
import { transfer } from './transfer';
const server = createServer();
server.listen(0, '127.0.0.1', async () => {
  const base = 'http://127.0.0.1:' + (server.address() as import('node:net').AddressInfo).port;
  server.on('request', createRelay({ publicUrl: base, store: memoryStore() }).node());
  await transfer(base);
  console.log('whole');
  process.exit(0);
});
`;

/** @type {Record<string, { type: string, options: object }>} */
const SETTINGS = {
  'commonjs, node10': { type: 'commonjs', options: { module: 'commonjs', moduleResolution: 'node10' } },
  'node16, CommonJS': { type: 'commonjs', options: { module: 'node16' } },
  'node16, ES modules': { type: 'module', options: { module: 'node16' } },
  'nodenext, CommonJS': { type: 'commonjs', options: { module: 'nodenext' } },
  'nodenext, ES modules': { type: 'module', options: { module: 'nodenext' } },
  'esnext, bundler': { type: 'module', options: { module: 'esnext', moduleResolution: 'bundler' } },
};

export async function runPart({ results, isAsked }) {
  const packages = [
    '@types/node@20',
    '@koa/router',
    'koa',
    '@types/koa',
    'jose',
    'openid-client',
    'web-push',
    'pg',
    'ts-node',
  ];
  for (const typescript of ['5.4', '5.9', '6']) {
    const row = `TypeScript ${typescript}`;
    if (!isAsked(row)) continue;
    const folder = await makeProject('typescript', [`typescript@${typescript}`, ...packages]);
    await write(folder, 'app.ts', APP);
    await copyTransfer(folder, 'transfer.js');
    await write(folder, 'program.ts', PROGRAM);
    for (const [name, { type, options }] of Object.entries(SETTINGS)) {
      await run('npm', ['pkg', 'set', `type=${type}`], { cwd: folder });
      const compilerOptions = {
        strict: true,
        exactOptionalPropertyTypes: true,
        noEmit: true,
        target: 'es2022',
        types: ['node'],
        ...options,
        ...(typescript === '6' && { ignoreDeprecations: '6.0' }),
      };
      await write(folder, 'tsconfig.json', JSON.stringify({ compilerOptions, files: ['app.ts'] }));
      const { output } = await run('npx', ['tsc', '-p', '.'], { cwd: folder });
      // Errors inside of other libraries' declarations are not this package's.
      const lines = output.split('\n').filter((line) => /^(app\.ts|node_modules\/credential-relay|error)/.test(line));
      results.add(row, name, lines.length === 0 ? undefined : lines.slice(0, 4).join('\n'));
    }
    await run('npm', ['pkg', 'set', 'type=commonjs'], { cwd: folder });
    const compilerOptions = {
      strict: true,
      module: 'commonjs',
      moduleResolution: 'node10',
      target: 'es2022',
      allowJs: true,
      esModuleInterop: true,
      types: ['node'],
      skipLibCheck: true,
      ...(typescript === '6' && { ignoreDeprecations: '6.0' }),
    };
    await write(folder, 'tsconfig.json', JSON.stringify({ compilerOptions, files: ['program.ts'] }));
    results.add(
      row,
      'ts-node, a transfer',
      judge(await run('npx', ['ts-node', '--files', 'program.ts'], { cwd: folder, ms: 60_000 })),
    );
  }
}
