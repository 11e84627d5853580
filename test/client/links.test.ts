import {
  createMailboxClient,
  createReceiver,
  createSender,
  generateSecret,
  type TransferState,
} from 'credential-relay/client';
import { describe, expect, it } from 'vitest';
import { DISPLAY, words } from '../support/client/devices.js';
import { createBody } from '../support/relay/relay.js';

/* Where requests go, with the claim and the credentials of the app: to the relay that was named, and nowhere else. */

const RELAY = 'https://relay.example/relay';
const ID = '4a62c374-f390-4723-8583-ee6aa7b21352';
const LINK = `${RELAY}/v1/m/${ID}`;

/** A network that answers every request with a link, and notes the requests. `create` answers the creates. */
function network(urlLink: unknown = LINK, create?: (count: number) => Response) {
  const urls: string[] = [];
  const requests: { readonly method: string; readonly id: string; readonly body: unknown }[] = [];
  const send: typeof fetch = async (input, init = {}) => {
    const { method = 'GET', body } = init;
    urls.push(method === 'DELETE' ? `DELETE ${input}` : String(input));
    const id = new Headers(init.headers).get('Mailbox-Request-ID') ?? '';
    requests.push({ method, id, body });
    const isCreate = method === 'POST' && String(input).endsWith('/v1/m');
    const response =
      isCreate && create !== undefined
        ? create(requests.length - 1)
        : Response.json({ urlLink, isPushNotificationSupported: false });
    const headers = new Headers(response.headers);
    headers.set('Mailbox-Request-ID', id);
    return new Response(response.body, { status: response.status, headers });
  };
  return { urls, requests, fetch: send };
}

const getErrorCode = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'done',
    (error) => error.code ?? error.name,
  );

/** Links of the relay at {@link RELAY}, in forms that another company's relay may use, and the mailbox URL. */
const OWN = [
  [LINK, LINK],
  ['https://relay.example/m/12345678-9', 'https://relay.example/m/12345678-9'],
  [`https://relay.example/m/${ID.toUpperCase()}`, `https://relay.example/m/${ID.toUpperCase()}`],
  [`https://relay.example/v2/m/${ID}`, `https://relay.example/v2/m/${ID}`],
  [`https://relay.example/other/v1/m/${ID}`, `https://relay.example/other/v1/m/${ID}`],
  [`https://relay.example/v1/m/${ID}`, `https://relay.example/v1/m/${ID}`],
  [`HTTPS://Relay.Example:443/relay/v1/m/${ID}`, LINK],
  [`${LINK}?v=c`, LINK],
  [`${LINK}#${generateSecret()}`, LINK],
  [`${LINK}\n`, LINK],
] as const;

/** Links that the relay of {@link RELAY} must not give. Each names the mailbox. */
const FOREIGN = [
  `https://evil.example/relay/v1/m/${ID}`,
  `https://evil.example/m/${ID}?v=c`,
  `https://relay.example:8443/relay/v1/m/${ID}`,
  `http://relay.example/relay/v1/m/${ID}`,
  `http://127.0.0.1:3000/relay/v1/m/${ID}`,
  `http://localhost/relay/v1/m/${ID}`,
  `https://relay.example.evil.example/relay/v1/m/${ID}`,
  `https://relay.example@evil.example/relay/v1/m/${ID}`,
  `https://evil.example/?https://relay.example/relay/v1/m/${ID}`,
  `https://relay.example/relay/';touch$IFS/tmp/x;'/v1/m/${ID}`,
  `/relay/v1/m/${ID}`,
];

/** Links without a mailbox. */
const USELESS = [
  `${LINK}/../x`,
  `${LINK}/..`,
  `${RELAY}/v1/m/${'x'.repeat(3000)}`,
  `${LINK}${generateSecret()}${'x'.repeat(100)}`,
  'https://relay.example/',
  ['https://relay.example'],
  {},
  7,
  '',
  null,
  undefined,
];

/** Answers of a relay that has created a mailbox. */
const ODD: ReadonlyArray<readonly [string, () => Response]> = [
  ['an empty body', () => new Response('', { headers: { 'Content-Type': 'application/json' } })],
  ['no content', () => new Response(null, { status: 204 })],
  ['half a body', () => new Response('{"urlLink":"https://relay', { headers: { 'Content-Type': 'application/json' } })],
  ['a body that is no object', () => Response.json([LINK])],
  ['a text', () => new Response('created')],
  ...USELESS.map((urlLink) => [`the link ${String(urlLink).slice(0, 40)}`, () => Response.json({ urlLink })] as const),
];

describe('The link in a CreateMailbox response', () => {
  it.each(OWN)('A sender takes the link as the relay gives it: %s', async (urlLink, mailboxUrl) => {
    const { urls, fetch } = network(urlLink);
    const sender = createSender({ relay: RELAY, fetch });
    const share = await sender.share(words('key'), DISPLAY, { vertical: 'c' });
    expect([share.state.mailboxUrl, share.link]).toEqual([mailboxUrl, `${mailboxUrl}?v=c`]);
    await (await sender.resume(share.state)).cancel();
    expect(urls).toEqual([`${RELAY}/v1/m`, `DELETE ${mailboxUrl}`]);
    const opened = createReceiver({ relays: ['relay.example'], fetch }).open(share.url);
    expect(opened.state).toMatchObject({ mailboxUrl, secret: share.secret, vertical: 'c' });
  });

  it.each([200, 201, 202, 299])('A sender takes the link of a %i', async (status) => {
    const { fetch } = network(LINK, () => Response.json({ urlLink: LINK }, { status }));
    const share = await createSender({ relay: RELAY, fetch }).share(words('key'), DISPLAY);
    expect([share.state.mailboxUrl, share.isPushNotificationSupported]).toEqual([LINK, undefined]);
  });

  it.each(FOREIGN)('A sender deletes the mailbox of a link that it may not call: %s', async (urlLink) => {
    const { urls, fetch } = network(urlLink);
    const states: TransferState[] = [];
    const sender = createSender({ relay: RELAY, fetch, onState: (state) => void states.push(state) });
    const error = await sender.share(words('key'), DISPLAY).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'malformed', message: expect.stringMatching(/sender\.links.*has deleted/) });
    expect(String(error)).not.toContain(ID);
    const last = states.at(-1) as TransferState;
    expect([last.ended, last.pending, last.mailboxUrl]).toEqual(['cancelled', undefined, undefined]);
    const share = await sender.resume(last); // There is nothing to do, and nothing to call.
    expect(await share.next()).toBeUndefined();
    expect(urls).toEqual([`${RELAY}/v1/m`, `DELETE ${LINK}`]);
    const client = createMailboxClient({ fetch, attempts: 1 });
    expect(await getErrorCode(client.create(RELAY, createBody() as never))).toBe('RelayResponseError');
  });

  it('A mailbox that the sender cannot delete stays in the state, and links opens it', async () => {
    const urlLink = `https://keys.example/v1/m/${ID}`;
    const { fetch, requests } = network(urlLink);
    const isDelete = (init: RequestInit | undefined) => init?.method === 'DELETE';
    const refusing: typeof globalThis.fetch = async (input, init) =>
      isDelete(init) ? new Response('no', { status: 404 }) : fetch(input, init);
    const states: TransferState[] = [];
    const options = { relay: RELAY, fetch: refusing, onState: (state: TransferState) => void states.push(state) };
    await expect(createSender(options).share(words('key'), DISPLAY)).rejects.toMatchObject({
      code: 'malformed',
      message: expect.stringMatching(/The state keeps the create\.$/),
    });
    const last = states.at(-1) as TransferState;
    expect([last.ended, last.pending?.operation]).toEqual([undefined, 'create']);
    expect(await getErrorCode(createSender(options).resume(last))).toBe('malformed');
    const share = await createSender({ ...options, links: ['https://keys.example'] }).resume(last);
    expect(share.link).toBe(urlLink);
    expect(new Set(requests.map(({ id, body }) => `${id} ${body}`)).size).toBe(1);
  });

  it.each(ODD)('A sender sends the create again after %s, and gets the link', async (_, answer) => {
    const { fetch, requests } = network(LINK, (count) =>
      count === 0 ? answer() : Response.json({ urlLink: LINK }, { status: 201 }),
    );
    const sender = createSender({ relay: RELAY, fetch, retryDelayMs: 1 });
    const share = await sender.share(words('key'), DISPLAY);
    expect([share.state.mailboxUrl, requests.length]).toEqual([LINK, 2]);
    expect(new Set(requests.map(({ id, body }) => `${id} ${body}`)).size).toBe(1);
  });

  it.each(ODD)('After %s each time, the state keeps the create, and resume gets the link', async (_, answer) => {
    let isMended = false;
    const { fetch, requests } = network(LINK, () => (isMended ? Response.json({ urlLink: LINK }) : answer()));
    const states: TransferState[] = [];
    const onState = (state: TransferState): void => void states.push(state);
    const sender = createSender({ relay: RELAY, fetch, retryDelayMs: 1, onState });
    await expect(sender.share(words('key'), DISPLAY)).rejects.toMatchObject({ code: 'malformed' });
    expect(requests.length).toBe(3);
    const last = states.at(-1) as TransferState;
    expect([last.ended, last.pending?.operation]).toEqual([undefined, 'create']);
    isMended = true;
    const share = await sender.resume(last);
    expect(share.state.mailboxUrl).toBe(LINK);
    expect(new Set(requests.map(({ id, body }) => `${id} ${body}`)).size).toBe(1);
    await share.cancel();
    expect(share.state.ended).toBe('cancelled');
  });

  it.each([401, 403, 404, 409, 418, 501])(
    'A %i after a try without an answer keeps the create in the state: the try may have created the mailbox',
    async (status) => {
      const { fetch, requests } = network(LINK, (count) => {
        if (count === 0) throw new TypeError('fetch failed');
        return count === 1 ? new Response('', { status }) : Response.json({ urlLink: LINK }, { status: 201 });
      });
      const states: TransferState[] = [];
      const onState = (state: TransferState): void => void states.push(state);
      const sender = createSender({ relay: RELAY, fetch, retryDelayMs: 1, onState });
      await expect(sender.share(words('key'), DISPLAY)).rejects.toMatchObject({ code: 'refused', status });
      const last = states.at(-1) as TransferState;
      expect([last.ended, last.pending?.operation]).toEqual([undefined, 'create']);
      expect((await sender.resume(last)).state.mailboxUrl).toBe(LINK);
      expect(requests.length).toBe(3);
    },
  );

  it.each([RELAY, `${RELAY}/`, 'HTTPS://Relay.Example:443/relay'])(
    'A link below the relay URL %s is accepted',
    async (relay) => {
      const { urls, fetch } = network();
      const share = await createSender({ relay, fetch }).share(words('key'), DISPLAY);
      expect(share.url.split('#')[0]).toBe(LINK);
      await createMailboxClient({ fetch }).create(relay, createBody() as never);
      expect(urls).toEqual([`${RELAY}/v1/m`, `${RELAY}/v1/m`]);
    },
  );

  it('A link may be on another host and path that the option links names', async () => {
    const links = ['https://keys.example', 'https://relay.example/other/'];
    const shared = async (urlLink: string) =>
      getErrorCode(createSender({ relay: RELAY, links, fetch: network(urlLink).fetch }).share(words('key'), DISPLAY));
    expect(await shared(`https://keys.example/v1/m/${ID}`)).toBe('done');
    expect(await shared(`https://relay.example/other/v1/m/${ID}`)).toBe('done');
    expect(await shared(LINK)).toBe('done');
    expect(await shared(`https://keys.example/m/${ID}`)).toBe('done');
    expect(await shared(`https://keys.example.evil.example/v1/m/${ID}`)).toBe('malformed');
    expect(await shared(`https://other.example/v1/m/${ID}`)).toBe('malformed');
    const { fetch } = network(`https://keys.example/v1/m/${ID}`);
    const created = await createMailboxClient({ links, fetch }).create(RELAY, createBody() as never);
    expect(created.body).toEqual({ urlLink: `https://keys.example/v1/m/${ID}`, isPushNotificationSupported: false });
  });

  it.each([
    [{ relay: RELAY, links: ['http://localhost:3000'] }, /^sender\.links: /],
    [{ relay: RELAY, links: ['http://keys.example'] }, /^sender\.links: /],
    [{ relay: RELAY, links: ['keys.example'] }, /^sender\.links: /],
    [{ relay: 'http://localhost:3000', links: ['http://keys.example'] }, /^sender\.links: /],
    [{ relay: "https://relay.example/a'b" }, /^sender\.relay: /],
    [{ relay: 'https://relay.example/a//b' }, /^sender\.relay: /],
  ])('Invalid option %# is refused with its path', (options, message) => {
    expect(() => createSender(options)).toThrow(message);
  });
});

describe('A saved state', () => {
  /** The state of a share of {@link RELAY}, changed. */
  async function stateWith(changes: Partial<TransferState>): Promise<TransferState> {
    const share = await createSender({ relay: RELAY, fetch: network().fetch }).share(words('key'), DISPLAY);
    return { ...share.state, ...changes };
  }
  const pending = { requestId: crypto.randomUUID(), body: '{}' };

  it.each<[string, Partial<TransferState>]>([
    ['another host', { mailboxUrl: `https://evil.example/relay/v1/m/${ID}` }],
    ['another port', { mailboxUrl: `https://relay.example:8443/v1/m/${ID}` }],
    ['a query', { mailboxUrl: `${LINK}?x=/v1/m/y` }],
    ['http', { mailboxUrl: LINK.replace('https', 'http') }],
    ['a write elsewhere', { pending: { ...pending, operation: 'delete', url: 'https://evil.example/v1/m/x' } }],
    ['a write to another mailbox', { pending: { ...pending, operation: 'update', url: `${RELAY}/v1/m/x` } }],
    [
      'a create elsewhere',
      { mailboxUrl: undefined, pending: { ...pending, operation: 'create', url: 'https://evil.example/v1/m' } },
    ],
    ['no mailbox, and no create of one', { mailboxUrl: undefined }],
  ])('A sender refuses a state with a URL of another relay: %s', async (_, changes) => {
    const { urls, fetch } = network();
    const sender = createSender({ relay: RELAY, fetch, headers: { Authorization: 'Bearer token' }, retryTimeoutMs: 0 });
    expect(await getErrorCode(sender.resume(await stateWith(changes)))).toBe('not_allowed');
    expect(urls).toEqual([]);
  });

  it('A receiver refuses a state with a URL of another relay, also in its pending write', async () => {
    const { urls, fetch } = network();
    const receiver = createReceiver({ relays: ['relay.example'], fetch, retryTimeoutMs: 0 });
    const { state } = receiver.open(`${LINK}#${generateSecret()}`);
    const states: Partial<TransferState>[] = [
      { mailboxUrl: `https://evil.example/v1/m/${ID}` },
      { mailboxUrl: undefined },
      { mailboxUrl: `${LINK}?v=c` },
      { pending: { ...pending, operation: 'delete', url: 'https://evil.example/v1/m/x' } },
      { pending: { ...pending, operation: 'create', url: `${RELAY}/v1/m` } },
    ];
    for (const changes of states)
      expect(await getErrorCode(receiver.resume({ ...state, ...changes }))).toBe('not_allowed');
    expect(urls).toEqual([]);
    await receiver.resume(state);
  });
});

describe('A receiver without the option relays', () => {
  const open = (host: string, relays?: string[]) => () =>
    createReceiver({ relays }).open(`${host}/v1/m/${ID}#${generateSecret()}`);

  it.each([
    'http://localhost:3000',
    'https://localhost',
    'https://localhost./relay',
    'https://a.localhost:8443',
    'http://127.0.0.1',
    'https://127.0.0.1',
    'https://0x7f.1',
    'https://10.0.0.1/relay',
    'https://192.0.2.1',
    'https://[::1]',
    'https://[::ffff:7f00:1]',
    'https://[2001:db8::1]',
    'https://intranet',
    'https://printer.local',
    'https://metadata.google.internal/relay',
  ])('A receiver opens no link to %s, unless relays names the host', (url) => {
    expect(open(url)).toThrow(expect.objectContaining({ code: 'not_allowed' }));
    expect(open(url, [new URL(url).host])).not.toThrow();
  });

  it.each([
    'https://relay.example',
    'https://relay.example:8443/a/b',
    'https://xn--gre-6ka8i.xn--p1ai',
    'https://local.example',
  ])('A receiver opens a link to %s', (url) => {
    expect(open(url)).not.toThrow();
  });
});

describe('createMailboxClient', () => {
  it('createMailboxClient sends no claim by http, except to this machine', async () => {
    const { urls, fetch } = network();
    const client = createMailboxClient({ fetch, attempts: 1 });
    const url = `http://relay.example/v1/m/${ID}`;
    const payload = { type: 'AEAD_AES_256_GCM', data: 'AAAA' };
    const calls = [client.read(url), client.preview(url), client.update(url, { payload }), client.relinquish(url)];
    calls.push(client.delete(url), client.create('http://relay.example', createBody() as never));
    for (const call of calls) await expect(call).rejects.toThrow(TypeError);
    expect(urls).toEqual([]);
    await client.delete(`http://localhost:3000/v1/m/${ID}`);
    expect(urls).toEqual([`DELETE http://localhost:3000/v1/m/${ID}`]);
  });
});
