/** examples/browser in two browsers and three: each phone on a page of its own. */
import { expect, it } from 'vitest';
import { accept, compare, keyOf, lineOf, look, say, share } from '../../support/browser/phone-actions.js';
import { withChromium } from '../../support/browser/chromium.js';
import { codeOf, useDevices } from '../../support/browser/phones.js';
import { buttonIn, inspect, tells } from '../../support/browser/page-driver.js';

withChromium(it, () => {
  const devices = useDevices();
  const { ada, ben, cleo } = devices;
  const requests = async (): Promise<string[]> =>
    [...(await devices.demo.seen()).matchAll(/"operation":"(\w+)".*?"status":(\d+)/g)].map(
      ([, name, status]) => `${name} ${status}`,
    );

  it('hand over a key by a stateful transfer, live, and the relay reads nothing of it [SCT §3.2]', async () => {
    const [sender, receiver] = await Promise.all([ada(), ben()]);
    const link = await share(sender.phone, 'Norden E4');
    expect(link).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/relay\/v1\/m\/[0-9a-f-]{36}\?v=c#[A-Za-z0-9+/]{43}=$/);

    await look(receiver.phone, link);
    await receiver.phone.getByText('Car key, Norden E4').first().waitFor();
    await tells(sender.phone, 'Waiting for the link to be opened.');
    await buttonIn(receiver.phone, 'Accept').click();

    await tells(sender.phone, 'asks for the key');
    await compare(sender.phone, receiver.phone);
    const code = await codeOf(sender);
    expect(code).toMatch(/^\d{3} \d{3}$/);
    expect(await codeOf(receiver)).toBe(code);
    await inspect(sender.page, 'sender-code');
    await inspect(receiver.page, 'receiver-code');

    await say(sender.phone, 'Ben', 'I call you.');
    await lineOf(receiver.phone, 'I call you.').waitFor();
    await say(receiver.phone, 'Ada', 'I hear you.');
    await say(receiver.phone, 'Ada', 'When may I come?');
    await lineOf(sender.phone, 'When may I come?').waitFor();
    await say(sender.phone, 'Ben', 'Now.');
    await lineOf(receiver.phone, 'Now.').waitFor();
    expect(await receiver.phone.getByRole('listitem').allTextContents()).toEqual([
      'Ada: I call you.',
      'You: I hear you.',
      'You: When may I come?',
      'Ada: Now.',
    ]);
    expect(await keyOf(receiver.phone, 'car').isVisible()).toBe(false);

    await buttonIn(sender.phone, 'Hand over the key').click();
    await keyOf(receiver.phone, 'car').waitFor();
    await inspect(receiver.page, 'receiver-key');
    await buttonIn(receiver.phone, 'Done: close the mailbox').click();
    await tells(receiver.phone, 'The key is yours. The mailbox is gone.');
    await tells(sender.phone, 'Ben has the key. The mailbox is gone.');
    await buttonIn(receiver.phone, 'Back to messages').click();
    await receiver.phone.locator('.wallet .card.car').waitFor();

    const seen = await devices.demo.seen();
    expect(seen).toContain('Car key, Norden E4'); // The recorder does see what the relay may see.
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

  it('refuse the link to a third phone, until the receiver relinquishes and hands its place on [SCT §6.5]', async () => {
    const [sender, receiver, third] = await Promise.all([ada(), ben(), cleo()]);
    const link = await share(sender.phone, 'Room 417');
    await accept(receiver.phone, link);
    await compare(sender.phone, receiver.phone);
    const code = await codeOf(sender);
    await say(receiver.phone, 'Ada', 'Only for Ada.');
    await lineOf(sender.phone, 'Only for Ada.').waitFor();

    await accept(third.phone, link);
    await third.phone.getByRole('alert').getByText('Opened on another phone').waitFor();
    expect(await third.phone.getByLabel('Message to Ada').isVisible()).toBe(false);

    await buttonIn(receiver.phone, 'Not for this phone').click();
    await tells(receiver.phone, 'You have given your place back.');
    await tells(sender.phone, 'Waiting for the link to be opened.');
    await inspect(receiver.page, 'receiver-relinquished');
    await buttonIn(third.phone, 'Try again').click();
    await compare(sender.phone, third.phone);
    expect(await codeOf(sender)).toBe(await codeOf(third));
    expect(await codeOf(sender)).not.toBe(code);
    await buttonIn(sender.phone, 'Hand over the key').click();
    await keyOf(third.phone, 'room').waitFor();
    expect(await lineOf(third.phone, 'Only for Ada.').count()).toBe(0);
    expect(await lineOf(sender.phone, 'Only for Ada.').count()).toBe(0);

    // Opened again, the link is that of a new device, which is too late now.
    await buttonIn(receiver.phone, 'Back to messages').click();
    await accept(receiver.phone, link);
    await receiver.phone.getByRole('alert').getByText('Opened on another phone').waitFor();
  });

  it('start from nothing when the place changes hands while the sender is away', async () => {
    const [sender, receiver, third] = await Promise.all([ada(), ben(), cleo()]);
    const link = await share(sender.phone, 'Room 417');
    await accept(receiver.phone, link);
    await compare(sender.phone, receiver.phone);
    await say(receiver.phone, 'Ada', 'Only for Ada.');
    await lineOf(sender.phone, 'Only for Ada.').waitFor();
    const code = await codeOf(receiver);
    await sender.page.goto('about:blank');
    await buttonIn(receiver.phone, 'Not for this phone').click();
    await tells(receiver.phone, 'You have given your place back.');
    await accept(third.phone, link);
    await tells(third.phone, 'Bound to this phone.');

    await sender.page.goBack();
    await compare(sender.phone, third.phone);
    expect(await codeOf(sender)).toBe(await codeOf(third));
    expect(await codeOf(sender)).not.toBe(code);
    expect(await lineOf(third.phone, 'Only for Ada.').count()).toBe(0);
    expect(await lineOf(sender.phone, 'Only for Ada.').count()).toBe(0);
    await buttonIn(sender.phone, 'Hand over the key').click();
    await keyOf(third.phone, 'room').waitFor();
  });

  it('learn at once that the sender cancels, and the link is dead [SCT §6.6]', async () => {
    const [sender, receiver, third] = await Promise.all([ada(), ben(), cleo()]);
    const link = await share(sender.phone, 'Front door');
    await accept(receiver.phone, link);
    await tells(sender.phone, 'asks for the key');
    await buttonIn(sender.phone, 'Cancel the share').click();
    await tells(sender.phone, 'You have cancelled the share. The mailbox is gone.');
    await tells(receiver.phone, 'Ada has withdrawn the key.');
    await look(third.phone, link);
    await third.phone.getByRole('alert').getByText('This link has ended').waitFor();
    await inspect(receiver.page, 'receiver-withdrawn');
    await inspect(sender.page, 'sender-cancelled');

    await buttonIn(sender.phone, 'Share another key').click();
    expect(await share(sender.phone, 'Front door')).not.toBe(link);
  });

  it('detect that a message was changed on its way, use nothing of it, and go on once the way is good', async () => {
    const [sender, receiver] = await Promise.all([ada(), ben()]);
    const watch = await devices.stage.open(`${devices.demo.origin}/watch`);
    const link = await share(sender.phone, 'Norden E4');
    await watch.getByRole('switch', { name: 'Tamper' }).check();
    await watch.getByRole('listitem').filter({ hasText: 'CreateMailbox' }).waitFor();
    await accept(receiver.phone, link);
    await receiver.phone.getByRole('alert').getByText('This message was changed').waitFor();
    await watch.getByText('changed on its way').first().waitFor();
    expect(await receiver.phone.getByLabel('Message to Ada').isVisible()).toBe(false);
    await inspect(receiver.page, 'receiver-tampered');
    await watch.getByRole('listitem').first().locator('summary').click();
    await inspect(watch, 'watch-tampered');

    await watch.getByRole('switch', { name: 'Tamper' }).uncheck();
    await buttonIn(receiver.phone, 'Try again').click();
    await tells(receiver.phone, 'Bound to this phone.');
    await compare(sender.phone, receiver.phone);
    await buttonIn(sender.phone, 'Hand over the key').click();
    await keyOf(receiver.phone, 'car').waitFor();
  });

  it('go on after a reload of either page, at every stage, with the same devices and no message lost', async () => {
    const [sender, receiver] = await Promise.all([ada(), ben()]);
    const link = await share(sender.phone, 'Front door');
    await sender.page.reload();
    expect(await sender.phone.getByLabel('Link, with').inputValue()).toBe(link);
    await look(receiver.phone, link);
    await buttonIn(receiver.phone, 'Accept').waitFor();
    await receiver.page.reload();
    await buttonIn(receiver.phone, 'Accept').click();
    await tells(sender.phone, 'asks for the key');

    await Promise.all([sender.page.reload(), receiver.page.reload()]);
    await compare(sender.phone, receiver.phone);
    const code = await codeOf(sender);
    await Promise.all([sender.page.reload(), receiver.page.reload()]);
    expect([await codeOf(sender), await codeOf(receiver)]).toEqual([code, code]);
    await say(receiver.phone, 'Ada', 'Still here.');
    await lineOf(sender.phone, 'Still here.').waitFor();
    await sender.page.reload();
    await receiver.page.goto('about:blank'); // Away while the key comes.
    await say(sender.phone, 'Ben', 'Two lines,');
    await say(sender.phone, 'Ben', 'of which one is in the mailbox.');
    await buttonIn(sender.phone, 'Hand over the key').click();
    await tells(sender.phone, 'Handed over.');
    await receiver.page.goBack();
    await keyOf(receiver.phone, 'door').waitFor();
    expect(await receiver.phone.getByRole('log').getByRole('listitem').allTextContents()).toEqual([
      'You: Still here.',
      'Ada: Two lines,',
      'Ada: of which one is in the mailbox.',
    ]);
    await buttonIn(receiver.phone, 'Done: close the mailbox').click();
    await tells(sender.phone, 'Ben has the key.');
    await Promise.all([sender.page.reload(), receiver.page.reload()]);
    await tells(sender.phone, 'Ben has the key.');
    await tells(receiver.phone, 'The key is yours.');
    // One device each, throughout.
    expect(new Set((await devices.demo.seen()).match(/"Mailbox-Device-Claim","[0-9a-f]{8}/g)).size).toBe(2);
  });

  it('say what is wrong with a link that is none, is cut off, or leads elsewhere, and call nobody', async () => {
    const { phone } = await ben();
    await look(phone, 'not a link');
    await phone.getByRole('alert').getByText('This is not a whole link').waitFor();
    await look(phone, 'https://elsewhere.example/v1/m/2ba7b0e6-519b-41ec-bf63-0242ac130002#AAAAAAAAAAAAAAAAAAAAAA==');
    await phone.getByRole('alert').getByText('This link leads elsewhere').waitFor();
    await look(phone, `${devices.demo.origin}/relay/v1/m/2ba7b0e6-519b-41ec-bf63-0242ac130002`);
    await phone.getByRole('alert').getByText('This is not a whole link').waitFor();
    expect(await requests()).toEqual([]);
  });
});
