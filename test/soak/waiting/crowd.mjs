/** Proof: many readers at one process cost little, are woken soon, and leave nothing behind. */
import { randomBytes } from 'node:crypto';
import { createClient } from '@keyv/redis';
import { pause, timesOf, until } from './devices.mjs';
import { startProcess } from './processes.mjs';

/** The clients of one relay process are spread over so many, each with a socket a reader. */
const CLIENTS = 2;
/** Readers wait so many seconds: far longer than the proof takes to look at them. */
const SECONDS = 600;
/** Characters of a payload: a real one is of this order. */
const CHARACTERS = 2_000;
/** Most bytes that a reader may cost, its connection included, and most that may be left of each once all are gone. */
const MOST_BYTES = 40 * 1024;
const MOST_LEFT_BYTES = 1024;

/** Readers that begin at once at each client: no more than the server's queue of new connections takes. */
const BATCH = 500;

/** @param {number} bytes */
const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`;

/** @param {import('./processes.mjs').Process} relay @param {number} size */
const waiting = (relay, size) => until(`${size} wait`, async () => (await relay.ask('load')).waiters === size);

/**
 * @param {'node' | 'koa'} door
 * @param {{ kind: string, url: string } | undefined} backend
 * @param {number} waiters
 */
async function openCrowd(door, backend, waiters) {
  const key = randomBytes(32).toString('base64url');
  const limits = { maximumWaiters: waiters + 1_000, maximumSeconds: SECONDS };
  const relay = await startProcess('relay-process.mjs', { door, backend, key, longPoll: limits });
  const share = { base: relay.hello.url, count: Math.ceil(waiters / CLIENTS), characters: CHARACTERS };
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => startProcess('client-process.mjs', share)));
  /** @param {string} what @param {object} [more] */
  const all = (what, more) => Promise.all(clients.map((client) => client.ask(what, more)));
  return {
    relay,
    size: share.count * CLIENTS,
    all,
    /** All readers begin to wait; resolves once all are held. */
    async hold() {
      await all('reset');
      for (let from = 0; from < share.count; from += BATCH) {
        const to = Math.min(from + BATCH, share.count);
        await all('hold', { seconds: SECONDS, from, to });
        await waiting(relay, to * CLIENTS);
      }
    },
    killClients: () => Promise.all(clients.map((client) => client.kill())),
    async close() {
      await Promise.all([relay, ...clients].map((process) => process.kill()));
    },
  };
}

/** @param {any} relay @param {() => Promise<void>} act */
async function delayWhile(relay, act) {
  await relay.ask('resetDelay');
  const began = performance.now();
  await act();
  const ms = performance.now() - began;
  const { p99, max } = await relay.ask('delay');
  return { ms, text: `event loop late by p99 ${p99.toFixed(1)} ms, at most ${max.toFixed(0)} ms` };
}

/** @param {'node' | 'koa'} door @param {number} waiters */
async function crowd(door, waiters) {
  const { relay, size, all, hold, killClients, close } = await openCrowd(door, undefined, waiters);
  try {
    await all('open');
    const fresh = await relay.ask('memory');
    // Once for all that is made only once, such as compiled code.
    await hold();
    await all('updateAll');
    await waiting(relay, 0);
    const before = await relay.ask('memory');

    const entering = await delayWhile(relay, async () => {
      await hold();
    });
    const during = await relay.ask('memory');
    const cost = (during.rss - fresh.rss) / size;
    const heap = (during.heapUsed - before.heapUsed) / size;
    console.log(`  ${door} door: ${size} readers held after ${entering.ms.toFixed(0)} ms; ${entering.text}`);
    console.log(
      `    each ${kib(cost)} resident with its connection, ${kib(heap)} of heap more than an idle connection`,
    );
    const idle = await relay.ask('cpu');
    await pause(2_000);
    const later = await relay.ask('cpu');
    const used = (later.user + later.system - idle.user - idle.system) / 1000 / 20;
    console.log(`    all waiting: ${used.toFixed(1)} % of a processor`);

    const waking = await delayWhile(relay, async () => {
      await all('updateAll');
      await waiting(relay, 0);
    });
    await until(
      'all are answered',
      async () => (await all('ended')).reduce((sum, { count }) => sum + count, 0) === size,
    );
    const woken = await all('ended');
    const all200 = woken.reduce((sum, { outcomes }) => sum + (outcomes[200] ?? 0), 0) === size;
    const times = timesOf(woken.flatMap(({ times }) => times));
    console.log(`    ${size} updates, each waking its reader: ${waking.ms.toFixed(0)} ms; ${times}; ${waking.text}`);

    await hold();
    const vanishing = await delayWhile(relay, async () => {
      await killClients();
      await waiting(relay, 0);
    });
    await pause(500);
    const after = await relay.ask('memory');
    const left = (after.heapUsed - fresh.heapUsed) / size;
    console.log(
      `    all clients killed: no reader left after ${vanishing.ms.toFixed(0)} ms; ${vanishing.text}; ` +
        `timers ${before.timers} before, ${during.timers} with all, ${after.timers} after; heap ${kib(left)} a reader more than before any came`,
    );
    return all200 && cost < MOST_BYTES && left < MOST_LEFT_BYTES && after.timers <= before.timers;
  } finally {
    await close();
  }
}

/** @param {number} waiters */
async function drained(waiters) {
  const { relay, size, all, hold, close } = await openCrowd('node', undefined, waiters);
  try {
    await all('open');
    await hold();
    const began = performance.timeOrigin + performance.now();
    const draining = await delayWhile(relay, () => relay.ask('drain'));
    await until(
      'all are answered',
      async () => (await all('ended')).reduce((sum, { count }) => sum + count, 0) === size,
    );
    const ended = await all('ended');
    const last = Math.max(...ended.map(({ lastAnswer }) => lastAnswer)) - began;
    const all204 = ended.reduce((sum, { outcomes }) => sum + (outcomes[204] ?? 0), 0) === size;
    console.log(
      `  drain: ${size} ended in ${draining.ms.toFixed(0)} ms, answered after ${last.toFixed(0)} ms; ${draining.text}`,
    );
    return all204;
  } finally {
    await close();
  }
}

/**
 * The bus is lost and found again: every mailbox is looked at, and nobody is woken for nothing.
 * @param {{ kind: string, url: string }} backend
 * @param {number} waiters
 */
async function missed(backend, waiters) {
  const { relay, size, all, hold, close } = await openCrowd('node', backend, waiters);
  const client = createClient({ url: backend.url });
  await client.connect();
  const gets = async () => {
    const stats = String(await client.sendCommand(['INFO', 'commandstats']));
    return [...stats.matchAll(/cmdstat_(?:get|evalsha|eval|mget|evalsha_ro):calls=(\d+)/g)].reduce(
      (sum, [, n]) => sum + Number(n),
      0,
    );
  };
  try {
    await all('open');
    await hold();
    await pause(500);
    const before = await gets();
    const looking = await delayWhile(relay, async () => {
      await client.sendCommand(['CLIENT', 'KILL', 'TYPE', 'pubsub']);
      await until('all were looked at', async () => (await gets()) - before >= size);
    });
    await pause(200);
    const { waiters: left } = await relay.ask('load');
    console.log(
      `  bus lost and found: ${(await gets()) - before} looks at ${size} mailboxes in ${looking.ms.toFixed(0)} ms, ` +
        `${size - left} readers ended; ${looking.text}`,
    );
    return left === size;
  } finally {
    client.destroy();
    await close();
  }
}

/**
 * @param {{ kind: string, url: string }} backend a Redis
 * @param {{ waiters: number }} sizes
 */
export async function proveCrowd(backend, { waiters }) {
  console.log(`${waiters} readers at one process, payloads of ${CHARACTERS} characters, sealed`);
  const held = [await crowd('node', waiters), await crowd('koa', waiters), await drained(waiters)];
  held.push(await missed(backend, waiters));
  return held.every(Boolean);
}
