import {
  createMailboxClient,
  generateSecret,
  type MailboxClientOptions,
  open,
  RelayResponseError,
  RelayUnreachable,
  seal,
} from 'credential-relay/client';
import { describe, expect, it } from 'vitest';
import { createBody, PUBLIC_URL, somePayload, testRelay } from '../support/relay/relay.js';

/** A client whose network is the relay's fetch handler, seen and disturbed by the test. */
function connected(
  relay = testRelay(),
  disturb: (request: Request, nth: number) => Response | Error | undefined = () => undefined,
) {
  const sent: Request[] = [];
  let loseAnswer = false;
  const network: typeof fetch = async (input, init) => {
    const request = new Request(input, init);
    sent.push(request);
    const disturbance = disturb(request, sent.length);
    if (disturbance instanceof Response) return disturbance;
    const response = await relay.fetch(new Request(input, init));
    if (disturbance === undefined && !loseAnswer) return response;
    loseAnswer = false;
    throw disturbance ?? new TypeError('lost');
  };
  const client = (options: MailboxClientOptions = {}) =>
    createMailboxClient({ fetch: network, retryDelayMs: 1, ...options });
  const content = createBody() as unknown as Parameters<ReturnType<typeof client>['create']>[1];
  return { client, sent, content, loseNextAnswer: () => (loseAnswer = true) };
}

describe('createMailboxClient', () => {
  it('The client carries messages in both directions', async () => {
    const { client, content } = connected();
    const secret = generateSecret();
    const text = async (payload: Parameters<typeof open>[0]) => new TextDecoder().decode(await open(payload, secret));
    const message = (words: string) => seal(new TextEncoder().encode(words), secret);
    const [sender, receiver] = [client(), client()];

    const created = await sender.create(PUBLIC_URL, { ...content, payload: await message('invitation') });
    const url = `${created.body.urlLink}?v=h#${secret}`;
    expect((await receiver.preview(url)).body).toContain('og:title');
    expect(await text((await receiver.read(url)).body.payload)).toBe('invitation');
    await receiver.update(url, { payload: await message('request') });
    const request = await sender.read(url);
    expect([await text(request.body.payload), request.receiver]).toEqual(['request', 'bound']);
    await sender.update(url, { payload: await message('answer') }, request.version);
    expect(await text((await receiver.read(url)).body.payload)).toBe('answer');
    expect((await receiver.delete(url)).status).toBe(200);
    await expect(sender.read(url)).rejects.toMatchObject({ status: 404, code: 'mailbox_not_found' });
  });

  it('A proxy page is an error response with any status; a bad URL rejects', async () => {
    const { client, content } = connected(testRelay(), () => new Response('<h1>Sign in</h1>'));
    await expect(client().create(PUBLIC_URL, content)).rejects.toMatchObject({
      name: 'RelayResponseError',
      status: 200,
    });
    const gone = connected(testRelay(), () => new Response('<h1>No backend</h1>', { status: 404 }));
    const url = `${PUBLIC_URL}/v1/m/${crypto.randomUUID()}`;
    await expect(gone.client().delete(url)).rejects.toMatchObject({ status: 404 });
    await expect(gone.client().read('nowhere')).rejects.toThrow(TypeError);
  });

  it('The client sends no cookies and no Referer, and follows no redirect', async () => {
    const { client, content, sent } = connected();
    await client().create(PUBLIC_URL, content);
    const [{ credentials, referrerPolicy, redirect }] = sent as [Request];
    expect([credentials, referrerPolicy, redirect]).toEqual(['omit', 'no-referrer', 'manual']);
  });

  it('The client reads the start of an endless response and cancels the rest', async () => {
    let isCancelled = false;
    let pulls = 0;
    const endless = (): Response => {
      const body = new ReadableStream({
        pull(controller) {
          pulls += 1;
          controller.enqueue(new Uint8Array(1024 * 1024).fill(97));
        },
        cancel() {
          isCancelled = true;
        },
      });
      return new Response(body, { status: 403 });
    };
    const { client, content } = connected(testRelay(), endless);
    const error = await client()
      .create(PUBLIC_URL, content)
      .catch((caught: unknown) => caught);
    expect(error).toMatchObject({ status: 403, message: 'The relay answered 403.' });
    expect([isCancelled, pulls]).toEqual([true, expect.toSatisfy((count: number) => count < 10)]);
  });

  it('never sends the fragment, nor the claim with a preview [§2 N41]', async () => {
    const { client, content, sent } = connected();
    const device = client();
    const { body } = await device.create(PUBLIC_URL, content);
    const url = `${body.urlLink}?v=c#c2VjcmV0`;
    await device.read(url);
    await device.update(url, { payload: somePayload() });
    await client().preview(url);
    await device.delete(url);
    for (const request of sent) expect(request.url).not.toMatch(/#|c2VjcmV0|\?/);
    expect(sent.find(({ method }) => method === 'GET')?.headers.has('Mailbox-Device-Claim')).toBe(false);
  });

  it('A write whose response is lost is repeated under its Request-ID and takes effect once [§3]', async () => {
    const { client, content, sent, loseNextAnswer } = connected();
    const device = client();
    loseNextAnswer();
    const created = await device.create(PUBLIC_URL, content);
    expect({ duplicate: created.duplicate, attempts: created.attempts }).toEqual({ duplicate: true, attempts: 2 });
    expect(new Set(sent.map(({ headers }) => headers.get('Mailbox-Request-ID'))).size).toBe(1);
    loseNextAnswer();
    const updated = await device.update(created.body.urlLink, { payload: somePayload() });
    expect({ duplicate: updated.duplicate, attempts: updated.attempts }).toEqual({ duplicate: true, attempts: 2 });
    loseNextAnswer();
    expect((await device.delete(created.body.urlLink)).attempts).toBe(2);
  });

  it('Each request has its own Request-ID', async () => {
    const { client, content, sent } = connected();
    const device = client();
    const { body } = await device.create(PUBLIC_URL, content);
    await device.update(body.urlLink, { payload: somePayload() });
    await device.update(body.urlLink, { payload: somePayload() });
    expect(new Set(sent.map(({ headers }) => headers.get('Mailbox-Request-ID'))).size).toBe(3);
  });

  it.each([429, 503])('The client tries again after a %i and obeys Retry-After', async (status) => {
    const { client, content } = connected(testRelay(), (_request, nth) =>
      nth === 1 ? new Response('busy', { status, headers: { 'Retry-After': '1' } }) : undefined,
    );
    const started = performance.now();
    expect((await client().create(PUBLIC_URL, content)).attempts).toBe(2);
    expect(performance.now() - started).toBeGreaterThan(900);
  });

  it('The last try decides the error: RelayUnreachable without a response, else the error response', async () => {
    const lost = connected(testRelay(), () => new TypeError('down'));
    await expect(lost.client({ attempts: 3 }).create(PUBLIC_URL, lost.content)).rejects.toBeInstanceOf(
      RelayUnreachable,
    );
    expect(lost.sent).toHaveLength(3);
    const busy = connected(testRelay(), () => new Response('', { status: 503 }));
    await expect(busy.client({ attempts: 2 }).create(PUBLIC_URL, busy.content)).rejects.toMatchObject({ status: 503 });
    expect(busy.sent).toHaveLength(2);
  });

  it('A refused request is not repeated, and its error has the code and the title', async () => {
    const { client, content, sent } = connected();
    const { body } = await client().create(PUBLIC_URL, content);
    await client().read(body.urlLink);
    const refused = await client()
      .read(body.urlLink)
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(RelayResponseError);
    expect(refused).toMatchObject({ status: 401, code: 'mailbox_taken' });
    expect(sent).toHaveLength(3);
  });

  it('An error response of a proxy has no code', async () => {
    const { client, content } = connected(testRelay(), () => new Response('<h1>no</h1>', { status: 502 }));
    await expect(client().create(PUBLIC_URL, content)).rejects.toMatchObject({ status: 502, code: undefined });
  });
});
