/** examples/browser against a person who has the link and another program, at the real relay. */
import { describe, expect, it } from 'vitest';
import {
  type Agreement,
  beginAsReceiver,
  beginAsSender,
  open,
  type Role,
  receiveMessage,
  toMessage,
} from '../../../examples/browser/page/key-agreement.js';
import { encodeMessage, type SealedContent } from '../../../examples/browser/page/message.js';
import { withChromium } from '../../support/browser/chromium.js';
import { findButton, inspectPage, waitForNews } from '../../support/browser/page-driver.js';
import { acceptLink, findKey, findLine, shareKey } from '../../support/browser/phone-actions.js';
import { findAlert, type PhonePage, readCode, readLines, usePhones } from '../../support/browser/phones.js';
import { openAsReceiver, type ProtocolClient, shareAsSender } from '../../support/browser/protocol-client.js';

withChromium(it, () => {
  const phones = usePhones(true);
  const { ada, ben, paired } = phones;
  const relay = (): string => `${phones.server.origin}/relay`;

  /** The public part of an agreement, which a person with the link can read at the relay. */
  const readPublicPart = ({ page }: PhonePage, name: string): Promise<{ commitment: string; opening: string }> =>
    page.evaluate(`(({ commitment, opening }) => ({ commitment, opening }))(
      JSON.parse(sessionStorage.getItem('${name}')).state.agreement)`);

  /** The content of a message that follows the protocol. */
  const createContent = async (from: Role, { agreement, ...content }: SealedContent & { agreement: Agreement }) =>
    (await encodeMessage(from, agreement, content)).content;

  describe('the example’s sender', () => {
    it('the sender does not give the key to a second receiver that repeats the messages of the first', async () => {
      const { sender, receiver, link } = await paired();
      const code = await readCode(sender);
      const said = await readPublicPart(receiver, 'receiver');
      receiver.network.hold('POST');
      await findButton(sender.phone, 'Hand over the key').click();
      await waitForNews(sender.phone, 'Handed over.');
      await findButton(receiver.phone, 'Not for this phone').click();
      await waitForNews(receiver.phone, 'You have given your place back.');

      const stranger = await openAsReceiver(link);
      expect(stranger.found.content).toMatchObject({ commitment: said.commitment, box: expect.any(String) });
      await stranger.send({ ...stranger.found.content, from: 'receiver', ...said });
      await findAlert(sender, 'It is another phone now').waitFor();
      await findButton(sender.phone, 'Compare codes').click();
      await waitForNews(sender.phone, 'One moment…');
      expect(await stranger.receive()).toMatchObject({ commitment: said.commitment });
      await stranger.send({ from: 'receiver', ...said });
      expect(await readCode(sender)).not.toBe(code);

      // The second receiver cannot decrypt the message, even if the user does not compare.
      await findButton(sender.phone, 'Hand over the key').click();
      const { box = '', opening = '' } = await stranger.receive();
      const own = { ...(await beginAsReceiver(stranger.mailboxUrl)), peer: { opening, code: '' } };
      for (const sealed of [box, String(stranger.found.content.box)]) {
        await expect(open(own, sealed)).rejects.toThrow('not sealed');
      }
    });

    it('the sender shows a code only for the opening that matches the commitment', async () => {
      const sender = await ada();
      const stranger = await openAsReceiver(await shareKey(sender.phone, 'Room 417'));
      const [asking, other] = await Promise.all([
        beginAsReceiver(stranger.mailboxUrl),
        beginAsReceiver(stranger.mailboxUrl),
      ]);
      await stranger.send(await createContent('receiver', { agreement: asking, first: 0, lines: [] }));
      await findButton(sender.phone, 'Compare codes').click();
      const { commitment = '', opening = '' } = await stranger.receive();
      await stranger.send({ from: 'receiver', commitment, opening: other.opening });
      await findAlert(sender, 'This is not from the same phone').waitFor();
      expect(await sender.phone.locator('.code').isVisible()).toBe(false);
      expect(await findButton(sender.phone, 'Hand over the key').isVisible()).toBe(false);

      const met = await receiveMessage(asking, { commitment, opening });
      await stranger.send(await createContent('receiver', { agreement: met, first: 0, lines: ['Hello.'] }));
      await findLine(sender.phone, 'Hello.').waitFor();
      expect((await readCode(sender))?.replace(' ', '')).toBe(met.peer?.code);
    });

    it('the sender answers a commitment only at the press of a button, and at most three times', async () => {
      const sender = await ada();
      const stranger = await openAsReceiver(await shareKey(sender.phone, 'Room 417'));
      const answered = new Set<string | undefined>();
      async function guess(): Promise<void> {
        const asking = await beginAsReceiver(stranger.mailboxUrl);
        await stranger.send({ from: 'receiver', commitment: asking.commitment });
        await findButton(sender.phone, 'Compare codes').waitFor();
      }
      await guess();
      for (let turn = 0; turn < 3; turn += 1) {
        for (let more = 0; more < 4; more += 1) await guess();
        await sender.page.reload(); // An answer would have been sent by now.
        await findButton(sender.phone, 'Compare codes').waitFor();
        expect(await stranger.hasNoMessage()).toBe(true);
        await findButton(sender.phone, 'Compare codes').click();
        answered.add((await stranger.receive()).opening);
        await stranger.send({ from: 'receiver', commitment: (await beginAsReceiver(stranger.mailboxUrl)).commitment });
        await findAlert(sender, 'It is another phone now').waitFor();
      }
      expect(answered.size).toBe(3);
      await waitForNews(sender.phone, 'Too many phones have had this link.');
      expect(await findButton(sender.phone, 'Compare codes').isVisible()).toBe(false);
      await inspectPage(sender.page, 'sender-too-many');
    });

    it('the sender shows received text as text, and ignores messages of other apps', async () => {
      const sender = await ada();
      const stranger = await openAsReceiver(await shareKey(sender.phone, 'Room 417'));
      const asking = await beginAsReceiver(stranger.mailboxUrl);
      for (const content of [
        { from: 'receiver' },
        { from: 'receiver', commitment: 5, opening: {}, box: [] },
        { from: 'receiver', commitment: 'A'.repeat(30_000) },
        { from: '<b>', commitment: asking.commitment },
        { from: 'sender', commitment: asking.commitment, opening: asking.opening, box: 'AAAA' },
      ]) {
        await stranger.send(content);
      }
      await stranger.send({ from: 'receiver', commitment: asking.commitment });
      await findButton(sender.phone, 'Compare codes').click();
      const { commitment = '', opening = '' } = await stranger.receive();
      const met = await receiveMessage(asking, { commitment, opening });
      const lines = ['<img src=x onerror=alert(1)>', 5 as unknown as string, '</li><script>alert(1)</script>'];
      await stranger.send(await createContent('receiver', { agreement: met, first: Number.NaN, lines }));
      await findLine(sender.phone, '<img src=x onerror=alert(1)>').waitFor();
      expect(await readLines(sender)).toEqual([`Ben: ${lines[0]}`, `Ben: ${lines[2]}`]);
      expect(await sender.page.locator('img, .lines script').count()).toBe(0);
    });
  });

  describe('the example’s receiver', () => {
    /** A sender without the example's page, and the receiver's phone with a code. */
    async function met(): Promise<{
      stranger: ProtocolClient;
      receiver: PhonePage;
      agreement: Awaited<ReturnType<typeof receiveMessage>>;
    }> {
      const [stranger, receiver] = await Promise.all([shareAsSender(relay()), ben()]);
      await acceptLink(receiver.phone, stranger.link);
      const { commitment = '' } = await stranger.receive();
      const answered = await beginAsSender(commitment, stranger.mailboxUrl);
      await stranger.send(await createContent('sender', { agreement: answered, first: 0, lines: [] }));
      const { opening } = await stranger.receive();
      return { stranger, receiver, agreement: await receiveMessage(answered, { commitment, opening }) };
    }

    it('the receiver keeps the first opening, so a sender has one guess', async () => {
      const { stranger, receiver, agreement } = await met();
      const code = await readCode(receiver);
      expect(code?.replace(' ', '')).toBe(agreement.peer?.code);
      for (let guess = 0; guess < 3; guess += 1) {
        await stranger.send({
          from: 'sender',
          ...toMessage(await beginAsSender(agreement.commitment, stranger.mailboxUrl)),
        });
      }
      await findAlert(receiver, 'This is not from the same phone').waitFor();
      expect(await readCode(receiver)).toBe(code);
      await inspectPage(receiver.page, 'receiver-not-agreed');
    });

    it('the receiver accepts a key only from the sender of its agreement, and only once', async () => {
      const { stranger, receiver, agreement } = await met();
      const own = { from: 'sender', ...toMessage(agreement) };
      const another = await met();
      const hostile = '<img src=x onerror=alert(1)>';
      const words = { agreement, first: 0, lines: [hostile] };
      const { box: foreign } = (await createContent('sender', { ...words, agreement: another.agreement })) as {
        box: string;
      };
      await stranger.send({ ...own, box: foreign });
      await findAlert(receiver, 'This is not from the same phone').waitFor();

      const unknown = { kind: '"><b>', serial: 'x' } as unknown as { kind: 'room'; serial: string };
      const before = await createContent('sender', { ...words, key: unknown });
      await stranger.send(before);
      await findLine(receiver.phone, hostile).waitFor();
      expect(await receiver.phone.locator('.arrival .card').count()).toBe(0);
      await stranger.send(await createContent('sender', { ...words, key: { kind: 'door', serial: 'x' } }));
      await findKey(receiver.phone, 'door').waitFor();
      await stranger.send(before); // A replayed message.
      await stranger.send(await createContent('sender', { ...words, lines: [hostile, 'last'] }));
      await findLine(receiver.phone, 'last').waitFor();
      expect(await findKey(receiver.phone, 'door').isVisible()).toBe(true);
      expect(await readLines(receiver)).toEqual([`Ada: ${hostile}`, 'Ada: last']);
    });

    it('the receiver shows title and description as text, and loads no image', async () => {
      const hostile = '"><img src=/hostile.svg onerror=alert(1)><b>';
      const display = {
        title: hostile,
        description: `${hostile} ${'word '.repeat(30)}`,
        imageURL: 'https://images.example/k.png',
      };
      const [stranger, receiver] = await Promise.all([shareAsSender(relay(), display), ben()]);
      const called: string[] = [];
      receiver.page.on('request', (request) => called.push(request.url()));
      await acceptLink(receiver.phone, stranger.link);
      await waitForNews(receiver.phone, 'Bound to this phone.');
      expect(await receiver.phone.locator('.pending .card-title').textContent()).toBe(hostile);
      expect(await receiver.page.locator('img').count()).toBe(0);
      expect(called.filter((url) => /hostile|images\.example/.test(url))).toEqual([]);
      await inspectPage(receiver.page, 'receiver-hostile');
    });
  });
});
