/** Devices on the wire, and what their times come to. */
import { randomBytes, randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';

/** @typedef {{ status: number, version: string, text: string, connection: string | undefined }} Answer */
/** @typedef {{ path: string, sender: string, receiver: string, version: string }} Mailbox */

/**
 * Connections are kept; there is one for each request that is under way. The kernel probes them rarely: by default each
 * is probed every second, and among ten thousand of them so many probes get lost on loopback that some are given up.
 */
export const newAgent = () => new Agent({ keepAlive: true, keepAliveMsecs: 600_000, maxFreeSockets: 20_000 });

/**
 * @param {Agent} agent
 * @param {string} method
 * @param {string} url
 * @param {Record<string, string>} headers
 * @param {object} [body]
 * @returns {Promise<Answer>} rejects if there is no whole answer
 */
export function send(agent, method, url, headers, body) {
  const text = body === undefined ? '' : JSON.stringify(body);
  const type = body === undefined ? {} : { 'Content-Type': 'application/json' };
  return new Promise((resolve, reject) => {
    const framing = { ...type, 'Content-Length': Buffer.byteLength(text) };
    const sent = request(url, { method, agent, headers: { ...headers, ...framing } });
    sent.on('error', reject);
    sent.on('response', (response) => {
      let received = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        received += chunk;
      });
      response.on('error', reject);
      response.on('end', () => {
        const { statusCode: status = 0, headers: fields } = response;
        const version = String(fields['mailbox-version'] ?? '');
        if (response.complete) resolve({ status, version, text: received, connection: fields.connection });
        else reject(new Error('The answer was cut short.'));
      });
    });
    sent.end(text);
  });
}

/** @param {string} claim */
const headersOf = (claim) => ({ 'Mailbox-Device-Claim': claim, 'Mailbox-Request-ID': randomUUID() });

/** @param {number} characters a multiple of 4 */
const payloadOf = (characters) => ({
  type: 'AEAD_AES_128_GCM',
  data: randomBytes((characters / 4) * 3).toString('base64'),
});

/**
 * A mailbox whose receiver is bound. `base` is the URL of the mount at one process; the path is good at all of them.
 * @param {Agent} agent
 * @param {string} base
 * @returns {Promise<Mailbox>}
 */
export async function newMailbox(agent, base, characters = 64) {
  const [sender, receiver] = [randomUUID(), randomUUID()];
  const created = await send(agent, 'POST', `${base}/v1/m`, headersOf(sender), {
    payload: payloadOf(characters),
    displayInformation: { title: 'Room 417', description: 'Key', imageURL: 'https://example.com/i.png' },
    mailboxConfiguration: { accessRights: 'RWD', expiration: expirationIn(3_600) },
  });
  if (created.status !== 200) throw new Error(`create: ${created.status} ${created.text}`);
  const path = new URL(JSON.parse(created.text).urlLink).pathname.replace('/relay', '');
  const { version } = await read(agent, base, path, receiver);
  return { path, sender, receiver, version };
}

/** @param {number} seconds */
const expirationIn = (seconds) => `${new Date(Date.now() + seconds * 1000).toISOString().slice(0, 19)}Z`;

/** @param {Agent} agent @param {string} base @param {string} path @param {string} claim */
export const read = (agent, base, path, claim) => send(agent, 'POST', base + path, headersOf(claim));

/** @param {Agent} agent @param {string} base @param {Mailbox} mailbox @param {number} seconds */
export const wait = (agent, base, { path, sender, version }, seconds) =>
  send(agent, 'POST', base + path, {
    ...headersOf(sender),
    Prefer: `wait=${seconds}`,
    'Mailbox-Known-Version': version,
  });

/** @param {Agent} agent @param {string} base @param {Mailbox} mailbox */
export const update = (agent, base, { path, receiver }, characters = 64) =>
  send(agent, 'PUT', base + path, headersOf(receiver), { payload: payloadOf(characters) });

/**
 * Runs `run` for 0 … count − 1, so many at a time.
 * @param {number} count
 * @param {number} lanes
 * @param {(index: number) => Promise<void>} run
 */
export async function inLanes(count, lanes, run) {
  let next = 0;
  const lane = async () => {
    while (next < count) {
      next += 1;
      await run(next - 1);
    }
  };
  await Promise.all(Array.from({ length: Math.min(lanes, count) }, lane));
}

/** @param {number[]} times in ms */
export function timesOf(times) {
  const sorted = [...times].sort((a, b) => a - b);
  /** @param {number} share */
  const at = (share) => (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(1);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms`;
}

/** @param {number} ms */
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * @param {string} what for the error
 * @param {() => Promise<boolean>} holds
 * @param {number} [ms] patience
 */
export async function until(what, holds, ms = 60_000) {
  const end = performance.now() + ms;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`It took too long until ${what}.`);
    await pause(5);
  }
}
