/** examples/browser with several receivers or tabs, and in browsers without storage. */
import { describe, expect, it } from 'vitest';
import { withChromium } from '../../support/browser/chromium.js';
import { findButton, findPhone, waitForNews } from '../../support/browser/page-driver.js';
import {
  acceptLink,
  compareCodes,
  findKey,
  findLine,
  shareKey,
  writeLine,
} from '../../support/browser/phone-actions.js';
import { findAlert, type PhonePage, readLines, usePhones } from '../../support/browser/phones.js';

withChromium(it, () => {
  const phones = usePhones(true);
  const { ada, cleo, paired } = phones;

  /** Accepts the link, and closes the page before it sends its commitment. */
  async function acceptWithoutCommitment({ page, phone, network: way }: PhonePage, link: string): Promise<void> {
    way.refuse(['PUT']);
    await acceptLink(phone, link);
    await phone.getByRole('alert').getByText('No connection').waitFor();
    await page.goto('about:blank');
    way.mend();
  }

  describe('the key is sealed to the phone whose code was compared', () => {
    it('another phone that is bound without a commitment cannot open the key', async () => {
      const [{ sender, receiver, link }, third] = await Promise.all([paired(), cleo()]);
      await sender.page.goto('about:blank');
      await findButton(receiver.phone, 'Not for this phone').click();
      await waitForNews(receiver.phone, 'You have given your place back.');
      await acceptWithoutCommitment(third, link);

      await sender.page.goBack();
      await findButton(sender.phone, 'Hand over the key').click();
      await waitForNews(sender.phone, 'Handed over.');
      await third.page.goBack();
      await findAlert(sender, 'It is another phone now').waitFor();
      expect(await findKey(third.phone, 'room').isVisible()).toBe(false);
      expect(await findButton(sender.phone, 'Hand over the key').isVisible()).toBe(false);
      await compareCodes(sender.phone, third.phone);
      await findButton(sender.phone, 'Hand over the key').click();
      await findKey(third.phone, 'room').waitFor();
      expect(await findAlert(sender, 'It is another phone now').isVisible()).toBe(false);
    });

    it('another phone that is bound before the key is handed over cannot open it', async () => {
      const [{ sender, receiver, link }, third] = await Promise.all([paired(), cleo()]);
      sender.network.cut('POST'); // Reads fail.
      await findButton(receiver.phone, 'Not for this phone').click();
      await waitForNews(receiver.phone, 'You have given your place back.');
      await acceptWithoutCommitment(third, link);
      await writeLine(sender.phone, 'Ben', 'Only for Ben.');
      await findButton(sender.phone, 'Hand over the key').click();
      await waitForNews(sender.phone, 'No connection. Trying again…');
      await sender.page.reload();
      await waitForNews(sender.phone, 'No connection. Trying again…');
      sender.network.mend();
      await third.page.goBack();
      await findAlert(sender, 'It is another phone now').waitFor();
      await waitForNews(sender.phone, 'asks for the key');
      await compareCodes(sender.phone, third.phone);
      expect(await readLines(third)).toEqual([]);
      expect(await readLines(sender)).toEqual([]);
    });

    it('another phone that is bound after the key is handed over cannot open it', async () => {
      const [{ sender, receiver, link }, third] = await Promise.all([paired(), cleo()]);
      receiver.network.hold('POST');
      await findButton(sender.phone, 'Hand over the key').click();
      await waitForNews(sender.phone, 'Handed over.');
      sender.network.cut();
      await findButton(receiver.phone, 'Not for this phone').click();
      await waitForNews(receiver.phone, 'You have given your place back.');
      await acceptLink(third.phone, link);
      await waitForNews(third.phone, 'Bound to this phone.');

      sender.network.mend();
      await findAlert(sender, 'It is another phone now').waitFor();
      await waitForNews(sender.phone, 'asks for the key');
      expect(await findKey(third.phone, 'room').isVisible()).toBe(false);
      await compareCodes(sender.phone, third.phone);
      await findButton(sender.phone, 'Hand over the key').click();
      await findKey(third.phone, 'room').waitFor();
    });
  });

  it('a duplicated tab does not continue while the first tab is open', async () => {
    const { sender, receiver } = await paired();
    const [copy] = await Promise.all([
      receiver.page.context().waitForEvent('page'),
      receiver.page.evaluate(`void open('/receiver')`),
    ]);
    const phone = findPhone(copy, 'Ben');
    await phone.getByRole('alert').getByText('Open in another tab').waitFor();
    expect(await phone.getByLabel('Message to Ada').isVisible()).toBe(false);
    await writeLine(receiver.phone, 'Ada', 'Still here.');
    await findLine(sender.phone, 'Still here.').waitFor();
    await receiver.page.close();
    await findButton(phone, 'Try again').click();
    await findButton(sender.phone, 'Hand over the key').click();
    await findKey(phone, 'room').waitFor();
  });

  it('a page without storage works until a reload, and shows a hint', async () => {
    const scripts = [
      `Object.defineProperty(window, 'sessionStorage', { get() { throw new DOMException('denied'); } })`,
      `Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }`,
    ];
    const opened = scripts.map((script) => phones.driver.open(`${phones.server.origin}/sender`, script));
    for (const page of await Promise.all(opened)) {
      const phone = findPhone(page, 'Ada');
      await phone.getByText('This browser keeps nothing for this page').waitFor();
      await shareKey(phone, 'Norden E4');
    }
  });

  it('a page with a damaged saved state starts from an empty state', async () => {
    const { page, phone } = await ada();
    await page.evaluate(`sessionStorage.setItem('sender', '{"format":3,"state')`);
    await page.reload();
    await shareKey(phone, 'Norden E4');
    expect(await phone.getByText('This browser keeps nothing for this page').isVisible()).toBe(false);
  });
});
