import type { Message, ReceivedShare, SentShare, TransferState } from 'credential-relay/client';
import { describe, expect, it } from 'vitest';
import { DISPLAY, hastyReceiver, hastySender, readText, words } from '../support/client/devices.js';
import { useRelayPerTest } from '../support/client/relay-per-test.js';
import { answer } from '../support/client/relay-server.js';

/* A message is acknowledged after the app has handled it. Until then no reply may replace the message. */

const site = useRelayPerTest();
const { opened } = site;

const copy = (state: TransferState): TransferState => JSON.parse(JSON.stringify(state));
const getErrorCode = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'done',
    (error) => error.code,
  );

describe('An app that is killed before it acknowledges a message', () => {
  it('A resumed sender that replies first does not replace the unacknowledged message', async () => {
    const { share, received } = await opened();
    await received.reply(words('request'));
    expect(readText(await share.next())).toBe('request');
    const resumed = await hastySender(site.relay.url).resume(copy(share.state));
    expect(await getErrorCode(resumed.reply(words('hasty')))).toBe('conflict');
    expect(readText(await resumed.next())).toBe('request');
    await resumed.reply(words('answer'));
    expect(readText(await received.next())).toBe('answer');
  });

  it('A resumed receiver that replies first does not replace the unacknowledged message', async () => {
    const { received } = await opened();
    const resumed = await hastyReceiver().resume(copy(received.state));
    expect(await getErrorCode(resumed.reply(words('hasty')))).toBe('conflict');
    expect(readText(await resumed.next())).toBe('invitation');
    await resumed.reply(words('request'));
  });

  it('A resumed device whose reply fails receives the message again', async () => {
    const { share, received } = await opened();
    site.relay.intercept = ({ method, headers }, response) => {
      if (method !== 'PUT') return false;
      return answer(response, 403, { 'Mailbox-Request-ID': String(headers['mailbox-request-id']) });
    };
    await received.check();
    expect(await getErrorCode(received.reply(words('refused')))).toBe('refused');
    site.relay.intercept = () => false;
    await received.reply(words('request'));
    expect(readText(await share.next())).toBe('request');
    site.relay.intercept = ({ method, headers }, response) =>
      method === 'PUT' && answer(response, 403, { 'Mailbox-Request-ID': String(headers['mailbox-request-id']) });
    expect(await getErrorCode(share.reply(words('refused')))).toBe('refused');
    site.relay.intercept = () => false;
    const resumed = await hastySender(site.relay.url).resume(copy(share.state));
    expect(readText(await resumed.next())).toBe('request');
  });
});

describe('An onState that fails once', () => {
  /** A transfer of two messages each way. `onState` of one side fails at one save, and the app tries again. */
  async function failingAt(side: 'sender' | 'receiver', nth: number): Promise<{ texts: string[]; hasFailed: boolean }> {
    let saves = 0;
    let hasFailed = false;
    const onState = (): void => {
      saves += 1;
      if (saves !== nth) return;
      hasFailed = true;
      throw new Error('disk full');
    };
    const again = async <Value>(work: () => Promise<Value>): Promise<Value> => {
      try {
        return await work();
      } catch (error) {
        if ((error as Error).message !== 'disk full') throw error;
        return work();
      }
    };
    const texts: string[] = [];
    const hear = (message: Message | undefined): void => void texts.push(String(readText(message)));
    const sender = hastySender(site.relay.url, side === 'sender' ? { onState } : {});
    const share: SentShare = await again(() => sender.share(words('1'), DISPLAY, { accessRights: 'RWD' }));
    const received: ReceivedShare = hastyReceiver(side === 'receiver' ? { onState } : {}).open(share.url);
    hear(await again(() => received.next()));
    await again(() => received.reply(words('2')));
    hear(await again(() => share.next()));
    await again(() => share.reply(words('3')));
    hear(await again(() => received.next()));
    await again(() => received.reply(words('4')));
    hear(await again(() => share.next()));
    await again(() => received.finish());
    expect(await again(() => share.next())).toBeUndefined();
    return { texts, hasFailed };
  }

  it.each(['sender', 'receiver'] as const)(
    'A failed save of the %s loses and duplicates no message, at every save of the transfer',
    async (side) => {
      for (let nth = 1; ; nth += 1) {
        site.relay.log.length = 0;
        const { texts, hasFailed } = await failingAt(side, nth);
        expect(texts, `save ${nth}`).toEqual(['1', '2', '3', '4']);
        expect(
          site.relay.log.filter((line) => line === 'PUT 200'),
          `save ${nth}`,
        ).toHaveLength(3);
        if (!hasFailed) return expect(nth).toBeGreaterThan(7);
      }
    },
  );

  it('A failed save after a write does not fail the write, and resume repeats the write without effect', async () => {
    const kept: TransferState[] = [];
    let isFull = false;
    const onState = (state: TransferState): void => {
      if (isFull) throw new Error('disk full');
      kept.push(copy(state));
    };
    const { share, received } = await opened({ onState });
    await received.reply(words('request'));
    await share.next();
    site.relay.intercept = ({ method }) => {
      if (method === 'PUT') isFull = true;
      return false;
    };
    await share.reply(words('answer'));
    const last = kept.at(-1) as TransferState;
    expect(last.pending?.operation).toBe('update');
    await hastySender(site.relay.url).resume(last);
    expect(site.relay.log.slice(-1)).toEqual(['PUT 201']);
    expect(readText(await received.next())).toBe('answer');
  });

  it('A failed save after the create leaves a share that can be cancelled', async () => {
    let isFull = false;
    site.relay.intercept = ({ method }) => {
      if (method === 'POST') isFull = true;
      return false;
    };
    const onState = (): void => {
      if (isFull) throw new Error('disk full');
    };
    const share = await hastySender(site.relay.url, { onState }).share(words('key'), DISPLAY);
    expect(share.state.ended).toBeUndefined();
    isFull = false;
    site.relay.intercept = () => false;
    await share.cancel();
    expect(site.relay.log).toEqual(['POST 200', 'DELETE 200']);
  });
});

describe('A reply', () => {
  it('A reply that was queued before a message arrived does not replace that message', async () => {
    const { share, received } = await opened();
    await share.check();
    await received.reply(words('request'));
    let release: () => void = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow = hastySender(site.relay.url, {
      fetch: async (input, init) => {
        const response = await fetch(input, init);
        if (init?.method === 'POST') await released;
        return response;
      },
    });
    const sender = await slow.resume(copy(share.state));
    const next = sender.next();
    const answering = getErrorCode(sender.reply(words('blind')));
    await expect.poll(() => site.relay.log.at(-1), { interval: 5 }).toBe('POST 200');
    release();
    expect(readText(await next)).toBe('request');
    expect(await answering).toBe('conflict');
    expect(site.relay.log.filter((line) => line === 'PUT 200')).toHaveLength(1);
  });

  it('A reply that failed as unreachable and was then sent by a read is not sent twice', async () => {
    const { share, received } = await opened({ timeoutMs: 400, retryTimeoutMs: 50 });
    site.relay.proxy.cut();
    expect(await getErrorCode(received.reply(words('pay')))).toBe('unreachable');
    site.relay.proxy.mend();
    await received.check();
    await received.reply(words('pay'));
    expect(readText(await share.next())).toBe('pay');
    expect(await share.check()).toBeUndefined();
    expect(site.relay.log.filter((line) => line === 'PUT 200')).toHaveLength(1);
  });

  it('A reply with the same text after the next message is a new reply', async () => {
    const { share, received } = await opened({ timeoutMs: 400, retryTimeoutMs: 50 });
    site.relay.proxy.cut();
    expect(await getErrorCode(received.reply(words('ack')))).toBe('unreachable');
    site.relay.proxy.mend();
    await received.check();
    expect(readText(await share.next())).toBe('ack');
    await share.reply(words('second'));
    expect(readText(await received.next())).toBe('second');
    await received.reply(words('ack'));
    expect(readText(await share.next())).toBe('ack');
  });

  it('A reply that failed before its version was known is sent by the next call', async () => {
    const { share, received } = await opened({ timeoutMs: 400, retryTimeoutMs: 50 });
    site.relay.proxy.dropAnswers();
    expect(await getErrorCode(received.reply(words('first')))).toBe('unreachable');
    await expect.poll(() => site.relay.log, { interval: 5 }).toContain('PUT 200');
    site.relay.proxy.mend();
    await received.reply(words('first'));
    await share.check();
    // A relay of an older version sends a 201 without a version.
    const old = { ...copy(received.state), version: undefined };
    const resumed = await hastyReceiver({ timeoutMs: 500, retryTimeoutMs: 50 }).resume(old);
    site.relay.proxy.cut();
    expect(await getErrorCode(resumed.reply(words('second')))).toBe('unreachable');
    site.relay.proxy.mend();
    await resumed.check();
    expect(readText(await share.next())).toBe('second');
  });

  it('A pending reply is sent before a relinquish, and stays pending after a failed delete', async () => {
    const { share, received } = await opened({ timeoutMs: 400, retryTimeoutMs: 50 });
    site.relay.proxy.cut();
    expect(await getErrorCode(received.reply(words('sorry')))).toBe('unreachable');
    site.relay.proxy.mend();
    await received.relinquish();
    expect(readText(await share.next())).toBe('sorry');

    const kept = await hastySender(site.relay.url).share(words('invitation'), DISPLAY, { accessRights: 'RW' });
    const cut = { timeoutMs: 400, retryTimeoutMs: 50 };
    const other = hastyReceiver(cut).open(kept.url);
    await other.next();
    site.relay.proxy.cut();
    expect(await getErrorCode(other.reply(words('thanks')))).toBe('unreachable');
    site.relay.proxy.mend();
    expect(await getErrorCode(other.finish())).toBe('refused');
    await other.check();
    expect(readText(await kept.next())).toBe('thanks');
  });

  it('A reply with sameReceiver does not reach a receiver that no read has shown', async () => {
    const share = await hastySender(site.relay.url).share(words('invitation'), DISPLAY, { accessRights: 'RWD' });
    const first = hastyReceiver().open(share.url);
    await first.next();
    await first.reply(words('code of the first'));
    expect(readText(await share.next())).toBe('code of the first');
    await share.reply(words('welcome'), { sameReceiver: true });
    await first.relinquish();
    const second = hastyReceiver().open(share.url);
    await second.next();
    expect(await share.check()).toBeUndefined(); // After a push, such as for the relinquish.
    expect(await getErrorCode(share.reply(words('for the first'), { sameReceiver: true }))).toBe('receiver_changed');
    expect(await second.check()).toBeUndefined();
    await share.reply(words('for the second'), { sameReceiver: true });
    expect(readText(await second.check())).toBe('for the second');
  });

  it('Refused replies displace no fingerprint: a device does not receive its own message', async () => {
    const share = await hastySender(site.relay.url).share(words('own'), DISPLAY, { accessRights: 'RWD' });
    site.relay.intercept = ({ method, headers }, response) =>
      method === 'PUT' && answer(response, 403, { 'Mailbox-Request-ID': String(headers['mailbox-request-id']) });
    for (let count = 0; count < 70; count += 1)
      expect(await getErrorCode(share.reply(words(`${count}`)))).toBe('refused');
    expect(await share.check()).toBeUndefined();
  });
});

describe('The same bytes in another base64 alphabet', () => {
  it('A message in another base64 alphabet is the same message', async () => {
    const recoded: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      const text = (await response.text()).replace(/"data":"([^"]+)"/, (_, data: string) => {
        return `"data":"${data.replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '')}"`;
      });
      return new Response(text === '' ? null : text, response);
    };
    const plain = await hastySender(site.relay.url).share(words('offer'), DISPLAY, { accessRights: 'RWD' });
    const share = await hastySender(site.relay.url, { fetch: recoded }).resume(copy(plain.state));
    expect(await share.check()).toBeUndefined();
    const received = hastyReceiver().open(plain.url);
    expect(readText(await received.next())).toBe('offer');
    await received.check();
    const again = await hastyReceiver({ fetch: recoded }).resume(copy(received.state));
    expect(await again.check()).toBeUndefined();
  });
});

describe('A message that was written twice and read late', () => {
  it('A late read of an old message is ignored: the device receives the newer message only', async () => {
    const { share, received } = await opened();
    await received.check();
    let release: () => void = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    let reads = 0;
    const network: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      const text = await response.text();
      reads += 1;
      if (reads === 1) await released;
      return new Response(text === '' ? null : text, response);
    };
    await share.reply(words('older'));
    const late = await hastyReceiver({ fetch: network }).resume(copy(received.state));
    const controller = new AbortController();
    const first = late.next({ signal: controller.signal }).then(readText, () => 'nothing');
    await expect.poll(() => reads, { interval: 5 }).toBe(1);
    await share.reply(words('newer'));
    expect(readText(await late.check())).toBe('newer');
    release();
    await expect.poll(() => site.relay.held(), { interval: 5 }).toBe(1); // It waits for the next.
    controller.abort();
    expect(await first).toBe('nothing');
    expect(await late.check()).toBeUndefined();
  });
});

describe('Two concurrent reads of one message', () => {
  it('Two concurrent reads deliver a message once', async () => {
    let come = 0;
    let release: () => void = () => {};
    const all = new Promise<void>((resolve) => {
      release = resolve;
    });
    const network: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      const text = await response.text();
      come += 1;
      if (come === 4) release();
      await all;
      return new Response(text, response);
    };
    const { share, received } = await opened();
    await share.check();
    await received.reply(words('request'));
    const resumed = await hastySender(site.relay.url, { fetch: network }).resume(copy(share.state));
    const looks = await Promise.all([1, 2, 3, 4].map(() => resumed.check()));
    expect(looks.filter((message) => message !== undefined).map(readText)).toEqual(['request']);
  });
});
