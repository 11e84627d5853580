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

/** The interfaces of every runtime: nothing of Node, and the AbortSignal of React Native. */
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

describe('A runtime with fetch and WebCrypto, without Node', () => {
  it('The client runs a whole stateful transfer', async () => {
    const context = createContext(platform());
    runInContext(code, context);
    const messages = await runInContext(
      `(async () => {
        const messages = [];
        const share = await client.createSender({ relay }).share(words('0'), DISPLAY, { accessRights: 'RWD' });
        const received = client.createReceiver({ relays: [new URL(relay).host] }).open(share.url);
        messages.push((await received.preview()).title);
        messages.push((await received.next()).content.text);
        const next = share.next();
        await received.reply(words('1'));
        messages.push((await next).content.text);
        await received.finish();
        messages.push(await share.next(), share.state.ended);
        return JSON.stringify(messages);
      })()`,
      context,
    );
    expect(JSON.parse(messages)).toEqual([DISPLAY.title, '0', '1', null, 'deleted']);
  });

  it('The client for browsers of 2020 names no interface of Node', () => {
    expect(code).not.toMatch(/\b(process|Buffer|require|__dirname)\b|node:|AbortSignal\.|canParse/);
  });
});
