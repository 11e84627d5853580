import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createContext, runInContext } from 'node:vm';
import { build } from 'tsup';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DISPLAY, words } from '../support/client/devices.js';
import { type RelayServer, startRelay } from '../support/client/relay-server.js';
import { ROOT } from '../support/process/built.js';

let relay: RelayServer;
let folder = '';
let code = '';

beforeAll(async () => {
  relay = await startRelay({ keys: [randomBytes(32)] });
  folder = await mkdtemp(join(tmpdir(), 'relay-client-'));
  await build({
    entry: { client: join(ROOT, 'src/client/index.ts') },
    config: false,
    silent: true,
    clean: false,
    dts: false,
    format: 'iife',
    globalName: 'client',
    target: 'es2020',
    outDir: folder,
  });
  code = await readFile(join(folder, 'client.global.js'), 'utf8');
});
afterAll(async () => {
  await relay.close();
  await rm(folder, { recursive: true, force: true });
});

/** What the platform of every runtime has: of Node nothing, and of AbortSignal only what React Native has. */
function platform(): Record<string, unknown> {
  class OldAbortController {
    readonly #controller = new AbortController();
    get signal() {
      return this.#controller.signal;
    }
    abort(): void {
      this.#controller.abort();
    }
  }
  const Url = class extends URL {};
  Object.defineProperty(Url, 'canParse', { value: undefined });
  return {
    fetch,
    crypto,
    URL: Url,
    TextEncoder,
    TextDecoder,
    AbortController: OldAbortController,
    setTimeout,
    clearTimeout,
    Headers,
    performance: { now: () => performance.now() },
    atob,
    btoa,
    // The realm of the test, as WebCrypto of Node insists on its own.
    Uint8Array,
    words,
    DISPLAY,
    relay: relay.url,
  };
}

describe('a runtime that has fetch and WebCrypto, and nothing of Node', () => {
  it('runs a whole stateful transfer', async () => {
    const context = createContext(platform());
    runInContext(code, context);
    const heard = await runInContext(
      `(async () => {
        const heard = [];
        const share = await client.createSender({ relay }).share(words('0'), DISPLAY, { accessRights: 'RWD' });
        const received = client.createReceiver({ relays: [new URL(relay).host] }).open(share.url);
        heard.push((await received.preview()).title);
        heard.push((await received.next()).content.text);
        const next = share.next();
        await received.reply(words('1'));
        heard.push((await next).content.text);
        await received.finish();
        heard.push(await share.next(), share.state.ended);
        return JSON.stringify(heard);
      })()`,
      context,
    );
    expect(JSON.parse(heard)).toEqual([DISPLAY.title, '0', '1', null, 'deleted']);
  });

  it('parses as what browsers of 2020 understand, and names nothing of Node', () => {
    expect(code).not.toMatch(/\b(process|Buffer|require|__dirname)\b|node:|AbortSignal\.|canParse/);
  });
});
