/** examples/browser on one page, and the server that it comes from. */
import { randomUUID } from 'node:crypto';
import { get, type IncomingMessage } from 'node:http';
import type { Locator } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { accept, compare, keyOf, lineOf, share } from '../../support/browser/phone-actions.js';
import { withChromium } from '../../support/browser/chromium.js';
import { useDevices } from '../../support/browser/phones.js';
import { buttonIn, focusIn, inspect, phoneOf, tabTo, tells } from '../../support/browser/page-driver.js';

withChromium(it, () => {
  const devices = useDevices();

  describe('one page with all of it', () => {
    it('works by keyboard alone, and shows each exchange', async () => {
      const page = await devices.stage.open(`${devices.demo.origin}/`);
      const [sender, receiver] = [phoneOf(page, 'Ada'), phoneOf(page, 'Ben')];
      await inspect(page, 'stage-start');
      await tabTo(page, 'Hotel Lindenhof');
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('ArrowDown');
      await tabTo(page, 'Share this key');
      await page.keyboard.press('Enter');
      await tells(sender, 'Waiting for the link to be opened.');
      expect(await focusIn(page)).toBe('Norden E4'); // The heading: the button is not there any more.
      await tabTo(page, 'Text it to Ben');
      await page.keyboard.press('Enter');
      await receiver.getByRole('button', { name: 'Open the link' }).waitFor();
      await tabTo(page, 'Open the link');
      await page.keyboard.press('Enter');
      await receiver.getByRole('button', { name: 'Accept' }).waitFor();
      await inspect(page, 'stage-preview');
      await tabTo(page, 'Accept');
      await page.keyboard.press('Enter');
      await tells(sender, 'asks for the key');
      await inspect(page, 'stage-asked');
      await tabTo(page, 'Compare codes');
      await page.keyboard.press('Enter');
      await tells(receiver, 'Waiting for Ada to hand over the key.');
      await tabTo(page, 'Message to Ada');
      await page.keyboard.type('Hello, Ada.');
      await page.keyboard.press('Enter');
      await lineOf(sender, 'Hello, Ada.').waitFor();
      await inspect(page, 'stage-talking');
      await tabTo(page, 'Hand over the key');
      await page.keyboard.press('Enter');
      await keyOf(receiver, 'car').waitFor();
      expect(await focusIn(page)).toBe('Norden E4');

      await tabTo(page, 'Ben’s phone');
      await page.keyboard.press('ArrowRight');
      const third = phoneOf(page, 'Cleo');
      await tabTo(page, 'Open the link');
      await page.keyboard.press('Enter');
      await third.getByRole('button', { name: 'Accept' }).waitFor();
      await tabTo(page, 'Accept');
      await page.keyboard.press('Enter');
      await third.getByRole('alert').getByText('Opened on another phone').waitFor();
      await inspect(page, 'stage-refused');

      const refused = page
        .getByRole('region', { name: 'What the relay saw' })
        .getByRole('listitem')
        .filter({ hasText: '401' });
      await refused.locator('summary').click();
      await refused.getByText('mailbox_taken').waitFor();
      const created = page.getByRole('listitem').filter({ hasText: 'CreateMailbox' });
      await created.locator('summary').click();
      expect(await created.locator('mark').first().textContent()).toMatch(/^[A-Za-z0-9+/]{100,}=*$/);
      await inspect(page, 'stage-opened');
      await page.getByRole('button', { name: 'Clear' }).click();
      await page.getByText('Nothing yet.').waitFor();
    });
  });

  describe('the focus', () => {
    it('goes to the heading when the button that had it goes', async () => {
      const page = await devices.stage.open(`${devices.demo.origin}/`);
      const [sender, receiver, third] = [phoneOf(page, 'Ada'), phoneOf(page, 'Ben'), phoneOf(page, 'Cleo')];
      async function press(phone: Locator, name: string): Promise<void> {
        await buttonIn(phone, name).press('Enter');
        await buttonIn(phone, name).waitFor({ state: 'hidden' });
      }
      await accept(receiver, await share(sender, 'Room 417'));
      await tells(sender, 'asks for the key');
      await press(receiver, 'Not for this phone');
      expect(await focusIn(page)).toBe('A key from Ada');
      await press(receiver, 'Back to messages');
      expect(await focusIn(page)).toBe('Messages');
      await press(sender, 'Cancel the share');
      expect(await focusIn(page)).toBe('Room 417');
      await press(sender, 'Share another key');
      expect(await focusIn(page)).toBe('Your keys');

      const link = await share(sender, 'Front door');
      await accept(receiver, link);
      await page.getByRole('tab', { name: 'Cleo’s phone' }).click();
      await accept(third, link);
      await third.getByRole('alert').getByText('Opened on another phone').waitFor();
      await buttonIn(third, 'Try again').press('Enter');
      await expect.poll(() => focusIn(page)).toBe('Ada shares a key');
      await page.getByRole('tab', { name: 'Ben’s phone' }).click();
      await compare(sender, receiver);
      await buttonIn(sender, 'Hand over the key').click();
      await press(receiver, 'Done: close the mailbox');
      expect(await focusIn(page)).toBe('Front door');
    });
  });

  describe('the pane', () => {
    it('shows the latest 200 requests and their starts, whatever comes, and listens only while it is seen', async () => {
      const page = await devices.stage.open(`${devices.demo.origin}/sender`);
      await share(phoneOf(page, 'Ada'), 'Room 417'); // Its read is held, and shown until the others push it out.
      await page.goto(`${devices.demo.origin}/watch`);
      await page.getByText('the device went away').waitFor();
      const held = await devices.stage.open(`${devices.demo.origin}/sender`);
      await share(phoneOf(held, 'Ada'), 'Room 417');
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
        expect((await fetch(`${devices.demo.origin}/relay/v1/m`, large)).ok).toBe(false);
      }
      const ids = { 'Mailbox-Device-Claim': randomUUID(), 'Mailbox-Request-ID': randomUUID() };
      const json = { 'Content-Type': 'application/json', ...ids };
      expect((await fetch(`${devices.demo.origin}/relay/v1/m`, { ...large, headers: json })).status).toBe(413);
      expect((await devices.demo.seen()).length).toBeLessThan(200_000);
      expect(await rows.count()).toBe(before);
      await seen(false);
      await expect.poll(() => rows.count()).toBe(before + 11);
      expect(await page.locator('.exchanges details[open]').count()).toBe(1); // As it was before.

      for (let count = 0; count < 200; count += 1) await fetch(`${devices.demo.origin}/relay/v1/m/x`);
      await page.getByText('200 requests').waitFor();
      expect(await rows.count()).toBe(200);
      await page.locator('.held').waitFor({ state: 'detached' });
    });
  });

  describe('the server', () => {
    it('says in words that a port is taken', async () => {
      const { code, told } = await devices.demo.startOn(new URL(devices.demo.origin).port);
      expect(code).toBe(1);
      expect(told).toMatch(/^Port \d+ cannot be used \(EADDRINUSE\): set PORT to another one.\n$/);
      expect((await devices.demo.startOn('no number')).told).toMatch(/^Port no number cannot be used/);
    });

    it.each(['/', '/nowhere'])(
      'sends a policy that lets in nothing from elsewhere and nothing inline: %s',
      async (path) => {
        const { headers } = await fetch(devices.demo.origin + path);
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
      },
    );

    it('leads those who come by another name to the one that the links have', async () => {
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        get(`${devices.demo.origin}/sender`, { headers: { Host: 'elsewhere.example' } }, resolve).on('error', reject);
      });
      response.resume();
      expect([response.statusCode, response.headers.location]).toEqual([302, `${devices.demo.origin}/sender`]);
    });

    it.each([
      ['HEAD', '/', 200],
      ['GET', '/sender/', 200],
      ['GET', '/nowhere', 404],
      ['GET', '/demo/nowhere', 404],
      ['GET', '/../server.js', 404],
      ['GET', '/relay/nowhere', 404],
      ['POST', '/', 405],
    ])('%s %s: %i', async (method, path, status) => {
      expect((await fetch(devices.demo.origin + path, { method })).status).toBe(status);
    });
  });
});
