import { generateSecret, open, type PendingWrite, seal, type TransferState } from 'credential-relay/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DISPLAY, hastyReceiver, hastySender, words } from '../support/client/devices.js';
import { type RelayServer, startRelay } from '../support/client/relay-server.js';

/* The texts that the client seals, and the texts that the relay can read. */

let relay: RelayServer;
beforeAll(async () => {
  relay = await startRelay();
});
afterAll(() => relay.close());

const stateful = { accessRights: 'RWD' } as const;
const [NFD, NFC] = ['Cle\u0301 du Cha\u0302teau', 'Cl\u00e9 du Ch\u00e2teau'];

describe('The top-level members of Provisioning Information [TIGRESS §7]', () => {
  const information = {
    ...words('key'),
    display: 'a member of the format',
    genericSharingData: { a: [1, null, { b: 'c' }] },
    state: 1,
    __proto__: {},
    'a b': '',
  };

  it('Each member arrives as it was sent, in both directions', async () => {
    const share = await hastySender(relay.url).share(information, DISPLAY, stateful);
    const received = hastyReceiver().open(share.url);
    expect(await received.next()).toEqual(information);
    await received.reply({ ...information, content: { step: 2 } });
    expect(await share.next()).toEqual({ ...information, content: { step: 2 } });
    expect([share.display, received.display]).toEqual([DISPLAY, DISPLAY]);
  });

  it('A message of another client arrives with members that are reserved in JavaScript', async () => {
    const text = '{"format":"x","content":{},"__proto__":{"a":1},"constructor":2,"display":null}';
    const secret = generateSecret();
    const payload = await seal(new TextEncoder().encode(text), secret);
    const share = await hastySender(relay.url).share(words('first'), DISPLAY, stateful);
    await fetch(share.link, {
      method: 'PUT',
      headers: {
        'Mailbox-Device-Claim': share.state.claim,
        'Mailbox-Request-ID': crypto.randomUUID(),
        'Content-Type': 'application/json',
      },
      body: JSON.stringify({ payload }),
    });
    const message = await hastyReceiver().open(share.link, { secret }).next();
    expect(JSON.stringify(message)).toBe(text);
    expect(Object.getPrototypeOf(message)).toBe(Object.prototype);
  });

  it('A member is nested at most 100 levels deep, as content is', async () => {
    const nest = (depth: number): object => (depth === 1 ? {} : { a: nest(depth - 1) });
    const sender = hastySender(relay.url);
    await sender.share({ ...words('key'), other: nest(100) }, DISPLAY);
    for (const wrong of [{ other: nest(101) }, { other: 1n }, { format: '' }, { content: [] }, { content: undefined }])
      await expect(sender.share({ ...words('key'), ...wrong } as never, DISPLAY)).rejects.toThrow(
        /^information: (must|has)/,
      );
  });

  it('A reply that is called again with more members is another message', async () => {
    const share = await hastySender(relay.url).share(words('first'), DISPLAY, stateful);
    const states: TransferState[] = [];
    const received = hastyReceiver({ onState: (state) => void states.push(state), retryTimeoutMs: 0 }).open(share.url);
    await received.next();
    relay.proxy.pause();
    const abort = new AbortController();
    const reply = received.reply(information, { signal: abort.signal });
    await expect.poll(() => states.at(-1)?.pending).toBeDefined();
    abort.abort();
    await expect(reply).rejects.toThrow();
    relay.proxy.resume();
    await received.reply(information);
    expect(await share.next()).toEqual(information);
  });
});

describe('The texts that the relay can read [TIGRESS §4.2]', () => {
  const display = { title: NFD, description: NFD, imageURL: `https://hotel.example/${NFD.replaceAll(' ', '')}.png` };

  it('share sends title and description in Normalization Form C, and the image URL as it is', async () => {
    const share = await hastySender(relay.url).share(words('key'), display);
    const expected = { ...display, title: NFC, description: NFC };
    expect(share.display).toEqual(expected);
    const received = hastyReceiver().open(share.url);
    await received.next();
    expect(received.display).toMatchObject({ title: NFC, description: NFC });
    expect((await received.preview()).title).toBe(NFC);
  });

  it('A sealed message is the app’s data and stays as it is', async () => {
    const pending: PendingWrite[] = [];
    const onState = (state: TransferState): void => void (state.pending && pending.push(state.pending));
    const share = await hastySender(relay.url, { onState }).share(words(NFD), display);
    const { payload } = JSON.parse(pending[0]?.body ?? '');
    const text = new TextDecoder().decode(await open(payload, share.secret));
    expect(JSON.parse(text)).toEqual(words(NFD));
  });
});

describe('A Secret that travels apart from the link [TIGRESS §8.2.1]', () => {
  it('share has link and secret, and url is both', async () => {
    const share = await hastySender(relay.url).share(words('key'), DISPLAY, { vertical: 'h' });
    expect([share.link, `${share.link}#${share.secret}`]).toEqual([`${share.state.mailboxUrl}?v=h`, share.url]);
    const received = hastyReceiver().open(share.link, { secret: ` ${share.secret}.\n` });
    expect(await received.next()).toEqual(words('key'));
  });

  it('open takes a Secret that came both ways, in any alphabet', async () => {
    const share = await hastySender(relay.url).share(words('key'), DISPLAY);
    const secret = `${share.secret.replaceAll('-', '+').replaceAll('_', '/')}=`;
    expect(hastyReceiver().open(share.url, { secret }).state.secret).toBe(share.secret);
  });

  it('open refuses no Secret, two Secrets and another text, names the mend, and binds no device', async () => {
    const share = await hastySender(relay.url).share(words('key'), DISPLAY);
    const receiver = hastyReceiver();
    const messages = [
      () => receiver.open(share.link),
      () => receiver.open(share.url, { secret: generateSecret() }),
      () => receiver.open(share.link, { secret: 'a secret' }),
      () => receiver.open(share.link, { secret: share.secret.slice(1) }),
      () => receiver.open(share.url.slice(0, -1)),
    ].map((call) => {
      try {
        return void call();
      } catch (error) {
        return (error as TypeError).message;
      }
    });
    expect(messages).toEqual([
      'shareUrl: has no Secret, the part after #; pass the Secret as the option secret',
      'secret: differs from the Secret in the link; pass the link that belongs to it',
      'secret: must be a Secret of 16 or 32 bytes',
      'secret: must be a Secret of 16 or 32 bytes',
      'shareUrl: must have a Secret of 16 or 32 bytes; the link may be cut off or altered',
    ]);
    expect(await receiver.open(share.url).next()).toEqual(words('key'));
  });

  it('A receiver that was given a wrong Secret resumes with another one, and gets the message', async () => {
    const share = await hastySender(relay.url).share(words('key'), DISPLAY);
    const states: TransferState[] = [];
    const receiver = hastyReceiver({ onState: (state) => void states.push(state) });
    const wrong = receiver.open(share.link, { secret: generateSecret() });
    await expect(wrong.next()).rejects.toMatchObject({ code: 'tampered' });
    expect(await wrong.check()).toBeUndefined();
    const saved = JSON.parse(JSON.stringify(states.at(-1))) as TransferState;
    await expect(receiver.resume(saved, { secret: 'a secret' })).rejects.toThrow(/^secret: must be a Secret/);
    const received = await receiver.resume(saved, { secret: ` ${share.secret}\n` });
    expect(await received.next()).toEqual(words('key'));
    expect(states.at(-1)?.secret).toBe(share.secret);
    await received.finish();
  });
});
