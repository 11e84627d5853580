/**
 * What a provider that hangs costs the request that pushes: UpdateMailbox at a relay without notifiers against one whose
 * notifier never answers, over HTTP, runs in turn. Goals: p50 ratio at most 1.05, p99 at most 1.25 (medians of the runs).
 * `npm run soak -- push`. Loopback only; ends by itself.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import { createRelay } from 'credential-relay';

const RUNS = 5;
const UPDATES = 2_000;
const MAILBOXES = 500;
const AT_ONCE = 4;

const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
const payload = { type: 'AEAD_AES_128_GCM', data: Buffer.alloc(240).toString('base64') };

async function send(method, url, claim, body) {
  const sent = request(url, {
    method,
    agent,
    headers: {
      'Content-Type': 'application/json',
      'Mailbox-Device-Claim': claim,
      'Mailbox-Request-ID': randomUUID(),
    },
  });
  sent.end(JSON.stringify(body));
  const [response] = await once(sent, 'response');
  let text = '';
  for await (const chunk of response) text += chunk;
  if (response.statusCode !== 200) throw new Error(`${method} was answered ${response.statusCode}`);
  return text === '' ? undefined : JSON.parse(text);
}

/** A relay with mailboxes whose senders have left tokens; its receivers update. */
async function site(notifiers) {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const publicUrl = `http://127.0.0.1:${server.address().port}`;
  const relay = createRelay({ publicUrl, notifiers });
  server.on('request', relay.node());
  const mailboxes = [];
  for (let count = 0; count < MAILBOXES; count += 1) {
    const created = await send('POST', `${publicUrl}/v1/m`, randomUUID(), {
      payload,
      displayInformation: { title: 'Room 417', description: 'Your key', imageURL: 'https://hotel.example/417.png' },
      notificationToken: { type: 'hangs', tokenData: randomUUID() },
      mailboxConfiguration: {
        accessRights: 'RWD',
        expiration: `${new Date(Date.now() + 3_600_000).toISOString().slice(0, 19)}Z`,
      },
    });
    const claim = randomUUID();
    await send('POST', created.urlLink, claim, {});
    mailboxes.push({ url: created.urlLink, claim });
  }
  return { relay, server, mailboxes };
}

async function measure({ mailboxes }) {
  const times = [];
  let next = 0;
  const device = async () => {
    while (next < UPDATES) {
      const { url, claim } = mailboxes[next % mailboxes.length];
      next += 1;
      const started = performance.now();
      await send('PUT', url, claim, { payload });
      times.push(performance.now() - started);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, device));
  times.sort((one, other) => one - other);
  return { p50: times[Math.floor(times.length * 0.5)], p99: times[Math.floor(times.length * 0.99)] };
}

const median = (values) => [...values].sort((one, other) => one - other)[values.length >> 1];

let asked = 0;
const hangs = {
  types: ['hangs'],
  notify: () => {
    asked += 1;
    return new Promise(() => {});
  },
};
const sites = { without: await site([]), hanging: await site([hangs]) };
const results = { without: [], hanging: [] };
for (let run = -1; run < RUNS; run += 1) {
  for (const name of run % 2 === 0 ? ['without', 'hanging'] : ['hanging', 'without']) {
    const result = await measure(sites[name]);
    if (run >= 0) results[name].push(result); // The first one warms up.
  }
}
const pushes = sites.hanging.relay.stats().pushes;
for (const { relay, server } of Object.values(sites)) {
  server.close();
  server.closeAllConnections();
  await relay.close();
}
agent.destroy();

let failed = asked === 0;
console.log(
  `${RUNS} runs of ${UPDATES} updates each, ${AT_ONCE} at once; ${asked} pushes hung, ${pushes} waited or hung at the end`,
);
for (const [figure, goal] of [
  ['p50', 1.05],
  ['p99', 1.25],
]) {
  const [without, hanging] = ['without', 'hanging'].map((name) => median(results[name].map((each) => each[figure])));
  const ratio = hanging / without;
  if (ratio > goal) failed = true;
  console.log(
    `${figure}: ${without.toFixed(3)} ms without a notifier, ${hanging.toFixed(3)} ms with one that hangs: ` +
      `ratio ${ratio.toFixed(3)}, goal at most ${goal}`,
  );
}
process.exitCode = failed ? 1 : 0;
