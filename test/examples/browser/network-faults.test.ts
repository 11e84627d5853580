/** examples/browser where the way is bad, or a person presses what does not fit. */
import { describe, expect, it } from 'vitest';
import { accept, compare, keyOf, lineOf, look, say, share } from '../../support/browser/phone-actions.js';
import { withChromium } from '../../support/browser/chromium.js';
import { alertOf, codeOf, linesOf, useDevices } from '../../support/browser/phones.js';
import { buttonIn, tells } from '../../support/browser/page-driver.js';

withChromium(it, () => {
  const devices = useDevices(true);
  const { ada, ben, paired } = devices;

  describe('what a person has said', () => {
    it('is not told as said before it is, and outlives an outage and a reload in it', async () => {
      const { sender, receiver } = await paired();
      sender.way.cut();
      await say(sender.phone, 'Ben', 'first');
      await say(sender.phone, 'Ben', 'second');
      await buttonIn(sender.phone, 'Hand over the key').click();
      await tells(sender.phone, 'No connection. Trying again…');
      await sender.page.reload();
      await tells(sender.phone, 'No connection. Trying again…');
      expect(await sender.phone.textContent()).not.toContain('Handed over');

      sender.way.mend();
      await keyOf(receiver.phone, 'room').waitFor();
      expect(await linesOf(receiver)).toEqual(['Ada: first', 'Ada: second']);
      await tells(sender.phone, 'Handed over.');
    });

    it('is said again by “Try again”, and what was wrong is not shown any more', async () => {
      const { sender, receiver } = await paired();
      sender.way.refuse(['PUT']);
      await say(sender.phone, 'Ben', 'one');
      await buttonIn(sender.phone, 'Hand over the key').click();
      await alertOf(sender, 'No connection').waitFor();
      await tells(sender.phone, 'Handing over…');
      sender.way.mend();
      await buttonIn(sender.phone, 'Try again').click();
      await keyOf(receiver.phone, 'room').waitFor();
      expect(await linesOf(receiver)).toEqual(['Ada: one']);
      await tells(sender.phone, 'Handed over.');
      expect(await alertOf(sender, 'No connection').isVisible()).toBe(false);

      sender.way.refuse(['PUT']);
      await say(sender.phone, 'Ben', 'two');
      await alertOf(sender, 'No connection').waitFor();
      sender.way.mend();
      await say(sender.phone, 'Ben', 'three');
      await lineOf(receiver.phone, 'three').waitFor();
      await alertOf(sender, 'No connection').waitFor({ state: 'hidden' });

      sender.way.hold('PUT');
      await say(sender.phone, 'Ben', 'four');
      await lineOf(receiver.phone, 'four').waitFor();
      await say(sender.phone, 'Ben', 'five'); // While “four” has no answer.
      sender.way.mend();
      await lineOf(receiver.phone, 'five').waitFor();
    });

    it('is the commitment of the receiver, too', async () => {
      const [sender, receiver] = await Promise.all([ada(), ben()]);
      const link = await share(sender.phone, 'Room 417');
      receiver.way.refuse(['PUT']);
      await accept(receiver.phone, link);
      await alertOf(receiver, 'No connection').waitFor();
      receiver.way.mend();
      await buttonIn(receiver.phone, 'Try again').click();
      await compare(sender.phone, receiver.phone);
      expect(await codeOf(sender)).toBe(await codeOf(receiver));
    });

    it('may be long: the latest lines go with the key', async () => {
      const { sender, receiver } = await paired();
      const lines = Array.from({ length: 70 }, (_, at) => `${at} ${'字'.repeat(270)}`);
      await sender.page.evaluate(`{
        const input = document.querySelector('.say input');
        for (const line of ${JSON.stringify(lines)}) {
          input.value = line;
          input.form.requestSubmit();
        }
      }`);
      await buttonIn(sender.phone, 'Hand over the key').click();
      await keyOf(receiver.phone, 'room').waitFor();
      await tells(sender.phone, 'Handed over.');
      expect(await sender.phone.locator('.problem').isVisible()).toBe(false);
      expect((await linesOf(receiver)).at(-1)).toBe(`Ada: ${lines.at(-1)}`);
      await say(sender.phone, 'Ben', 'one more');
      await lineOf(receiver.phone, 'one more').waitFor();
      expect((await linesOf(receiver)).slice(-2)).toEqual([`Ada: ${lines.at(-1)}`, 'Ada: one more']);
    });
  });

  it('tells that the connection is back', async () => {
    const sender = await ada();
    await share(sender.phone, 'Room 417');
    sender.way.cut();
    await tells(sender.phone, 'No connection. Trying again…');
    sender.way.mend();
    await tells(sender.phone, 'Waiting for the link to be opened.');
  });

  describe('a link', () => {
    it('that could not be looked at is looked at again, and accepted by “Accept” alone', async () => {
      const [sender, receiver] = await Promise.all([ada(), ben()]);
      const link = await share(sender.phone, 'Room 417');
      receiver.way.refuse(['GET']);
      await look(receiver.phone, link);
      await alertOf(receiver, 'No connection').waitFor();
      receiver.way.mend();
      await buttonIn(receiver.phone, 'Try again').click();
      await buttonIn(receiver.phone, 'Accept').waitFor();
      await tells(receiver.phone, 'You have only looked so far.');
      await tells(sender.phone, 'Waiting for the link to be opened.');
    });

    it('is not left behind while it is being accepted, so that the place can be given back', async () => {
      const [sender, receiver] = await Promise.all([ada(), ben()]);
      const link = await share(sender.phone, 'Room 417');
      await look(receiver.phone, link);
      receiver.way.hold('POST');
      await buttonIn(receiver.phone, 'Accept').click();
      await tells(sender.phone, 'A phone has opened the link.');
      await buttonIn(receiver.phone, 'Not now').click({ force: true });
      receiver.way.mend();
      await tells(receiver.phone, 'Bound to this phone.');
      await tells(sender.phone, 'asks for the key');
      await buttonIn(receiver.phone, 'Not for this phone').click();
      await tells(sender.phone, 'Waiting for the link to be opened.');
    });

    it('is given back by “Not now” if it was accepted without this phone’s knowing', async () => {
      const [sender, receiver] = await Promise.all([ada(), ben()]);
      const link = await share(sender.phone, 'Room 417');
      await look(receiver.phone, link);
      await buttonIn(receiver.phone, 'Accept').waitFor();
      receiver.way.refuse(['POST'], true);
      await buttonIn(receiver.phone, 'Accept').click();
      await alertOf(receiver, 'No connection').waitFor();
      await tells(sender.phone, 'A phone has opened the link.');
      await buttonIn(receiver.phone, 'Not now').click();
      await receiver.phone.getByRole('heading', { name: 'Messages' }).waitFor();
      await tells(sender.phone, 'Waiting for the link to be opened.');
    });

    it('belongs to the key that was chosen, once, whatever is pressed while it is made', async () => {
      const sender = await ada();
      sender.way.cut();
      await sender.phone.getByLabel('Room 417').check();
      await buttonIn(sender.phone, 'Share this key').click();
      await tells(sender.phone, 'No connection. Trying again…');
      expect(await sender.phone.getByLabel('Norden E4').isDisabled()).toBe(true);
      await sender.page.reload();
      await tells(sender.phone, 'No connection. Trying again…');
      expect(await sender.phone.getByLabel('Norden E4').isDisabled()).toBe(true);
      await buttonIn(sender.phone, 'Share this key').click({ force: true });
      sender.way.mend();
      await tells(sender.phone, 'Waiting for the link to be opened.');
      await sender.phone.getByRole('heading', { name: 'Room 417' }).waitFor();
      expect((await devices.demo.seen()).match(/CreateMailbox/g)).toHaveLength(1);
    });
  });
});
