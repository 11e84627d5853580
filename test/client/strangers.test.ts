import type { ReceivedShare, SentShare, TransferState } from 'credential-relay/client';
import { describe, expect, it } from 'vitest';
import { DISPLAY, hastyReceiver, hastySender, textOf, words } from '../support/client/devices.js';
import { relayOfEachTest } from '../support/client/disturbed.js';

/* What answers may be a proxy with a page of its own, a relay that is out of order, or one that means harm. */

const site = relayOfEachTest();
const { opened } = site;

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'done',
    (error) => error.code ?? error,
  );

/** Answers as a proxy does whose backend is away. */
const page = (status: number, text = '<h1>default backend</h1>'): Response =>
  new Response(status === 204 || status === 304 ? null : text, { status, headers: { 'Content-Type': 'text/html' } });

/** The network, but for the first `times` requests of a method: those reach the relay or not, and get another answer. */
function replaced(method: string, times: number, status: number, isCarriedOut: boolean): typeof fetch {
  let left = times;
  return async (input, init) => {
    if (init?.method !== method || left === 0) return fetch(input, init);
    left -= 1;
    if (isCarriedOut) await fetch(input, init);
    return page(status);
  };
}

/** The share of `opened`, gone on with by devices that have another network. */
async function through(network: { sender?: typeof fetch; receiver?: typeof fetch }) {
  const { share, received } = await opened();
  await received.check();
  await share.check();
  const sender: SentShare = await hastySender(site.relay.url, { fetch: network.sender }).resume(share.state);
  const receiver: ReceivedShare = await hastyReceiver({ fetch: network.receiver }).resume(received.state);
  return { sender, receiver };
}

describe('an answer that is not the relay’s', () => {
  it.each([404, 200, 204, 304])(
    '%i to a read ends nothing: the message comes once the relay is back',
    async (status) => {
      const { sender, receiver } = await through({ sender: replaced('POST', 2, status, false) });
      await receiver.reply(words('request'));
      expect(textOf(await sender.next())).toBe('request');
      expect(sender.state.ended).toBeUndefined();
    },
  );

  it.each([404, 200, 304])(
    '%i to a write is no success, and no end: it is sent again, and takes effect once',
    async (status) => {
      for (const isCarriedOut of [false, true]) {
        site.relay.log.length = 0;
        const { sender, receiver } = await through({ receiver: replaced('PUT', 2, status, isCarriedOut) });
        await receiver.reply(words('request'));
        expect(textOf(await sender.next())).toBe('request');
        expect(site.relay.log.filter((line) => line === 'PUT 200')).toHaveLength(1);
        await sender.cancel();
      }
    },
  );

  it.each([404, 200])('%i to a delete does not mean that the mailbox is gone', async (status) => {
    const { sender, receiver } = await through({ sender: replaced('DELETE', 2, status, false) });
    await sender.cancel();
    expect(sender.state.ended).toBe('cancelled');
    expect(await codeOf(receiver.next())).toBe('gone');
    expect(site.relay.log).toContain('DELETE 200');
  });

  it.each([425, 500, 520, 524])('%i to a write that was carried out: it takes effect once', async (status) => {
    const { sender, receiver } = await through({ receiver: replaced('PUT', 1, status, true) });
    await receiver.reply(words('request'));
    expect(textOf(await sender.next())).toBe('request');
    expect(site.relay.log.filter((line) => line.startsWith('PUT'))).toEqual(['PUT 200', 'PUT 201']);
  });

  it('unreachable, when it goes on; a refusal by a proxy leaves the write to be sent again', async () => {
    const login: typeof fetch = async () => page(200, '<h1>Sign in to the Wi-Fi</h1>');
    const options = { fetch: login, retryTimeoutMs: 50 };
    expect(await codeOf(hastySender(site.relay.url, options).share(words('key'), DISPLAY))).toBe('unreachable');
    const share = await hastySender(site.relay.url).share(words('key'), DISPLAY);
    const captive = hastyReceiver(options).open(share.url);
    expect(await codeOf(captive.next())).toBe('unreachable');
    expect(captive.state.ended).toBeUndefined();

    const { sender, receiver } = await through({ receiver: replaced('PUT', 1, 407, true) });
    expect(await codeOf(receiver.reply(words('request')))).toBe('refused');
    await receiver.reply(words('request'));
    expect(textOf(await sender.next())).toBe('request');
    expect(site.relay.log.filter((line) => line.startsWith('PUT'))).toEqual(['PUT 200', 'PUT 201']);
  });

  it.each([401, 403, 404])('%i of a gateway, in JSON that is not the relay’s, ends nothing', async (status) => {
    const gateway = (): Response => Response.json({ message: 'No route matched' }, { status });
    const share = await hastySender(site.relay.url).share(words('key'), DISPLAY, { accessRights: 'RWD' });
    let isAway = true;
    const network: typeof fetch = async (input, init) => (isAway ? gateway() : fetch(input, init));
    const received = hastyReceiver({ fetch: network, retryTimeoutMs: 50 }).open(share.url);
    expect(await codeOf(received.next())).toBe(status === 404 ? 'unreachable' : 'refused');
    isAway = false;
    expect(textOf(await received.next())).toBe('key');
    isAway = true;
    expect(await codeOf(received.reply(words('thanks')))).toBe(status === 404 ? 'unreachable' : 'refused');
    expect(received.state.pending?.operation).toBe('update');
    isAway = false;
    await received.reply(words('thanks'));
    expect(textOf(await share.next())).toBe('thanks');
  });

  it('a problem of a proxy’s own is not the relay’s, once that is known to send the Mailbox-Request-ID back', async () => {
    const { share, received } = await opened();
    let isAway = false;
    const headers = { 'Content-Type': 'application/problem+json' };
    const network: typeof fetch = async (input, init) =>
      isAway ? new Response('{"code":"no_route"}', { status: 404, headers }) : fetch(input, init);
    const receiver = await hastyReceiver({ fetch: network, retryTimeoutMs: 50 }).resume(received.state);
    await receiver.check();
    await receiver.check();
    isAway = true;
    expect(await codeOf(receiver.reply(words('thanks')))).toBe('unreachable');
    expect(await codeOf(receiver.finish())).toBe('unreachable');
    isAway = false;
    await receiver.finish();
    expect(await share.next()).toBeUndefined();
  });

  it('204 to a message is no word that it was taken', async () => {
    const { sender, receiver } = await through({ receiver: replaced('PUT', 1, 204, false) });
    await receiver.reply(words('request'));
    expect(textOf(await sender.next())).toBe('request');
  });

  it('403 to a repeated message that was carried out: the writer does not hear it as the other’s', async () => {
    const { share } = await opened();
    await share.check();
    let puts = 0;
    const network: typeof fetch = async (input, init) => {
      if (init?.method !== 'PUT') return fetch(input, init);
      puts += 1;
      if (puts > 1) return Response.json({ code: 'forbidden' }, { status: 403 });
      await fetch(input, init);
      throw new TypeError('cut');
    };
    const sender = await hastySender(site.relay.url, { fetch: network }).resume(share.state);
    expect(await codeOf(sender.reply(words('mine')))).toBe('refused');
    expect(await sender.check()).toBeUndefined();
  });

  it('401 of a proxy to a preview is no word of who has opened the link', async () => {
    const share = await hastySender(site.relay.url).share(words('key'), DISPLAY);
    const received = hastyReceiver({ fetch: async () => page(401) }).open(share.url);
    expect(await codeOf(received.preview())).toBe('refused');
    expect(await codeOf(received.next())).toBe('refused');
  });
});

/** A relay of a test's own making: each answer of its reads, and how many requests there were. */
function made(answerOf: (count: number, init: RequestInit) => Response) {
  const made = { requests: 0 };
  const network: typeof fetch = async (_, init = {}) => {
    made.requests += 1;
    const response = answerOf(made.requests, init);
    response.headers.set('Mailbox-Request-ID', new Headers(init.headers).get('Mailbox-Request-ID') ?? '');
    return response;
  };
  return Object.assign(made, { network });
}

/** What the mailbox answers to a read of the sender. */
async function bodyOf({ state }: SentShare): Promise<string> {
  const headers = { 'Mailbox-Device-Claim': state.claim };
  return (await fetch(state.mailboxUrl ?? '', { method: 'POST', headers })).text();
}

describe('a relay that means harm', () => {
  /** Waits for a quarter of a second, as a device that has read once. */
  async function requestsOfAWait(answerOf: (count: number, init: RequestInit) => Response): Promise<number> {
    const { share } = await opened();
    await share.check();
    const relay = made(answerOf);
    const sender = await hastySender(site.relay.url, { fetch: relay.network, pollMs: 50 }).resume(share.state);
    await sender.next({ signal: AbortSignal.timeout(250) }).catch(() => {});
    return relay.requests;
  }
  it('makes no device ask without a pause: nothing new, under a new version each time', async () => {
    const { share } = await opened();
    const body = await bodyOf(share);
    const relay = made((count) => new Response(body, { headers: { 'Mailbox-Version': `v${count}` } }));
    const sender = await hastySender(site.relay.url, { fetch: relay.network, pollMs: 50 }).resume(share.state);
    await sender.next({ signal: AbortSignal.timeout(250) }).catch(() => {});
    expect(relay.requests).toBeLessThan(20);
    expect(relay.requests).toBeGreaterThan(2);
  });

  it.each(['4294967', 'Fri, 31 Dec 9999 23:59:59 GMT', '99999999999999999999'])(
    'makes no device ask without a pause: Retry-After %s',
    async (value) => {
      const headers = { 'Retry-After': value, 'Content-Type': 'application/json' };
      expect(await requestsOfAWait(() => new Response(null, { status: 204, headers }))).toBeLessThan(4);
      expect(await requestsOfAWait(() => new Response('{}', { status: 429, headers }))).toBeLessThan(4);
    },
  );

  it('makes no device ask without a pause: pauses as long as a timer takes', async () => {
    const { share } = await opened();
    await share.check();
    const relay = made(() => new Response(null, { status: 204 }));
    const options = { fetch: relay.network, pollMs: 2 ** 31 - 1, waitSeconds: 0 };
    const sender = await hastySender(site.relay.url, options).resume(share.state);
    await sender.next({ signal: AbortSignal.timeout(250) }).catch(() => {});
    expect(relay.requests).toBeLessThan(4);
  });

  it('gets a write a few times only: 412 for ever', async () => {
    const { share } = await opened();
    await share.check();
    const body = await bodyOf(share);
    const relay = made((_, { method }) =>
      method === 'PUT' ? Response.json({ code: 'version_changed' }, { status: 412 }) : new Response(body),
    );
    const sender = await hastySender(site.relay.url, { fetch: relay.network }).resume(share.state);
    expect(await codeOf(sender.reply(words('never')))).toBe('unreachable');
    expect(relay.requests).toBeLessThan(30);
  });

  it('shows no picture that is not https', async () => {
    const { share, received } = await opened();
    const harmful: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      const text = (await response.text()).replace(/"imageURL":"[^"]*"/, '"imageURL":"javascript:alert(1)"');
      return new Response(text, response);
    };
    await received.reply(words('request'));
    const sender = await hastySender(site.relay.url, { fetch: harmful }).resume(share.state);
    expect((await sender.next())?.display.imageURL).toBe('');
  });
});

describe('how it ended', () => {
  it('expired, also for a sender that has not looked before', async () => {
    const share = await hastySender(site.relay.url).share(words('key'), DISPLAY, { expiresInSeconds: 1 });
    const preview = () => fetch(share.url.split('#')[0] ?? '').then(({ status }) => status);
    await expect.poll(preview, { interval: 50, timeout: 5000 }).toBe(404);
    expect(await share.next()).toBeUndefined();
    expect(share.state.ended).toBe('expired');
  });

  it('cancelled: a create that was under way, and is refused when the app goes on', async () => {
    const states: TransferState[] = [];
    const lost = { onState: (state: TransferState) => void states.push(state), retryTimeoutMs: 0 };
    const network = () => Promise.reject(new TypeError('no network'));
    const sharing = hastySender(site.relay.url, { ...lost, fetch: network }).share(words('key'), DISPLAY);
    expect(await codeOf(sharing)).toBe('unreachable');
    const kept = states.at(-1) as TransferState;
    const body = (kept.pending?.body ?? '').replace('"payload"', '"playload"');
    const late = { ...kept, pending: { ...kept.pending, body } } as TransferState;
    const resuming = hastySender(site.relay.url, lost).resume(late);
    expect(await codeOf(resuming)).toBe('refused');
    expect(states.at(-1)).toMatchObject({ ended: 'cancelled' });
    const resumed = await hastySender(site.relay.url).resume(states.at(-1) as TransferState);
    expect(await resumed.next()).toBeUndefined();
    await resumed.cancel();
  });

  it('cancelled: by a delete whose answer is still out, whatever a read hears first', async () => {
    const { share } = await opened({ retryTimeoutMs: 0, timeoutMs: 100 });
    site.relay.proxy.dropAnswers();
    expect(await codeOf(share.cancel())).toBe('unreachable');
    await expect.poll(() => site.relay.log, { interval: 5 }).toContain('DELETE 200');
    site.relay.proxy.mend();
    expect(await share.next()).toBeUndefined();
    expect(share.state.ended).toBe('cancelled');
  });

  it('cancelled: also where a read that waits is the first to hear of it', async () => {
    const { share } = await opened();
    await share.check();
    const network: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      if (init?.method === 'DELETE') throw new TypeError('cut');
      return response;
    };
    const sender = await hastySender(site.relay.url, { fetch: network, retryTimeoutMs: 0 }).resume(share.state);
    const waiting = sender.next();
    await expect.poll(() => site.relay.held(), { interval: 5 }).toBe(1);
    expect(await codeOf(sender.cancel())).toBe('unreachable');
    expect(await waiting).toBeUndefined();
    expect(sender.state.ended).toBe('cancelled');
  });

  it('relinquished: by a relinquish whose answer was lost; to finish after it is no error', async () => {
    const { received } = await opened({ retryTimeoutMs: 0, timeoutMs: 100 });
    site.relay.proxy.dropAnswers();
    expect(await codeOf(received.relinquish())).toBe('unreachable');
    await expect.poll(() => site.relay.log, { interval: 5 }).toContain('PATCH 200');
    site.relay.proxy.mend();
    await received.finish();
    expect(received.state.ended).toBe('relinquished');
  });
});

describe('options that are wrong', () => {
  it.each([
    [() => hastyReceiver({ headers: { Authorization: 'Bearer token' } }), /^receiver\.headers: /],
    [() => hastyReceiver({ relays: ['*.example.com'] }), /^receiver\.relays: /],
    [() => hastyReceiver({ relays: ['a.example'], headers: { 'X-A': 'a\nb' } }), /^receiver\.headers: /],
    [() => hastySender('https://user:pw@relay.example'), /^sender\.relay: /],
    [() => hastySender('https://relay.example', { timeoutMs: Number.POSITIVE_INFINITY }), /^sender\.timeoutMs: /],
    [() => hastySender('https://relay.example', { waitSeconds: 3e9 }), /^sender\.waitSeconds: /],
  ])('%# is refused by its path', (make, message) => {
    expect(make).toThrow(message);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, 0, -1, 1e15])('expiresInSeconds %s', async (expiresInSeconds) => {
    const sharing = hastySender(site.relay.url).share(words('key'), DISPLAY, { expiresInSeconds });
    await expect(sharing).rejects.toThrow(/^share\.expiresInSeconds: /);
  });
});

describe('an abort', () => {
  it('ends a wait whose keeper hangs when it has read, and the message comes with the next call', async () => {
    const share = await hastySender(site.relay.url).share(words('key'), DISPLAY);
    let saves = 0;
    let release: () => void = () => {};
    const hanging = new Promise<void>((resolve) => {
      release = resolve;
    });
    const onState = () => {
      saves += 1;
      return saves === 2 ? hanging : undefined;
    };
    const received = hastyReceiver({ onState }).open(share.url);
    const signal = AbortSignal.timeout(150);
    await expect(received.next({ signal })).rejects.toMatchObject({ name: 'TimeoutError' });
    expect(saves).toBe(2);
    release();
    expect(textOf(await received.next())).toBe('key');
  });

  it('ends a wait whose keeper hangs', async () => {
    const { received } = await opened();
    let isHanging = false;
    const onState = () => (isHanging ? new Promise<void>(() => {}) : undefined);
    const share = await hastyReceiver({ onState }).resume(received.state);
    expect(textOf(await share.next())).toBe('invitation');
    isHanging = true;
    const signal = AbortSignal.timeout(50);
    await expect(share.next({ signal })).rejects.toMatchObject({ name: 'TimeoutError' });
  });
});
