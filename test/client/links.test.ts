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

/** A network that answers creates with a link, and notes where requests go. */
function network(urlLink: unknown = LINK) {
  const urls: string[] = [];
  const send: typeof fetch = async (input, init = {}) => {
    urls.push(String(input));
    const id = new Headers(init.headers).get('Mailbox-Request-ID') ?? '';
    return Response.json({ urlLink, isPushNotificationSupported: false }, { headers: { 'Mailbox-Request-ID': id } });
  };
  return { urls, fetch: send };
}

const getErrorCode = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'done',
    (error) => error.code ?? error.name,
  );

/** Links that the relay of {@link RELAY} must not give. */
const FOREIGN = [
  `https://evil.example/relay/v1/m/${ID}`,
  `https://relay.example:8443/relay/v1/m/${ID}`,
  `http://relay.example/relay/v1/m/${ID}`,
  `http://127.0.0.1:3000/relay/v1/m/${ID}`,
  `http://localhost/relay/v1/m/${ID}`,
  `https://relay.example/other/v1/m/${ID}`,
  `https://relay.example/v1/m/${ID}`,
  `https://relay.example/relay/v1/m/x/v1/m/${ID}`,
  `https://relay.example.evil.example/relay/v1/m/${ID}`,
  `https://relay.example@evil.example/relay/v1/m/${ID}`,
  `https://evil.example/?https://relay.example/relay/v1/m/${ID}`,
  `https://relay.example/relay/';touch$IFS/tmp/x;'/v1/m/${ID}`,
  `${LINK}?v=c`,
  `${LINK}#${generateSecret()}`,
  `${LINK}/../x`,
  `${LINK}\n`,
  `${RELAY}/v1/m/${'x'.repeat(3000)}`,
  ['https://relay.example'],
  null,
];

describe('The link in a CreateMailbox response', () => {
  it.each(FOREIGN)('A link that is not below the relay URL is refused: %s', async (urlLink) => {
    const { urls, fetch } = network(urlLink);
    const states: TransferState[] = [];
    const sender = createSender({ relay: RELAY, fetch, onState: (state) => void states.push(state) });
    await expect(sender.share(words('key'), DISPLAY)).rejects.toMatchObject({ code: 'malformed' });
    const last = states.at(-1) as TransferState;
    expect([last.ended, last.pending, last.mailboxUrl]).toEqual(['cancelled', undefined, undefined]);
    const share = await sender.resume(last); // There is nothing to do, and nothing to call.
    expect(await share.next()).toBeUndefined();
    expect(urls).toEqual([`${RELAY}/v1/m`]);
    const client = createMailboxClient({ fetch, attempts: 1 });
    expect(await getErrorCode(client.create(RELAY, createBody() as never))).toBe('RelayResponseError');
  });

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
    expect(await shared(`https://keys.example/other/v1/m/${ID}`)).toBe('malformed');
    expect(await shared(`https://relay.example/v1/m/${ID}`)).toBe('malformed');
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
    ['another path', { mailboxUrl: `https://relay.example/v1/m/${ID}` }],
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
    expect(urls).toEqual([`http://localhost:3000/v1/m/${ID}`]);
  });
});
