/**
 * Strangers in a process of their own: each knows the share URL of others and makes up a claim. They ask to wait, so
 * that they would take places as well; every read of theirs has to be refused.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { newAgent, newMailbox, pause, wait } from './devices.mjs';

/** @typedef {{ base: string, paths: string[], version: string, strangers: number }} Settings */
const [settings] = /** @type {[Settings]} */ (await once(process, 'message'));
process.on('disconnect', () => process.exit());
const { base, paths, version, strangers } = settings;

/** Milliseconds from one try of a stranger to its next. */
const EACH_MS = 5_000;

const agent = newAgent();
let going = false;
/** @type {Record<string, number>} */
let statuses = {};
/** @type {Promise<unknown>[]} */
let under = [];

/** @param {number} index */
async function tryOnce(index) {
  const path = paths[index % paths.length] ?? '';
  const { status } = await wait(agent, base, { path, version, sender: randomUUID(), receiver: '' }, 30);
  statuses[status] = (statuses[status] ?? 0) + 1;
}

/** @param {(index: number) => Promise<void>} stranger */
function begin(stranger) {
  going = true;
  statuses = {};
  under = Array.from({ length: strangers }, (_, index) => stranger(index));
  return {};
}

/** One connection asks for as many waits of mailboxes of its own as it can send, and reads no answer. */
async function flood() {
  going = true;
  statuses = {};
  const own = await Promise.all(Array.from({ length: 20 }, () => newMailbox(agent, base)));
  const { host, port, pathname } = new URL(base);
  const socket = connect(Number(port), '127.0.0.1').on('error', () => {});
  const heads = own.map(({ path, sender, version: known }) =>
    [
      `POST ${pathname}${path} HTTP/1.1`,
      `Host: ${host}`,
      `Mailbox-Device-Claim: ${sender}`,
      'Prefer: wait=30',
      `Mailbox-Known-Version: ${known}`,
      'Content-Length: 0',
      '\r\n',
    ].join('\r\n'),
  );
  socket.pause();
  socket.write(heads.join('').repeat(Math.ceil(strangers / own.length)));
  under = [
    (async () => {
      while (going) await pause(20);
      socket.destroy();
    })(),
  ];
  return {};
}

/** @type {Record<string, (more: any) => unknown>} */
const answers = {
  /** Each tries again and again, about once in five seconds. */
  crowd: () =>
    begin(async (index) => {
      await pause(EACH_MS * Math.random());
      while (going) {
        const next = pause(EACH_MS * (0.9 + 0.2 * Math.random()));
        await tryOnce(index);
        await next;
      }
    }),
  /** All try at the same moment, once. */
  burst: () => begin((index) => tryOnce(index)),
  flood,
  async stop() {
    going = false;
    await Promise.all(under);
    return statuses;
  },
};

process.on('message', async (/** @type {{ id: number, ask: string }} */ { id, ask, ...more }) => {
  process.send?.({ id, answer: await answers[ask]?.(more) });
});
process.send?.({});
