import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'tsup';
import ts from 'typescript';

/*
 * Runs whole transfers of credential-relay/client in foreign runtimes against a relay of this package:
 *
 *   npx tsup --silent --no-dts && node test/matrix/client-runtimes.mjs [node] [workerd] [bun] [deno] [hermes]
 *
 * Installs the runtimes from the npm registry into a temporary folder. Hermes has no network, so it talks to
 * fake-relay.js in the same engine, and has its cryptography from @noble, by the option `crypto`. Exits with 1 if a
 * runtime fails. Another script can import `runClientRuntimes`.
 */

const run = promisify(execFile);
const HERE = fileURLToPath(new URL('.', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** What npm installs for each runtime. */
const PACKAGES = {
  node: [],
  workerd: ['miniflare@4'],
  bun: ['bun@1'],
  deno: ['deno@2'],
  hermes: ['hermes-engine-cli@0.12.0', '@noble/ciphers@2', '@noble/hashes@2'],
};

/**
 * The globals that React Native adds to Hermes and the client needs, timers whose long ones never end, and an Error that
 * classes of ES5 can extend, as Babel's helper makes it.
 */
const HERMES_PRELUDE = `
  var NativeError = Error;
  globalThis.Error = function (message) {
    if (!(this instanceof NativeError)) return new Error(message);
    this.message = message;
    this.stack = new NativeError(message).stack;
  };
  Error.prototype = NativeError.prototype;
  var nextTick = setTimeout;
  globalThis.setTimeout = function (task, ms) { if (!(ms > 1000)) nextTick(task, 0); return 0; };
  globalThis.clearTimeout = function () {};
  globalThis.AbortController = function () {
    var listeners = [];
    var signal = { aborted: false, addEventListener: function (_, listener) { listeners.push(listener); },
      removeEventListener: function () {} };
    this.signal = signal;
    this.abort = function () { signal.aborted = true; listeners.splice(0).forEach(function (listener) { listener(); }); };
  };
`;

/** Runs the scenario in each runtime. Resolves to a report per runtime, with an `error` if it failed. */
export async function runClientRuntimes(names = Object.keys(PACKAGES)) {
  const folder = await mkdtemp(join(tmpdir(), 'relay-runtimes-'));
  const relay = await startRelay();
  const reports = [];
  try {
    await install(folder, names);
    await bundle(folder);
    for (const name of names) {
      try {
        reports.push({ name, lines: await RUNNERS[name](folder, relay.url) });
      } catch (error) {
        reports.push({ name, lines: [], error: String(error.stderr || error.stdout || error.stack) });
      }
    }
  } finally {
    await relay.close();
    await rm(folder, { recursive: true, force: true });
  }
  return reports;
}

const RUNNERS = {
  node: async (folder, url) => parse(await run(process.execPath, [await writeScript(folder, 'node', url)])),
  bun: async (folder, url) => {
    await run(process.execPath, [join(folder, 'node_modules/bun/install.js')], { cwd: folder }).catch(() => {});
    return parse(await run(join(folder, 'node_modules/.bin/bun'), [await writeScript(folder, 'bun', url)]));
  },
  deno: async (folder, url) => {
    const script = await writeScript(folder, 'deno', url);
    const env = { ...process.env, DENO_DIR: join(folder, 'deno'), DENO_NO_UPDATE_CHECK: '1' };
    return parse(await run(join(folder, 'node_modules/.bin/deno'), ['run', '--allow-net', script], { env }));
  },
  workerd: runInWorkerd,
  hermes: runInHermes,
};

async function runInWorkerd(folder, url) {
  const { Miniflare } = createRequire(join(folder, 'index.js'))('miniflare');
  const worker = new Miniflare({
    modules: true,
    compatibilityDate: '2025-01-01',
    script: `${await readFile(join(folder, 'client.js'), 'utf8')}
      ${await readFile(join(HERE, 'client-scenario.js'), 'utf8')}
      export default { async fetch() {
        try { return Response.json(await runScenario(client, ${JSON.stringify(url)})); }
        catch (error) { return new Response(String(error && error.stack), { status: 500 }); }
      } };`,
  });
  try {
    const response = await worker.dispatchFetch('http://localhost/');
    const text = await response.text();
    if (response.status !== 200) throw new Error(text);
    return JSON.parse(text);
  } finally {
    await worker.dispose();
  }
}

/** Hermes 0.12 knows neither classes nor async functions: React Native compiles an app with Babel, and so does this. */
async function runInHermes(folder) {
  const scenario = await readFile(join(HERE, 'client-scenario.js'), 'utf8');
  const source = `${await readFile(join(folder, 'client.js'), 'utf8')}
    ${await readFile(join(folder, 'noble.js'), 'utf8')}
    ${await readFile(join(HERE, 'fake-relay.js'), 'utf8')}
    ${scenario}
    var relay = 'https://relay.example';
    var report = function (result) { print('REPORT' + JSON.stringify(result)); };
    var missing;
    try { client.createSender({ relay: relay, fetch: function () {} }); } catch (error) { missing = error.message; }
    runScenario(client, relay, { fetch: createFakeFetch(relay), crypto: noble.nobleCrypto }).then(
      function (lines) { report({ lines: ['without the option: ' + missing].concat(lines) }); },
      function (error) { report({ error: String(error && error.stack) }); });`;
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { target: ts.ScriptTarget.ES5, downlevelIteration: true, module: ts.ModuleKind.None },
  });
  const file = join(folder, 'hermes.js');
  await writeFile(file, HERMES_PRELUDE + outputText);
  const binary = join(folder, 'node_modules/hermes-engine-cli/linux64-bin/hermes');
  const { stdout } = await run(binary, ['-w', file], { timeout: 60_000, maxBuffer: 1 << 26 });
  const report = /^REPORT(.*)$/m.exec(stdout)?.[1];
  if (report === undefined) throw new Error(`no report: ${stdout}`);
  const { lines, error } = JSON.parse(report);
  if (error !== undefined) throw new Error(error);
  return lines;
}

async function writeScript(folder, name, url) {
  const file = join(folder, `${name}.mjs`);
  const text = `${await readFile(join(folder, 'client.js'), 'utf8')}
    ${await readFile(join(HERE, 'client-scenario.js'), 'utf8')}
    console.log('REPORT' + JSON.stringify(await runScenario(client, ${JSON.stringify(url)})));`;
  await writeFile(file, text);
  return file;
}

const parse = ({ stdout }) => JSON.parse(/^REPORT(.*)$/m.exec(stdout)[1]);

async function install(folder, names) {
  await writeFile(join(folder, 'package.json'), '{"private":true}');
  const packages = names.flatMap((name) => PACKAGES[name]);
  if (packages.length === 0) return;
  // `--ignore-scripts`: all binaries are in packages of the registry, so no script has to download one.
  await run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', ...packages], { cwd: folder });
}

/** The client as one script with the global `client`, and the cryptography of Hermes with the global `noble`. */
async function bundle(folder) {
  const common = { config: false, silent: true, clean: false, dts: false, format: 'iife', outDir: folder };
  const outExtension = () => ({ js: '.js' });
  const entry = { client: join(ROOT, 'src/client/index.ts') };
  await build({ ...common, entry, globalName: 'client', target: 'es2020', outExtension });
  const noble = join(folder, 'noble-crypto.mjs');
  if (!(await exists(join(folder, 'node_modules/@noble/hashes')))) return;
  await writeFile(noble, await readFile(join(HERE, 'noble-crypto.mjs')));
  await build({ ...common, entry: { noble }, globalName: 'noble', target: 'es2020', outExtension, noExternal: [/.*/] });
}

async function exists(path) {
  return readFile(join(path, 'package.json')).then(
    () => true,
    () => false,
  );
}

/** A relay whose URL has a path that redirects, as hosts do that add a slash. */
async function startRelay() {
  const { createRelay } = await import(pathToFileURL(join(ROOT, 'dist/index.js')).href);
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${server.address().port}/relay`;
  const relay = createRelay({ publicUrl: url, keys: [randomBytes(32)] });
  const handle = relay.node();
  server.on('request', (request, response) => {
    if (request.url.includes('/redirects/')) response.writeHead(308, { Location: `${request.url}/` }).end();
    else handle(request, response);
  });
  return {
    url,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await relay.close();
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const names = process.argv.slice(2);
  for (const { name, lines, error } of await runClientRuntimes(names.length === 0 ? undefined : names)) {
    const result = error === undefined ? `passes\n  ${lines.join('\n  ')}` : `FAILS\n${error}`;
    process.stdout.write(`${name}: ${result}\n`);
    if (error !== undefined) process.exitCode = 1;
  }
}
