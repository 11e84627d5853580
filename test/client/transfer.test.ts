import {
  generateSecret,
  type PendingWrite,
  parseShareUrl,
  seal,
  TransferError,
  type TransferState,
} from 'credential-relay/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DISPLAY, hastyReceiver, hastySender, readText, watched, words } from '../support/client/devices.js';
import { type RelayServer, startRelay } from '../support/client/relay-server.js';

let relay: RelayServer;
beforeAll(async () => {
  relay = await startRelay();
});
afterAll(() => relay.close());

const stateful = { accessRights: 'RWD' } as const;
const getErrorCode = (error: unknown): unknown => (error instanceof TransferError ? error.code : error);
const failing = (work: Promise<unknown>): Promise<unknown> => work.then(() => 'done', getErrorCode);

/** One request of a device with this claim, as a client that is not ours would send it. */
const raw = (method: string, url: string, claim: string, body?: unknown) =>
  fetch(url, {
    method,
    headers: {
      'Mailbox-Device-Claim': claim,
      'Mailbox-Request-ID': crypto.randomUUID(),
      'Content-Type': 'application/json',
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

describe('A stateless transfer [SCT §3.1]', () => {
  it.each(['AEAD_AES_128_GCM', 'AEAD_AES_256_GCM'] as const)(
    'A transfer with %s: create, preview, read, delete',
    async (algorithm) => {
      const seen = watched();
      const share = await hastySender(relay.url, seen).share(words('key'), DISPLAY, { algorithm, vertical: 'h' });
      expect(share.url).toMatch(/\/relay\/v1\/m\/[0-9a-f-]{36}\?v=h#/);
      const opened = hastyReceiver().open(share.url);
      expect(await opened.preview()).toEqual(DISPLAY);
      const end = share.next();
      expect(opened.display).toBeUndefined();
      expect(await opened.next()).toEqual(words('key'));
      expect([share.display, opened.display]).toEqual([DISPLAY, DISPLAY]);
      await seen.until('opened');
      await opened.finish();
      expect(await end).toBeUndefined();
      expect([share.state.ended, opened.state.ended]).toEqual(['deleted', 'finished']);
      expect(seen.types).toEqual(['created', 'opened', 'ended']);
    },
  );

  it('A link has no v without a vertical', async () => {
    const share = await hastySender(relay.url).share(words('key'), DISPLAY);
    expect(share.url).toMatch(/\/v1\/m\/[0-9a-f-]{36}#/);
    expect(parseShareUrl(share.url).vertical).toBe('a');
  });

  it('Each transfer has its own Device Claim and Secret', async () => {
    const states: TransferState[] = [];
    const sender = hastySender(relay.url, { onState: (state) => void states.push(state) });
    const receiver = hastyReceiver({ onState: (state) => void states.push(state) });
    const shares = [await sender.share(words('a'), DISPLAY), await sender.share(words('b'), DISPLAY)];
    for (const { url } of shares) await receiver.open(url).next();
    expect(new Set(states.map(({ claim }) => claim)).size).toBe(4);
    expect(new Set(states.map(({ id }) => id)).size).toBe(4);
    expect(new Set(states.map(({ secret }) => secret)).size).toBe(2);
  });
});

describe('A stateful transfer [SCT §3.2]', () => {
  it('Both devices receive each message once and in order, in any number of rounds', async () => {
    const share = await hastySender(relay.url).share(words('0'), DISPLAY, stateful);
    const opened = hastyReceiver().open(share.url);
    const receivedTexts: unknown[] = [];
    const sending = (async () => {
      for await (const message of share.messages()) {
        receivedTexts.push(readText(message));
        await share.reply(words(String(Number(readText(message)) + 1)));
      }
    })();
    for await (const message of opened.messages()) {
      receivedTexts.push(readText(message));
      if (receivedTexts.length > 12) await opened.finish();
      else await opened.reply(words(String(Number(readText(message)) + 1)));
    }
    await sending;
    expect(receivedTexts).toEqual(Array.from({ length: 13 }, (_, index) => String(index)));
  });

  it('A device ignores its own messages and duplicates, also after a change of the version', async () => {
    const share = await hastySender(relay.url).share(words('invitation'), DISPLAY, stateful);
    expect(await share.check()).toBeUndefined();
    const first = hastyReceiver().open(share.url);
    await first.next();
    expect(await share.check()).toBeUndefined(); // Bound: another version, the same payload.
    await first.reply(words('request'));
    expect(await first.check()).toBeUndefined();
    expect(readText(await share.check())).toBe('request');
    await first.relinquish();
    expect(await share.check()).toBeUndefined(); // Unbound: another version again.
    await hastyReceiver().open(share.url).next();
    expect(await share.check()).toBeUndefined();
  });

  it('One side may write twice in a row', async () => {
    const share = await hastySender(relay.url).share(words('one'), DISPLAY, stateful);
    await share.reply(words('two'));
    await share.reply(words('three'));
    expect(readText(await hastyReceiver().open(share.url).next())).toBe('three');
  });

  it('A reply fails as conflict before an unread message, and succeeds after the message is read [§6]', async () => {
    const share = await hastySender(relay.url).share(words('invitation'), DISPLAY, stateful);
    const opened = hastyReceiver().open(share.url);
    await opened.next();
    await opened.reply(words('request'));
    expect(await failing(share.reply(words('never mind')))).toBe('conflict');
    expect(await failing(share.reply(words('never mind')))).toBe('conflict');
    expect(readText(await share.check())).toBe('request');
    await share.reply(words('answer'));
    expect(readText(await opened.next())).toBe('answer');
  });

  it('A reply succeeds after a receiver came or left', async () => {
    const share = await hastySender(relay.url).share(words('invitation'), DISPLAY, stateful);
    await hastyReceiver().open(share.url).next();
    await share.reply(words('second'));
    expect(relay.log.slice(-3)).toEqual(['PUT 412', 'POST 200', 'PUT 200']);
  });

  it('A reply with sameReceiver fails after a change of the receiver, and succeeds when it is repeated', async () => {
    const { onProgress, types } = watched();
    const share = await hastySender(relay.url, { onProgress }).share(words('invitation'), DISPLAY, stateful);
    const first = hastyReceiver().open(share.url);
    await first.next();
    const only = { sameReceiver: true };
    expect(await failing(share.reply(words('too early'), only))).toBe('receiver_changed');
    expect(share.state.bound).toBe(true);
    await share.reply(words('for the first'), only);

    await first.relinquish();
    const second = hastyReceiver().open(share.url);
    await second.next();
    const before = relay.log.length;
    expect(await failing(share.reply(words('for the first again'), only))).toBe('receiver_changed');
    expect(relay.log.slice(before)).toEqual(['PUT 412', 'POST 200']);
    expect(share.state.pending).toBeUndefined();
    expect(await second.check()).toBeUndefined();
    await share.reply(words('for the second'), only);
    expect(readText(await second.check())).toBe('for the second');

    await second.relinquish();
    expect(await failing(share.reply(words('for the second again'), only))).toBe('receiver_changed');
    expect(types).toEqual(['created', 'opened', 'sent', 'sent', 'left']);
    expect(share.state.bound).toBe(false);
  });

  it('A pending reply with sameReceiver fails after a resume if the receiver has changed', async () => {
    const states: TransferState[] = [];
    const onState = (state: TransferState) => void states.push(state);
    const share = await hastySender(relay.url, { onState }).share(words('invitation'), DISPLAY, stateful);
    const first = hastyReceiver().open(share.url);
    await first.next();
    await share.check();
    await share.reply(words('for the first'), { sameReceiver: true });
    const killed = states.find(({ pending }) => pending?.operation === 'update') as TransferState;
    const requestId = crypto.randomUUID(); // As if it had not been sent.
    await first.relinquish();
    const second = hastyReceiver().open(share.url);
    await second.next();
    const resumed = hastySender(relay.url).resume({
      ...killed,
      pending: { ...killed.pending, requestId } as PendingWrite,
    });
    expect(await failing(resumed)).toBe('receiver_changed');
    expect(await second.check()).toBeUndefined();
  });

  it('A refused call has the status, the code and the detail of the relay', async () => {
    const sender = hastySender(relay.url);
    const untitled = sender.share(words('one'), { ...DISPLAY, title: '' });
    await expect(untitled).rejects.toMatchObject({ code: 'refused', detail: expect.stringContaining('title') });
    const late = sender.share(words('one'), DISPLAY, { expiresInSeconds: 40 * 86_400 });
    await expect(late).rejects.toMatchObject({ code: 'refused', maximum: expect.stringMatching(/^\d{4}-.*Z$/) });
  });

  it('A receiver cannot reply before its first read', async () => {
    const share = await hastySender(relay.url).share(words('invitation'), DISPLAY, stateful);
    const opened = hastyReceiver().open(share.url);
    expect(await failing(opened.reply(words('blind')))).toBe('conflict');
    expect(readText(await opened.next())).toBe('invitation');
  });

  it('Concurrent replies are sent one after another, also beside a wait', async () => {
    const share = await hastySender(relay.url).share(words('invitation'), DISPLAY, stateful);
    const opened = hastyReceiver().open(share.url);
    await opened.next();
    const waiting = opened.next();
    await Promise.all([share.reply(words('a')), share.reply(words('b')), share.reply(words('c'))]);
    expect(['a', 'b', 'c']).toContain(readText(await waiting));
    await expect.poll(async () => readText(await opened.check()) ?? 'c').toBe('c');
  });

  it('Notification tokens are in the requests that the protocol names', async () => {
    const bodies: string[] = [];
    const network: typeof fetch = (input, init) => {
      bodies.push(`${init?.method} ${init?.body ?? ''}`);
      return fetch(input, init);
    };
    const notificationToken = { type: 'com.apple.apns', tokenData: 'device' };
    const sender = hastySender(relay.url, { fetch: network });
    const share = await sender.share(words('0'), DISPLAY, { ...stateful, notificationToken });
    const opened = hastyReceiver({ fetch: network }).open(share.url, { notificationToken });
    await opened.next();
    await opened.check();
    await opened.reply(words('1'), { notificationToken });
    expect(bodies.map((line) => [line.slice(0, 4), line.includes('com.apple.apns')])).toEqual([
      ['POST', true],
      ['POST', true],
      ['POST', false],
      ['PUT ', true],
    ]);
  });
});

describe('A call that the relay or the client refuses', () => {
  it('A second receiver fails as already_claimed before it receives anything', async () => {
    const share = await hastySender(relay.url).share(words('key'), DISPLAY);
    await hastyReceiver().open(share.url).next();
    const second = hastyReceiver().open(share.url);
    expect(await failing(second.next())).toBe('already_claimed');
    expect(await failing(second.check())).toBe('already_claimed');
    expect(second.state.bound).toBe(false);
  });

  it('One of ten concurrent receivers gets the message, and nine fail as already_claimed', async () => {
    const share = await hastySender(relay.url).share(words('key'), DISPLAY);
    const all = await Promise.all(
      Array.from({ length: 10 }, () =>
        failing(
          hastyReceiver()
            .open(share.url)
            .next()
            .then((message) => Promise.reject(readText(message))),
        ),
      ),
    );
    expect(all.sort()).toEqual([...Array(9).fill('already_claimed'), 'key']);
  });

  it('A second receiver fails as already_claimed at a relay without error codes, too', async () => {
    const share = await hastySender(relay.url).share(words('key'), DISPLAY);
    const bare: typeof fetch = async (_, init) => {
      const id = new Headers(init?.headers).get('Mailbox-Request-ID') ?? '';
      return new Response('', { status: 401, headers: { 'Mailbox-Request-ID': id } });
    };
    expect(await failing(hastyReceiver({ fetch: bare }).open(share.url).next())).toBe('already_claimed');
  });

  it('Another receiver can open the link after a relinquish, and the first receiver cannot', async () => {
    const seen = watched();
    const share = await hastySender(relay.url, seen).share(words('key'), DISPLAY, stateful);
    const first = hastyReceiver().open(share.url);
    await first.next();
    const waiting = failing(first.next());
    const end = share.next();
    await seen.until('opened');
    await first.relinquish();
    await seen.until('left');
    expect(await waiting).toBe('gone');
    expect(await failing(first.next())).toBe('gone');
    expect(first.state.ended).toBe('relinquished');
    const second = hastyReceiver().open(share.url);
    expect(readText(await second.next())).toBe('key');
    await second.reply(words('thanks'));
    expect(readText(await end)).toBe('thanks');
  });

  it('A link to an unlisted relay fails as not_allowed, and nothing is sent', async () => {
    const requests: string[] = [];
    const network: typeof fetch = (input) => {
      requests.push(String(input));
      return Promise.reject(new Error('called'));
    };
    const open = (relays: string[], url: string) => () => hastyReceiver({ relays, fetch: network }).open(url);
    const secret = generateSecret();
    const link = (host: string) => `https://${host}/v1/m/4a62c374-f390-4723-8583-ee6aa7b21352#${secret}`;
    for (const host of ['evil.example', 'relay.example:8443', 'relay.example.evil.example'])
      expect(open(['relay.example'], link(host)), host).toThrow(expect.objectContaining({ code: 'not_allowed' }));
    expect(open(['relay.example', 'other.example:8443'], link('RELAY.example:443'))).not.toThrow();
    expect(open(['relay.example', 'other.example:8443'], link('other.example:8443'))).not.toThrow();
    expect(() => hastyReceiver().open(link('relay.example').replace('https', 'http'))).toThrow(/https/);
    const state = hastyReceiver().open(link('evil.example')).state;
    const resuming = hastyReceiver({ relays: ['relay.example'], fetch: network }).resume(state);
    await expect(resuming).rejects.toMatchObject({ code: 'not_allowed' });
    expect(requests).toEqual([]);
  });

  it('The client does not follow a redirect to another server with its claim', async () => {
    const share = await hastySender(relay.url).share(words('key'), DISPLAY);
    const elsewhere: string[] = [];
    relay.intercept = (request, response) => {
      if (request.url?.includes('/elsewhere')) elsewhere.push(request.url);
      else response.writeHead(307, { Location: `${relay.url}/elsewhere` }).end();
      return true;
    };
    try {
      expect(await failing(hastyReceiver({ retryTimeoutMs: 50 }).open(share.url).next())).toBe('redirected');
      expect(elsewhere).toEqual([]);
    } finally {
      relay.intercept = () => false;
    }
  });

  it('A reply without write access fails as refused with the code of the relay', async () => {
    const share = await hastySender(relay.url).share(words('key'), DISPLAY);
    const opened = hastyReceiver().open(share.url);
    await opened.next();
    await expect(opened.reply(words('no'))).rejects.toMatchObject({
      code: 'refused',
      status: 401,
      relayCode: 'right_missing',
    });
    await opened.finish(); // The refused write is not in the way.
  });

  it('A create fails as refused at a URL without a relay, and for an invalid body', async () => {
    const nowhere = hastySender(new URL('/nowhere', relay.url).href).share(words('key'), DISPLAY);
    await expect(nowhere).rejects.toMatchObject({ code: 'refused', status: 404 });
    const states: TransferState[] = [];
    const sender = hastySender(relay.url, { onState: (state) => void states.push(state) });
    const share = sender.share(words('key'), { ...DISPLAY, title: '' });
    await expect(share).rejects.toMatchObject({ code: 'refused', status: 400, relayCode: 'body_invalid' });
    expect(states.at(-1)).toMatchObject({ ended: 'cancelled' });
  });
});

describe('The end of a share', () => {
  it('cancel ends a wait of this device, the receiver fails as gone, and cancel may be repeated', async () => {
    const share = await hastySender(relay.url).share(words('key'), DISPLAY, stateful);
    const opened = hastyReceiver().open(share.url);
    await opened.next();
    const [mine, theirs] = [share.next(), opened.next().catch((error: unknown) => error)];
    await share.cancel();
    expect(await mine).toBeUndefined();
    expect(await theirs).toMatchObject({ code: 'gone', ended: 'deleted' });
    await share.cancel();
    await expect(share.reply(words('late'))).rejects.toMatchObject({ code: 'gone', ended: 'cancelled' });
    expect([share.state.ended, opened.state.ended]).toEqual(['cancelled', 'deleted']);
    await opened.finish();
    expect(opened.state.ended).toBe('deleted');
  });

  it('cancel resolves after the receiver has finished, and the state has the ending', async () => {
    const share = await hastySender(relay.url).share(words('key'), DISPLAY);
    const opened = hastyReceiver().open(share.url);
    await opened.next();
    await opened.finish();
    await share.cancel();
    expect(share.state.ended).toBe('deleted');
  });

  it('Both devices report expired while they wait', async () => {
    const share = await hastySender(relay.url).share(words('key'), DISPLAY, { ...stateful, expiresInSeconds: 2 });
    const opened = hastyReceiver().open(share.url);
    await opened.next();
    expect(await Promise.all([share.next(), failing(opened.next())])).toEqual([undefined, 'gone']);
    expect([share.state.ended, opened.state.ended]).toEqual(['expired', 'expired']);
  });

  it('A link without a mailbox fails as gone', async () => {
    const url = `${relay.url}/v1/m/4a62c374-f390-4723-8583-ee6aa7b21352#${generateSecret()}`;
    expect(await failing(hastyReceiver().open(url).next())).toBe('gone');
    expect(await failing(hastyReceiver().open(url).preview())).toBe('gone');
  });
});

describe('Input validation', () => {
  it.each([
    ['another Secret', async () => seal(new TextEncoder().encode('{"format":"f","content":{}}'), generateSecret())],
    ['no ciphertext', async () => ({ type: 'AEAD_AES_256_GCM', data: 'AAAA' })],
    ['another algorithm', async () => ({ type: 'AEAD_AES_128_GCM', data: 'AAAA' })],
  ])('A message under %s fails as tampered, and the next valid message arrives', async (_name, forge) => {
    const share = await hastySender(relay.url).share(words('key'), DISPLAY, stateful);
    const opened = hastyReceiver().open(share.url);
    await opened.next();
    // Someone who has the link's path and the claim, but not the Secret: the relay itself.
    const { mailboxUrl = '', claim } = opened.state;
    expect((await raw('PUT', mailboxUrl, claim, { payload: await forge() })).status).toBe(200);
    expect(await failing(share.next())).toBe('tampered');
    await share.reply(words('again'));
    expect(readText(await opened.next())).toBe('again');
  });

  it('A message with a changed bit of the ciphertext fails as tampered', async () => {
    const share = await hastySender(relay.url).share(words('key'), DISPLAY);
    const turning: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      const body = (await response.json()) as { payload: { data: string } };
      const bytes = Buffer.from(body.payload.data, 'base64');
      bytes.writeUInt8(bytes.readUInt8(20) ^ 1, 20);
      body.payload.data = bytes.toString('base64');
      return new Response(JSON.stringify(body), { headers: response.headers });
    };
    expect(await failing(hastyReceiver({ fetch: turning }).open(share.url).next())).toBe('tampered');
  });

  it('A replayed old message is not delivered again', async () => {
    const share = await hastySender(relay.url).share(words('first'), DISPLAY, stateful);
    const opened = hastyReceiver().open(share.url);
    await opened.next();
    const { mailboxUrl = '', claim } = opened.state;
    const old = (await (await raw('POST', mailboxUrl, claim)).json()) as { payload: unknown };
    await share.reply(words('second'));
    expect(readText(await opened.next())).toBe('second');
    await raw('PUT', mailboxUrl, share.state.claim, { payload: old.payload });
    expect(await opened.check()).toBeUndefined();
  });

  it.each(['[]', '"text"', '{"format":"","content":{}}', '{"format":"f"}', '{"format":"f","content":[]}', 'no JSON'])(
    'malformed: a message that is %s is not Provisioning Information',
    async (text) => {
      const share = await hastySender(relay.url).share(words('key'), DISPLAY, stateful);
      const payload = await seal(new TextEncoder().encode(text), share.state.secret);
      await raw('PUT', share.state.mailboxUrl ?? '', share.state.claim, { payload });
      expect(await failing(hastyReceiver().open(share.url).next())).toBe('malformed');
    },
  );

  it('A JSON response that does not follow the protocol fails as malformed', async () => {
    const other: typeof fetch = async () => Response.json({ is: 'something else' });
    expect(await failing(hastySender(relay.url, { fetch: other }).share(words('key'), DISPLAY))).toBe('malformed');
    const share = await hastySender(relay.url).share(words('key'), DISPLAY);
    expect(await failing(hastyReceiver({ fetch: other }).open(share.url).next())).toBe('malformed');
  });

  it('A new mailbox whose link the client may not call fails as malformed', async () => {
    const elsewhere: typeof fetch = async () => Response.json({ urlLink: 'http://evil.example/v1/m/x' });
    expect(await failing(hastySender(relay.url, { fetch: elsewhere }).share(words('key'), DISPLAY))).toBe('malformed');
  });

  it('A body over maximumBodyBytes fails as too_large before it is sent, and a 413 fails as too_large', async () => {
    const requests: string[] = [];
    const network: typeof fetch = (input, init) => {
      requests.push(String(init?.body));
      return fetch(input, init);
    };
    const share = (size: number, maximumBodyBytes?: number) =>
      hastySender(relay.url, { fetch: network, maximumBodyBytes }).share(words('x'.repeat(size)), DISPLAY);
    expect(await failing(share(60_000))).toBe('too_large');
    expect(requests).toEqual([]);
    await share(48_000);
    const bytes = Buffer.byteLength(requests[0] ?? '');
    await share(48_000, bytes);
    expect(await failing(share(48_000, bytes - 1))).toBe('too_large');
    expect(requests).toHaveLength(2);
    await expect(share(60_000, 100_000)).rejects.toMatchObject({ code: 'too_large', status: 413 });
  });

  it('Invalid Provisioning Information and links without a Secret throw a TypeError', async () => {
    const sender = hastySender(relay.url);
    const wrong = [
      { format: '', content: {} },
      { format: 'f', content: [] },
      { format: 'f', content: undefined },
    ];
    for (const information of wrong)
      await expect(sender.share(information as never, DISPLAY)).rejects.toThrow(/^information: /);
    const link = 'https://relay.example/v1/m/x';
    for (const url of [link, `${link}#c2hvcnQ=`, `${link}#${generateSecret().slice(0, -4)}`, `${link}#!`, 'nonsense'])
      expect(() => hastyReceiver().open(url), url).toThrow(/^shareUrl: /);
  });

  it.each([
    [() => hastySender('http://relay.example'), /^sender\.relay: /],
    [() => hastySender('relay.example'), /^sender\.relay: /],
    [() => hastySender('https://relay.example?x'), /^sender\.relay: /],
    [() => hastySender('https://relay.example', { waitSeconds: -1 }), /^sender\.waitSeconds: /],
    [() => hastyReceiver({ retryTimeoutMs: Number.NaN }), /^receiver\.retryTimeoutMs: /],
    [() => hastyReceiver({ relays: ['https://relay.example'] }), /^receiver\.relays: /],
    [() => hastyReceiver({ relays: ['relay.example/path'] }), /^receiver\.relays: /],
  ])('Invalid option %# is refused with its path', (make, message) => {
    expect(make).toThrow(TypeError);
    expect(make).toThrow(message);
  });

  it('A preview is read as text, also with HTML in it', async () => {
    const display = {
      title: `<b>"Tom's" & 5 > 4`,
      description: 'Größe 🔑 &amp; more',
      imageURL: 'https://a.example/?x=1&y=2',
    };
    const share = await hastySender(relay.url).share(words('key'), display);
    expect(await hastyReceiver().open(share.url).preview()).toEqual(display);
    const page: typeof fetch = async () =>
      new Response(
        `<meta content='a > b' property='og:title'><META property="og:image" content="javascript:alert(1)">`,
      );
    expect(await hastyReceiver({ fetch: page }).open(share.url).preview()).toEqual({
      title: 'a > b',
      description: '',
      imageURL: '',
    });
  });

  it('No request has the Secret or the plaintext, and a preview has no claim [§2 N41]', async () => {
    const sent: string[] = [];
    const network: typeof fetch = (input, init) => {
      sent.push(`${init?.method} ${input} ${JSON.stringify(init?.headers)} ${init?.body}`);
      return fetch(input, init);
    };
    const sender = hastySender(relay.url, { fetch: network });
    const share = await sender.share(words('in clear'), DISPLAY, { ...stateful, vertical: 'c' });
    const received = hastyReceiver({ fetch: network }).open(share.url);
    await received.preview();
    await received.next();
    await received.reply(words('in clear'));
    await share.next();
    await received.relinquish();
    await share.cancel();
    expect(sent.map((line) => line.split(' ')[0])).toEqual(['POST', 'GET', 'POST', 'PUT', 'POST', 'PATCH', 'DELETE']);
    for (const line of sent) {
      for (const secret of ['in clear', share.state.secret, '#', '?v=']) expect(line).not.toContain(secret);
      expect(line).toContain('Mailbox-Request-ID');
      expect(line.includes('Mailbox-Device-Claim')).toBe(!line.startsWith('GET'));
    }
  });

  it('Errors contain no Secret and no claim', async () => {
    const share = await hastySender(relay.url).share(words('very secret'), DISPLAY);
    const opened = hastyReceiver().open(share.url);
    await opened.next();
    const error = await opened.reply(words('very secret')).catch((caught: unknown) => caught);
    const shown = JSON.stringify(error) + String(error) + (error as Error).stack;
    for (const secret of [opened.state.claim, opened.state.secret, 'very secret']) expect(shown).not.toContain(secret);
  });
});
