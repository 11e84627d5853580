import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { STORES } from './programs/stores.js';
import { copyTransfer, makeProject, readVersion, run, startServers, write } from './support.mjs';

const PEERS = ['@keyv/redis', '@keyv/postgres', 'pg', 'libsql'];
/** Packages of the hooks, without CommonJS. */
const HOOKS = ['jose', 'openid-client'];
const TYPES = ['typescript@5.9', '@types/node@20', '@types/jest', '@types/pg'];

/** Only these: Jest's recipe for packages that have no CommonJS. */
const IGNORED = ['node_modules/(?!(credential-relay|keyv|@keyv|zod|jose|openid-client|oauth4webapi)/)'];

/** A test per store: a transfer through the node handler and through the client. */
const test = (/** @type {string} */ store) => `
import { createServer } from 'node:http';
import { createRelay, isRelayError, RelayError } from 'credential-relay';
import { createReceiver } from 'credential-relay/client';
${STORES[store]?.imports.replace('import pg from', 'import * as pg from')}
import { transfer } from './transfer';

it('a whole transfer', async () => {
  const problems: unknown[] = [];
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const base = 'http://127.0.0.1:' + (server.address() as any).port + '/relay';
  const relay = createRelay({
    publicUrl: base,
    keys: [Buffer.alloc(32, 7)],
    store: ${STORES[store]?.store.replaceAll(/process\.env\.(\w+)/g, '(process.env.$1 as string)')},
    onEvent: (event: any) => { if ('cause' in event) problems.push(event); },
  });
  server.on('request', relay.node());
  try {
    await transfer(base).catch((error: Error) => { throw new Error(error.message + JSON.stringify(problems[0] ?? '')); });
    expect(isRelayError(new RelayError('mailbox_not_found'))).toBe(true);
    expect(typeof createReceiver).toBe('function');
  } finally {
    await relay.close();
    await new Promise((resolve) => { server.closeAllConnections(); server.close(resolve); });
  }
});
`;

/** A create with an access token that `oauthBearer` verifies, by jose and openid-client. */
const HOOK_TEST = `
import { generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { createRelay } from 'credential-relay';
import { oauthBearer } from 'credential-relay/adapters/auth/oauth-bearer';

const issuer = 'https://login.example.com';
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const documents: Record<string, object> = {
  [issuer + '/.well-known/openid-configuration']: { issuer, jwks_uri: issuer + '/keys' },
  [issuer + '/keys']: { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k', alg: 'RS256', use: 'sig' }] },
};
const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
function token(audience: string): string {
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: issuer, aud: audience, sub: 's', client_id: 'c', jti: randomUUID(), iat: now, exp: now + 60 };
  const text = encode({ alg: 'RS256', typ: 'at+jwt', kid: 'k' }) + '.' + encode(claims);
  return text + '.' + sign('sha256', Buffer.from(text), privateKey).toString('base64url');
}

it('verifies access tokens', async () => {
  const problems: string[] = [];
  const relay = createRelay({
    publicUrl: 'http://localhost/relay',
    authenticate: oauthBearer({ issuer, fetch: async (url) => Response.json(documents[String(url)] ?? {}) }),
    onEvent: (event: any) => { if ('cause' in event) problems.push(String(event.cause)); },
  });
  const create = async (authorization: string) => {
    const { status } = await relay.fetch(new Request('http://localhost/relay/v1/m', {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json', 'mailbox-device-claim': randomUUID(), 'mailbox-request-id': randomUUID() },
      body: JSON.stringify({
        payload: { type: 'AEAD_AES_128_GCM', data: Buffer.alloc(36).toString('base64') },
        displayInformation: { title: 't', description: 'd', imageURL: 'https://example.com/i.png' },
      }),
    }));
    return status;
  };
  const statuses = [
    await create('Bearer ' + token('http://localhost/relay')),
    await create('Bearer ' + token('https://another.example.com')),
  ];
  expect({ statuses, problems }).toEqual({ statuses: [200, 401], problems: [] });
});
`;

export async function runPart({ results, isAsked }) {
  const servers = await startServers();
  try {
    for (const version of [29, 30]) {
      for (const transformer of ['ts-jest', 'babel-jest']) {
        if (isAsked(`${transformer} ${version}`)) await runJest(version, transformer, results, servers.env);
      }
    }
  } finally {
    await servers.close();
  }
}

// forceExit: the clients of the host, which no test closes, keep Jest waiting.
async function runJest(version, transformer, results, env) {
  const tools =
    transformer === 'ts-jest'
      ? ['ts-jest@29']
      : [`babel-jest@${version}`, '@babel/core@7', '@babel/preset-env@7', '@babel/preset-typescript@7'];
  const folder = await makeProject('jest', [`jest@${version}`, ...tools, ...TYPES, ...PEERS, ...HOOKS]);
  await write(
    folder,
    'babel.config.cjs',
    `module.exports = { presets: [['@babel/preset-env', { targets: { node: 'current' } }], '@babel/preset-typescript'] };`,
  );
  await write(
    folder,
    'tsconfig.json',
    JSON.stringify({
      compilerOptions: {
        module: 'commonjs',
        moduleResolution: 'node10',
        target: 'es2022',
        esModuleInterop: true,
        strict: true,
        skipLibCheck: true,
        allowJs: true,
      },
    }),
  );
  await copyTransfer(folder, 'transfer.ts');
  const source = await readFile(fileURLToPath(new URL('programs/transfer.js', import.meta.url)), 'utf8');
  await write(folder, 'transfer.ts', `// @ts-nocheck\n${source}`);
  const stores = Object.keys(STORES);
  for (const [index, store] of stores.entries()) await write(folder, `store${index}.test.ts`, test(store));
  await write(folder, 'hook.test.ts', HOOK_TEST);
  const name = `Jest ${await readVersion(folder, 'jest')}, ${transformer}`;
  for (const [row, ignored] of /** @type {const} */ ([
    [name, undefined],
    [`${name}, transformIgnorePatterns`, IGNORED],
  ])) {
    const config = {
      testEnvironment: 'node',
      transform: {
        '^.+\\.[mc]?[jt]sx?$':
          transformer === 'ts-jest' ? ['ts-jest', { diagnostics: ignored === undefined }] : 'babel-jest',
      },
      // Without the pattern, Jest cannot read the packages of the hooks.
      ...(ignored ? { transformIgnorePatterns: ignored } : { testPathIgnorePatterns: ['hook.test.ts'] }),
    };
    await write(folder, 'jest.config.json', JSON.stringify(config));
    const ran = await run(
      'npx',
      ['jest', '--no-color', '--forceExit', '--config', 'jest.config.json', '--json', '--outputFile', 'out.json'],
      {
        cwd: folder,
        env,
      },
    );
    const report = await readFile(`${folder}/out.json`, 'utf8').then(JSON.parse, () => ({ testResults: [] }));
    const files = Object.fromEntries(stores.map((store, index) => [store, `store${index}.test.ts`]));
    if (ignored) files.oauthBearer = 'hook.test.ts';
    for (const [column, path] of Object.entries(files)) {
      const file = report.testResults.find((/** @type {{ name: string }} */ each) => each.name.endsWith(path));
      const problem = file?.status === 'passed' ? undefined : (file?.message ?? ran.output).slice(0, 900);
      results.add(row, column, problem);
    }
  }
}
