import { describe, expect, it } from 'vitest';
import { createSettings, type OpenBackend, STORE_KINDS, type WriteMode } from '../support/process/backends.js';
import { startFleet } from '../support/process/fleet.js';
import { bindRace } from '../support/race/bind-race.js';
import { createRace } from '../support/race/create-race.js';
import { type ClientFaults, createClient, type FleetClient } from '../support/race/fleet-client.js';
import { isConsistent } from '../support/race/history.js';
import { updateRace } from '../support/race/update-race.js';
import { parseArguments } from './arguments.js';
import { formatSeconds } from './figures.js';
import { buildInTests, toBackend, withBackend } from './processes.js';

/*
 * Relay processes on one store, with the same keys. Contenders at every process read each mailbox at once; creates go to
 * all processes at once; both devices of shared mailboxes write at once, and some answers are lost. A store without
 * compare-and-set and a client with new request ids must fail the same checks.
 */

/** Share of the answers to writers that are lost. */
const DROPPED = 1 / 5;
const { parts: stores, sizes } = parseArguments(STORE_KINDS, {
  ...{ processes: 4, mailboxes: 500, contenders: 50, creates: 200, shared: 50, writes: 20, contrast: 50 },
});
const SMALL = {
  ...sizes,
  ...{
    mailboxes: sizes.contrast,
    creates: sizes.contrast,
    shared: sizes.contrast,
    writes: Math.ceil(sizes.writes / 4),
  },
};
const program = buildInTests();

type Connect = (faults?: ClientFaults) => FleetClient;

/** Runs `use` with a new fleet on the backend. */
async function withFleet<Result>(
  backend: OpenBackend,
  writeMode: WriteMode,
  use: (connect: Connect) => Promise<Result>,
): Promise<Result> {
  const settings = createSettings({ backend: toBackend(backend), writeMode });
  const fleet = await startFleet(program(), settings, sizes.processes);
  const clients: FleetClient[] = [];
  try {
    return await use((faults) => {
      const client = createClient(fleet, faults);
      clients.push(client);
      return client;
    });
  } finally {
    for (const client of clients) client.close();
    await fleet.close();
  }
}

/** Runs the three races. The results say which races had no violation. */
async function race(connect: Connect, size: typeof sizes) {
  let began = performance.now();
  const steady = connect();
  const binds = await bindRace(steady, size);
  console.log(
    `  binding: ${binds.reads} reads of ${size.mailboxes} mailboxes: ${binds.bound} bound, ${binds.refused} refused, ` +
      `${binds.doubles} double, ${binds.unbound} without a receiver, ${binds.leaks} leaks, ${binds.wrong} wrong; ` +
      `won at ${binds.wonAt.join('/')}; ${await steady.fleet.countLostRaces()} compare-and-sets lost; ` +
      `${steady.figures.retries} retries; ${formatSeconds(began)}`,
  );
  began = performance.now();
  const creates = await createRace(steady, size.creates);
  console.log(
    `  creates: ${creates.requests} requests for ${size.creates} mailboxes: ${creates.opened} opened, ` +
      `${creates.found} found, ${creates.wrong} wrong; ${formatSeconds(began)}`,
  );
  began = performance.now();
  const lossy = connect({ dropped: DROPPED });
  const updates = await updateRace(lossy, { mailboxes: size.shared, writes: size.writes });
  const { overtaken, wrong, ...history } = updates;
  console.log(
    `  updates: ${history.acknowledged} acknowledged in ${size.shared} mailboxes: ${history.lost} lost, ` +
      `${history.duplicated} doubled, ${history.invented} invented, ${history.disordered} out of order; reads: ` +
      `${history.diverged} diverged, ${history.stale} stale; ${wrong} wrong; ${overtaken} overtaken; ` +
      `${lossy.figures.unanswered} answers lost of ${lossy.figures.requests}; ${formatSeconds(began)}`,
  );
  return {
    binding: binds.bound === size.mailboxes && binds.doubles + binds.unbound + binds.leaks + binds.wrong === 0,
    creates: creates.opened <= size.creates && creates.wrong === 0,
    updates: wrong === 0 && isConsistent(history),
  };
}

describe.each(stores)('%s', (kind) => {
  it('relay processes keep every promise in races', () =>
    withBackend(kind, async (backend) => {
      console.log(`${kind} (${backend.origin}): ${sizes.processes} processes, ${sizes.contenders} contenders at each`);
      const results = await withFleet(backend, 'compare-and-set', (connect) => race(connect, sizes));
      expect(results).toEqual({ binding: true, creates: true, updates: true });
    }));

  it('a store with get and set only fails every check', () =>
    withBackend(kind, async (backend) => {
      console.log(`${kind}: a store with get and set only, ${SMALL.mailboxes} mailboxes`);
      const results = await withFleet(backend, 'get-then-set', (connect) => race(connect, SMALL));
      expect(results).toEqual({ binding: false, creates: false, updates: false });
    }));

  it('devices that retry under a new request id write twice', () =>
    withBackend(kind, async (backend) => {
      const { acknowledged, duplicated } = await withFleet(backend, 'compare-and-set', (connect) =>
        updateRace(connect({ dropped: DROPPED, newRequestIds: true }), {
          mailboxes: SMALL.shared,
          writes: SMALL.writes,
        }),
      );
      console.log(`${kind}: retries under new request ids: ${acknowledged} acknowledged, ${duplicated} doubled`);
      expect(duplicated).toBeGreaterThan(0);
    }));
});
