import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { build } from 'tsup';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chromiumBinary, withChromium } from '../support/browser/chromium.js';
import { type RelayServer, startRelay } from '../support/client/relay-server.js';
import { ROOT } from '../support/process/built.js';

const DISPLAY = `{ title: 'a', description: 'b', imageURL: 'https://a.example/b' }`;

describe('Chromium, with six connections per host', () => {
  withChromium(it, () => {
    let relay: RelayServer;
    let browser: Browser;
    let script = '';

    beforeAll(async () => {
      const folder = await mkdtemp(join(tmpdir(), 'relay-client-'));
      const entry = { client: join(ROOT, 'src/client/index.ts') };
      const common = { config: false, silent: true, clean: false, dts: false } as const;
      await build({ ...common, entry, format: 'iife', globalName: 'client', outDir: folder });
      script = await readFile(join(folder, 'client.global.js'), 'utf8');
      await rm(folder, { recursive: true, force: true });
      relay = await startRelay();
      const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
      browser = await chromium.launch({ executablePath: chromiumBinary() ?? '', args });
    }, 90_000);
    afterAll(async () => {
      await browser?.close();
      await relay?.close();
    });

    /** Opens a tab of a profile at the relay's own origin. */
    async function openTab(context: Awaited<ReturnType<Browser['newContext']>>, policy = ''): Promise<Page> {
      relay.intercept = (request, response) => {
        if (request.url !== '/') return false;
        response.writeHead(200, { 'Content-Type': 'text/html', ...(policy && { 'Content-Security-Policy': policy }) });
        response.end(`<!doctype html><script>${script}</script>`);
        return true;
      };
      const tab = await context.newPage();
      await tab.goto(new URL('/', relay.url).href);
      return tab;
    }

    const share = (count: number, then: string) => `(async () => {
      for (let index = 0; index < ${count}; index += 1) {
        const sender = client.createSender({ relay: ${JSON.stringify(relay.url)}, retryTimeoutMs: 60_000 });
        const share = await sender.share({ format: 'a', content: {} }, ${DISPLAY});
        ${then}
      }
    })()`;

    it.each([[[8]], [[4, 4]], [[2, 2, 2, 2]]])(
      'Tabs with %j waits hold two reads, and a new share is not delayed',
      async (waits) => {
        const context = await browser.newContext();
        const tabs: Page[] = [];
        for (const count of waits) {
          const tab = await openTab(context);
          await tab.evaluate(share(count, 'void share.next().catch(() => {});'));
          tabs.push(tab);
        }
        await expect.poll(() => relay.held(), { timeout: 10_000 }).toBe(2);
        const started = performance.now();
        await tabs[0]?.evaluate(share(5, ''));
        // With all six connections held, the first write waits for the 25 seconds of a held read.
        expect(performance.now() - started).toBeLessThan(10_000);
        expect(relay.held()).toBeLessThanOrEqual(2);
        await context.close();
        await expect.poll(() => relay.held(), { timeout: 10_000 }).toBe(0);
      },
      60_000,
    );

    it('A Content Security Policy and a redirect are reported at once', async () => {
      const context = await browser.newContext();
      const code = (call: string) => `${call}.then(() => 'resolved', (error) => error.code)`;
      const blocked = await openTab(context, "connect-src 'none'");
      expect(await blocked.evaluate(code(share(1, '')))).toBe('not_sent');
      const tab = await openTab(context);
      relay.intercept = (request, response) => {
        response.writeHead(308, { Location: `${request.url}/` }).end();
        return true;
      };
      expect(await tab.evaluate(code(share(1, '')))).toBe('redirected');
      await context.close();
    }, 60_000);
  });
});
