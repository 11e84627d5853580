import type { TransferState } from 'credential-relay/client';
import { createMailboxClient } from 'credential-relay/client';
import { describe, expect, it } from 'vitest';
import { DISPLAY, hastyReceiver, hastySender, readText, watched, words } from '../support/client/devices.js';
import { useRelayPerTest } from '../support/client/relay-per-test.js';

const site = useRelayPerTest();
const { opened } = site;

const getError = (promise: Promise<unknown>): Promise<Record<string, unknown>> =>
  promise.then(
    () => ({ code: 'resolved' }),
    (error: Record<string, unknown>) => error,
  );

/** What `fetch` throws. The retries would take `retryTimeoutMs`, which the tests do not wait for. */
const PATIENT = { retryTimeoutMs: 60_000 };

/** Sends the first requests; from `break` on, `fail` answers. */
function breakable(fail: typeof fetch) {
  const network = { isBroken: false, tries: 0 };
  const send: typeof fetch = (input, init) => {
    if (!network.isBroken) return fetch(input, init);
    network.tries += 1;
    return fail(input, init);
  };
  return Object.assign(network, { send });
}

const typeError = (message: string, cause?: unknown) => Object.assign(new TypeError(message), { cause });
const ofClass = (name: string, message: string) => Object.assign(new Error(message), { name });

describe('fetch that refuses its arguments', () => {
  it('A whole transfer works where fetch refuses redirect: error, as in Cloudflare Workers', async () => {
    const workerd: typeof fetch = (input, init) => {
      if (init?.redirect === 'error')
        throw new TypeError('Invalid redirect value, must be one of "follow" or "manual"');
      return fetch(input, init);
    };
    const share = await hastySender(site.relay.url, { fetch: workerd }).share(words('key'), DISPLAY);
    const received = hastyReceiver({ fetch: workerd }).open(share.url);
    expect(readText(await received.next())).toBe('key');
    await received.finish();
    expect(await share.next()).toBeUndefined();
  });

  it.each<[runtime: string, error: unknown]>([
    ['Node, a header', typeError('Headers.append: "a\nb" is an invalid header value.')],
    ['Node, a port', typeError('fetch failed', new Error('bad port'))],
    ['Node, a scheme', typeError('fetch failed', new Error('unknown scheme'))],
    ['Chromium, a header', typeError("Failed to execute 'fetch' on 'Window': Invalid value")],
    ['Chromium, a policy', typeError('Failed to fetch. Refused to connect: violates the Content Security Policy.')],
    ['Firefox, a header', typeError('Window.fetch: a\nb is an invalid header value.')],
    ['Safari, a header', typeError("Header 'Authorization' has invalid value: 'a'")],
    ['Bun, a URL', typeError('fetch() URL is invalid')],
    ['Deno, a permission', ofClass('NotCapable', 'Requires net access to "a:1", run again with the --allow-net flag')],
    ['workerd, an option', typeError('Invalid redirect value, must be one of "follow" or "manual".')],
    ['workerd, the scope', new Error('Disallowed operation called within global scope.')],
    ['workerd, a field', typeError("The 'credentials' field on 'RequestInitializerDict' is not implemented.")],
    ['an own fetch, a function', typeError('getToken is not a function')],
    ['an own fetch, a member', typeError("Cannot read properties of undefined (reading 'token')")],
    ['an own fetch, a name', new ReferenceError('token is not defined')],
  ])('A call fails as not_sent at once, with the cause: %s', async (_, error) => {
    const network = breakable(() => Promise.reject(error));
    const { share } = await opened({ ...PATIENT, fetch: network.send });
    await share.check();
    network.isBroken = true;
    for (const call of [() => share.next(), () => share.check(), () => share.reply(words('answer'))]) {
      const { code, cause } = await getError(call());
      expect({ code, cause }).toEqual({ code: 'not_sent', cause: error });
    }
    expect(network.tries).toBe(3);
    // The reply is pending, as after an outage.
    network.isBroken = false;
    expect(await share.check()).toBeUndefined();
    expect(site.relay.log.filter((line) => line.startsWith('PUT'))).toEqual(['PUT 200']);
  });

  it('A TypeError that fetch throws before it returns a promise is not_sent', async () => {
    const network = () => {
      throw new TypeError('no');
    };
    const client = createMailboxClient({ fetch: network });
    expect(await getError(client.preview(`${site.relay.url}/v1/m/x`))).toMatchObject({ code: 'not_sent' });
  });

  it.each<[runtime: string, error: unknown]>([
    ['Node', typeError('fetch failed', Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }))],
    ['Node, TLS', typeError('fetch failed', new Error("Host: a. is not in the cert's altnames: DNS:b"))],
    [
      'Node, a broken header in the response',
      typeError('fetch failed', new Error('Response does not match the HTTP/1.1 protocol (Invalid header value char)')),
    ],
    ['Deno, no IPv6', typeError('tcp connect error: Address family not supported by protocol (os error 97)')],
    ['Safari, CORS', typeError('Fetch API cannot load https://a.example/ due to access control checks.')],
    ['Chromium', typeError('Failed to fetch')],
    ['Firefox', typeError('NetworkError when attempting to fetch resource.')],
    ['Safari', typeError('Load failed')],
    ['Safari, offline', typeError('The Internet connection appears to be offline.')],
    ['React Native', typeError('Network request failed')],
    ['Bun', ofClass('Error', 'Unable to connect. Is the computer able to access the url?')],
    ['Deno', typeError('error sending request for url: client error (Connect): tcp connect error')],
    ['workerd', new Error('Network connection lost.')],
    ['an own fetch', new Error('no token now')],
  ])('An outage is retried: %s', async (_, error) => {
    const network = breakable(() => Promise.reject(error));
    const { share } = await opened({ ...PATIENT, fetch: network.send });
    const seen = watched();
    const sender = await hastySender(site.relay.url, { ...PATIENT, ...seen, fetch: network.send }).resume(share.state);
    network.isBroken = true;
    const checking = sender.check();
    await seen.until('retrying');
    network.isBroken = false;
    expect(await checking).toBeUndefined();
  });

  it('A new share keeps its create if a proxy breaks a header of the response', async () => {
    const states: TransferState[] = [];
    const options = { ...PATIENT, retryTimeoutMs: 0, onState: (state: TransferState) => void states.push(state) };
    site.relay.intercept = (request) => {
      request.socket.end('HTTP/1.1 200 OK\r\nX-Proxy: a\u0001b\r\nContent-Length: 0\r\n\r\n');
      return true;
    };
    const sharing = hastySender(site.relay.url, options).share(words('key'), DISPLAY);
    expect((await getError(sharing)).code).toBe('unreachable');
    expect(states.at(-1)?.pending?.operation).toBe('create');
  });

  it('A new share that fetch refuses ends, and its state is not pending', async () => {
    const states: TransferState[] = [];
    const options = { ...PATIENT, onState: (state: TransferState) => void states.push(state) };
    const network = () => Promise.reject(new ReferenceError('token is not defined'));
    const sharing = hastySender(site.relay.url, { ...options, fetch: network }).share(words('key'), DISPLAY);
    expect((await getError(sharing)).code).toBe('not_sent');
    expect(states.at(-1)).toMatchObject({ ended: 'cancelled', pending: undefined });
  });
});

describe('A host that redirects', () => {
  it.each([301, 302, 307, 308])('A %i is reported at once, and names a slash at the end', async (status) => {
    const { share, received } = await opened(PATIENT);
    site.relay.intercept = (request, response) => {
      response.writeHead(status, { Location: `${request.url}/` }).end();
      return true;
    };
    const calls = [
      () => share.next(),
      () => share.check(),
      () => received.preview(),
      () => received.reply(words('answer')),
    ];
    for (const call of calls) {
      const error = await getError(call());
      expect(error).toMatchObject({ code: 'redirected', status });
      expect(error.message).toContain(`to itself with a slash at the end (${status})`);
    }
    expect(received.state.pending?.operation).toBe('update');
    site.relay.intercept = () => false;
    await received.check();
    expect(readText(await share.next())).toBe('answer');
  });

  it('A redirect elsewhere names the origin and no path', async () => {
    site.relay.intercept = (_, response) => {
      response.writeHead(308, { Location: 'https://other.example/v1/m/secret' }).end();
      return true;
    };
    const states: TransferState[] = [];
    const options = { ...PATIENT, onState: (state: TransferState) => void states.push(state) };
    const error = await getError(hastySender(site.relay.url, options).share(words('key'), DISPLAY));
    expect(error).toMatchObject({ code: 'redirected', status: 308 });
    expect(error.message).toContain('to https://other.example (308)');
    expect(error.message).not.toContain('secret');
    expect(states.at(-1)).toMatchObject({ ended: 'cancelled' });
    const reading = createMailboxClient().read(`${site.relay.url}/v1/m/x`);
    expect(await getError(reading)).toMatchObject({ code: 'redirected' });
  });

  it('The opaque redirect of a browser, and a redirect that fetch has followed, are reported', async () => {
    const opaque = { type: 'opaqueredirect', status: 0, headers: new Headers(), text: async () => '' };
    const page = {
      type: 'basic',
      status: 200,
      redirected: true,
      url: 'https://login.example/a',
      headers: new Headers(),
      text: async () => '<p>Sign in',
    };
    for (const [response, status] of [
      [opaque, undefined],
      [page, undefined],
    ] as const) {
      const network = async () => response as unknown as Response;
      const error = await getError(
        hastySender(site.relay.url, { ...PATIENT, fetch: network }).share(words('key'), DISPLAY),
      );
      expect(error).toMatchObject({ code: 'redirected', status });
    }
  });
});
