import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { readText, watched, words } from '../support/client/devices.js';
import { useRelayPerTest } from '../support/client/relay-per-test.js';
import { answer, type Intercept } from '../support/client/relay-server.js';

const site = useRelayPerTest();
const { opened } = site;

describe('A device that waits', () => {
  /** Reads as they arrive: seconds asked for, or 0. */
  function reads(then: Intercept = () => false): number[] {
    const seconds: number[] = [];
    site.relay.intercept = (request, response) => {
      if (request.method === 'POST') seconds.push(parseHoldSeconds(request));
      return then(request, response);
    };
    return seconds;
  }
  const parseHoldSeconds = (request: IncomingMessage) =>
    Number(/wait=(\d+)/.exec(String(request.headers.prefer))?.[1] ?? 0);

  it('A held read returns a message at once, with two requests in all', async () => {
    const { share, received } = await opened();
    const seconds = reads();
    const next = share.next();
    await expect.poll(() => seconds).toEqual([0, 25]);
    await received.reply(words('request'));
    expect(readText(await next)).toBe('request');
    expect(seconds).toEqual([0, 25]);
  });

  it('A message arrives after the connection was cut', async () => {
    const { share, received } = await opened();
    const seconds = reads();
    const next = share.next();
    await expect.poll(() => seconds.length).toBe(2);
    site.relay.proxy.cut();
    site.relay.proxy.mend();
    await received.reply(words('request'));
    expect(readText(await next)).toBe('request');
  });

  it('A message arrives after the relay has restarted', async () => {
    const { share, received } = await opened();
    const seconds = reads();
    const next = share.next();
    await expect.poll(() => seconds.length).toBe(2);
    await site.relay.restart();
    await received.reply(words('request'));
    expect(readText(await next)).toBe('request');
  });

  it('A device behind a proxy that cuts held reads polls, and reports polling', async () => {
    const seen = watched();
    const { share, received } = await opened(seen);
    const seconds = reads((request, response) => {
      if (parseHoldSeconds(request) === 0) return false;
      setTimeout(() => response.destroy(), 20);
      return true;
    });
    const next = share.next();
    await seen.until('polling');
    expect(seconds).toEqual([0, 25, 0, 1, 0, 1, 0]);
    await received.reply(words('request'));
    expect(readText(await next)).toBe('request');
    expect(seconds.slice(7).every((asked) => asked === 0)).toBe(true);
  });

  it('A device behind a proxy that answers 504 asks for shorter holds', async () => {
    const { share, received } = await opened();
    const seconds = reads((request, response) => {
      if (parseHoldSeconds(request) <= 1) return false;
      setTimeout(() => answer(response, 504), 1500);
      return true;
    });
    const next = share.next();
    await expect.poll(() => seconds, { timeout: 5000 }).toEqual([0, 25, 0, 1]);
    await received.reply(words('request'));
    expect(readText(await next)).toBe('request');
  });

  it('A device polls with pauses at a relay that ignores Prefer or hides its versions', async () => {
    for (const hidden of ['prefer', 'mailbox-known-version', 'mailbox-version']) {
      const ignoring: typeof fetch = async (input, init) => {
        const headers = new Headers(init?.headers);
        headers.delete(hidden);
        const response = await fetch(input, { ...init, headers });
        const shown = new Headers(response.headers);
        shown.delete(hidden);
        shown.delete('preference-applied');
        return new Response([204, 304].includes(response.status) ? null : await response.text(), {
          status: response.status,
          headers: shown,
        });
      };
      const { share, received } = await opened({ fetch: ignoring, pollMs: 40 });
      const seconds = reads();
      const next = share.next();
      await expect.poll(() => seconds.length).toBeGreaterThan(2);
      const [started, before] = [performance.now(), seconds.length];
      await expect.poll(() => seconds.length).toBeGreaterThan(before + 2);
      expect(performance.now() - started).toBeGreaterThan(60);
      await received.reply(words(hidden));
      expect(readText(await next)).toBe(hidden);
    }
  });

  it('A device obeys Retry-After of a relay that cannot hold a read now (204, wait=0)', async () => {
    const { share, received } = await opened();
    let declined = 0;
    const seconds = reads((request, response) => {
      if (parseHoldSeconds(request) === 0 || declined === 1) return false;
      declined += 1;
      return answer(response, 204, {
        'Preference-Applied': 'wait=0',
        'Retry-After': '1',
        'Mailbox-Version': String(request.headers['mailbox-known-version']),
        'Mailbox-Request-ID': String(request.headers['mailbox-request-id']),
      });
    });
    const next = share.next();
    const started = performance.now();
    await expect.poll(() => seconds.length, { timeout: 3000 }).toBe(3);
    expect(performance.now() - started).toBeGreaterThan(850);
    await received.reply(words('request'));
    expect(readText(await next)).toBe('request');
  });

  it('A wait fails as unreachable after retryTimeoutMs, and the next call continues', async () => {
    const { share, received } = await opened({ retryTimeoutMs: 200 });
    site.relay.proxy.cut();
    await expect(share.next()).rejects.toMatchObject({ code: 'unreachable' });
    site.relay.proxy.mend();
    await received.reply(words('request'));
    expect(readText(await share.next())).toBe('request');
  });
});
