import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import axe from 'axe-core';
import { type Browser, chromium, type Locator, type Page } from 'playwright-core';
import { expect } from 'vitest';
import { ROOT } from '../process/built.js';
import { chromiumBinary } from './chromium.js';

const SHOTS = join(ROOT, '.cache/browser');
const TIMEOUT_MS = 20_000;

const DESKTOP = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 844 };
const SMALL = { width: 320, height: 568 };
const VARIANTS = [
  ['desktop', DESKTOP, 'light'],
  ['phone', PHONE, 'dark'],
] as const;

/** A browser, and the errors in its pages. */
export interface PageDriver {
  /** Opens a page with its own, empty storage. `script` runs before the scripts of the page. */
  open(url: string, script?: string): Promise<Page>;
  /** Console errors, exceptions and policy violations of all pages. */
  readonly pageErrors: string[];
  /** Closes or reuses all pages. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

const REPORT_VIOLATIONS = `addEventListener('securitypolicyviolation', (e) =>
  console.error('CSP', e.violatedDirective, e.blockedURI));`;

/** Clears the storage of an earlier test once, and not when the test reloads the page. */
const createResetScript = (turn: number): string => `try {
  if (Number(sessionStorage.turn ?? 0) < ${turn}) {
    sessionStorage.clear();
    sessionStorage.turn = ${turn};
  }
} catch {}`;

/** A new browser context is slow, so tests reuse pages. */
export async function startPageDriver(): Promise<PageDriver> {
  await mkdir(SHOTS, { recursive: true });
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  const browser: Browser = await chromium.launch({ executablePath: chromiumBinary() ?? '', args });
  const pageErrors: string[] = [];
  const used: Page[] = [];
  const free: Page[] = [];
  let opened = 0;

  async function newPage(script: string): Promise<Page> {
    const context = await browser.newContext({ reducedMotion: 'reduce' });
    context.setDefaultTimeout(TIMEOUT_MS);
    await context.addInitScript(REPORT_VIOLATIONS + script);
    const page = await context.newPage();
    page.on('pageerror', (error) => pageErrors.push(String(error)));
    page.on('console', (message) => {
      // The browser logs the relay's refusals and network errors, which the tests expect.
      const isRefusal = /status of (40[14]|412|503)|net::ERR_FAILED/.test(message.text());
      const isOfRelay = message.location().url.includes('/relay/v1/m');
      if (['error', 'warning'].includes(message.type()) && !(isRefusal && isOfRelay)) pageErrors.push(message.text());
    });
    return page;
  }

  return {
    pageErrors,
    async open(url, script) {
      const known = script === undefined ? free.pop() : undefined;
      const page = known ?? (await newPage(script ?? ''));
      if (script === undefined) used.push(page);
      await page.setViewportSize(/\/(sender|receiver|third)$/.test(url) ? PHONE : DESKTOP);
      opened += 1;
      if (known !== undefined) await page.addInitScript(createResetScript(opened));
      await page.goto(url);
      return page;
    },
    async clear() {
      const reusable = used.splice(0).filter((page) => !page.isClosed());
      const pages = browser.contexts().flatMap((context) => context.pages());
      const others = pages.filter((page) => !reusable.includes(page) && !free.includes(page));
      await Promise.all(others.map((page) => page.close()));
      for (const page of reusable) {
        await page.unrouteAll({ behavior: 'ignoreErrors' });
        await page.goto('about:blank');
      }
      free.push(...reusable);
      pageErrors.length = 0;
    },
    close: () => browser.close(),
  };
}

export const findPhone = (page: Page, owner: string): Locator => page.getByRole('region', { name: `${owner}’s phone` });

export const findButton = (within: Locator, name: string): Locator => within.getByRole('button', { name, exact: true });

export async function waitForNews(phone: Locator, news: string | RegExp): Promise<void> {
  await phone.locator('.news').filter({ hasText: news }).waitFor();
}

/** Presses Tab until the focused element has this name. */
export async function tabTo(page: Page, name: string): Promise<void> {
  for (let presses = 0; presses < 60; presses += 1) {
    await page.keyboard.press('Tab');
    const focused = await page.evaluate<string>(
      `(({ labels, textContent }) => (labels?.[0] ?? { textContent }).textContent)(document.activeElement)`,
    );
    if (focused.trim().startsWith(name)) return;
  }
  throw new Error(`Tab does not lead to “${name}”.`);
}

export const readFocusedText = (page: Page): Promise<string> =>
  page.evaluate<string>('document.activeElement.textContent');

/** Takes screenshots in several sizes and both colour schemes, and checks overflow and accessibility. */
export async function inspectPage(page: Page, name: string): Promise<void> {
  const before = page.viewportSize() ?? DESKTOP;
  for (const [size, viewport, colorScheme] of VARIANTS) {
    await page.setViewportSize(viewport);
    await page.emulateMedia({ colorScheme });
    const path = join(SHOTS, `${name}-${size}-${colorScheme}.png`);
    await page.screenshot({ path, fullPage: true, animations: 'disabled' });
    expect(await measureOverflow(page), `${name} at ${size} size is wider than the screen`).toBeLessThanOrEqual(0);
    expect(await findAccessibilityErrors(page), `${name}, ${size}, ${colorScheme}`).toEqual([]);
  }
  await page.setViewportSize(SMALL);
  expect(await measureOverflow(page), `${name} is wider than the smallest screen`).toBeLessThanOrEqual(0);
  await page.setViewportSize(before);
  await page.emulateMedia({ colorScheme: 'light' });
}

const measureOverflow = (page: Page): Promise<number> =>
  page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');

/** The serious and critical errors of axe-core. */
async function findAccessibilityErrors(page: Page): Promise<string[]> {
  if (!(await page.evaluate<boolean>('"axe" in window'))) await page.evaluate(axe.source);
  return page.evaluate<string[]>(`axe.run().then(({ violations }) => violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => id + ' ' + target + ' ' + failureSummary)))`);
}
