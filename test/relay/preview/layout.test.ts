import { createRelay } from 'credential-relay';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chromiumBinary, withChromium } from '../../support/browser/chromium.js';
import { openServer } from '../../support/hosts/server.js';
import { BRANDED, LANGUAGES } from '../../support/preview/page.js';
import { createBody } from '../../support/protocol/bodies.js';
import { newDevice } from '../../support/protocol/device.js';

/* The layout of the pages in a browser: no element is wider than the screen, with any words. */

const SIZES = [
  [320, 568],
  [390, 844],
  [1280, 800],
] as const;

/** Combining marks on one letter, without a line break opportunity. */
const piled = (times: number): string => `Z${'\u0301\u0327\u0489'.repeat(times)}`;

const WORDS = [
  ['plain', 'Room 712', 'Digital room key, 3 to 6 May'],
  ['piled marks', piled(60), piled(160)],
  ['one long word', 'W'.repeat(200), 'm'.repeat(500)],
  ['from right to left', 'مفتاح الغرفة 712', 'מפתח (12) לחדר'],
] as const;

withChromium(test, () => {
  let browser: Browser;
  let base = '';
  let end: () => Promise<void>;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: chromiumBinary() ?? '', args: ['--no-sandbox'] });
    const { server, origin, close } = await openServer();
    const { logoUrl: _, ...preview } = BRANDED;
    const relay = createRelay({ publicUrl: `${origin}/relay`, preview });
    server.on('request', relay.node());
    base = `${origin}/relay`;
    end = async () => {
      await browser.close();
      await relay.close();
      await close();
    };
  });
  afterAll(() => end());

  /** Opens a page at every size, and returns the width of its content at each size. */
  async function widthsOf(url: string, locale = 'en', look?: (page: Page) => Promise<void>): Promise<number[]> {
    const context = await browser.newContext({ locale, reducedMotion: 'reduce' });
    const page = await context.newPage();
    const devtools = await context.newCDPSession(page);
    const widths: number[] = [];
    await page.goto(url);
    for (const [width, height] of SIZES) {
      await page.setViewportSize({ width, height });
      widths.push((await devtools.send('Page.getLayoutMetrics')).cssContentSize.width);
      await look?.(page);
    }
    await context.close();
    return widths;
  }

  const screens = SIZES.map(([width]) => width);

  describe('the layout of the preview', () => {
    test.each(WORDS)('%s', async (_name, title, description) => {
      const displayInformation = { title, description, imageURL: 'https://images.example/key.png' };
      const created = await newDevice().create(base, createBody({ displayInformation }));
      expect(await widthsOf(String(created.json.urlLink))).toEqual(screens);
    });

    test('has a card that grows with long words and shows them completely', async () => {
      const displayInformation = {
        title: 'W'.repeat(200),
        description: 'm'.repeat(500),
        imageURL: 'https://a.example',
      };
      const created = await newDevice().create(base, createBody({ displayInformation }));
      await widthsOf(String(created.json.urlLink), 'en', async (page) => {
        const [card, last] = [await page.locator('.card').boundingBox(), await page.locator('h1 + p').boundingBox()];
        expect((last?.y ?? 0) + (last?.height ?? 0)).toBeLessThan((card?.y ?? 0) + (card?.height ?? 0));
      });
    });
  });

  describe('the layout of the error page', () => {
    test.each(LANGUAGES)('has one centred card within the screen in %s', async (language) => {
      const widths = await widthsOf(`${base}/v1/m/00000000-0000-4000-8000-000000000000`, language, async (page) => {
        expect(await page.locator('html').getAttribute('lang')).toBe(language === 'zh' ? 'zh-Hans' : language);
        const { width: screen = 0 } = page.viewportSize() ?? {};
        const { x = 0, width = 0 } = (await page.locator('.card').boundingBox()) ?? {};
        expect(Math.abs(x + width / 2 - screen / 2)).toBeLessThan(1);
        const painted = await page.evaluate(`getComputedStyle(document.querySelector('.card')).backgroundImage`);
        expect(painted).toContain('linear-gradient');
      });
      expect(widths).toEqual(screens);
    });
  });
});
