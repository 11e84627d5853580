import type { ReceivedShare, SentShare, TransferState } from 'credential-relay/client';
import { describe, expect, it } from 'vitest';
import { DISPLAY, hastyReceiver, hastySender, readText, words } from '../support/client/devices.js';
import { useRelayPerTest } from '../support/client/relay-per-test.js';

/* The server may be a proxy with its own pages, a failing relay, or a malicious relay. */

const site = useRelayPerTest();
const { opened } = site;

const getErrorCode = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'done',
    (error) => error.code ?? error,
  );

/** The response of a proxy without a backend. */
const page = (status: number, text = '<h1>default backend</h1>'): Response =>
  new Response(status === 204 || status === 304 ? null : text, { status, headers: { 'Content-Type': 'text/html' } });

/** A network that replaces the responses of the first `times` requests of a method by proxy pages. */
function replaced(method: string, times: number, status: number, isCarriedOut: boolean): typeof fetch {
  let left = times;
  return async (input, init) => {
    if (init?.method !== method || left === 0) return fetch(input, init);
    left -= 1;
    if (isCarriedOut) await fetch(input, init);
    return page(status);
  };
}

/** The share of `opened`, resumed by devices with another network. */
async function through(network: { sender?: typeof fetch; receiver?: typeof fetch }) {
  const { share, received } = await opened();
  await received.check();
  await share.check();
  const sender: SentShare = await hastySender(site.relay.url, { fetch: network.sender }).resume(share.state);
  const receiver: ReceivedShare = await hastyReceiver({ fetch: network.receiver }).resume(received.state);
  return { sender, receiver };
}

describe('A response that is not from the relay', () => {
  it.each([404, 200, 204, 304])(
    'A %i of a proxy to a read does not end the share: the message arrives later',
    async (status) => {
      const { sender, receiver } = await through({ sender: replaced('POST', 2, status, false) });
      await receiver.reply(words('request'));
      expect(readText(await sender.next())).toBe('request');
      expect(sender.state.ended).toBeUndefined();
    },
  );

  it.each([404, 200, 304])('A write that gets a %i of a proxy is repeated and takes effect once', async (status) => {
    for (const isCarriedOut of [false, true]) {
      site.relay.log.length = 0;
      const { sender, receiver } = await through({ receiver: replaced('PUT', 2, status, isCarriedOut) });
      await receiver.reply(words('request'));
      expect(readText(await sender.next())).toBe('request');
      expect(site.relay.log.filter((line) => line === 'PUT 200')).toHaveLength(1);
      await sender.cancel();
    }
  });

  it.each([404, 200])('A %i of a proxy to a delete does not mean that the mailbox is gone', async (status) => {
    const { sender, receiver } = await through({ sender: replaced('DELETE', 2, status, false) });
    await sender.cancel();
    expect(sender.state.ended).toBe('cancelled');
    expect(await getErrorCode(receiver.next())).toBe('gone');
    expect(site.relay.log).toContain('DELETE 200');
  });

  it.each([425, 500, 520, 524])('A write that reached the relay and got a %i takes effect once', async (status) => {
    const { sender, receiver } = await through({ receiver: replaced('PUT', 1, status, true) });
    await receiver.reply(words('request'));
    expect(readText(await sender.next())).toBe('request');
    expect(site.relay.log.filter((line) => line.startsWith('PUT'))).toEqual(['PUT 200', 'PUT 201']);
  });

  it('Repeated proxy pages fail as unreachable, and an error of a proxy keeps the write pending', async () => {
    const login: typeof fetch = async () => page(200, '<h1>Sign in to the Wi-Fi</h1>');
    const options = { fetch: login, retryTimeoutMs: 50 };
    expect(await getErrorCode(hastySender(site.relay.url, options).share(words('key'), DISPLAY))).toBe('unreachable');
    const share = await hastySender(site.relay.url).share(words('key'), DISPLAY);
    const captive = hastyReceiver(options).open(share.url);
    expect(await getErrorCode(captive.next())).toBe('unreachable');
    expect(captive.state.ended).toBeUndefined();

    const { sender, receiver } = await through({ receiver: replaced('PUT', 1, 407, true) });
    expect(await getErrorCode(receiver.reply(words('request')))).toBe('refused');
    await receiver.reply(words('request'));
    expect(readText(await sender.next())).toBe('request');
    expect(site.relay.log.filter((line) => line.startsWith('PUT'))).toEqual(['PUT 200', 'PUT 201']);
  });

  it.each([401, 403, 404])('A %i of a gateway in JSON does not end the share', async (status) => {
    const gateway = (): Response => Response.json({ message: 'No route matched' }, { status });
    const share = await hastySender(site.relay.url).share(words('key'), DISPLAY, { accessRights: 'RWD' });
    let isAway = true;
    const network: typeof fetch = async (input, init) => (isAway ? gateway() : fetch(input, init));
    const received = hastyReceiver({ fetch: network, retryTimeoutMs: 50 }).open(share.url);
    expect(await getErrorCode(received.next())).toBe(status === 404 ? 'unreachable' : 'refused');
    isAway = false;
    expect(readText(await received.next())).toBe('key');
    isAway = true;
    expect(await getErrorCode(received.reply(words('thanks')))).toBe(status === 404 ? 'unreachable' : 'refused');
    expect(received.state.pending?.operation).toBe('update');
    isAway = false;
    await received.reply(words('thanks'));
    expect(readText(await share.next())).toBe('thanks');
  });

  it('A problem of a proxy is ignored after the relay has echoed a Mailbox-Request-ID', async () => {
    const { share, received } = await opened();
    let isAway = false;
    const headers = { 'Content-Type': 'application/problem+json' };
    const network: typeof fetch = async (input, init) =>
      isAway ? new Response('{"code":"no_route"}', { status: 404, headers }) : fetch(input, init);
    const receiver = await hastyReceiver({ fetch: network, retryTimeoutMs: 50 }).resume(received.state);
    await receiver.check();
    await receiver.check();
    isAway = true;
    expect(await getErrorCode(receiver.reply(words('thanks')))).toBe('unreachable');
    expect(await getErrorCode(receiver.finish())).toBe('unreachable');
    isAway = false;
    await receiver.finish();
    expect(await share.next()).toBeUndefined();
  });

  it('A 204 of a proxy to a message does not confirm the write', async () => {
    const { sender, receiver } = await through({ receiver: replaced('PUT', 1, 204, false) });
    await receiver.reply(words('request'));
    expect(readText(await sender.next())).toBe('request');
  });

  it('A writer whose repeated message gets a 403 does not receive its own message', async () => {
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
    expect(await getErrorCode(sender.reply(words('mine')))).toBe('refused');
    expect(await sender.check()).toBeUndefined();
  });

  it('A 401 of a proxy to a preview does not mean already_claimed', async () => {
    const share = await hastySender(site.relay.url).share(words('key'), DISPLAY);
    const received = hastyReceiver({ fetch: async () => page(401) }).open(share.url);
    expect(await getErrorCode(received.preview())).toBe('refused');
    expect(await getErrorCode(received.next())).toBe('refused');
  });
});

/** A network without a relay: `respond` makes the responses, and `requests` counts the requests. */
function fakeRelay(respond: (count: number, init: RequestInit) => Response) {
  const counter = { requests: 0 };
  const network: typeof fetch = async (_, init = {}) => {
    counter.requests += 1;
    const response = respond(counter.requests, init);
    response.headers.set('Mailbox-Request-ID', new Headers(init.headers).get('Mailbox-Request-ID') ?? '');
    return response;
  };
  return Object.assign(counter, { network });
}

/** The response to a read by the sender. */
async function readBody({ state }: SentShare): Promise<string> {
  const headers = { 'Mailbox-Device-Claim': state.claim };
  return (await fetch(state.mailboxUrl ?? '', { method: 'POST', headers })).text();
}

describe('A malicious relay', () => {
  /** Counts the requests of a wait of 250 ms after one read. */
  async function countRequestsOfWait(respond: (count: number, init: RequestInit) => Response): Promise<number> {
    const { share } = await opened();
    await share.check();
    const relay = fakeRelay(respond);
    const sender = await hastySender(site.relay.url, { fetch: relay.network, pollMs: 50 }).resume(share.state);
    await sender.next({ signal: AbortSignal.timeout(250) }).catch(() => {});
    return relay.requests;
  }
  it('New versions without a new message do not make a device read without pauses', async () => {
    const { share } = await opened();
    const body = await readBody(share);
    const relay = fakeRelay((count) => new Response(body, { headers: { 'Mailbox-Version': `v${count}` } }));
    const sender = await hastySender(site.relay.url, { fetch: relay.network, pollMs: 50 }).resume(share.state);
    await sender.next({ signal: AbortSignal.timeout(250) }).catch(() => {});
    expect(relay.requests).toBeLessThan(20);
    expect(relay.requests).toBeGreaterThan(2);
  });

  it.each(['4294967', 'Fri, 31 Dec 9999 23:59:59 GMT', '99999999999999999999'])(
    'makes no device ask without a pause: Retry-After %s',
    async (value) => {
      const headers = { 'Retry-After': value, 'Content-Type': 'application/json' };
      expect(await countRequestsOfWait(() => new Response(null, { status: 204, headers }))).toBeLessThan(4);
      expect(await countRequestsOfWait(() => new Response('{}', { status: 429, headers }))).toBeLessThan(4);
    },
  );

  it('A Retry-After longer than a timer accepts does not make a device read without pauses', async () => {
    const { share } = await opened();
    await share.check();
    const relay = fakeRelay(() => new Response(null, { status: 204 }));
    const options = { fetch: relay.network, pollMs: 2 ** 31 - 1, waitSeconds: 0 };
    const sender = await hastySender(site.relay.url, options).resume(share.state);
    await sender.next({ signal: AbortSignal.timeout(250) }).catch(() => {});
    expect(relay.requests).toBeLessThan(4);
  });

  it('A write that always gets a 412 is sent a few times only', async () => {
    const { share } = await opened();
    await share.check();
    const body = await readBody(share);
    const relay = fakeRelay((_, { method }) =>
      method === 'PUT' ? Response.json({ code: 'version_changed' }, { status: 412 }) : new Response(body),
    );
    const sender = await hastySender(site.relay.url, { fetch: relay.network }).resume(share.state);
    expect(await getErrorCode(sender.reply(words('never')))).toBe('unreachable');
    expect(relay.requests).toBeLessThan(30);
  });

  it('A picture without https is empty', async () => {
    const { share, received } = await opened();
    const harmful: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      const text = (await response.text()).replace(/"imageURL":"[^"]*"/, '"imageURL":"javascript:alert(1)"');
      return new Response(text, response);
    };
    await received.reply(words('request'));
    const sender = await hastySender(site.relay.url, { fetch: harmful }).resume(share.state);
    await sender.next();
    expect(sender.display?.imageURL).toBe('');
  });
});

describe('The ending of a share', () => {
  it('A sender that has never read the mailbox reports expired', async () => {
    const share = await hastySender(site.relay.url).share(words('key'), DISPLAY, { expiresInSeconds: 1 });
    const preview = () => fetch(share.url.split('#')[0] ?? '').then(({ status }) => status);
    await expect.poll(preview, { interval: 50, timeout: 5000 }).toBe(404);
    expect(await share.next()).toBeUndefined();
    expect(share.state.ended).toBe('expired');
  });

  it('A pending create that is refused after a resume is reported as cancelled', async () => {
    const states: TransferState[] = [];
    const lost = { onState: (state: TransferState) => void states.push(state), retryTimeoutMs: 0 };
    const network = () => Promise.reject(new TypeError('no network'));
    const sharing = hastySender(site.relay.url, { ...lost, fetch: network }).share(words('key'), DISPLAY);
    expect(await getErrorCode(sharing)).toBe('unreachable');
    const kept = states.at(-1) as TransferState;
    const body = (kept.pending?.body ?? '').replace('"payload"', '"playload"');
    const late = { ...kept, pending: { ...kept.pending, body } } as TransferState;
    const resuming = hastySender(site.relay.url, lost).resume(late);
    expect(await getErrorCode(resuming)).toBe('refused');
    expect(states.at(-1)).toMatchObject({ ended: 'cancelled' });
    const resumed = await hastySender(site.relay.url).resume(states.at(-1) as TransferState);
    expect(await resumed.next()).toBeUndefined();
    await resumed.cancel();
  });

  it('A sender whose read overtakes its delete reports cancelled', async () => {
    const { share } = await opened({ retryTimeoutMs: 0, timeoutMs: 500 });
    site.relay.proxy.dropAnswers();
    expect(await getErrorCode(share.cancel())).toBe('unreachable');
    await expect.poll(() => site.relay.log, { interval: 5 }).toContain('DELETE 200');
    site.relay.proxy.mend();
    expect(await share.next()).toBeUndefined();
    expect(share.state.ended).toBe('cancelled');
  });

  it('A sender whose held read notices the end before its delete reports cancelled', async () => {
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
    expect(await getErrorCode(sender.cancel())).toBe('unreachable');
    expect(await waiting).toBeUndefined();
    expect(sender.state.ended).toBe('cancelled');
  });

  it('A relinquish whose response was lost is reported as relinquished, and finish resolves after it', async () => {
    const { received } = await opened({ retryTimeoutMs: 0, timeoutMs: 400 });
    site.relay.proxy.dropAnswers();
    expect(await getErrorCode(received.relinquish())).toBe('unreachable');
    await expect.poll(() => site.relay.log, { interval: 5 }).toContain('PATCH 200');
    site.relay.proxy.mend();
    await received.finish();
    expect(received.state.ended).toBe('relinquished');
  });
});

describe('Invalid options', () => {
  it.each([
    [() => hastyReceiver({ headers: { Authorization: 'Bearer token' } }), /^receiver\.headers: /],
    [() => hastyReceiver({ relays: ['*.example.com'] }), /^receiver\.relays: /],
    [() => hastyReceiver({ relays: ['a.example'], headers: { 'X-A': 'a\nb' } }), /^receiver\.headers: /],
    [() => hastySender('https://user:pw@relay.example'), /^sender\.relay: /],
    [() => hastySender('https://relay.example', { timeoutMs: Number.POSITIVE_INFINITY }), /^sender\.timeoutMs: /],
    [() => hastySender('https://relay.example', { waitSeconds: 3e9 }), /^sender\.waitSeconds: /],
  ])('Invalid option %# is refused with its path', (make, message) => {
    expect(make).toThrow(message);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, 0, -1, 1e15])(
    'expiresInSeconds %s is refused',
    async (expiresInSeconds) => {
      const sharing = hastySender(site.relay.url).share(words('key'), DISPLAY, { expiresInSeconds });
      await expect(sharing).rejects.toThrow(/^share\.expiresInSeconds: /);
    },
  );
});

describe('An abort', () => {
  it('An abort ends a wait whose onState hangs after a read, and the next call returns the message', async () => {
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
    expect(readText(await received.next())).toBe('key');
  });

  it('An abort ends a wait whose onState hangs', async () => {
    const { received } = await opened();
    let isHanging = false;
    const onState = () => (isHanging ? new Promise<void>(() => {}) : undefined);
    const share = await hastyReceiver({ onState }).resume(received.state);
    expect(readText(await share.next())).toBe('invitation');
    isHanging = true;
    const signal = AbortSignal.timeout(50);
    await expect(share.next({ signal })).rejects.toMatchObject({ name: 'TimeoutError' });
  });
});
