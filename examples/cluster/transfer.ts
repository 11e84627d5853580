import { buildShareUrl, generateSecret, parseShareUrl } from 'credential-relay/client';
import { createPhone, pause } from './phone.js';

/** Messages per phone. */
const ROUNDS = 3;

/**
 * A stateful transfer: the sender creates a mailbox, the receiver reads and is bound, both write in turns, and the
 * receiver deletes the mailbox. A phone waits by long polls. Throws an Error for any other result.
 */
export async function transfer(relay: string, send: typeof fetch): Promise<void> {
  const secret = generateSecret();
  const sender = createPhone(secret, send);
  const shareUrl = buildShareUrl(await sender.create(relay, 'the key'), { vertical: 'h', secret });

  const { mailboxUrl: link, secret: received = '' } = parseShareUrl(shareUrl);
  const receiver = createPhone(received, send);
  await receiver.awaitMessage(link, 'the key');

  async function receiverSide(): Promise<void> {
    for (let round = 1; round <= ROUNDS; round += 1) {
      await waitForUser();
      await receiver.write(link, `request ${round}`);
      await receiver.awaitMessage(link, `response ${round}`);
    }
    await waitForUser();
    await receiver.remove(link);
  }
  async function senderSide(): Promise<void> {
    for (let round = 1; round <= ROUNDS; round += 1) {
      await sender.awaitMessage(link, `request ${round}`);
      await waitForUser();
      await sender.write(link, `response ${round}`);
    }
    await sender.awaitEnd(link);
  }
  await Promise.all([receiverSide(), senderSide()]);
}

/** The time of a phone between two messages, for its user or a signature. */
function waitForUser(): Promise<void> {
  return pause(100 + 300 * Math.random());
}
