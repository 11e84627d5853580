import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  buildShareUrl,
  createMailboxClient,
  generateSecret,
  type MailboxClient,
  type MailboxResponse,
  open,
  parseShareUrl,
  seal,
} from '../client/index.js';
import { formatExpiration } from '../protocol/expiration.js';
import { createRelay } from '../relay/create-relay.js';
import { DemoFailure, DemoReport } from './demo-report.js';

const HOTEL_KEY = {
  title: 'Room 417',
  description: 'Key for room 417, Grand Hotel, until Sunday noon',
  imageURL: 'https://hotel.example/cards/room-417.png',
};

/** Runs a relay in this process, and a transfer over HTTP on loopback. Resolves to 1 if a step fails, else to 0. */
export async function demo(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const publicUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const relay = createRelay({ publicUrl, keys: [randomBytes(32)] });
  server.on('request', relay.node());
  const report = new DemoReport((line) => process.stdout.write(`${line}\n`));
  try {
    report.heading(`The relay listens on ${publicUrl}. One phone sends a hotel key to another phone.`);
    await runTransfer(publicUrl, report);
    report.heading('The relay refuses other devices and repeated requests. A second share:');
    await runRefusals(publicUrl, report);
    report.diagram();
    return 0;
  } catch (error) {
    if (!(error instanceof DemoFailure)) throw error;
    report.heading(error.message);
    return 1;
  } finally {
    server.close();
    server.closeAllConnections();
    await relay.close();
  }
}

/** The stateful flow: two devices, three messages, one mailbox. */
async function runTransfer(publicUrl: string, report: DemoReport): Promise<void> {
  const [sender, receiver] = [createMailboxClient(), createMailboxClient()];
  const secret = generateSecret('AEAD_AES_128_GCM');
  const created = await report.step('sender', 'CreateMailbox', 'stores the encrypted key', 200, async () =>
    createMailbox(sender, publicUrl, await encrypt({ format: 'hotel.example/key', step: 'invitation' }, secret)),
  );
  const shareUrl = buildShareUrl(created.body.urlLink, { vertical: 'a', secret });
  report.note(`sent by text message: ${shareUrl}`);
  const link = parseShareUrl(shareUrl);

  const page = await report.step('messenger', 'ReadDisplayInformationFromMailbox', 'reads the preview', 200, () =>
    createMailboxClient().preview(shareUrl),
  );
  report.assert(page.body.includes(`og:title" content="${HOTEL_KEY.title}"`), 'the preview shows the title');

  const invitation = await report.step('receiver', 'ReadSecureContentFromMailbox', 'reads, and is bound', 200, () =>
    receiver.read(shareUrl),
  );
  report.assert((await decryptStep(invitation, link.secret)) === 'invitation', 'the receiver decrypts the invitation');

  await report.step('receiver', 'UpdateMailbox', 'sends a signing request', 200, async () =>
    receiver.update(shareUrl, { payload: await encrypt({ step: 'signing request' }, secret) }),
  );
  const request = await report.step('sender', 'ReadSecureContentFromMailbox', 'reads the request', 200, () =>
    sender.read(shareUrl),
  );
  report.assert((await decryptStep(request, secret)) === 'signing request', 'the sender decrypts the request');
  report.assert(request.receiver === 'bound', 'the sender sees that a receiver is bound');

  await report.step('sender', 'UpdateMailbox', 'sends the signed key', 200, async () =>
    sender.update(shareUrl, { payload: await encrypt({ step: 'signed key' }, secret) }, request.version),
  );
  const key = await report.step('receiver', 'ReadSecureContentFromMailbox', 'reads the signed key', 200, () =>
    receiver.read(shareUrl),
  );
  report.assert((await decryptStep(key, link.secret)) === 'signed key', 'the receiver decrypts the signed key');
  await report.step('receiver', 'DeleteMailbox', 'deletes the mailbox', 200, () => receiver.delete(shareUrl));
}

/** A third device, a lost response, and a deleted mailbox. */
async function runRefusals(publicUrl: string, report: DemoReport): Promise<void> {
  const sender = createMailboxClient();
  const payload = await encrypt({ format: 'hotel.example/key' }, generateSecret());
  const created = await report.step('sender', 'CreateMailbox', 'stores another key', 200, () =>
    createMailbox(sender, publicUrl, payload),
  );
  const shareUrl = created.body.urlLink;

  // The response to the first PUT is lost, so this client sends the same request again.
  const receiver = createMailboxClient({ fetch: createLossyFetch('PUT'), retryDelayMs: 1 });
  await report.step('receiver', 'ReadSecureContentFromMailbox', 'reads, and is bound', 200, () =>
    receiver.read(shareUrl),
  );
  await report.step('third', 'ReadSecureContentFromMailbox', 'is refused', 401, () =>
    createMailboxClient().read(shareUrl),
  );
  const repeated = await report.step('receiver', 'UpdateMailbox', 'sends the same request twice', 201, () =>
    receiver.update(shareUrl, { payload }),
  );
  report.assert(repeated?.duplicate === true, 'the second request changed nothing');
  await report.step('sender', 'DeleteMailbox', 'cancels the share', 200, () => sender.delete(shareUrl));
  await report.step('receiver', 'ReadSecureContentFromMailbox', 'gets no message', 404, () => receiver.read(shareUrl));
}

type Payload = Parameters<typeof open>[0];

function createMailbox(client: MailboxClient, publicUrl: string, payload: Payload) {
  const expiration = formatExpiration(Date.now() + 3_600_000);
  const mailboxConfiguration = { accessRights: 'RWD', expiration } as const;
  return client.create(publicUrl, { payload, displayInformation: HOTEL_KEY, mailboxConfiguration });
}

const encrypt = (value: unknown, secret: string): Promise<Payload> =>
  seal(new TextEncoder().encode(JSON.stringify(value)), secret);

async function decryptStep({ body }: MailboxResponse<{ payload: Payload }>, secret = ''): Promise<unknown> {
  return JSON.parse(new TextDecoder().decode(await open(body.payload, secret))).step;
}

/** A `fetch` that loses the response to the first request with this method. The relay has carried out the request. */
function createLossyFetch(method: string): typeof fetch {
  let isLost = false;
  return async (input, init) => {
    const response = await fetch(input, init);
    if (init?.method !== method || isLost) return response;
    isLost = true;
    await response.body?.cancel();
    throw new TypeError('The connection was closed.');
  };
}
