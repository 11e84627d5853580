import { copyTransfer, judge, makeProject, readVersion, run, write } from './support.mjs';

const APP = `
import { createMailboxClient, createReceiver } from 'credential-relay/client';
globalThis.relayClient = { createMailboxClient, createReceiver };
`;

/** Loads the bundle beside a relay, as Hermes would load it in an app. */
const PROGRAM = `
import { createServer } from 'node:http';
import { runInThisContext } from 'node:vm';
import { readFileSync } from 'node:fs';
import { createRelay } from 'credential-relay';
import { transfer } from './transfer.mjs';
runInThisContext(readFileSync('bundle.js', 'utf8'));
const server = createServer();
server.listen(0, '127.0.0.1', async () => {
  const base = 'http://127.0.0.1:' + server.address().port;
  server.on('request', createRelay({ publicUrl: base }).node());
  await transfer(base);
  const { status } = await globalThis.relayClient.createMailboxClient().create(base, {
    payload: { type: 'AEAD_AES_128_GCM', data: 'ZGF0YQ==' },
    displayInformation: { title: 't', description: 'd', imageURL: 'https://example.com/i.png' },
  });
  console.log(status === 200 ? 'whole' : status);
  process.exit(0);
});
`;

const build = (/** @type {boolean} */ exports) => `
const Metro = require('metro');
(async () => {
  const config = await Metro.loadConfig({ cwd: __dirname }, { transformer: { babelTransformerPath: require.resolve('@react-native/metro-babel-transformer') },
    resolver: { unstable_enablePackageExports: ${exports}, sourceExts: ['js', 'json', 'ts', 'tsx', 'cjs'] } });
  const { code } = await Metro.runBuild(config, { entry: 'index.js', platform: 'ios', dev: false, minify: false, out: 'bundle.js' });
  require('node:fs').writeFileSync('bundle.js', code);
})().catch((error) => { console.log(error.message); process.exit(1); });
`;

export async function runPart({ results, isAsked }) {
  const presets = ['@babel/core@7', '@react-native/babel-preset', '@react-native/metro-babel-transformer'];
  const folder = await makeProject('metro', ['metro', ...presets, '@babel/runtime']);
  await write(folder, 'index.js', APP);
  await write(folder, 'babel.config.js', `module.exports = { presets: ['module:@react-native/babel-preset'] };`);
  await write(folder, 'metro.config.js', 'module.exports = {};');
  await copyTransfer(folder, 'transfer.mjs');
  await write(folder, 'program.mjs', PROGRAM);
  const version = await readVersion(folder, 'metro');
  for (const [column, exports] of /** @type {const} */ ([
    ['with package exports', true],
    ['without package exports', false],
  ])) {
    if (!isAsked(column)) continue;
    await write(folder, 'build.cjs', build(exports));
    const built = await run('node', ['build.cjs'], { cwd: folder });
    const outcome = built.status === 0 ? await run('node', ['program.mjs'], { cwd: folder, ms: 30_000 }) : built;
    results.add(`Metro ${version}`, column, judge(outcome));
  }
}
