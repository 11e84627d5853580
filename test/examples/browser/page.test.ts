/** examples/browser on one page, and its server. */
import { randomUUID } from 'node:crypto';
import { get, type IncomingMessage } from 'node:http';
import type { Locator } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { withChromium } from '../../support/browser/chromium.js';
import {
  findButton,
  findPhone,
  inspectPage,
  readFocusedText,
  tabTo,
  waitForNews,
} from '../../support/browser/page-driver.js';
import { acceptLink, compareCodes, findKey, findLine, shareKey } from '../../support/browser/phone-actions.js';
import { usePhones } from '../../support/browser/phones.js';

withChromium(it, () => {
  const phones = usePhones();

  describe('the page with all parts', () => {
    it('the page works by keyboard alone, and shows each exchange', async () => {
      const page = await phones.driver.open(`${phones.server.origin}/`);
      const [sender, receiver] = [findPhone(page, 'Ada'), findPhone(page, 'Ben')];
      await inspectPage(page, 'stage-start');
      await tabTo(page, 'Hotel Lindenhof');
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('ArrowDown');
      await tabTo(page, 'Share this key');
      await page.keyboard.press('Enter');
      await waitForNews(sender, 'Waiting for the link to be opened.');
      expect(await readFocusedText(page)).toBe('Norden E4'); // The heading: the button is hidden.
      await tabTo(page, 'Text it to Ben');
      await page.keyboard.press('Enter');
      await receiver.getByRole('button', { name: 'Open the link' }).waitFor();
      await tabTo(page, 'Open the link');
      await page.keyboard.press('Enter');
      await receiver.getByRole('button', { name: 'Accept' }).waitFor();
      await inspectPage(page, 'stage-preview');
      await tabTo(page, 'Accept');
      await page.keyboard.press('Enter');
      await waitForNews(sender, 'asks for the key');
      await inspectPage(page, 'stage-asked');
      await tabTo(page, 'Compare codes');
      await page.keyboard.press('Enter');
      await waitForNews(receiver, 'Waiting for Ada to hand over the key.');
      await tabTo(page, 'Message to Ada');
      await page.keyboard.type('Hello, Ada.');
      await page.keyboard.press('Enter');
      await findLine(sender, 'Hello, Ada.').waitFor();
      await inspectPage(page, 'stage-talking');
      await tabTo(page, 'Hand over the key');
      await page.keyboard.press('Enter');
      await findKey(receiver, 'car').waitFor();
      expect(await readFocusedText(page)).toBe('Norden E4');

      await tabTo(page, 'Ben’s phone');
      await page.keyboard.press('ArrowRight');
      const third = findPhone(page, 'Cleo');
      await tabTo(page, 'Open the link');
      await page.keyboard.press('Enter');
      await third.getByRole('button', { name: 'Accept' }).waitFor();
      await tabTo(page, 'Accept');
      await page.keyboard.press('Enter');
      await third.getByRole('alert').getByText('Opened on another phone').waitFor();
      await inspectPage(page, 'stage-refused');

      const refused = page
        .getByRole('region', { name: 'What the relay saw' })
        .getByRole('listitem')
        .filter({ has: page.locator('.status', { hasText: '401' }) });
      await refused.locator('summary').click();
      await refused.getByText('mailbox_taken').waitFor();
      const created = page.getByRole('listitem').filter({ hasText: 'CreateMailbox' });
      await created.locator('summary').click();
      expect(await created.locator('mark').first().textContent()).toMatch(/^[A-Za-z0-9+/]{100,}=*$/);
      await inspectPage(page, 'stage-opened');
      await page.getByRole('button', { name: 'Clear' }).click();
      await page.getByText('Nothing yet.').waitFor();
    });
  });

  describe('the focus', () => {
    it('the focus moves to the heading when the focused button is hidden', async () => {
      const page = await phones.driver.open(`${phones.server.origin}/`);
      const [sender, receiver, third] = [findPhone(page, 'Ada'), findPhone(page, 'Ben'), findPhone(page, 'Cleo')];
      async function press(phone: Locator, name: string): Promise<void> {
        await findButton(phone, name).press('Enter');
        await findButton(phone, name).waitFor({ state: 'hidden' });
      }
      await acceptLink(receiver, await shareKey(sender, 'Room 417'));
      await waitForNews(sender, 'asks for the key');
      await press(receiver, 'Not for this phone');
      expect(await readFocusedText(page)).toBe('A key from Ada');
      await press(receiver, 'Back to messages');
      expect(await readFocusedText(page)).toBe('Messages');
      await press(sender, 'Cancel the share');
      expect(await readFocusedText(page)).toBe('Room 417');
      await press(sender, 'Share another key');
      expect(await readFocusedText(page)).toBe('Your keys');

      const link = await shareKey(sender, 'Front door');
      await acceptLink(receiver, link);
      await page.getByRole('tab', { name: 'Cleo’s phone' }).click();
      await acceptLink(third, link);
      await third.getByRole('alert').getByText('Opened on another phone').waitFor();
      await findButton(third, 'Try again').press('Enter');
      await expect.poll(() => readFocusedText(page)).toBe('Ada shares a key');
      await page.getByRole('tab', { name: 'Ben’s phone' }).click();
      await compareCodes(sender, receiver);
      await findButton(sender, 'Hand over the key').click();
      await press(receiver, 'Done: close the mailbox');
      expect(await readFocusedText(page)).toBe('Front door');
    });
  });

  describe('the relay pane', () => {
    it('the relay pane shows the latest 200 requests, and connects only while it is visible', async () => {
      const page = await phones.driver.open(`${phones.server.origin}/sender`);
      await shareKey(findPhone(page, 'Ada'), 'Room 417'); // Leaves a held read.
      await page.goto(`${phones.server.origin}/watch`);
      await page.getByText('the device went away').waitFor();
      const held = await phones.driver.open(`${phones.server.origin}/sender`);
      await shareKey(findPhone(held, 'Ada'), 'Room 417');
      await page.locator('.held').waitFor();
      const rows = page.getByRole('region', { name: 'What the relay saw' }).getByRole('listitem');
      await rows.filter({ hasText: 'CreateMailbox' }).first().locator('summary').click();

      const seen = (isHidden: boolean): Promise<void> =>
        page.evaluate(`Object.defineProperty(document, 'hidden', { value: ${isHidden}, configurable: true });
          document.dispatchEvent(new Event('visibilitychange'))`);
      await seen(true);
      const before = await rows.count();
      const large = { method: 'POST', headers: { 'Content-Type': 'text/plain' }, body: 'x'.repeat(1_000_000) };
      for (let count = 0; count < 10; count += 1) {
        expect((await fetch(`${phones.server.origin}/relay/v1/m`, large)).ok).toBe(false);
      }
      const ids = { 'Mailbox-Device-Claim': randomUUID(), 'Mailbox-Request-ID': randomUUID() };
      const json = { 'Content-Type': 'application/json', ...ids };
      expect((await fetch(`${phones.server.origin}/relay/v1/m`, { ...large, headers: json })).status).toBe(413);
      expect((await phones.server.readExchanges()).length).toBeLessThan(200_000);
      expect(await rows.count()).toBe(before);
      await seen(false);
      await expect.poll(() => rows.count()).toBe(before + 11);
      expect(await page.locator('.exchanges details[open]').count()).toBe(1); // The open row stays open.

      for (let count = 0; count < 200; count += 1) await fetch(`${phones.server.origin}/relay/v1/m/x`);
      await page.getByText('200 requests').waitFor();
      expect(await rows.count()).toBe(200);
      await page.locator('.held').waitFor({ state: 'detached' });
    });
  });

  describe('the example’s server', () => {
    it('the server explains that a port is in use', async () => {
      const { code, error } = await phones.server.startOn(new URL(phones.server.origin).port);
      expect(code).toBe(1);
      expect(error).toMatch(/^Port \d+ cannot be used \(EADDRINUSE\): set PORT to another one.\n$/);
      expect((await phones.server.startOn('no number')).error).toMatch(/^Port no number cannot be used/);
    });

    it.each(['/', '/nowhere'])('the server sends a policy without other origins and inline code: %s', async (path) => {
      const { headers } = await fetch(phones.server.origin + path);
      const policy = (headers.get('Content-Security-Policy') ?? '').split('; ');
      for (const directive of [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
      ]) {
        expect(policy).toContain(directive);
      }
      expect(headers.get('Referrer-Policy')).toBe('no-referrer');
      expect(headers.get('X-Content-Type-Options')).toBe('nosniff');
    });

    it('the server redirects from another host name to the host name of the links', async () => {
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        get(`${phones.server.origin}/sender`, { headers: { Host: 'elsewhere.example' } }, resolve).on('error', reject);
      });
      response.resume();
      expect([response.statusCode, response.headers.location]).toEqual([302, `${phones.server.origin}/sender`]);
    });

    it.each([
      ['HEAD', '/', 200],
      ['GET', '/sender/', 200],
      ['GET', '/nowhere', 404],
      ['GET', '/demo/nowhere', 404],
      ['GET', '/../server.js', 404],
      ['GET', '/relay/nowhere', 404],
      ['POST', '/', 405],
    ])('the server answers %s %s with %i', async (method, path, status) => {
      expect((await fetch(phones.server.origin + path, { method })).status).toBe(status);
    });
  });
});
