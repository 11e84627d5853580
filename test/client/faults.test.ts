import { describe, expect, it } from 'vitest';
import { DISPLAY, hastyReceiver, hastySender, textOf, watched, words } from '../support/client/devices.js';
import { relayOfEachTest } from '../support/client/disturbed.js';
import { answer, type Intercept, type RelayServer, startRelay } from '../support/client/relay-server.js';

const site = relayOfEachTest();
const { opened } = site;

/** Lets requests of one kind fail the first `times` times. */
function failing(method: string, times: number, fail: (response: Parameters<Intercept>[1], nth: number) => true) {
  let nth = 0;
  site.relay.intercept = (request, response) => {
    if (request.method !== method || nth >= times) return false;
    nth += 1;
    return fail(response, nth);
  };
  return () => nth;
}

/** Requests of a method that the relay has answered. */
const count = (method: string): number => site.relay.log.filter((line) => line.startsWith(`${method} `)).length;

describe('answers that get lost', () => {
  it('each write takes effect once: its answer is swallowed, and it is repeated under its Request-ID', async () => {
    const hasty = { timeoutMs: 150 };
    // Twice: so that the first answer is surely lost, however slow this machine is.
    const lose = async (method: string, write: Promise<unknown>) => {
      const before = count(method);
      await expect.poll(() => count(method), { interval: 5 }).toBeGreaterThan(before + 1);
      site.relay.proxy.mend();
      await write;
    };
    const sender = hastySender(site.relay.url, hasty);
    site.relay.proxy.dropAnswers();
    const sharing = sender.share(words('invitation'), DISPLAY, { accessRights: 'RWD' });
    await lose('POST', sharing);
    const share = await sharing;
    expect(site.relay.log).toContain('POST 201');

    const received = hastyReceiver(hasty).open(share.url);
    site.relay.proxy.dropAnswers();
    const reading = received.next();
    await lose('POST', reading);
    expect(textOf(await reading)).toBe('invitation');

    site.relay.proxy.dropAnswers();
    await lose('PUT', received.reply(words('request')));
    expect(site.relay.log).toContain('PUT 201');
    expect(textOf(await share.next())).toBe('request');

    site.relay.proxy.dropAnswers();
    await lose('PATCH', received.relinquish());
    expect(site.relay.log).toContain('PATCH 201');
    expect(received.state.ended).toBe('relinquished');

    site.relay.proxy.dropAnswers();
    await lose('DELETE', share.cancel());
    expect(site.relay.log).toContain('DELETE 404');
    expect(share.state.ended).toBe('cancelled');
    expect(site.relay.log.filter((line) => line === 'PUT 200')).toHaveLength(1);
  });

  it('unreachable: the write stays; the same answer again carries it on, and it takes effect once', async () => {
    const { share, received } = await opened({ timeoutMs: 100, retryTimeoutMs: 150 });
    site.relay.proxy.dropAnswers();
    await expect(received.reply(words('request'))).rejects.toMatchObject({ code: 'unreachable' });
    expect(received.state.pending?.operation).toBe('update');
    site.relay.proxy.mend();
    await received.reply(words('request'));
    expect(received.state.pending).toBeUndefined();
    expect(textOf(await share.next())).toBe('request');
    expect(site.relay.log.filter((line) => line === 'PUT 200')).toHaveLength(1);
    expect(site.relay.log.filter((line) => line === 'PUT 201').length).toBeGreaterThan(0);
  });

  it('unreachable: another answer after it comes after it', async () => {
    const { received } = await opened({ timeoutMs: 100, retryTimeoutMs: 150 });
    site.relay.proxy.cut();
    await expect(received.reply(words('first'))).rejects.toMatchObject({ code: 'unreachable' });
    site.relay.proxy.mend();
    await received.reply(words('second'));
    expect(site.relay.log.filter((line) => line.startsWith('PUT'))).toEqual(['PUT 200', 'PUT 200']);
  });

  it('a message that the other device wrote while an answer was lost is not written over', async () => {
    const { share, received } = await opened({ timeoutMs: 100 });
    site.relay.proxy.dropAnswers();
    const writing = received.reply(words('request'));
    await expect.poll(() => count('PUT'), { interval: 5 }).toBe(2);
    site.relay.proxy.mend();
    await writing; // By a 201, which names no version.
    expect(textOf(await share.next())).toBe('request');
    await share.reply(words('answer'));
    await expect(received.reply(words('more'))).rejects.toMatchObject({ code: 'conflict' });
    expect(textOf(await received.next())).toBe('answer');
  });
});

describe('a relay that is busy', () => {
  it('tells of a retry, and once that the relay is back: of writes and of reads that wait', async () => {
    const { onProgress, types } = watched();
    const { share, received } = await opened({ onProgress });
    types.length = 0;
    failing('PUT', 2, (response) => answer(response, 503));
    await received.reply(words('request'));
    expect(types).toEqual(['retrying', 'retrying', 'reconnected', 'sent']);
    await share.next();
    types.length = 0;
    failing('POST', 1, (response) => answer(response, 503));
    const controller = new AbortController();
    const waiting = share.next({ signal: controller.signal }).catch(() => {});
    await expect.poll(() => types, { interval: 5 }).toContain('reconnected');
    controller.abort();
    await waiting;
    expect(types).toEqual(['retrying', 'reconnected']);
  });

  it.each([408, 429, 502, 503, 504])('%i: repeats what it sent, and it takes effect once', async (status) => {
    const failures = [failing('POST', 2, (response) => answer(response, status))];
    const { share, received } = await opened();
    failures.push(failing('PUT', 2, (response) => answer(response, status)));
    await received.reply(words('request'));
    failures.push(failing('POST', 2, (response) => answer(response, status)));
    expect(textOf(await share.next())).toBe('request');
    failures.push(failing('DELETE', 2, (response) => answer(response, status)));
    await received.finish();
    expect(failures.map((count) => count())).toEqual([2, 2, 2, 2]);
  });

  it.each(['1', () => new Date(Date.now() + 2000).toUTCString()])('obeys Retry-After, %s', async (after) => {
    const { received } = await opened();
    const value = typeof after === 'string' ? after : after();
    failing('PUT', 1, (response) => answer(response, 429, { 'Retry-After': value }));
    const started = performance.now();
    await received.reply(words('request'));
    expect(performance.now() - started).toBeGreaterThan(900);
    expect(performance.now() - started).toBeLessThan(4000);
  });

  it('does not come back sooner than it was told: unreachable at once, with the time', async () => {
    const { received } = await opened();
    const sent = failing('PUT', 9, (response) => answer(response, 429, { 'Retry-After': '3600' }));
    await expect(received.reply(words('request'))).rejects.toMatchObject({
      code: 'unreachable',
      status: 429,
      retryAfterMs: 3_600_000,
    });
    failing('POST', 9, (response) => answer(response, 503, { 'Retry-After': '3600' }));
    await expect(received.check()).rejects.toMatchObject({ code: 'unreachable' });
    expect(sent()).toBe(1);
  });

  it('credentials that run out between two tries: the write stays the same one', async () => {
    const { share } = await opened();
    const steps: (() => Promise<Response>)[] = [
      () => Promise.reject(new TypeError('The answer was lost.')),
      async () => Response.json({ code: 'token_invalid', title: 'no' }, { status: 401 }),
    ];
    const network: typeof fetch = async (input, init) => {
      const step = init?.method === 'PUT' ? steps.shift() : undefined;
      // The first try is carried out all the same.
      const response = steps.length === 0 && step !== undefined ? undefined : await fetch(input, init);
      return step?.() ?? (response as Response);
    };
    const resumed = await hastySender(site.relay.url, { fetch: network }).resume(share.state);
    await resumed.check();
    const refused = { code: 'refused', relayCode: 'token_invalid' };
    await expect(resumed.reply(words('request'))).rejects.toMatchObject(refused);
    await resumed.reply(words('request'));
    expect(site.relay.log.filter((line) => line.startsWith('PUT'))).toEqual(['PUT 200', 'PUT 201']);
  });
});

describe('the relay is restarted on its store', () => {
  it('at every step of a transfer', async () => {
    const { share, received } = await opened();
    await site.relay.restart();
    await received.reply(words('request'));
    await site.relay.restart();
    expect(textOf(await share.next())).toBe('request');
    await site.relay.restart();
    await share.reply(words('answer'));
    await site.relay.restart();
    expect(textOf(await received.next())).toBe('answer');
    await site.relay.restart();
    await received.finish();
    expect(await share.next()).toBeUndefined();
  });

  it('while a write is on its way', async () => {
    const { share, received } = await opened();
    site.relay.proxy.pause();
    const writing = received.reply(words('request'));
    await site.relay.restart();
    site.relay.proxy.cut();
    site.relay.proxy.mend();
    await writing;
    expect(textOf(await share.next())).toBe('request');
  });
});

describe('a clock that is wrong', () => {
  const DAY = 86_400_000;

  it.each([-400, 400])('%i days: the share lives as long as it was asked to, by the relay’s clock', async (days) => {
    const skewed = await skewedRelay(-days * DAY);
    try {
      await hastySender(skewed.url).share(words('key'), DISPLAY, { expiresInSeconds: 3600 });
      expect(skewed.log).toEqual(['POST 400', 'POST 200']);
    } finally {
      await skewed.close();
    }
    const seconds = (skewedExpiration - (Date.now() - days * DAY)) / 1000;
    expect(seconds).toBeGreaterThan(3500);
    expect(seconds).toBeLessThanOrEqual(3601);
  });

  let skewedExpiration = 0;

  /** A relay whose clock is off by `ms`, and shows it in Date. */
  async function skewedRelay(ms: number): Promise<RelayServer> {
    const skewed = await startRelay({ clock: () => Date.now() + ms });
    skewed.intercept = (request, response) => {
      response.sendDate = false;
      response.setHeader('Date', new Date(Date.now() + ms).toUTCString());
      request.on('data', (chunk) => {
        const expiration = /"expiration":"([^"]+)"/.exec(String(chunk))?.[1];
        if (expiration !== undefined) skewedExpiration = Date.parse(expiration);
      });
      return false;
    };
    return skewed;
  }

  it('and the end is told by the relay’s clock as well', async () => {
    for (const [skew, how] of [
      [0, 'deleted'],
      [3 * DAY, 'expired'],
    ] as const) {
      const { share, received } = await opened({
        fetch: async (input, init) => {
          const response = await fetch(input, init);
          const headers = new Headers(response.headers);
          headers.set('Date', new Date(Date.now() + skew).toUTCString());
          return new Response(response.status === 204 ? null : await response.text(), {
            status: response.status,
            headers,
          });
        },
      });
      expect(await share.check()).toBeUndefined();
      await received.finish();
      expect(await share.next()).toBeUndefined();
      expect(share.state.ended).toBe(how);
    }
  });
});
