import type { Message, ReceivedShare, SentShare, TransferState } from 'credential-relay/client';
import { describe, expect, it } from 'vitest';
import { DISPLAY, hastyReceiver, hastySender, textOf, words } from '../support/client/devices.js';
import { relayOfEachTest } from '../support/client/disturbed.js';
import { answer } from '../support/client/relay-server.js';

/* A message counts as taken once the app has dealt with it, and not before: until then nothing takes its place. */

const site = relayOfEachTest();
const { opened } = site;

const copy = (state: TransferState): TransferState => JSON.parse(JSON.stringify(state));
const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'done',
    (error) => error.code,
  );

describe('an app that is killed while it has a message', () => {
  it('and answers first when it is back, does not write over it: the sender', async () => {
    const { share, received } = await opened();
    await received.reply(words('request'));
    expect(textOf(await share.next())).toBe('request');
    const resumed = await hastySender(site.relay.url).resume(copy(share.state));
    expect(await codeOf(resumed.reply(words('hasty')))).toBe('conflict');
    expect(textOf(await resumed.next())).toBe('request');
    await resumed.reply(words('answer'));
    expect(textOf(await received.next())).toBe('answer');
  });

  it('and answers first when it is back, does not write over it: the receiver', async () => {
    const { received } = await opened();
    const resumed = await hastyReceiver().resume(copy(received.state));
    expect(await codeOf(resumed.reply(words('hasty')))).toBe('conflict');
    expect(textOf(await resumed.next())).toBe('invitation');
    await resumed.reply(words('request'));
  });

  it('and whose answer is refused, gets the message again', async () => {
    const { share, received } = await opened();
    site.relay.intercept = ({ method, headers }, response) => {
      if (method !== 'PUT') return false;
      return answer(response, 403, { 'Mailbox-Request-ID': String(headers['mailbox-request-id']) });
    };
    await received.check();
    expect(await codeOf(received.reply(words('refused')))).toBe('refused');
    site.relay.intercept = () => false;
    await received.reply(words('request'));
    expect(textOf(await share.next())).toBe('request');
    site.relay.intercept = ({ method, headers }, response) =>
      method === 'PUT' && answer(response, 403, { 'Mailbox-Request-ID': String(headers['mailbox-request-id']) });
    expect(await codeOf(share.reply(words('refused')))).toBe('refused');
    site.relay.intercept = () => false;
    const resumed = await hastySender(site.relay.url).resume(copy(share.state));
    expect(textOf(await resumed.next())).toBe('request');
  });
});

describe('a keeper that fails once', () => {
  /** A transfer of two messages each way, whose keeper on one side fails at one save; an app tries again. */
  async function failingAt(side: 'sender' | 'receiver', nth: number): Promise<{ heard: string[]; hasFailed: boolean }> {
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
    const heard: string[] = [];
    const hear = (message: Message | undefined): void => void heard.push(String(textOf(message)));
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
    return { heard, hasFailed };
  }

  it.each(['sender', 'receiver'] as const)(
    'costs the %s no message and doubles none, whichever it is',
    async (side) => {
      for (let nth = 1; ; nth += 1) {
        site.relay.log.length = 0;
        const { heard, hasFailed } = await failingAt(side, nth);
        expect(heard, `save ${nth}`).toEqual(['1', '2', '3', '4']);
        expect(
          site.relay.log.filter((line) => line === 'PUT 200'),
          `save ${nth}`,
        ).toHaveLength(3);
        if (!hasFailed) return expect(nth).toBeGreaterThan(7);
      }
    },
  );

  it('after a write was carried out, does not fail it: resuming repeats it without effect', async () => {
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
    expect(textOf(await received.next())).toBe('answer');
  });

  it('after the mailbox was made, leaves a share that can be cancelled', async () => {
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

describe('an answer', () => {
  it('that was given before a message has come does not take its place', async () => {
    const { share, received } = await opened();
    await share.check();
    await received.reply(words('request'));
    let let_go: () => void = () => {};
    const released = new Promise<void>((resolve) => {
      let_go = resolve;
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
    const answering = codeOf(sender.reply(words('blind')));
    await expect.poll(() => site.relay.log.at(-1), { interval: 5 }).toBe('POST 200');
    let_go();
    expect(textOf(await next)).toBe('request');
    expect(await answering).toBe('conflict');
    expect(site.relay.log.filter((line) => line === 'PUT 200')).toHaveLength(1);
  });

  it('that was unreachable, and that a read has carried on since, is not sent twice', async () => {
    const { share, received } = await opened({ timeoutMs: 100, retryTimeoutMs: 50 });
    site.relay.proxy.cut();
    expect(await codeOf(received.reply(words('pay')))).toBe('unreachable');
    site.relay.proxy.mend();
    await received.check();
    await received.reply(words('pay'));
    expect(textOf(await share.next())).toBe('pay');
    expect(await share.check()).toBeUndefined();
    expect(site.relay.log.filter((line) => line === 'PUT 200')).toHaveLength(1);
  });

  it('that was unreachable is another one after the next message, though its words are the same', async () => {
    const { share, received } = await opened({ timeoutMs: 100, retryTimeoutMs: 50 });
    site.relay.proxy.cut();
    expect(await codeOf(received.reply(words('ack')))).toBe('unreachable');
    site.relay.proxy.mend();
    await received.check();
    expect(textOf(await share.next())).toBe('ack');
    await share.reply(words('second'));
    expect(textOf(await received.next())).toBe('second');
    await received.reply(words('ack'));
    expect(textOf(await share.next())).toBe('ack');
  });

  it('that was unreachable before its version was known is sent by the next call', async () => {
    const { share, received } = await opened({ timeoutMs: 100, retryTimeoutMs: 50 });
    site.relay.proxy.dropAnswers();
    expect(await codeOf(received.reply(words('first')))).toBe('unreachable');
    await expect.poll(() => site.relay.log, { interval: 5 }).toContain('PUT 200');
    site.relay.proxy.mend();
    await received.reply(words('first')); // By a 201, which names no version.
    await share.check();
    expect(received.state.version).toBeUndefined();
    site.relay.proxy.cut();
    expect(await codeOf(received.reply(words('second')))).toBe('unreachable');
    site.relay.proxy.mend();
    await received.check();
    expect(textOf(await share.next())).toBe('second');
  });

  it('that is under way is said before the place is given back, and kept if the mailbox cannot be deleted', async () => {
    const { share, received } = await opened({ timeoutMs: 100, retryTimeoutMs: 50 });
    site.relay.proxy.cut();
    expect(await codeOf(received.reply(words('sorry')))).toBe('unreachable');
    site.relay.proxy.mend();
    await received.relinquish();
    expect(textOf(await share.next())).toBe('sorry');

    const kept = await hastySender(site.relay.url).share(words('invitation'), DISPLAY, { accessRights: 'RW' });
    const cut = { timeoutMs: 100, retryTimeoutMs: 50 };
    const other = hastyReceiver(cut).open(kept.url);
    await other.next();
    site.relay.proxy.cut();
    expect(await codeOf(other.reply(words('thanks')))).toBe('unreachable');
    site.relay.proxy.mend();
    expect(await codeOf(other.finish())).toBe('refused');
    await other.check();
    expect(textOf(await kept.next())).toBe('thanks');
  });

  it('for one receiver goes to no other that a read has not told of, whatever was read meanwhile', async () => {
    const share = await hastySender(site.relay.url).share(words('invitation'), DISPLAY, { accessRights: 'RWD' });
    const first = hastyReceiver().open(share.url);
    await first.next();
    await first.reply(words('code of the first'));
    expect(textOf(await share.next())).toBe('code of the first');
    await share.reply(words('welcome'), { sameReceiver: true });
    await first.relinquish();
    const second = hastyReceiver().open(share.url);
    await second.next();
    expect(await share.check()).toBeUndefined(); // After a push, such as for the relinquish.
    expect(await codeOf(share.reply(words('for the first'), { sameReceiver: true }))).toBe('receiver_changed');
    expect(await second.check()).toBeUndefined();
    await share.reply(words('for the second'), { sameReceiver: true });
    expect(textOf(await second.check())).toBe('for the second');
  });

  it('that is refused leaves no trace: a device does not hear its own share, however many there were', async () => {
    const share = await hastySender(site.relay.url).share(words('own'), DISPLAY, { accessRights: 'RWD' });
    site.relay.intercept = ({ method, headers }, response) =>
      method === 'PUT' && answer(response, 403, { 'Mailbox-Request-ID': String(headers['mailbox-request-id']) });
    for (let count = 0; count < 70; count += 1) expect(await codeOf(share.reply(words(`${count}`)))).toBe('refused');
    expect(await share.check()).toBeUndefined();
  });
});

describe('the same bytes in another base64', () => {
  it('are no other message', async () => {
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
    expect(textOf(await received.next())).toBe('offer');
    await received.check();
    const again = await hastyReceiver({ fetch: recoded }).resume(copy(received.state));
    expect(await again.check()).toBeUndefined();
  });
});

describe('a message that was written twice, and read late', () => {
  it('comes in its order: the newer one is the only one', async () => {
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
    const first = late.next({ signal: controller.signal }).then(textOf, () => 'nothing');
    await expect.poll(() => reads, { interval: 5 }).toBe(1);
    await share.reply(words('newer'));
    expect(textOf(await late.check())).toBe('newer');
    release();
    await expect.poll(() => site.relay.held(), { interval: 5 }).toBe(1); // It waits for the next.
    controller.abort();
    expect(await first).toBe('nothing');
    expect(await late.check()).toBeUndefined();
  });
});

describe('two reads at once that find one message', () => {
  it('bring it once', async () => {
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
    expect(looks.filter((message) => message !== undefined).map(textOf)).toEqual(['request']);
  });
});
