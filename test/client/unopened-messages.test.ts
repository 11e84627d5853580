import { createRelay } from 'credential-relay';
import { type Payload, type ReceivedShare, type SentShare, seal, type TransferState } from 'credential-relay/client';
import { describe, expect, it } from 'vitest';
import { DISPLAY, hastyReceiver, hastySender, readText, words } from '../support/client/devices.js';
import { createRandom } from '../support/client/random.js';

/*
 * A malicious relay, or a stranger with a claim, has no Secret. It can put payloads that cannot be opened, and old
 * payloads, into the mailbox. With any number of these, the other device receives each message once and in order.
 */

const PUBLIC_URL = 'http://localhost/relay';
/** More entries than each list of fingerprints has. */
const MANY = 70;

type Share = SentShare | ReceivedShare;

/** A stateful share on a separate relay, that the two devices and an attacker can reach. */
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
  expect(readText(await received.next())).toBe('sender 0');
  expect(await received.check()).toBeUndefined();
  return {
    sender,
    receiver,
    share,
    received,
    /** The payloads of all writes, in order. */
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

/** A payload that cannot be opened. */
function randomPayload(random: () => number): Payload {
  const bytes = Uint8Array.from({ length: 28 + Math.floor(random() * 40) }, () => Math.floor(random() * 256));
  return { type: 'AEAD_AES_256_GCM', data: Buffer.from(bytes).toString('base64') };
}

/** Calls `check` until there is no message. Counts the errors of unopened payloads. */
async function checkAll(share: Share): Promise<{ texts: unknown[]; unopened: number }> {
  const texts: unknown[] = [];
  for (let unopened = 0; ; ) {
    try {
      const message = await share.check();
      if (message === undefined) return { texts, unopened };
      texts.push(readText(message));
    } catch (error) {
      expect(error).toMatchObject({ code: expect.stringMatching(/^(tampered|malformed)$/) });
      unopened += 1;
    }
  }
}

const NOTHING = { texts: [], unopened: 0 };
const ONE_UNOPENED = { texts: [], unopened: 1 };

describe('Payloads that cannot be opened', () => {
  it('Unopened payloads displace no fingerprint: neither old nor own messages are delivered', async () => {
    const { share, received, payloads, put, close } = await shared();
    await received.reply(words('receiver 1'));
    expect(await checkAll(share)).toEqual({ texts: ['receiver 1'], unopened: 0 });
    await share.reply(words('sender 2'));
    expect(await checkAll(received)).toEqual({ texts: ['sender 2'], unopened: 0 });
    const random = createRandom(1);
    for (let count = 0; count < MANY; count += 1) {
      await put(randomPayload(random), received.state);
      for (const device of [share, received]) expect(await checkAll(device)).toEqual(ONE_UNOPENED);
    }
    expect(payloads).toHaveLength(3);
    for (const payload of payloads) {
      await put(payload, received.state);
      for (const device of [share, received]) expect(await checkAll(device)).toEqual(NOTHING);
    }
    await close();
  });

  it('A reply may replace an unopened payload, and a refused reply loses no later message', async () => {
    const { share, received, put, close } = await shared();
    await put(randomPayload(createRandom(2)), received.state);
    await expect(share.check()).rejects.toMatchObject({ code: 'tampered' });
    await received.check().catch(() => {});
    await received.reply(words('receiver 1'));
    await expect(share.reply(words('again'))).rejects.toMatchObject({ code: 'conflict' });
    expect(await checkAll(share)).toEqual({ texts: ['receiver 1'], unopened: 0 });
    await share.reply(words('again'));
    expect(await checkAll(received)).toEqual({ texts: ['again'], unopened: 0 });
    await close();
  });

  it('An unopened payload is reported once, also after a resume', async () => {
    const { sender, share, received, put, close } = await shared();
    await put(randomPayload(createRandom(3)), received.state);
    expect(await checkAll(share)).toEqual(ONE_UNOPENED);
    const resumed = await sender.resume(JSON.parse(JSON.stringify(share.state)));
    expect(await checkAll(resumed)).toEqual(NOTHING);
    await close();
  });

  it('Messages between random unopened payloads are received once and in order', async () => {
    for (let seed = 1; seed <= 4; seed += 1) await randomTransfer(seed);
  });
});

/** Random messages, unopened payloads and old payloads; processes resume from their states. */
async function randomTransfer(seed: number): Promise<void> {
  const random = createRandom(seed);
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
        await put(randomPayload(random), writer.share.state);
        if (random() < 0.8)
          for (const device of devices) expect((await checkAll(device.share)).texts, story).toEqual([]);
      }
    } else {
      await put(one(...payloads), writer.share.state);
    }
    for (const device of devices) {
      const { texts } = await checkAll(device.share);
      expect(texts, story).toEqual(device === writer ? [] : expected);
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

describe('A state of an earlier version', () => {
  it('A state with one list for written and received fingerprints can be resumed', async () => {
    const { sender, share, received, payloads, put, close } = await shared();
    await received.reply(words('receiver 1'));
    expect(await checkAll(share)).toEqual({ texts: ['receiver 1'], unopened: 0 });
    const { wrote = [], seen, unopened: _, ...rest } = JSON.parse(JSON.stringify(share.state)) as TransferState;
    const resumed = await sender.resume({ ...rest, seen: [...wrote, ...seen] });
    await resumed.reply(words('sender 2'));
    for (const payload of payloads) {
      await put(payload, received.state);
      expect(await checkAll(resumed)).toEqual(NOTHING);
    }
    await close();
  });
});

describe('Deeply nested content', () => {
  /** JSON of an object, and so many arrays in one another, one less. */
  const nested = (depth: number): string => `{"a":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;

  it.each([101, 12_000])(
    'Content %i levels deep is malformed, overflows no stack, and the share continues',
    async (depth) => {
      const { share, received, put, close } = await shared();
      const text = `{"format":"test.example/words","content":${nested(depth)}}`;
      await put(await seal(new TextEncoder().encode(text), share.state.secret), received.state);
      await expect(share.check()).rejects.toMatchObject({
        code: 'malformed',
        message: expect.stringContaining('deep'),
      });
      expect(share.state.ended).toBeUndefined();
      await share.reply(words('simpler'));
      expect(
        await received
          .check()
          .catch(() => received.check())
          .then(readText),
      ).toBe('simpler');
      await close();
    },
  );

  it('Content 100 levels deep is delivered; deeper content is refused before it is sent', async () => {
    const { share, received, close } = await shared();
    const content = JSON.parse(nested(100)) as object;
    await received.reply({ format: 'test.example/deep', content });
    expect((await share.check())?.content).toEqual(content);
    await expect(share.reply({ format: 'f', content: { content } })).rejects.toThrow(/^information: /);
    await close();
  });
});
