import { createRelay } from 'credential-relay';
import { type Payload, type ReceivedShare, type SentShare, seal, type TransferState } from 'credential-relay/client';
import { describe, expect, it } from 'vitest';
import { DISPLAY, hastyReceiver, hastySender, textOf, words } from '../support/client/devices.js';
import { randomOf } from '../support/client/random.js';

/*
 * A relay that means harm, or a stranger who got at a claim, has no Secret: all that it can put into the mailbox is what
 * cannot be opened, and what was in there before. However much of it comes, each message is heard once, by the other
 * device, in its order.
 */

const PUBLIC_URL = 'http://localhost/relay';
/** More than a device remembers of anything. */
const MANY = 70;

type Share = SentShare | ReceivedShare;

/** A stateful share on a relay of its own, that both devices and whoever means harm reach. */
async function shared() {
  const relay = createRelay({ publicUrl: PUBLIC_URL });
  const payloads: Payload[] = [];
  const network: typeof fetch = async (input, init) => {
    const body = JSON.parse(String(init?.body ?? '{}')) as { payload?: Payload };
    if (body.payload !== undefined) payloads.push(body.payload);
    return relay.fetch(new Request(input, init));
  };
  const sender = hastySender(PUBLIC_URL, { fetch: network });
  const receiver = hastyReceiver({ fetch: network });
  const share = await sender.share(words('sender 0'), DISPLAY, { accessRights: 'RWD' });
  const received = receiver.open(share.url);
  expect(textOf(await received.next())).toBe('sender 0');
  expect(await received.check()).toBeUndefined();
  return {
    sender,
    receiver,
    share,
    received,
    /** What was sealed for this mailbox, in order. */
    payloads,
    close: () => relay.close(),
    /** Puts a payload into the mailbox under the claim of a device. */
    async put(payload: Payload, { claim, mailboxUrl = '' }: TransferState): Promise<void> {
      const headers = {
        'Mailbox-Device-Claim': claim,
        'Mailbox-Request-ID': crypto.randomUUID(),
        'Content-Type': 'application/json',
      };
      const request = new Request(mailboxUrl, { method: 'PUT', headers, body: JSON.stringify({ payload }) });
      expect((await relay.fetch(request)).status).toBe(200);
    },
  };
}

/** A payload that nobody can open. */
function garbage(random: () => number): Payload {
  const bytes = Uint8Array.from({ length: 28 + Math.floor(random() * 40) }, () => Math.floor(random() * 256));
  return { type: 'AEAD_AES_256_GCM', data: Buffer.from(bytes).toString('base64') };
}

/** All that a device hears by looking, and how often it hears of what could not be opened. */
async function looked(share: Share): Promise<{ heard: unknown[]; unopened: number }> {
  const heard: unknown[] = [];
  for (let unopened = 0; ; ) {
    try {
      const message = await share.check();
      if (message === undefined) return { heard, unopened };
      heard.push(textOf(message));
    } catch (error) {
      expect(error).toMatchObject({ code: expect.stringMatching(/^(tampered|malformed)$/) });
      unopened += 1;
    }
  }
}

const NOTHING = { heard: [], unopened: 0 };
const ONE_UNOPENED = { heard: [], unopened: 1 };

describe('what cannot be opened', () => {
  it('makes a device forget nothing: no old message comes again, and none of its own', async () => {
    const { share, received, payloads, put, close } = await shared();
    await received.reply(words('receiver 1'));
    expect(await looked(share)).toEqual({ heard: ['receiver 1'], unopened: 0 });
    await share.reply(words('sender 2'));
    expect(await looked(received)).toEqual({ heard: ['sender 2'], unopened: 0 });
    const random = randomOf(1);
    for (let count = 0; count < MANY; count += 1) {
      await put(garbage(random), received.state);
      for (const device of [share, received]) expect(await looked(device)).toEqual(ONE_UNOPENED);
    }
    expect(payloads).toHaveLength(3);
    for (const payload of payloads) {
      await put(payload, received.state);
      for (const device of [share, received]) expect(await looked(device)).toEqual(NOTHING);
    }
    await close();
  });

  it('is answered as any message, and an answer that is refused does not lose what comes then', async () => {
    const { share, received, put, close } = await shared();
    await put(garbage(randomOf(2)), received.state);
    await expect(share.check()).rejects.toMatchObject({ code: 'tampered' });
    await received.check().catch(() => {});
    await received.reply(words('receiver 1'));
    await expect(share.reply(words('again'))).rejects.toMatchObject({ code: 'conflict' });
    expect(await looked(share)).toEqual({ heard: ['receiver 1'], unopened: 0 });
    await share.reply(words('again'));
    expect(await looked(received)).toEqual({ heard: ['again'], unopened: 0 });
    await close();
  });

  it('is told of once, also to a process that comes after', async () => {
    const { sender, share, received, put, close } = await shared();
    await put(garbage(randomOf(3)), received.state);
    expect(await looked(share)).toEqual(ONE_UNOPENED);
    const resumed = await sender.resume(JSON.parse(JSON.stringify(share.state)));
    expect(await looked(resumed)).toEqual(NOTHING);
    await close();
  });

  it('between messages at random: each is heard once, by the other device, in its order', async () => {
    for (let seed = 1; seed <= 4; seed += 1) await randomTransfer(seed);
  });
});

/** Messages, garbage and what was there before, at random; processes that start again from what they kept. */
async function randomTransfer(seed: number): Promise<void> {
  const random = randomOf(seed);
  const one = <Value>(...values: Value[]): Value => values[Math.floor(random() * values.length)] as Value;
  const { sender, receiver, share, received, payloads, put, close } = await shared();
  const devices: { name: 'sender' | 'receiver'; share: Share; last: string }[] = [
    { name: 'sender', share, last: '' },
    { name: 'receiver', share: received, last: '' },
  ];
  for (let step = 0; step < 40; step += 1) {
    const story = `seed ${seed}, step ${step}`;
    const writer = one(...devices);
    const dice = random();
    let expected: unknown[] = [];
    if (dice < 0.3) {
      const text = `${writer.name} ${step + 1}`;
      await writer.share.reply(words(text));
      expected = [text];
    } else if (dice < 0.7) {
      for (let left = 1 + Math.floor(random() * 12); left > 0; left -= 1) {
        await put(garbage(random), writer.share.state);
        if (random() < 0.8) for (const device of devices) expect((await looked(device.share)).heard, story).toEqual([]);
      }
    } else {
      await put(one(...payloads), writer.share.state);
    }
    for (const device of devices) {
      const { heard } = await looked(device.share);
      expect(heard, story).toEqual(device === writer ? [] : expected);
      if (random() > 0.2) continue;
      const state: TransferState = JSON.parse(JSON.stringify(device.share.state));
      device.share = await (device.name === 'sender' ? sender : receiver).resume(state);
    }
  }
  for (const {
    share: { state },
  } of devices) {
    expect(state.seen.length).toBeLessThanOrEqual(64);
    expect(state.wrote?.length ?? 0).toBeLessThanOrEqual(64);
  }
  await close();
}

describe('a state of before', () => {
  it('whose one list has what the device wrote and what it has heard, goes on', async () => {
    const { sender, share, received, payloads, put, close } = await shared();
    await received.reply(words('receiver 1'));
    expect(await looked(share)).toEqual({ heard: ['receiver 1'], unopened: 0 });
    const { wrote = [], seen, unopened: _, ...rest } = JSON.parse(JSON.stringify(share.state)) as TransferState;
    const resumed = await sender.resume({ ...rest, seen: [...wrote, ...seen] });
    await resumed.reply(words('sender 2'));
    for (const payload of payloads) {
      await put(payload, received.state);
      expect(await looked(resumed)).toEqual(NOTHING);
    }
    await close();
  });
});

describe('content that is nested deep', () => {
  /** JSON of an object, and so many arrays in one another, one less. */
  const nested = (depth: number): string => `{"a":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;

  it.each([101, 12_000])('%i deep: malformed, whatever walks it does not end, and the share goes on', async (depth) => {
    const { share, received, put, close } = await shared();
    const text = `{"format":"test.example/words","content":${nested(depth)}}`;
    await put(await seal(new TextEncoder().encode(text), share.state.secret), received.state);
    await expect(share.check()).rejects.toMatchObject({ code: 'malformed', message: expect.stringContaining('deep') });
    expect(share.state.ended).toBeUndefined();
    await share.reply(words('simpler'));
    expect(
      await received
        .check()
        .catch(() => received.check())
        .then(textOf),
    ).toBe('simpler');
    await close();
  });

  it('100 deep comes; more is refused where it would be sent', async () => {
    const { share, received, close } = await shared();
    const content = JSON.parse(nested(100)) as object;
    await received.reply({ format: 'test.example/deep', content });
    expect((await share.check())?.content).toEqual(content);
    await expect(share.reply({ format: 'f', content: { content } })).rejects.toThrow(/^information: /);
    await close();
  });
});
