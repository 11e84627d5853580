import {
  buildShareUrl,
  createMailboxClient,
  generateSecret,
  open,
  type Payload,
  parseShareUrl,
  seal,
} from 'credential-relay/client';
import { decodeJwt } from 'jose';
import { beginShare, type Credentials } from './device.js';
import { attestationHeaders, createShareKey, getAttestation, type Phone, tokenHeaders } from './device-credentials.js';
import { APPS, type Servers } from './servers.js';
import { createPlatform } from './stand-in/platform.js';
import { createTrace, type Expected, shorten, type Trace, TraceFailure } from './trace.js';

const ROOM = {
  title: 'Room 417',
  description: 'Key for room 417, Grand Hotel, until Sunday noon',
  imageURL: 'https://hotel.example/cards/room-417.png',
};

/** The requests of the sender's phone for the first mailbox. */
const FIRST_CREATE: readonly Expected[] = [
  ['relay', 'CreateMailbox', 401, 'no credentials: the answer names the metadata'],
  ['relay', 'metadata (RFC 9728)', 200, 'names the authorization server'],
  ['backend', 'challenge', 200, 'for the evidence of the platform'],
  ['backend', 'attestation', 200, 'the evidence is valid: an attestation of the new key'],
  ['login', 'metadata', 200, 'names the endpoints'],
  ['login', 'challenge', 200, 'for the proof of the key'],
  ['login', 'token', 200, 'by the attestation, without a secret; bound to the key'],
  ['relay', 'CreateMailbox', 401, 'with both: the relay requires its challenge'],
  ['relay', 'CreateMailbox', 200, 'with the signed challenge: a mailbox'],
];

/** Throws a TraceFailure if a request has an unexpected result. */
export async function runScenario(servers: Servers, print: (line: string) => void): Promise<void> {
  const { login, backend, relay, platform } = servers;
  const names = { [login]: 'login', [backend]: 'backend', [new URL(relay).origin]: 'relay' };
  const trace = createTrace(print, names);
  const phone = platform.phone(APPS['wallet.example']);

  trace.heading('A wallet app shares a hotel key. Only the genuine app with a token can create a mailbox.');
  trace.note(`login    ${login}   the authorization server`);
  trace.note(`backend  ${backend}   the app's backend, which attests the app`);
  trace.note(`relay    ${relay}`);
  trace.note('');
  const first = await transfer(servers, trace, phone);

  trace.heading('The same phone shares again, with another key:');
  const { payload } = await createContent();
  const [, second] = await trace.step('sender', FIRST_CREATE, (send) => createMailbox(servers, phone, send, payload));
  const keys = [first, second].map(({ key }) => key.thumbprint);
  if (new Set(keys).size !== 2) throw new TraceFailure('Each share should have another key.');
  trace.note(`keys      ${keys.map(shorten).join(' and ')}: the relay sees each of them in one share`);

  trace.heading('The relay and the backend refuse:');
  await runRefusals(servers, trace, second);
  trace.note('');
}

async function transfer(servers: Servers, trace: Trace, phone: Phone): Promise<Credentials> {
  const secret = generateSecret();
  const payload = await seal(Buffer.from('the key to room 417'), secret);
  const [urlLink, credentials] = await trace.step('sender', FIRST_CREATE, (send) =>
    createMailbox(servers, phone, send, payload),
  );
  const claims = decodeJwt(credentials.attestation);
  trace.note(
    `attested  the app ${claims.sub} and a key, no data of the device: ${Object.keys(claims).sort().join(', ')}`,
  );
  const shareUrl = buildShareUrl(urlLink, { vertical: 'h', secret });
  trace.note(`sent by text message: ${shareUrl.slice(0, servers.relay.length + 12)}…`);

  const { claim } = createMailboxClient();
  const receiver = (send: typeof fetch) => createMailboxClient({ claim, fetch: send });
  const read: Expected = ['relay', 'ReadSecureContent', 200, 'without token and attestation'];
  const { body } = await trace.step('receiver', [read], (send) => receiver(send).read(shareUrl));
  const key = Buffer.from(await open(body.payload, parseShareUrl(shareUrl).secret ?? '')).toString();
  if (key !== 'the key to room 417') throw new TraceFailure('The receiver should have received the key.');
  const remove: Expected = ['relay', 'DeleteMailbox', 200, 'has the key, and deletes the mailbox'];
  await trace.step('receiver', [remove], (send) => receiver(send).delete(shareUrl));
  return credentials;
}

/** The wallet knows only its client identifier and its backend. */
async function createMailbox(
  { relay, backend }: Servers,
  phone: Phone,
  send: typeof fetch,
  payload: Payload,
): Promise<[urlLink: string, credentials: Credentials & { readonly challenge: string }]> {
  const share = beginShare(relay, { clientId: 'wallet.example', backend, phone, send });
  const { body } = await createMailboxClient({ fetch: share.fetch }).create(relay, {
    payload,
    displayInformation: ROOM,
  });
  const [credentials, challenge] = [share.credentials(), share.challenge()];
  if (credentials === undefined || challenge === undefined)
    throw new TraceFailure('The relay should have asked for all credentials.');
  return [body.urlLink, { ...credentials, challenge }];
}

async function runRefusals(
  servers: Servers,
  trace: Trace,
  good: Credentials & { readonly challenge: string },
): Promise<void> {
  const { relay, backend, platform } = servers;
  const token = (credentials: Pick<Credentials, 'key' | 'token'> = good) =>
    tokenHeaders(credentials, 'POST', `${relay}/v1/m`);
  const attestation = (credentials: Pick<Credentials, 'key' | 'attestation'> = good) =>
    attestationHeaders(credentials, relay, good.challenge);
  const create = async (send: typeof fetch, ...headers: readonly Record<string, string>[]): Promise<void> => {
    const client = createMailboxClient({ fetch: send, headers: Object.assign({}, ...headers), attempts: 1 });
    await client.create(relay, await createContent());
  };
  const refused = (who: string, status: number, why: string, run: (send: typeof fetch) => Promise<void>) =>
    trace.refusal(who, [['relay', 'CreateMailbox', status, why]], run);

  await refused('sender', 401, 'an attestation, but no token', async (send) => create(send, await attestation()));
  await refused('sender', 401, 'a token, but no attestation', async (send) => create(send, await token()));

  const other = await createShareKey();
  await refused('thief', 401, 'the token, with the proof of another key', async (send) =>
    create(send, await token({ ...good, key: other }), await attestation()),
  );
  await refused('thief', 401, 'the attestation, with the proof of another key', async (send) =>
    create(send, await token(), await attestation({ ...good, key: other })),
  );

  const seen = await attestation();
  await trace.step('sender', [['relay', 'CreateMailbox', 200, 'both again: accepted']], async (send) =>
    create(send, await token(), seen),
  );
  await refused('sender', 401, 'the same proof a second time', async (send) => create(send, await token(), seen));

  const attested: readonly Expected[] = [
    ['backend', 'challenge', 200, 'another app of the same company'],
    ['backend', 'attestation', 200, 'is genuine as well'],
  ];
  const kiosk = { key: other, attestation: '' };
  await trace.step('kiosk', attested, async (send) => {
    const phone = platform.phone(APPS['kiosk.example']);
    kiosk.attestation = await getAttestation(backend, 'kiosk.example', other, phone, send);
  });
  await refused('kiosk', 403, "its own attestation, with the wallet's token", async (send) =>
    create(send, await token(), await attestation(kiosk)),
  );

  const unattested: readonly Expected[] = [
    ['backend', 'challenge', 200, 'not a phone of the platform'],
    ['backend', 'attestation', 403, 'its evidence has another root'],
  ];
  await trace.refusal('emulator', unattested, (send) =>
    getAttestation(backend, 'wallet.example', other, createPlatform().phone(APPS['wallet.example']), send),
  );
}

async function createContent() {
  return { payload: await seal(Buffer.from('something'), generateSecret()), displayInformation: ROOM };
}
