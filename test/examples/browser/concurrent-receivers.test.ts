/** examples/browser where somebody else has the place or the tab, and in browsers that keep nothing. */
import { describe, expect, it } from 'vitest';
import { accept, compare, keyOf, lineOf, say, share } from '../../support/browser/phone-actions.js';
import { withChromium } from '../../support/browser/chromium.js';
import { alertOf, type Device, linesOf, useDevices } from '../../support/browser/phones.js';
import { buttonIn, phoneOf, tells } from '../../support/browser/page-driver.js';

withChromium(it, () => {
  const devices = useDevices(true);
  const { ada, cleo, paired } = devices;

  /** Accepts, and goes before it has sent its commitment. */
  async function acceptInSilence({ page, phone, way }: Device, link: string): Promise<void> {
    way.refuse(['PUT']);
    await accept(phone, link);
    await phone.getByRole('alert').getByText('No connection').waitFor();
    await page.goto('about:blank');
    way.mend();
  }

  describe('the key is for the phone whose code was compared, and for no other', () => {
    it('where another one has taken the place in silence', async () => {
      const [{ sender, receiver, link }, third] = await Promise.all([paired(), cleo()]);
      await sender.page.goto('about:blank');
      await buttonIn(receiver.phone, 'Not for this phone').click();
      await tells(receiver.phone, 'You have given your place back.');
      await acceptInSilence(third, link);

      await sender.page.goBack();
      await buttonIn(sender.phone, 'Hand over the key').click();
      await tells(sender.phone, 'Handed over.');
      await third.page.goBack();
      await alertOf(sender, 'It is another phone now').waitFor();
      expect(await keyOf(third.phone, 'room').isVisible()).toBe(false);
      expect(await buttonIn(sender.phone, 'Hand over the key').isVisible()).toBe(false);
      await compare(sender.phone, third.phone);
      await buttonIn(sender.phone, 'Hand over the key').click();
      await keyOf(third.phone, 'room').waitFor();
      expect(await alertOf(sender, 'It is another phone now').isVisible()).toBe(false);
    });

    it('where the place changes hands before it is handed over', async () => {
      const [{ sender, receiver, link }, third] = await Promise.all([paired(), cleo()]);
      sender.way.cut('POST'); // Hears nothing.
      await buttonIn(receiver.phone, 'Not for this phone').click();
      await tells(receiver.phone, 'You have given your place back.');
      await acceptInSilence(third, link);
      await say(sender.phone, 'Ben', 'Only for Ben.');
      await buttonIn(sender.phone, 'Hand over the key').click();
      await tells(sender.phone, 'No connection. Trying again…');
      await sender.page.reload();
      await tells(sender.phone, 'No connection. Trying again…');
      sender.way.mend();
      await third.page.goBack();
      await alertOf(sender, 'It is another phone now').waitFor();
      await tells(sender.phone, 'asks for the key');
      await compare(sender.phone, third.phone);
      expect(await linesOf(third)).toEqual([]);
      expect(await linesOf(sender)).toEqual([]);
    });

    it('where it changes hands after that', async () => {
      const [{ sender, receiver, link }, third] = await Promise.all([paired(), cleo()]);
      receiver.way.hold('POST');
      await buttonIn(sender.phone, 'Hand over the key').click();
      await tells(sender.phone, 'Handed over.');
      sender.way.cut();
      await buttonIn(receiver.phone, 'Not for this phone').click();
      await tells(receiver.phone, 'You have given your place back.');
      await accept(third.phone, link);
      await tells(third.phone, 'Bound to this phone.');

      sender.way.mend();
      await alertOf(sender, 'It is another phone now').waitFor();
      await tells(sender.phone, 'asks for the key');
      expect(await keyOf(third.phone, 'room').isVisible()).toBe(false);
      await compare(sender.phone, third.phone);
      await buttonIn(sender.phone, 'Hand over the key').click();
      await keyOf(third.phone, 'room').waitFor();
    });
  });

  it('is one device in one tab: a copy of the tab does not go on beside it', async () => {
    const { sender, receiver } = await paired();
    const [copy] = await Promise.all([
      receiver.page.context().waitForEvent('page'),
      receiver.page.evaluate(`void open('/receiver')`),
    ]);
    const phone = phoneOf(copy, 'Ben');
    await phone.getByRole('alert').getByText('Open in another tab').waitFor();
    expect(await phone.getByLabel('Message to Ada').isVisible()).toBe(false);
    await say(receiver.phone, 'Ada', 'Still here.');
    await lineOf(sender.phone, 'Still here.').waitFor();
    await receiver.page.close();
    await buttonIn(phone, 'Try again').click();
    await buttonIn(sender.phone, 'Hand over the key').click();
    await keyOf(phone, 'room').waitFor();
  });

  it('works as long as the page is there where the browser keeps nothing, and says so', async () => {
    const scripts = [
      `Object.defineProperty(window, 'sessionStorage', { get() { throw new DOMException('denied'); } })`,
      `Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }`,
    ];
    const opened = scripts.map((script) => devices.stage.open(`${devices.demo.origin}/sender`, script));
    for (const page of await Promise.all(opened)) {
      const phone = phoneOf(page, 'Ada');
      await phone.getByText('This browser keeps nothing for this page').waitFor();
      await share(phone, 'Norden E4');
    }
  });

  it('begins anew where what was kept is damaged', async () => {
    const { page, phone } = await ada();
    await page.evaluate(`sessionStorage.setItem('sender', '{"format":3,"state')`);
    await page.reload();
    await share(phone, 'Norden E4');
    expect(await phone.getByText('This browser keeps nothing for this page').isVisible()).toBe(false);
  });
});
