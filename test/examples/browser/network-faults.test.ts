/** examples/browser with network faults, and with unexpected clicks. */
import { describe, expect, it } from 'vitest';
import { withChromium } from '../../support/browser/chromium.js';
import { findButton, waitForNews } from '../../support/browser/page-driver.js';
import {
  acceptLink,
  compareCodes,
  findKey,
  findLine,
  previewLink,
  shareKey,
  writeLine,
} from '../../support/browser/phone-actions.js';
import { findAlert, readCode, readLines, usePhones } from '../../support/browser/phones.js';

withChromium(it, () => {
  const phones = usePhones(true);
  const { ada, ben, paired } = phones;

  describe('a pending message', () => {
    it('a pending message is not shown as sent, and survives an outage and a reload', async () => {
      const { sender, receiver } = await paired();
      sender.network.cut();
      await writeLine(sender.phone, 'Ben', 'first');
      await writeLine(sender.phone, 'Ben', 'second');
      await findButton(sender.phone, 'Hand over the key').click();
      await waitForNews(sender.phone, 'No connection. Trying again…');
      await sender.page.reload();
      await waitForNews(sender.phone, 'No connection. Trying again…');
      expect(await sender.phone.textContent()).not.toContain('Handed over');

      sender.network.mend();
      await findKey(receiver.phone, 'room').waitFor();
      expect(await readLines(receiver)).toEqual(['Ada: first', 'Ada: second']);
      await waitForNews(sender.phone, 'Handed over.');
    });

    it('“Try again” sends a pending message and removes the problem', async () => {
      const { sender, receiver } = await paired();
      sender.network.refuse(['PUT']);
      await writeLine(sender.phone, 'Ben', 'one');
      await findButton(sender.phone, 'Hand over the key').click();
      await findAlert(sender, 'No connection').waitFor();
      await waitForNews(sender.phone, 'Handing over…');
      sender.network.mend();
      await findButton(sender.phone, 'Try again').click();
      await findKey(receiver.phone, 'room').waitFor();
      expect(await readLines(receiver)).toEqual(['Ada: one']);
      await waitForNews(sender.phone, 'Handed over.');
      expect(await findAlert(sender, 'No connection').isVisible()).toBe(false);

      sender.network.refuse(['PUT']);
      await writeLine(sender.phone, 'Ben', 'two');
      await findAlert(sender, 'No connection').waitFor();
      sender.network.mend();
      await writeLine(sender.phone, 'Ben', 'three');
      await findLine(receiver.phone, 'three').waitFor();
      await findAlert(sender, 'No connection').waitFor({ state: 'hidden' });

      sender.network.hold('PUT');
      await writeLine(sender.phone, 'Ben', 'four');
      await findLine(receiver.phone, 'four').waitFor();
      await writeLine(sender.phone, 'Ben', 'five'); // While “four” has no answer.
      sender.network.mend();
      await findLine(receiver.phone, 'five').waitFor();
    });

    it('“Try again” sends the commitment of the receiver', async () => {
      const [sender, receiver] = await Promise.all([ada(), ben()]);
      const link = await shareKey(sender.phone, 'Room 417');
      receiver.network.refuse(['PUT']);
      await acceptLink(receiver.phone, link);
      await findAlert(receiver, 'No connection').waitFor();
      receiver.network.mend();
      await findButton(receiver.phone, 'Try again').click();
      await compareCodes(sender.phone, receiver.phone);
      expect(await readCode(sender)).toBe(await readCode(receiver));
    });

    it('a long chat is cut to the latest lines, which are sent with the key', async () => {
      const { sender, receiver } = await paired();
      const lines = Array.from({ length: 70 }, (_, at) => `${at} ${'字'.repeat(270)}`);
      await sender.page.evaluate(`{
        const input = document.querySelector('.say input');
        for (const line of ${JSON.stringify(lines)}) {
          input.value = line;
          input.form.requestSubmit();
        }
      }`);
      await findButton(sender.phone, 'Hand over the key').click();
      await findKey(receiver.phone, 'room').waitFor();
      await waitForNews(sender.phone, 'Handed over.');
      expect(await sender.phone.locator('.problem').isVisible()).toBe(false);
      expect((await readLines(receiver)).at(-1)).toBe(`Ada: ${lines.at(-1)}`);
      await writeLine(sender.phone, 'Ben', 'one more');
      await findLine(receiver.phone, 'one more').waitFor();
      expect((await readLines(receiver)).slice(-2)).toEqual([`Ada: ${lines.at(-1)}`, 'Ada: one more']);
    });
  });

  it('a phone shows that the connection is back', async () => {
    const sender = await ada();
    await shareKey(sender.phone, 'Room 417');
    sender.network.cut();
    await waitForNews(sender.phone, 'No connection. Trying again…');
    sender.network.mend();
    await waitForNews(sender.phone, 'Waiting for the link to be opened.');
  });

  describe('a link', () => {
    it('“Try again” repeats a preview, and only “Accept” binds the phone', async () => {
      const [sender, receiver] = await Promise.all([ada(), ben()]);
      const link = await shareKey(sender.phone, 'Room 417');
      receiver.network.refuse(['GET']);
      await previewLink(receiver.phone, link);
      await findAlert(receiver, 'No connection').waitFor();
      receiver.network.mend();
      await findButton(receiver.phone, 'Try again').click();
      await findButton(receiver.phone, 'Accept').waitFor();
      await waitForNews(receiver.phone, 'You have only looked so far.');
      await waitForNews(sender.phone, 'Waiting for the link to be opened.');
    });

    it('“Not now” does nothing while a link is accepted, so that the phone can relinquish', async () => {
      const [sender, receiver] = await Promise.all([ada(), ben()]);
      const link = await shareKey(sender.phone, 'Room 417');
      await previewLink(receiver.phone, link);
      receiver.network.hold('POST');
      await findButton(receiver.phone, 'Accept').click();
      await waitForNews(sender.phone, 'A phone has opened the link.');
      await findButton(receiver.phone, 'Not now').click({ force: true });
      receiver.network.mend();
      await waitForNews(receiver.phone, 'Bound to this phone.');
      await waitForNews(sender.phone, 'asks for the key');
      await findButton(receiver.phone, 'Not for this phone').click();
      await waitForNews(sender.phone, 'Waiting for the link to be opened.');
    });

    it('“Not now” relinquishes a share if the answer to “Accept” was lost', async () => {
      const [sender, receiver] = await Promise.all([ada(), ben()]);
      const link = await shareKey(sender.phone, 'Room 417');
      await previewLink(receiver.phone, link);
      await findButton(receiver.phone, 'Accept').waitFor();
      receiver.network.refuse(['POST'], true);
      await findButton(receiver.phone, 'Accept').click();
      await findAlert(receiver, 'No connection').waitFor();
      await waitForNews(sender.phone, 'A phone has opened the link.');
      await findButton(receiver.phone, 'Not now').click();
      await receiver.phone.getByRole('heading', { name: 'Messages' }).waitFor();
      await waitForNews(sender.phone, 'Waiting for the link to be opened.');
    });

    it('a link is created once, for the chosen key, whatever else is clicked meanwhile', async () => {
      const sender = await ada();
      sender.network.cut();
      await sender.phone.getByLabel('Room 417').check();
      await findButton(sender.phone, 'Share this key').click();
      await waitForNews(sender.phone, 'No connection. Trying again…');
      expect(await sender.phone.getByLabel('Norden E4').isDisabled()).toBe(true);
      await sender.page.reload();
      await waitForNews(sender.phone, 'No connection. Trying again…');
      expect(await sender.phone.getByLabel('Norden E4').isDisabled()).toBe(true);
      await findButton(sender.phone, 'Share this key').click({ force: true });
      sender.network.mend();
      await waitForNews(sender.phone, 'Waiting for the link to be opened.');
      await sender.phone.getByRole('heading', { name: 'Room 417' }).waitFor();
      expect((await phones.server.readExchanges()).match(/CreateMailbox/g)).toHaveLength(1);
    });
  });
});
