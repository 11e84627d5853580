import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  buildShareUrl,
  createMailboxClient,
  generateSecret,
  type MailboxResponse,
  open,
  parseShareUrl,
  seal,
} from '../client/index.js';
import { createRelay } from '../relay/create-relay.js';
import { createReport, DemoFailure, type Report } from './demo-report.js';

/** The credential that is handed over: what a hotel's app would pass on for room 417. */
const HOTEL_KEY = {
  title: 'Room 417',
  description: 'Key for room 417, Grand Hotel, until Sunday noon',
  imageURL: 'https://hotel.example/cards/room-417.png',
};

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const decode = (bytes: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(bytes));
const inOneHour = (): string => `${new Date(Date.now() + 3_600_000).toISOString().slice(0, 19)}Z`;

/**
 * A whole transfer against a relay in this process, over real HTTP on loopback, and then what the relay refuses.
 * Resolves to 0 if every step went as the protocol says, else to 1.
 */
export async function demo(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const publicUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const relay = createRelay({ publicUrl, keys: [randomBytes(32)] });
  server.on('request', relay.node());
  const report = createReport((line) => process.stdout.write(`${line}\n`));
  try {
    report.heading(`A relay is at ${publicUrl}; a hotel key goes from one phone to another.`);
    await transfer(publicUrl, report);
    report.heading('What the relay refuses, on a second share:');
    await refusals(publicUrl, report);
    report.drawing();
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
async function transfer(publicUrl: string, report: Report): Promise<void> {
  const sender = createMailboxClient();
  const receiver = createMailboxClient();
  const secret = generateSecret('AEAD_AES_128_GCM');

  const created = await report.step('sender', 'CreateMailbox', 'a mailbox with the sealed key', 200, async () =>
    sender.create(publicUrl, {
      payload: await seal(encode({ format: 'hotel.example/key', step: 'invitation' }), secret),
      displayInformation: HOTEL_KEY,
      mailboxConfiguration: { accessRights: 'RWD', expiration: inOneHour() },
    }),
  );
  const shareUrl = buildShareUrl(created.body.urlLink, { vertical: 'a', secret });
  report.note(`sent by text message: ${shareUrl}`);
  const link = parseShareUrl(shareUrl);

  const page = await report.step('messenger', 'ReadDisplayInformationFromMailbox', 'the preview, no claim', 200, () =>
    createMailboxClient().preview(shareUrl),
  );
  report.expect(page.body.includes(`og:title" content="${HOTEL_KEY.title}"`), 'the preview shows the title');

  const invitation = await report.step('receiver', 'ReadSecureContentFromMailbox', 'reads, and is bound', 200, () =>
    receiver.read(shareUrl),
  );
  report.expect((await stepIn(invitation, link.secret)) === 'invitation', 'the receiver opens the invitation');

  await report.step('receiver', 'UpdateMailbox', 'asks for its key to be signed', 200, async () =>
    receiver.update(shareUrl, { payload: await seal(encode({ step: 'signing request' }), secret) }),
  );
  const request = await report.step('sender', 'ReadSecureContentFromMailbox', 'reads the request', 200, () =>
    sender.read(shareUrl),
  );
  report.expect((await stepIn(request, secret)) === 'signing request', 'the sender opens the request');
  report.expect(request.receiver === 'bound', 'the sender sees that a receiver is bound');

  await report.step('sender', 'UpdateMailbox', 'signs', 200, async () =>
    sender.update(shareUrl, { payload: await seal(encode({ step: 'signed key' }), secret) }, request.version),
  );
  const key = await report.step('receiver', 'ReadSecureContentFromMailbox', 'has its key', 200, () =>
    receiver.read(shareUrl),
  );
  report.expect((await stepIn(key, link.secret)) === 'signed key', 'the receiver opens the signed key');
  await report.step('receiver', 'DeleteMailbox', 'nothing is left', 200, () => receiver.delete(shareUrl));
}

/** A third device, a lost answer, a deleted mailbox. */
async function refusals(publicUrl: string, report: Report): Promise<void> {
  const sender = createMailboxClient();
  const secret = generateSecret();
  const payload = await seal(encode({ format: 'hotel.example/key' }), secret);
  const created = await report.step('sender', 'CreateMailbox', 'another share', 200, () =>
    sender.create(publicUrl, {
      payload,
      displayInformation: HOTEL_KEY,
      mailboxConfiguration: { accessRights: 'RWD', expiration: inOneHour() },
    }),
  );
  const shareUrl = created.body.urlLink;

  // The first answer gets lost on the way: the client sends the same request again.
  const unlucky = createMailboxClient({ fetch: losingTheFirstAnswer('PUT'), retryDelayMs: 1 });
  await report.step('receiver', 'ReadSecureContentFromMailbox', 'reads, and is bound', 200, () =>
    unlucky.read(shareUrl),
  );
  await report.step('third', 'ReadSecureContentFromMailbox', 'comes too late', 401, () =>
    createMailboxClient().read(shareUrl),
  );
  const repeated = await report.step('receiver', 'UpdateMailbox', 'the same request twice', 201, () =>
    unlucky.update(shareUrl, { payload }),
  );
  report.expect(repeated?.duplicate === true, 'the second one changed nothing');
  await report.step('sender', 'DeleteMailbox', 'cancels', 200, () => sender.delete(shareUrl));
  await report.step('receiver', 'ReadSecureContentFromMailbox', 'finds it gone', 404, () => unlucky.read(shareUrl));
}

async function stepIn(answer: MailboxResponse<{ payload: Parameters<typeof open>[0] }>, secret = ''): Promise<unknown> {
  return (decode(await open(answer.body.payload, secret)) as { step?: unknown }).step;
}

/** A network that drops the answer to the first request of one method, after the relay has carried it out. */
function losingTheFirstAnswer(method: string): typeof fetch {
  let lost = false;
  return async (input, init) => {
    const response = await fetch(input, init);
    if (init?.method !== method || lost) return response;
    lost = true;
    await response.body?.cancel();
    throw new TypeError('The connection was cut.');
  };
}
