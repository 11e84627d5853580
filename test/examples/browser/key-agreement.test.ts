/** examples/browser/page/key-agreement.ts: two devices, and attacks from the middle. */
import { describe, expect, it } from 'vitest';
import {
  type Agreement,
  AgreementError,
  beginAsReceiver,
  beginAsSender,
  open,
  receiveMessage,
  seal,
  toMessage,
} from '../../../examples/browser/page/key-agreement.js';

const CONTEXT = 'https://relay.example/v1/m/2ba7b0e6-519b-41ec-bf63-0242ac130002';

interface Pair {
  readonly sender: Agreement;
  readonly receiver: Agreement;
}

/** Both sides, after all three messages. */
async function agreed(asked?: Agreement, contexts = [CONTEXT, CONTEXT]): Promise<Pair> {
  const [senders = '', receivers = ''] = contexts;
  const before = asked ?? (await beginAsReceiver(receivers));
  const answered = await beginAsSender(toMessage(before).commitment, senders);
  const receiver = await receiveMessage(before, toMessage(answered));
  return { receiver, sender: await receiveMessage(answered, toMessage(receiver)) };
}

const flipped = (base64: string, at: number): string =>
  base64.slice(0, at) + (base64[at] === 'A' ? 'B' : 'A') + base64.slice(at + 1);

describe('two devices', () => {
  it('two devices have the same six digits, and open each other’s texts', async () => {
    const { sender, receiver } = await agreed();
    expect(sender.peer?.code).toMatch(/^\d{6}$/);
    expect(receiver.peer?.code).toBe(sender.peer?.code);
    expect(await open(receiver, await seal(sender, 'the key, 鍵'))).toBe('the key, 鍵');
    expect(await open(sender, await seal(receiver, 'x'.repeat(40_000)))).toHaveLength(40_000);
  });

  it('two devices continue from an agreement that was saved as JSON, at every step', async () => {
    const kept = (agreement: Agreement): Agreement => JSON.parse(JSON.stringify(agreement));
    const asked = kept(await beginAsReceiver(CONTEXT));
    const answered = kept(await beginAsSender(toMessage(asked).commitment, CONTEXT));
    const receiver = kept(await receiveMessage(asked, toMessage(answered)));
    const sender = kept(await receiveMessage(answered, toMessage(receiver)));
    expect(await open(receiver, await seal(sender, 'key'))).toBe('key');
  });

  it('two devices ignore a repeated message and a message without an opening', async () => {
    const { sender, receiver } = await agreed();
    expect(await receiveMessage(receiver, toMessage(sender))).toBe(receiver);
    expect(await receiveMessage(sender, toMessage(receiver))).toBe(sender);
    expect(await receiveMessage(sender, { commitment: sender.commitment })).toBe(sender);
  });

  it('two devices have another code and key per agreement, also for the same commitment', async () => {
    const asked = await beginAsReceiver(CONTEXT);
    const pairs = await Promise.all(Array.from({ length: 20 }, () => agreed(asked)));
    // 20 of a million: two alike are to be expected once in 5,000 runs.
    expect(new Set(pairs.map(({ sender }) => sender.peer?.code)).size).toBeGreaterThanOrEqual(19);
    expect(new Set(pairs.map(({ sender }) => sender.opening)).size).toBe(20);
  });

  it('two devices have codes from all of 000000 to 999999', async () => {
    const pairs = await Promise.all(Array.from({ length: 200 }, () => agreed()));
    const firsts = pairs.map(({ sender }) => Number(sender.peer?.code[0]));
    // A digit that is missing from 200: once in 140 million runs.
    expect(new Set(firsts).size).toBe(10);
  });
});

describe('the order', () => {
  it('the receiver sends its opening only after the sender’s', async () => {
    const asked = await beginAsReceiver(CONTEXT);
    expect(toMessage(asked)).toEqual({ commitment: asked.commitment });
    const answered = await beginAsSender(asked.commitment, CONTEXT);
    expect(toMessage(answered).opening).toBe(answered.opening);
    const receiver = await receiveMessage(asked, toMessage(answered));
    expect(toMessage(receiver).opening).toBe(receiver.opening);
  });

  it('an agreement without a code seals and opens nothing', async () => {
    const answered = await beginAsSender((await beginAsReceiver(CONTEXT)).commitment, CONTEXT);
    await expect(seal(answered, 'key')).rejects.toThrow(AgreementError);
    await expect(open(answered, 'AAAA')).rejects.toThrow(AgreementError);
  });

  it('a message holds no private key', async () => {
    const { sender, receiver } = await agreed();
    const told = JSON.stringify([toMessage(sender), toMessage(receiver), await seal(sender, 'key')]);
    for (const { privateKey } of [sender, receiver]) expect(told).not.toContain(JSON.parse(privateKey).d);
  });
});

describe('somebody who has the link', () => {
  it('a person with the link cannot replace the receiver between commitment and opening', async () => {
    const [asked, third] = await Promise.all([beginAsReceiver(CONTEXT), beginAsReceiver(CONTEXT)]);
    const answered = await beginAsSender(asked.commitment, CONTEXT);
    const { opening } = toMessage(
      await receiveMessage({ ...third, commitment: asked.commitment }, toMessage(answered)),
    );
    await expect(receiveMessage(answered, { commitment: asked.commitment, opening })).rejects.toThrow(
      'committed to another',
    );
    await expect(receiveMessage(answered, { commitment: third.commitment, opening })).rejects.toThrow(
      'another receiver',
    );
  });

  it('a person with the link who replays a receiver’s messages gets another code and cannot open the key', async () => {
    const first = await agreed();
    const repeated = toMessage(first.receiver);
    const sender = await receiveMessage(await beginAsSender(repeated.commitment, CONTEXT), repeated);
    expect(sender.peer?.code).not.toBe(first.sender.peer?.code);
    const third = await agreed();
    const sealed = await seal(sender, 'key');
    await expect(open(third.receiver, sealed)).rejects.toThrow(AgreementError);
    await expect(open({ ...third.receiver, peer: sender.peer }, sealed)).rejects.toThrow(AgreementError);
    // Nor does the earlier receiver itself: it had agreed with another key of the sender.
    await expect(open(first.receiver, sealed)).rejects.toThrow(AgreementError);
    await expect(receiveMessage(first.receiver, toMessage(sender))).rejects.toThrow('another opening');
  });

  it.each([
    ['the public key', 3],
    ['the nonce', 100],
  ])('cannot change %s in a message: the code is another one, or it is refused', async (_, at) => {
    const asked = await beginAsReceiver(CONTEXT);
    const answered = await beginAsSender(asked.commitment, CONTEXT);
    const changed = { commitment: asked.commitment, opening: flipped(answered.opening, at) };
    const code = await receiveMessage(asked, changed).then(
      ({ peer }) => peer?.code,
      () => 'refused',
    );
    const honest = await receiveMessage(answered, toMessage(await receiveMessage(asked, toMessage(answered))));
    expect(code).not.toBe(honest.peer?.code);
    const theirs = flipped(asked.opening, at);
    await expect(receiveMessage(answered, { commitment: asked.commitment, opening: theirs })).rejects.toThrow(
      AgreementError,
    );
  });

  it('a person with the link cannot relay messages of another mailbox', async () => {
    const contexts = [CONTEXT, CONTEXT.replace('2ba7', '3ba7')];
    await expect(agreed(undefined, contexts)).rejects.toThrow('committed to another');
  });

  it('a person with the link cannot reflect, replay or change a sealed text', async () => {
    const [pair, other] = await Promise.all([agreed(), agreed()]);
    const sealed = await seal(pair.sender, 'key');
    await expect(open(pair.sender, sealed)).rejects.toThrow(AgreementError);
    await expect(open(pair.receiver, await seal(other.sender, 'key'))).rejects.toThrow(AgreementError);
    for (const at of [0, 20, sealed.length - 5]) {
      await expect(open(pair.receiver, flipped(sealed, at))).rejects.toThrow(AgreementError);
    }
    for (const garbage of ['', 'AAAA', 'no base64!']) {
      await expect(open(pair.receiver, garbage)).rejects.toThrow(AgreementError);
    }
  });

  it.each([
    ['nothing', ''],
    ['no base64', '!'.repeat(132)],
    ['zeros', btoa('\0'.repeat(97))],
    ['a point beside the curve', btoa(`\x04${'\x01'.repeat(96)}`)],
    ['a key without a nonce', btoa('\x04'.repeat(65))],
  ])('is refused with an opening of %s', async (_, opening) => {
    const asked = await beginAsReceiver(CONTEXT);
    await expect(receiveMessage(asked, { commitment: asked.commitment, opening })).rejects.toThrow('not a public key');
  });

  it('a device in the middle chooses both openings before it knows the codes', async () => {
    // The middle talks to each side apart, as a relay with the link could.
    let hits = 0;
    const guesses = 300;
    for (let guess = 0; guess < guesses; guess += 1) {
      const [victim, middle] = await Promise.all([beginAsReceiver(CONTEXT), beginAsReceiver(CONTEXT)]);
      const toSender = await beginAsSender(middle.commitment, CONTEXT);
      const toReceiver = await beginAsSender(victim.commitment, CONTEXT);
      const [fromSender, fromReceiver] = await Promise.all([
        receiveMessage(middle, toMessage(toSender)),
        receiveMessage(victim, toMessage(toReceiver)),
      ]);
      if (fromSender.peer?.code === fromReceiver.peer?.code) hits += 1;
      // Neither side takes another opening for a better guess.
      const better = (await beginAsReceiver(CONTEXT)).opening;
      await expect(receiveMessage(toSender, { commitment: middle.commitment, opening: better })).rejects.toThrow(
        AgreementError,
      );
      await expect(receiveMessage(fromReceiver, { commitment: victim.commitment, opening: better })).rejects.toThrow(
        AgreementError,
      );
    }
    // One hit in 300: once in 3,300 runs; two: once in 20 million.
    expect(hits).toBeLessThan(2);
  });
});
