import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createMailboxClient, type SentShare, type TransferState } from 'credential-relay/client';
import { afterEach, describe, expect, it } from 'vitest';
import { DISPLAY, HASTY, hastyReceiver, hastySender, readText, words } from '../support/client/devices.js';
import { useRelayPerTest } from '../support/client/relay-per-test.js';

/* Each value that comes from the other side of the wire has a form and a bound. */

const site = useRelayPerTest();
const { opened } = site;

const getErrorCode = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'done',
    (error) => error.code ?? error,
  );

/** The network, with other headers, or another body, in answers of one method. */
function changed(method: string, headers: Record<string, string>, body = (text: string) => text): typeof fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    if (init?.method !== method) return response;
    const text = body(await response.text());
    return new Response(text === '' ? null : text, {
      status: response.status,
      headers: { ...Object.fromEntries(response.headers), ...headers },
    });
  };
}

describe('The Date of a response', () => {
  const refusal = (date: string): typeof fetch => {
    return async (_, init) => {
      const id = new Headers(init?.headers).get('Mailbox-Request-ID') ?? '';
      const headers = { 'Mailbox-Request-ID': id, Date: date, 'Content-Type': 'application/problem+json' };
      return new Response('{"code":"expiration_out_of_range"}', { status: 400, headers });
    };
  };

  it.each([
    'Sat, 13 Sep 275760 00:00:00 GMT',
    'Sat, 12 Sep 275760 23:59:59 GMT',
    'Fri, 31 Dec 9999 23:59:59 GMT',
    'Thu, 01 Jan 1970 00:00:01 GMT',
    '-271821-04-20',
    'yesterday',
    '1e99',
  ])('The invalid Date %s does not correct the clock, and the share ends', async (date) => {
    const states: TransferState[] = [];
    const sender = hastySender(site.relay.url, { fetch: refusal(date), onState: (state) => void states.push(state) });
    const sharing = sender.share(words('key'), DISPLAY, { expiresInSeconds: 3600 });
    await expect(sharing).rejects.toMatchObject({ code: 'refused', relayTime: undefined });
    expect(states.at(-1)).toMatchObject({ ended: 'cancelled', pending: undefined });
  });

  it('A valid Date corrects a wrong clock, and the client tries the create twice at most', async () => {
    const bodies: string[] = [];
    const network: typeof fetch = (input, init) => {
      bodies.push(String(init?.body));
      return refusal('Wed, 01 Jan 2070 00:00:00 GMT')(input, init);
    };
    const sharing = hastySender(site.relay.url, { fetch: network }).share(words('key'), DISPLAY, {
      expiresInSeconds: 3600,
    });
    await expect(sharing).rejects.toMatchObject({ code: 'refused', relayTime: Date.UTC(2070) });
    expect(bodies).toHaveLength(2);
    expect(JSON.parse(bodies[1] ?? '').mailboxConfiguration.expiration).toBe('2070-01-01T01:00:00Z');
  });
});

describe('The texts of a response', () => {
  const LONG = 'x'.repeat(100_000);

  it.each([LONG, 'soon', '9999-99-99T99:99:99Z', '+275760-09-13T00:00:00Z', '2030-01-01T00:00:00.000Z', 5, null])(
    'expiration %#: what is not YYYY-MM-DDThh:mm:ssZ is none',
    async (expiration) => {
      const { share, received } = await opened();
      const network = changed('POST', {}, (text) => JSON.stringify({ ...JSON.parse(text), expiration }));
      const resumed = await hastySender(site.relay.url, { fetch: network }).resume({
        ...share.state,
        expiration: undefined,
      });
      await received.reply(words('request'));
      expect(readText(await resumed.check())).toBe('request');
      expect(resumed.state.expiration).toBeUndefined();
      const reading = createMailboxClient({ fetch: network, claim: share.state.claim }).read(share.url);
      expect(await reading.catch((error) => error.name)).toBe('RelayResponseError');
    },
  );

  it('Long texts are cut off, or left out if a part of them is useless', async () => {
    const { share, received } = await opened();
    const display = { title: LONG, description: LONG, imageURL: `https://a.example/${LONG}` };
    const network = changed('POST', { 'Mailbox-Version': 'v'.repeat(10_000) }, (text) =>
      JSON.stringify({ ...JSON.parse(text), displayInformation: display }),
    );
    const resumed = await hastySender(site.relay.url, { fetch: network }).resume(share.state);
    await received.reply(words('request'));
    const message = await resumed.check();
    const { display: shown } = resumed;
    expect([readText(message), shown?.title.length, shown?.imageURL]).toEqual(['request', 4096, '']);
    expect(JSON.stringify(resumed.state).length).toBeLessThan(6000);
    const read = await createMailboxClient({ fetch: network, claim: share.state.claim }).read(share.url);
    expect([read.version?.length, read.body.displayInformation.title.length]).toEqual([4096, 4096]);
    // It is never the current one: the write is given up, and stays in the state.
    expect(await getErrorCode(resumed.reply(words('answer')))).toBe('unreachable');
  });

  it('Long texts of an error response are cut off, and its maximum is a time', async () => {
    const { share } = await opened();
    const problem = JSON.stringify({ code: LONG, title: LONG, detail: LONG, maximum: LONG });
    const network: typeof fetch = async (_, init) => {
      const id = new Headers(init?.headers).get('Mailbox-Request-ID') ?? '';
      return new Response(problem, { status: 403, headers: { 'Mailbox-Request-ID': id } });
    };
    const resumed = await hastySender(site.relay.url, { fetch: network }).resume(share.state);
    const error = await resumed.check().catch((caught) => caught);
    expect(error).toMatchObject({ code: 'refused', status: 403, maximum: undefined });
    for (const text of [error.message, error.detail, error.relayCode]) expect(text.length).toBeLessThanOrEqual(4096);
    const refused = await createMailboxClient({ fetch: network })
      .read(share.url)
      .catch((caught) => caught);
    for (const text of [refused.message, refused.code]) expect(text.length).toBeLessThanOrEqual(4096);
  });

  it('A preview is read from the first 65,536 characters of the page', async () => {
    const { received } = await opened();
    const head = `<meta property="og:title" content="${LONG.slice(0, 5000)}">`;
    const page = `${head}${' '.repeat(70_000)}<meta property="og:description" content="late">`;
    const network: typeof fetch = async () => new Response(page);
    const resumed = await hastyReceiver({ fetch: network }).resume(received.state);
    const { title, description } = await resumed.preview();
    expect([title.length, description]).toEqual([4096, '']);
  });
});

describe('A response that does not end', () => {
  const servers: ReturnType<typeof createServer>[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });

  /** The share of `opened`, whose sender asks a server of the test's own. */
  async function asking(listener: RequestListener): Promise<SentShare> {
    const { share } = await opened();
    const server = createServer(listener);
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const network: typeof fetch = (input, init) => fetch(String(input).replace(/:\d+/, `:${port}`), init);
    return hastySender(site.relay.url, { ...HASTY, fetch: network, timeoutMs: 200, retryTimeoutMs: 0 }).resume(
      share.state,
    );
  }

  it('A response that arrives byte by byte fails after timeoutMs', async () => {
    let timer: NodeJS.Timeout | undefined;
    const sender = await asking((_, response) => {
      response.writeHead(200, { 'Content-Type': 'application/json' });
      timer = setInterval(() => response.write(' '), 20);
    });
    expect(await getErrorCode(sender.check())).toBe('unreachable');
    clearInterval(timer);
  });

  it('A response without end is cut off at the maximum size', async () => {
    let bytes = 0;
    const sender = await asking((_, response) => {
      response.writeHead(200, { 'Content-Type': 'application/json' });
      const chunk = Buffer.alloc(65_536, ' ');
      const more = (): void => {
        while (!response.destroyed && response.write(chunk)) bytes += chunk.length;
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    });
    expect(await getErrorCode(sender.check())).toMatch(/^(malformed|unreachable)$/);
    expect(bytes).toBeLessThan(64 * 1024 * 1024);
  });

  it.each<[string, typeof fetch]>([
    ['a fetch of the app’s own that never settles', () => new Promise(() => {})],
    [
      'a body that never ends, in spite of the signal',
      async () => new Response(new ReadableStream({ pull: () => new Promise(() => {}) })),
    ],
  ])('A response fails after timeoutMs: %s', async (_, network) => {
    const { share } = await opened();
    const options = { fetch: network, timeoutMs: 100, retryTimeoutMs: 0 };
    const sender = await hastySender(site.relay.url, options).resume(share.state);
    expect(await getErrorCode(sender.check())).toBe('unreachable');
    expect(await getErrorCode(sender.next())).toBe('unreachable');
    const reading = createMailboxClient({ fetch: network, timeoutMs: 100, attempts: 1 }).read(share.url);
    await expect(reading).rejects.toMatchObject({ name: 'RelayUnreachable' });
  });
});
