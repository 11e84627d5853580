/**
 * `npm run soak -- bind [mailboxes] [claims]`: every mailbox is raced by several claims that read at once, over HTTP on
 * loopback, on the memory store. Exactly one read of each may succeed, and no refusal may carry content. Ends by
 * itself; exit 0 only if that held every time. Defaults: 10,000 mailboxes, 8 claims.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import { createRelay } from 'credential-relay';

const [mailboxes = 10_000, claims = 8] = process.argv.slice(2).map(Number);
/** Mailboxes raced at the same time. */
const LANES = 16;

const server = createServer();
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const url = `http://127.0.0.1:${/** @type {import('node:net').AddressInfo} */ (server.address()).port}`;
const relay = createRelay({ publicUrl: url, keys: [randomBytes(32)] });
server.on('request', relay.node());
const agent = new Agent({ keepAlive: true, maxSockets: LANES * claims });

/**
 * @param {string} target
 * @param {string} [body]
 * @returns {Promise<{ status: number, body: string }>}
 */
async function post(target, body) {
  const headers = {
    'Mailbox-Device-Claim': randomUUID(),
    'Mailbox-Request-ID': randomUUID(),
    ...(body === undefined ? { 'Content-Length': 0 } : { 'Content-Type': 'application/json' }),
  };
  const sent = request(target, { method: 'POST', agent, headers });
  sent.end(body);
  const [response] = await once(sent, 'response');
  let text = '';
  for await (const chunk of response) text += chunk;
  return { status: response.statusCode, body: text };
}

const tally = { bound: 0, refused: 0, other: 0, wrongMailboxes: 0, leaks: 0 };

async function raceOne() {
  const secret = randomBytes(24).toString('base64');
  const created = await post(
    `${url}/v1/m`,
    JSON.stringify({
      payload: { type: 'AEAD_AES_128_GCM', data: secret },
      displayInformation: { title: 'Room 417', description: 'Key', imageURL: 'https://example.com/i.png' },
    }),
  );
  const { urlLink } = JSON.parse(created.body);
  const answers = await Promise.all(Array.from({ length: claims }, () => post(urlLink)));
  const bound = answers.filter(({ status }) => status === 200);
  const refused = answers.filter(({ status }) => status === 401);
  tally.bound += bound.length;
  tally.refused += refused.length;
  tally.other += answers.length - bound.length - refused.length;
  if (bound.length !== 1 || !bound[0]?.body.includes(secret)) tally.wrongMailboxes += 1;
  tally.leaks += refused.filter(({ body }) => body.includes(secret) || body.includes('payload')).length;
}

const started = performance.now();
let next = 0;
await Promise.all(
  Array.from({ length: LANES }, async () => {
    while (next < mailboxes) {
      next += 1;
      await raceOne();
    }
  }),
);
const seconds = ((performance.now() - started) / 1000).toFixed(1);
agent.destroy();
server.close();
await relay.close();

console.log(`${mailboxes} mailboxes, ${claims} claims each reading at once, ${seconds} s`);
console.log(`200: ${tally.bound}   401: ${tally.refused}   other: ${tally.other}`);
console.log(`mailboxes without exactly one receiver: ${tally.wrongMailboxes}   refusals with content: ${tally.leaks}`);
const held = tally.bound === mailboxes && tally.other === 0 && tally.wrongMailboxes === 0 && tally.leaks === 0;
process.exitCode = held ? 0 : 1;
