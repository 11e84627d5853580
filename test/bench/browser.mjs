import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { build } from 'tsup';

/*
 * `npm run bench -- browser`: the time of a new share in Chromium over HTTP/1.1 while shares wait, against an idle tab
 * in the same run. Chromium opens six connections per host for all tabs. Exits with 1 if a ratio reaches 2.
 */

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SHARES = 10;
const ROUNDS = 3;
const LIMIT = 2;

const { createRelay } = await import(pathToFileURL(join(ROOT, 'dist/index.js')).href);
const folder = await mkdtemp(join(tmpdir(), 'relay-bench-'));
const server = createServer();
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const origin = `http://localhost:${server.address().port}`;
const relay = createRelay({ publicUrl: `${origin}/relay`, keys: [randomBytes(32)] });
await build({
  config: false,
  silent: true,
  clean: false,
  dts: false,
  entry: { client: join(ROOT, 'src/client/index.ts') },
  format: 'iife',
  globalName: 'client',
  outDir: folder,
});
const script = await readFile(join(folder, 'client.global.js'), 'utf8');
const page = `<!doctype html><script>${script}</script><script>
  const relay = ${JSON.stringify(`${origin}/relay`)};
  const information = { format: 'a', content: {} };
  const display = { title: 'a', description: 'b', imageURL: 'https://a.example/b' };
  const stop = new AbortController();
  async function wait(count, maximumHeldReads) {
    for (let index = 0; index < count; index += 1) {
      const share = await client.createSender({ relay, maximumHeldReads }).share(information, display);
      share.next({ signal: stop.signal }).catch(() => {});
    }
  }
  async function measure(count) {
    const times = [];
    const sender = client.createSender({ relay });
    for (let index = 0; index < count; index += 1) {
      const started = performance.now();
      await sender.share(information, display);
      times.push(performance.now() - started);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return times.sort((left, right) => left - right)[Math.floor(count / 2)];
  }
</script>`;
const handle = relay.node();
server.on('request', (request, response) => {
  if (request.url === '/') response.writeHead(200, { 'Content-Type': 'text/html' }).end(page);
  else handle(request, response);
});
const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium', args });

/** Opens tabs of one profile with waits; measures in the first tab. */
async function measure(waitsPerTab) {
  const context = await browser.newContext();
  const tabs = [];
  for (const count of waitsPerTab) {
    const tab = await context.newPage();
    await tab.goto(origin);
    await tab.evaluate(`wait(${count})`);
    tabs.push(tab);
  }
  // The first reads of all waits are not held.
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const held = relay.stats().waiters;
  const ms = await tabs[0].evaluate(`measure(${SHARES})`);
  await context.close();
  return { ms, held };
}

const SITUATIONS = { 'one tab, 8 waits': [8], '2 tabs, 4 waits each': [4, 4], '4 tabs, 2 waits each': [2, 2, 2, 2] };
const median = (values) => values.sort((left, right) => left - right)[Math.floor(values.length / 2)];
try {
  await measure([0]);
  for (const [name, waits] of Object.entries(SITUATIONS)) {
    const rounds = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const idle = await measure([0]);
      const busy = await measure(waits);
      rounds.push({ idle: idle.ms, busy: busy.ms, ratio: busy.ms / idle.ms, held: busy.held });
    }
    const ratio = median(rounds.map((round) => round.ratio));
    const figures = ['idle', 'busy'].map((key) => `${key} ${median(rounds.map((round) => round[key])).toFixed(1)} ms`);
    const held = Math.max(...rounds.map((round) => round.held));
    process.stdout.write(
      `${name}: p50 of ${SHARES} shares: ${figures.join(', ')}, ratio ${ratio.toFixed(2)}, ${held} held\n`,
    );
    if (!(ratio < LIMIT)) process.exitCode = 1;
  }
} finally {
  await browser.close();
  server.closeAllConnections();
  server.close();
  await relay.close();
  await rm(folder, { recursive: true, force: true });
}
