import { describe, expect, it } from 'vitest';
import { DISPLAY, hastyReceiver, hastySender, readText, watched, words } from '../support/client/devices.js';
import { useRelayPerTest } from '../support/client/relay-per-test.js';
import { answer, type Intercept, type RelayServer, startRelay } from '../support/client/relay-server.js';

const site = useRelayPerTest();
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

describe('Lost responses', () => {
  it('A write whose response is lost is repeated under its Request-ID and takes effect once', async () => {
    const hasty = { timeoutMs: 150 };
    // Twice: so that the first answer is surely lost, however slow this machine is.
    const lose = async (method: string, write: Promise<unknown>) => {
      const before = count(method);
      await expect.poll(() => count(method), { interval: 5, timeout: 10_000 }).toBeGreaterThan(before + 1);
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
    expect(readText(await reading)).toBe('invitation');

    site.relay.proxy.dropAnswers();
    await lose('PUT', received.reply(words('request')));
    expect(site.relay.log).toContain('PUT 201');
    expect(readText(await share.next())).toBe('request');

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

  it('A reply that failed as unreachable resumes when it is repeated, and takes effect once', async () => {
    const { share, received } = await opened({ timeoutMs: 400, retryTimeoutMs: 150 });
    site.relay.proxy.dropAnswers();
    await expect(received.reply(words('request'))).rejects.toMatchObject({ code: 'unreachable' });
    expect(received.state.pending?.operation).toBe('update');
    site.relay.proxy.mend();
    await received.reply(words('request'));
    expect(received.state.pending).toBeUndefined();
    expect(readText(await share.next())).toBe('request');
    expect(site.relay.log.filter((line) => line === 'PUT 200')).toHaveLength(1);
    expect(site.relay.log.filter((line) => line === 'PUT 201').length).toBeGreaterThan(0);
  });

  it('Another reply after an unreachable one is sent after it', async () => {
    const { received } = await opened({ timeoutMs: 400, retryTimeoutMs: 150 });
    site.relay.proxy.cut();
    await expect(received.reply(words('first'))).rejects.toMatchObject({ code: 'unreachable' });
    site.relay.proxy.mend();
    await received.reply(words('second'));
    expect(site.relay.log.filter((line) => line.startsWith('PUT'))).toEqual(['PUT 200', 'PUT 200']);
  });

  it('A repeated reply does not replace a message that the other device wrote in between', async () => {
    const { share, received } = await opened({ timeoutMs: 400 });
    site.relay.proxy.dropAnswers();
    const writing = received.reply(words('request'));
    await expect.poll(() => count('PUT'), { interval: 5 }).toBe(2);
    site.relay.proxy.mend();
    await writing; // By a 201, which names no version.
    expect(readText(await share.next())).toBe('request');
    await share.reply(words('answer'));
    await expect(received.reply(words('more'))).rejects.toMatchObject({ code: 'conflict' });
    expect(readText(await received.next())).toBe('answer');
  });
});

describe('A busy relay', () => {
  it('onProgress reports each retry and one reconnect, of writes and of held reads', async () => {
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

  it.each([408, 429, 502, 503, 504])('A request that gets a %i is repeated and takes effect once', async (status) => {
    const failures = [failing('POST', 2, (response) => answer(response, status))];
    const { share, received } = await opened();
    failures.push(failing('PUT', 2, (response) => answer(response, status)));
    await received.reply(words('request'));
    failures.push(failing('POST', 2, (response) => answer(response, status)));
    expect(readText(await share.next())).toBe('request');
    failures.push(failing('DELETE', 2, (response) => answer(response, status)));
    await received.finish();
    expect(failures.map((count) => count())).toEqual([2, 2, 2, 2]);
  });

  it.each(['1', () => new Date(Date.now() + 2000).toUTCString()])(
    'A retry waits as long as Retry-After requests: %s',
    async (after) => {
      const { received } = await opened();
      const value = typeof after === 'string' ? after : after();
      failing('PUT', 1, (response) => answer(response, 429, { 'Retry-After': value }));
      const started = performance.now();
      await received.reply(words('request'));
      expect(performance.now() - started).toBeGreaterThan(900);
      expect(performance.now() - started).toBeLessThan(4000);
    },
  );

  it('A Retry-After over retryTimeoutMs fails at once as unreachable, with the time', async () => {
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

  it('A write whose credentials expire between two tries stays pending under its Request-ID', async () => {
    const { share } = await opened();
    const steps: (() => Promise<Response>)[] = [
      () => Promise.reject(new TypeError('The answer was lost.')),
      async () => Response.json({ code: 'token_invalid', title: 'no' }, { status: 401 }),
    ];
    const network: typeof fetch = async (input, init) => {
      const step = init?.method === 'PUT' ? steps.shift() : undefined;
      // The relay carries out the first try.
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

describe('A relay that restarts on its store', () => {
  it('A restart at every step of a transfer loses nothing', async () => {
    const { share, received } = await opened();
    await site.relay.restart();
    await received.reply(words('request'));
    await site.relay.restart();
    expect(readText(await share.next())).toBe('request');
    await site.relay.restart();
    await share.reply(words('answer'));
    await site.relay.restart();
    expect(readText(await received.next())).toBe('answer');
    await site.relay.restart();
    await received.finish();
    expect(await share.next()).toBeUndefined();
  });

  it('A restart during a write loses nothing', async () => {
    const { share, received } = await opened();
    site.relay.proxy.pause();
    const writing = received.reply(words('request'));
    await site.relay.restart();
    site.relay.proxy.cut();
    site.relay.proxy.mend();
    await writing;
    expect(readText(await share.next())).toBe('request');
  });
});

describe('A device with a wrong clock', () => {
  const DAY = 86_400_000;

  it.each([-400, 400])(
    'A clock wrong by %i days: the share lives as long as requested, by the relay’s clock',
    async (days) => {
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
    },
  );

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

  it('The relay’s clock decides whether a share is reported as expired', async () => {
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
