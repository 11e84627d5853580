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

  /** Hermes with the globals of React Native and no polyfill. Its `URL` has members that throw. */
  function reactNative(): Record<string, unknown> {
    const all = platform() as { fetch: typeof fetch } & Record<string, unknown>;
    class PartialUrl {
      get origin(): never {
        throw new Error('URL.origin is not implemented');
      }
    }
    const withoutStreams = async (input: string, init: RequestInit) => {
      const response = await all.fetch(input, init);
      const text = await response.text();
      return { status: response.status, headers: response.headers, text: async () => text };
    };
    const absent = ['crypto', 'TextEncoder', 'TextDecoder', 'Headers', 'performance', 'atob', 'btoa'];
    const globals = Object.fromEntries(Object.entries(all).filter(([name]) => !absent.includes(name)));
    return { ...globals, fetch: withoutStreams, URL: PartialUrl };
  }

  it('The client runs in React Native without polyfills, with the option crypto', async () => {
    const { getRandomValues, subtle } = crypto;
    const quickCrypto = {
      getRandomValues: (array: Uint8Array<ArrayBuffer>) => getRandomValues.call(crypto, array),
      subtle: {
        digest: subtle.digest.bind(subtle),
        importKey: subtle.importKey.bind(subtle),
        encrypt: subtle.encrypt.bind(subtle),
        decrypt: subtle.decrypt.bind(subtle),
      },
    };
    const context = createContext({ ...reactNative(), quickCrypto, host: new URL(relay.url).host });
    runInContext(code, context);
    const messages = await runInContext(
      `(async () => {
        const messages = [];
        const crypto = quickCrypto;
        const share = await client.createSender({ relay, crypto }).share(words('één 🔑'), DISPLAY, { accessRights: 'RWD' });
        const received = client.createReceiver({ relays: [host], crypto }).open(share.url);
        messages.push((await received.preview()).title);
        messages.push((await received.next()).content.text);
        await received.reply(words('1'));
        messages.push((await share.next()).content.text);
        await received.finish();
        messages.push(share.state.claim);
        const single = client.createMailboxClient({ crypto });
        messages.push(single.claim, client.parseShareUrl('HTTPS://Relay.Example:443/v1/m/x?a&v=h#s').mailboxUrl);
        return JSON.stringify(messages);
      })()`,
      context,
    );
    const uuid = expect.stringMatching(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
    const expected = [DISPLAY.title, 'één 🔑', '1', uuid, uuid, 'https://relay.example/v1/m/x'];
    expect(JSON.parse(messages)).toEqual(expected);
  });

  it.each([
    ['crypto', /^sender\.crypto: this runtime has no crypto with getRandomValues, subtle\.digest, .* in this option$/],
    ['crypto.subtle', /^sender\.crypto: this runtime has no crypto with subtle\.digest, subtle\.importKey, /],
    ['fetch', /^sender\.fetch: this runtime has no fetch/],
    ['AbortController', /this runtime has no AbortController/],
  ])('createSender names the interface that the runtime lacks: %s', (name, message) => {
    const globals = { ...platform(), [name]: undefined };
    if (name === 'crypto.subtle') globals.crypto = { getRandomValues() {} };
    const context = createContext(globals);
    runInContext(code, context);
    expect(() => runInContext('client.createSender({ relay })', context)).toThrow(message);
  });

  it('The client for browsers of 2020 names no interface of Node', () => {
    expect(code).not.toMatch(/\b(process|Buffer|require|__dirname)\b|node:|AbortSignal\.|canParse/);
  });
});
