import { randomUUID } from 'node:crypto';
import { Agent } from 'node:http';
import { createRelay, type Notifier, type Relay } from 'credential-relay';
import { expect, it } from 'vitest';
import { openServer } from '../support/hosts/server.js';
import { createBody, somePayload } from '../support/protocol/bodies.js';
import { type BoundPair, createBoundPair } from '../support/protocol/device.js';
import { runConcurrently } from '../support/protocol/flow.js';
import { parseArguments } from './arguments.js';
import { quantile } from './figures.js';

/* The cost of a push provider that never answers: UpdateMailbox with and without such a notifier, in alternating runs. */

const { runs, updates, mailboxes } = parseArguments([], { runs: 5, updates: 2_000, mailboxes: 500 }).sizes;
const CONCURRENCY = 4;
/** Limits of the ratio of medians. */
const MAXIMUM_RATIO = { p50: 1.05, p99: 1.25 };

const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY });
let pushes = 0;
const hangingNotifier: Notifier = {
  types: ['hangs'],
  notify: () => {
    pushes += 1;
    return new Promise(() => {});
  },
};

interface Site {
  readonly relay: Relay;
  readonly pairs: readonly BoundPair[];
  close(): Promise<void>;
}

/** A served relay with mailboxes whose senders left notification tokens. */
async function openSite(notifiers: readonly Notifier[]): Promise<Site> {
  const { server, origin, close } = await openServer();
  const relay = createRelay({ publicUrl: origin, notifiers });
  server.on('request', relay.node());
  const pairs: BoundPair[] = [];
  await runConcurrently(mailboxes, CONCURRENCY, async () => {
    const notificationToken = { type: 'hangs', tokenData: randomUUID() };
    pairs.push(await createBoundPair(origin, createBody({ notificationToken }), agent));
  });
  return { relay, pairs, close: () => close().then(() => relay.close()) };
}

/** The times of updates by the receivers, in ms. */
async function measure({ pairs }: Site): Promise<{ p50: number; p99: number }> {
  const times: number[] = [];
  await runConcurrently(updates, CONCURRENCY, async (index) => {
    const { receiver, url } = pairs[index % pairs.length] as BoundPair;
    const began = performance.now();
    const { status } = await receiver.update(url, somePayload(320));
    times.push(performance.now() - began);
    if (status !== 200) throw new Error(`update: ${status}`);
  });
  return { p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
}

it('a push provider that never answers does not slow updates', async () => {
  const sites = { without: await openSite([]), hanging: await openSite([hangingNotifier]) };
  const names = ['without', 'hanging'] as const;
  const results = { without: [] as { p50: number; p99: number }[], hanging: [] as { p50: number; p99: number }[] };
  for (let run = -1; run < runs; run += 1) {
    for (const name of run % 2 === 0 ? names : [...names].reverse()) {
      const result = await measure(sites[name]);
      if (run >= 0) results[name].push(result); // The first run warms up.
    }
  }
  const queued = sites.hanging.relay.stats().pushes;
  for (const site of Object.values(sites)) await site.close();
  agent.destroy();

  console.log(
    `${runs} runs of ${updates} updates each, ${CONCURRENCY} at once; ${pushes} pushes hung, ` +
      `${queued} queued or hanging at the end`,
  );
  expect(pushes).toBeGreaterThan(0);
  const ratios = (['p50', 'p99'] as const).map((figure) => {
    const [without, hanging] = names.map((name) =>
      quantile(
        results[name].map((each) => each[figure]),
        0.5,
      ),
    ) as [number, number];
    console.log(
      `${figure}: ${without.toFixed(3)} ms without a notifier, ${hanging.toFixed(3)} ms with the hanging notifier: ` +
        `ratio ${(hanging / without).toFixed(3)}, at most ${MAXIMUM_RATIO[figure]}`,
    );
    return hanging / without;
  });
  expect(ratios[0]).toBeLessThanOrEqual(MAXIMUM_RATIO.p50);
  expect(ratios[1]).toBeLessThanOrEqual(MAXIMUM_RATIO.p99);
});
