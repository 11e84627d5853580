/** examples/browser in two or three browsers, one phone per page. */
import { expect, it } from 'vitest';
import { withChromium } from '../../support/browser/chromium.js';
import { findButton, inspectPage, waitForNews } from '../../support/browser/page-driver.js';
import {
  acceptLink,
  compareCodes,
  findKey,
  findLine,
  previewLink,
  shareKey,
  writeLine,
} from '../../support/browser/phone-actions.js';
import { readCode, usePhones } from '../../support/browser/phones.js';

withChromium(it, () => {
  const phones = usePhones();
  const { ada, ben, cleo } = phones;
  const requests = async (): Promise<string[]> =>
    [...(await phones.server.readExchanges()).matchAll(/"operation":"(\w+)".*?"status":(\d+)/g)].map(
      ([, name, status]) => `${name} ${status}`,
    );

  it('two phones hand over a key by a stateful transfer, and the relay cannot read it [SCT §3.2]', async () => {
    const [sender, receiver] = await Promise.all([ada(), ben()]);
    const link = await shareKey(sender.phone, 'Norden E4');
    expect(link).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/relay\/v1\/m\/[0-9a-f-]{36}\?v=c#[\w-]{43}$/);

    await previewLink(receiver.phone, link);
    await receiver.phone.getByText('Car key, Norden E4').first().waitFor();
    await waitForNews(sender.phone, 'Waiting for the link to be opened.');
    await findButton(receiver.phone, 'Accept').click();

    await waitForNews(sender.phone, 'asks for the key');
    await compareCodes(sender.phone, receiver.phone);
    const code = await readCode(sender);
    expect(code).toMatch(/^\d{3} \d{3}$/);
    expect(await readCode(receiver)).toBe(code);
    await inspectPage(sender.page, 'sender-code');
    await inspectPage(receiver.page, 'receiver-code');

    await writeLine(sender.phone, 'Ben', 'I call you.');
    await findLine(receiver.phone, 'I call you.').waitFor();
    await writeLine(receiver.phone, 'Ada', 'I hear you.');
    await writeLine(receiver.phone, 'Ada', 'When may I come?');
    await findLine(sender.phone, 'When may I come?').waitFor();
    await writeLine(sender.phone, 'Ben', 'Now.');
    await findLine(receiver.phone, 'Now.').waitFor();
    expect(await receiver.phone.getByRole('listitem').allTextContents()).toEqual([
      'Ada: I call you.',
      'You: I hear you.',
      'You: When may I come?',
      'Ada: Now.',
    ]);
    expect(await findKey(receiver.phone, 'car').isVisible()).toBe(false);

    await findButton(sender.phone, 'Hand over the key').click();
    await findKey(receiver.phone, 'car').waitFor();
    await inspectPage(receiver.page, 'receiver-key');
    await findButton(receiver.phone, 'Done: close the mailbox').click();
    await waitForNews(receiver.phone, 'The key is yours. The mailbox is gone.');
    await waitForNews(sender.phone, 'Ben has the key. The mailbox is gone.');
    await findButton(receiver.phone, 'Back to messages').click();
    await receiver.phone.locator('.wallet .card.car').waitFor();

    const seen = await phones.server.readExchanges();
    expect(seen).toContain('Car key, Norden E4'); // The recorder works: it has the data that the relay can read.
    const secret = link.slice(link.indexOf('#') + 1);
    for (const hidden of [
      secret,
      'I call you.',
      'I hear you.',
      `"${code?.replace(' ', '')}"`,
      'NE-441-7765-0392',
      'key-sharing',
    ]) {
      expect(seen).not.toContain(hidden);
    }
  });

  it('a third phone is refused until the receiver relinquishes [SCT §6.5]', async () => {
    const [sender, receiver, third] = await Promise.all([ada(), ben(), cleo()]);
    const link = await shareKey(sender.phone, 'Room 417');
    await acceptLink(receiver.phone, link);
    await compareCodes(sender.phone, receiver.phone);
    const code = await readCode(sender);
    await writeLine(receiver.phone, 'Ada', 'Only for Ada.');
    await findLine(sender.phone, 'Only for Ada.').waitFor();

    await acceptLink(third.phone, link);
    await third.phone.getByRole('alert').getByText('Opened on another phone').waitFor();
    expect(await third.phone.getByLabel('Message to Ada').isVisible()).toBe(false);

    await findButton(receiver.phone, 'Not for this phone').click();
    await waitForNews(receiver.phone, 'You have given your place back.');
    await waitForNews(sender.phone, 'Waiting for the link to be opened.');
    await inspectPage(receiver.page, 'receiver-relinquished');
    await findButton(third.phone, 'Try again').click();
    await compareCodes(sender.phone, third.phone);
    expect(await readCode(sender)).toBe(await readCode(third));
    expect(await readCode(sender)).not.toBe(code);
    await findButton(sender.phone, 'Hand over the key').click();
    await findKey(third.phone, 'room').waitFor();
    expect(await findLine(third.phone, 'Only for Ada.').count()).toBe(0);
    expect(await findLine(sender.phone, 'Only for Ada.').count()).toBe(0);

    // A phone that opens the link again is a new device, and too late.
    await findButton(receiver.phone, 'Back to messages').click();
    await acceptLink(receiver.phone, link);
    await receiver.phone.getByRole('alert').getByText('Opened on another phone').waitFor();
  });

  it('the sender starts a new agreement if the receiver changed while its page was closed', async () => {
    const [sender, receiver, third] = await Promise.all([ada(), ben(), cleo()]);
    const link = await shareKey(sender.phone, 'Room 417');
    await acceptLink(receiver.phone, link);
    await compareCodes(sender.phone, receiver.phone);
    await writeLine(receiver.phone, 'Ada', 'Only for Ada.');
    await findLine(sender.phone, 'Only for Ada.').waitFor();
    const code = await readCode(receiver);
    await sender.page.goto('about:blank');
    await findButton(receiver.phone, 'Not for this phone').click();
    await waitForNews(receiver.phone, 'You have given your place back.');
    await acceptLink(third.phone, link);
    await waitForNews(third.phone, 'Bound to this phone.');

    await sender.page.goBack();
    await compareCodes(sender.phone, third.phone);
    expect(await readCode(sender)).toBe(await readCode(third));
    expect(await readCode(sender)).not.toBe(code);
    expect(await findLine(third.phone, 'Only for Ada.').count()).toBe(0);
    expect(await findLine(sender.phone, 'Only for Ada.').count()).toBe(0);
    await findButton(sender.phone, 'Hand over the key').click();
    await findKey(third.phone, 'room').waitFor();
  });

  it('the receiver learns at once that the sender cancels, and the link is dead [SCT §6.6]', async () => {
    const [sender, receiver, third] = await Promise.all([ada(), ben(), cleo()]);
    const link = await shareKey(sender.phone, 'Front door');
    await acceptLink(receiver.phone, link);
    await waitForNews(sender.phone, 'asks for the key');
    await findButton(sender.phone, 'Cancel the share').click();
    await waitForNews(sender.phone, 'You have cancelled the share. The mailbox is gone.');
    await waitForNews(receiver.phone, 'Ada has withdrawn the key.');
    await previewLink(third.phone, link);
    await third.phone.getByRole('alert').getByText('This link has ended').waitFor();
    await inspectPage(receiver.page, 'receiver-withdrawn');
    await inspectPage(sender.page, 'sender-cancelled');

    await findButton(sender.phone, 'Share another key').click();
    expect(await shareKey(sender.phone, 'Front door')).not.toBe(link);
  });

  it('a phone detects a changed message, does not use it, and continues with the original message', async () => {
    const [sender, receiver] = await Promise.all([ada(), ben()]);
    const watch = await phones.driver.open(`${phones.server.origin}/watch`);
    const link = await shareKey(sender.phone, 'Norden E4');
    await watch.getByRole('switch', { name: 'Tamper' }).check();
    await watch.getByRole('listitem').filter({ hasText: 'CreateMailbox' }).waitFor();
    await acceptLink(receiver.phone, link);
    await receiver.phone.getByRole('alert').getByText('This message was changed').waitFor();
    await watch.getByText('changed on its way').first().waitFor();
    expect(await receiver.phone.getByLabel('Message to Ada').isVisible()).toBe(false);
    await inspectPage(receiver.page, 'receiver-tampered');
    await watch.getByRole('listitem').first().locator('summary').click();
    await inspectPage(watch, 'watch-tampered');

    await watch.getByRole('switch', { name: 'Tamper' }).uncheck();
    await findButton(receiver.phone, 'Try again').click();
    await waitForNews(receiver.phone, 'Bound to this phone.');
    await compareCodes(sender.phone, receiver.phone);
    await findButton(sender.phone, 'Hand over the key').click();
    await findKey(receiver.phone, 'car').waitFor();
  });

  it('two phones continue after a reload at every stage, as the same devices, without a lost message', async () => {
    const [sender, receiver] = await Promise.all([ada(), ben()]);
    const link = await shareKey(sender.phone, 'Front door');
    await sender.page.reload();
    expect(await sender.phone.getByLabel('Link, with').inputValue()).toBe(link);
    await previewLink(receiver.phone, link);
    await findButton(receiver.phone, 'Accept').waitFor();
    await receiver.page.reload();
    await findButton(receiver.phone, 'Accept').click();
    await waitForNews(sender.phone, 'asks for the key');

    await Promise.all([sender.page.reload(), receiver.page.reload()]);
    await compareCodes(sender.phone, receiver.phone);
    const code = await readCode(sender);
    await Promise.all([sender.page.reload(), receiver.page.reload()]);
    expect([await readCode(sender), await readCode(receiver)]).toEqual([code, code]);
    await writeLine(receiver.phone, 'Ada', 'Still here.');
    await findLine(sender.phone, 'Still here.').waitFor();
    await sender.page.reload();
    await receiver.page.goto('about:blank'); // The page is closed while the key arrives.
    await writeLine(sender.phone, 'Ben', 'Two lines,');
    await writeLine(sender.phone, 'Ben', 'of which one is in the mailbox.');
    await findButton(sender.phone, 'Hand over the key').click();
    await waitForNews(sender.phone, 'Handed over.');
    await receiver.page.goBack();
    await findKey(receiver.phone, 'door').waitFor();
    expect(await receiver.phone.getByRole('log').getByRole('listitem').allTextContents()).toEqual([
      'You: Still here.',
      'Ada: Two lines,',
      'Ada: of which one is in the mailbox.',
    ]);
    await findButton(receiver.phone, 'Done: close the mailbox').click();
    await waitForNews(sender.phone, 'Ben has the key.');
    await Promise.all([sender.page.reload(), receiver.page.reload()]);
    await waitForNews(sender.phone, 'Ben has the key.');
    await waitForNews(receiver.phone, 'The key is yours.');
    // One device per phone throughout.
    expect(new Set((await phones.server.readExchanges()).match(/"Mailbox-Device-Claim","[0-9a-f]{8}/g)).size).toBe(2);
  });

  it('a phone explains a broken or foreign link, and sends no request', async () => {
    const { phone } = await ben();
    await previewLink(phone, 'not a link');
    await phone.getByRole('alert').getByText('This is not a whole link').waitFor();
    await previewLink(
      phone,
      'https://elsewhere.example/v1/m/2ba7b0e6-519b-41ec-bf63-0242ac130002#AAAAAAAAAAAAAAAAAAAAAA==',
    );
    await phone.getByRole('alert').getByText('This link leads elsewhere').waitFor();
    await previewLink(phone, `${phones.server.origin}/relay/v1/m/2ba7b0e6-519b-41ec-bf63-0242ac130002`);
    await phone.getByRole('alert').getByText('This is not a whole link').waitFor();
    expect(await requests()).toEqual([]);
  });
});
