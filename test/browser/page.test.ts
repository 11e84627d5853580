/** examples/browser on one page, and the server that it comes from. */
import { get, type IncomingMessage } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { keyOf, lineOf } from './acts.js';
import { withChromium } from './chromium.js';
import { type Demo, startDemo } from './demo.js';
import { focusIn, inspect, openStage, phoneOf, type Stage, tabTo, tells } from './stage.js';

withChromium(it, () => {
  let demo: Demo;
  let stage: Stage;

  beforeAll(async () => {
    [demo, stage] = await Promise.all([startDemo(), openStage()]);
  });
  afterAll(async () => {
    await stage.close();
    expect(await demo.close()).toBe(0);
  });
  afterEach(async () => {
    const complaints = [...stage.complaints];
    await stage.clear();
    await demo.forget();
    expect(complaints).toEqual([]);
  });

  describe('one page with all of it', () => {
    it('works by keyboard alone, and shows each exchange', async () => {
      const page = await stage.open(`${demo.origin}/`);
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
      expect(await created.locator('mark').first().textContent()).toMatch(/^[A-Za-z0-9+/]{160}…$/);
      await inspect(page, 'stage-opened');
      await page.getByRole('button', { name: 'Clear' }).click();
      await page.getByText('Nothing yet.').waitFor();
    });
  });

  describe('the server', () => {
    it('sends a policy that lets in nothing from elsewhere and nothing inline', async () => {
      const { headers } = await fetch(demo.origin);
      const policy = (headers.get('Content-Security-Policy') ?? '').split('; ');
      for (const directive of [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
      ]) {
        expect(policy).toContain(directive);
      }
      expect(headers.get('Referrer-Policy')).toBe('no-referrer');
      expect(headers.get('X-Content-Type-Options')).toBe('nosniff');
    });

    it('leads those who come by another name to the one that the links have', async () => {
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        get(`${demo.origin}/sender`, { headers: { Host: 'elsewhere.example' } }, resolve).on('error', reject);
      });
      response.resume();
      expect([response.statusCode, response.headers.location]).toEqual([302, `${demo.origin}/sender`]);
    });

    it.each([
      ['GET', '/nowhere', 404],
      ['GET', '/demo/nowhere', 404],
      ['GET', '/../server.js', 404],
      ['GET', '/relay/nowhere', 404],
      ['POST', '/', 405],
    ])('%s %s: %i', async (method, path, status) => {
      expect((await fetch(demo.origin + path, { method })).status).toBe(status);
    });
  });
});
