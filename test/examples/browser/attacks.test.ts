/** examples/browser against somebody who has the link and a program of his own, at the real relay. */
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
import { accept, keyOf, lineOf, share } from '../../support/browser/phone-actions.js';
import { withChromium } from '../../support/browser/chromium.js';
import { alertOf, codeOf, type Device, linesOf, useDevices } from '../../support/browser/phones.js';
import { buttonIn, inspect, tells } from '../../support/browser/page-driver.js';
import { type Stranger, strangerAt, strangerWith } from '../../support/browser/protocol-client.js';

withChromium(it, () => {
  const devices = useDevices(true);
  const { ada, ben, paired } = devices;
  const relay = (): string => `${devices.demo.origin}/relay`;

  /** What passed between the phones, as the relay and somebody with the link see it together. */
  const saidBy = ({ page }: Device, name: string): Promise<{ commitment: string; opening: string }> =>
    page.evaluate(`(({ commitment, opening }) => ({ commitment, opening }))(
      JSON.parse(sessionStorage.getItem('${name}')).state.agreement)`);

  /** Content of a message that follows the protocol. */
  const contentOf = async (from: Role, { agreement, ...content }: SealedContent & { agreement: Agreement }) =>
    (await encodeMessage(from, agreement, content)).content;

  describe('the sender’s phone', () => {
    it('gives the key to nobody who repeats what the receiver before him had said', async () => {
      const { sender, receiver, link } = await paired();
      const code = await codeOf(sender);
      const said = await saidBy(receiver, 'receiver');
      receiver.way.hold('POST');
      await buttonIn(sender.phone, 'Hand over the key').click();
      await tells(sender.phone, 'Handed over.');
      await buttonIn(receiver.phone, 'Not for this phone').click();
      await tells(receiver.phone, 'You have given your place back.');

      const stranger = await strangerAt(link);
      expect(stranger.found.content).toMatchObject({ commitment: said.commitment, box: expect.any(String) });
      await stranger.say({ ...stranger.found.content, from: 'receiver', ...said });
      await alertOf(sender, 'It is another phone now').waitFor();
      await buttonIn(sender.phone, 'Compare codes').click();
      await tells(sender.phone, 'One moment…');
      expect(await stranger.heard()).toMatchObject({ commitment: said.commitment });
      await stranger.say({ from: 'receiver', ...said });
      expect(await codeOf(sender)).not.toBe(code);

      // Even to somebody who does not compare, what comes is of no use.
      await buttonIn(sender.phone, 'Hand over the key').click();
      const { box = '', opening = '' } = await stranger.heard();
      const own = { ...(await beginAsReceiver(stranger.mailboxUrl)), peer: { opening, code: '' } };
      for (const sealed of [box, String(stranger.found.content.box)]) {
        await expect(open(own, sealed)).rejects.toThrow('not sealed');
      }
    });

    it('shows no code for another receiver’s opening, and does for the right one', async () => {
      const sender = await ada();
      const stranger = await strangerAt(await share(sender.phone, 'Room 417'));
      const [asking, other] = await Promise.all([
        beginAsReceiver(stranger.mailboxUrl),
        beginAsReceiver(stranger.mailboxUrl),
      ]);
      await stranger.say(await contentOf('receiver', { agreement: asking, first: 0, lines: [] }));
      await buttonIn(sender.phone, 'Compare codes').click();
      const { commitment = '', opening = '' } = await stranger.heard();
      await stranger.say({ from: 'receiver', commitment, opening: other.opening });
      await alertOf(sender, 'This is not from the same phone').waitFor();
      expect(await sender.phone.locator('.code').isVisible()).toBe(false);
      expect(await buttonIn(sender.phone, 'Hand over the key').isVisible()).toBe(false);

      const met = await receiveMessage(asking, { commitment, opening });
      await stranger.say(await contentOf('receiver', { agreement: met, first: 0, lines: ['Hello.'] }));
      await lineOf(sender.phone, 'Hello.').waitFor();
      expect((await codeOf(sender))?.replace(' ', '')).toBe(met.peer?.code);
    });

    it('answers a commitment only when its person asks for it, and three of them at most', async () => {
      const sender = await ada();
      const stranger = await strangerAt(await share(sender.phone, 'Room 417'));
      const answered = new Set<string | undefined>();
      async function guess(): Promise<void> {
        const asking = await beginAsReceiver(stranger.mailboxUrl);
        await stranger.say({ from: 'receiver', commitment: asking.commitment });
        await buttonIn(sender.phone, 'Compare codes').waitFor();
      }
      await guess();
      for (let turn = 0; turn < 3; turn += 1) {
        for (let more = 0; more < 4; more += 1) await guess();
        await sender.page.reload(); // Whatever was answered would have been said by now.
        await buttonIn(sender.phone, 'Compare codes').waitFor();
        expect(await stranger.isQuiet()).toBe(true);
        await buttonIn(sender.phone, 'Compare codes').click();
        answered.add((await stranger.heard()).opening);
        await stranger.say({ from: 'receiver', commitment: (await beginAsReceiver(stranger.mailboxUrl)).commitment });
        await alertOf(sender, 'It is another phone now').waitFor();
      }
      expect(answered.size).toBe(3);
      await tells(sender.phone, 'Too many phones have had this link.');
      expect(await buttonIn(sender.phone, 'Compare codes').isVisible()).toBe(false);
      await inspect(sender.page, 'sender-too-many');
    });

    it('shows what a stranger writes as text, and takes no message that is not of this demo', async () => {
      const sender = await ada();
      const stranger = await strangerAt(await share(sender.phone, 'Room 417'));
      const asking = await beginAsReceiver(stranger.mailboxUrl);
      for (const content of [
        { from: 'receiver' },
        { from: 'receiver', commitment: 5, opening: {}, box: [] },
        { from: 'receiver', commitment: 'A'.repeat(30_000) },
        { from: '<b>', commitment: asking.commitment },
        { from: 'sender', commitment: asking.commitment, opening: asking.opening, box: 'AAAA' },
      ]) {
        await stranger.say(content);
      }
      await stranger.say({ from: 'receiver', commitment: asking.commitment });
      await buttonIn(sender.phone, 'Compare codes').click();
      const { commitment = '', opening = '' } = await stranger.heard();
      const met = await receiveMessage(asking, { commitment, opening });
      const lines = ['<img src=x onerror=alert(1)>', 5 as unknown as string, '</li><script>alert(1)</script>'];
      await stranger.say(await contentOf('receiver', { agreement: met, first: Number.NaN, lines }));
      await lineOf(sender.phone, '<img src=x onerror=alert(1)>').waitFor();
      expect(await linesOf(sender)).toEqual([`Ben: ${lines[0]}`, `Ben: ${lines[2]}`]);
      expect(await sender.page.locator('img, .lines script').count()).toBe(0);
    });
  });

  describe('the receiver’s phone', () => {
    /** A stranger who shares, and the receiver’s phone once it has a code. */
    async function met(): Promise<{
      stranger: Stranger;
      receiver: Device;
      agreement: Awaited<ReturnType<typeof receiveMessage>>;
    }> {
      const [stranger, receiver] = await Promise.all([strangerWith(relay()), ben()]);
      await accept(receiver.phone, stranger.link);
      const { commitment = '' } = await stranger.heard();
      const answered = await beginAsSender(commitment, stranger.mailboxUrl);
      await stranger.say(await contentOf('sender', { agreement: answered, first: 0, lines: [] }));
      const { opening } = await stranger.heard();
      return { stranger, receiver, agreement: await receiveMessage(answered, { commitment, opening }) };
    }

    it('keeps to the first opening: who sends another one gets no second guess', async () => {
      const { stranger, receiver, agreement } = await met();
      const code = await codeOf(receiver);
      expect(code?.replace(' ', '')).toBe(agreement.peer?.code);
      for (let guess = 0; guess < 3; guess += 1) {
        await stranger.say({
          from: 'sender',
          ...toMessage(await beginAsSender(agreement.commitment, stranger.mailboxUrl)),
        });
      }
      await alertOf(receiver, 'This is not from the same phone').waitFor();
      expect(await codeOf(receiver)).toBe(code);
      await inspect(receiver.page, 'receiver-not-agreed');
    });

    it('takes a key only from the sender that it has agreed with, once, and as text', async () => {
      const { stranger, receiver, agreement } = await met();
      const own = { from: 'sender', ...toMessage(agreement) };
      const another = await met();
      const hostile = '<img src=x onerror=alert(1)>';
      const words = { agreement, first: 0, lines: [hostile] };
      const { box: foreign } = (await contentOf('sender', { ...words, agreement: another.agreement })) as {
        box: string;
      };
      await stranger.say({ ...own, box: foreign });
      await alertOf(receiver, 'This is not from the same phone').waitFor();

      const unknown = { kind: '"><b>', serial: 'x' } as unknown as { kind: 'room'; serial: string };
      const before = await contentOf('sender', { ...words, key: unknown });
      await stranger.say(before);
      await lineOf(receiver.phone, hostile).waitFor();
      expect(await receiver.phone.locator('.arrival .card').count()).toBe(0);
      await stranger.say(await contentOf('sender', { ...words, key: { kind: 'door', serial: 'x' } }));
      await keyOf(receiver.phone, 'door').waitFor();
      await stranger.say(before); // A message of before, sent again.
      await stranger.say(await contentOf('sender', { ...words, lines: [hostile, 'last'] }));
      await lineOf(receiver.phone, 'last').waitFor();
      expect(await keyOf(receiver.phone, 'door').isVisible()).toBe(true);
      expect(await linesOf(receiver)).toEqual([`Ada: ${hostile}`, 'Ada: last']);
    });

    it('shows a title and a description as text, however long, and calls no image', async () => {
      const hostile = '"><img src=/hostile.svg onerror=alert(1)><b>';
      const display = {
        title: hostile,
        description: `${hostile} ${'word '.repeat(30)}`,
        imageURL: 'https://images.example/k.png',
      };
      const [stranger, receiver] = await Promise.all([strangerWith(relay(), display), ben()]);
      const called: string[] = [];
      receiver.page.on('request', (request) => called.push(request.url()));
      await accept(receiver.phone, stranger.link);
      await tells(receiver.phone, 'Bound to this phone.');
      expect(await receiver.phone.locator('.pending .card-title').textContent()).toBe(hostile);
      expect(await receiver.page.locator('img').count()).toBe(0);
      expect(called.filter((url) => /hostile|images\.example/.test(url))).toEqual([]);
      await inspect(receiver.page, 'receiver-hostile');
    });
  });
});
