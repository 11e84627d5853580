import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeOnPostgres } from '../support/postgres/suite.js';
import {
  type Backend,
  createSettings,
  type OpenBackend,
  openBackend,
  type WriteMode,
} from '../support/process/backends.js';
import { buildChildProgram, type ChildProgram } from '../support/process/child-program.js';
import { type Fleet, startFleet } from '../support/process/fleet.js';
import { bindRace } from '../support/race/bind-race.js';
import { createRace } from '../support/race/create-race.js';
import { type ClientFaults, createClient, type FleetClient } from '../support/race/fleet-client.js';
import { checkHistory, createHistoryFigures, isConsistent } from '../support/race/history.js';
import { updateRace } from '../support/race/update-race.js';
import { withRedis } from '../support/redis/server.js';

/* Several relay processes on one store, over HTTP. Larger sizes: `npm run soak -- race`. */

const PROCESSES = 3;
const RACE = { mailboxes: 20, contenders: 10 };
const CREATES = 20;
const UPDATES = { mailboxes: 8, writes: 4 };
const DROPPED = 0.2;
let program: ChildProgram;

beforeAll(async () => {
  program = await buildChildProgram('test/support/process/relay-process.ts');
});
afterAll(() => program?.remove());

type CreateClient = (faults?: ClientFaults) => FleetClient;

/** Defines tests that share a new fleet on a backend. */
function describeFleet(
  name: string,
  open: () => Promise<Backend>,
  writeMode: WriteMode,
  define: (client: CreateClient) => void,
): void {
  describe(name, () => {
    const closing: (() => unknown)[] = [];
    let fleet: Fleet;
    beforeAll(async () => {
      fleet = await startFleet(program.path, createSettings({ backend: await open(), writeMode }), PROCESSES);
      closing.push(() => fleet.close());
    }, 40_000);
    afterAll(async () => {
      for (const close of closing.reverse()) await close();
    });
    define((faults) => {
      const client = createClient(fleet, faults);
      closing.push(() => client.close());
      return client;
    });
  });
}

function describeRaces(name: string, open: () => Promise<Backend>): void {
  describeFleet(`relay processes on ${name}`, open, 'compare-and-set', (client) => {
    it('bind exactly one of all claims that read at once [§5 S1 N15]', async () => {
      const contenders = PROCESSES * RACE.contenders;
      expect(await bindRace(client(), RACE)).toMatchObject({
        reads: RACE.mailboxes * contenders,
        bound: RACE.mailboxes,
        refused: RACE.mailboxes * (contenders - 1),
        doubles: 0,
        unbound: 0,
        leaks: 0,
        wrong: 0,
      });
    });

    it('open one mailbox for a create that all receive at once: one 200, else 201 [§3 A6]', async () => {
      expect(await createRace(client(), CREATES)).toMatchObject({ requests: CREATES * PROCESSES, wrong: 0 });
    });

    it('carry out each acknowledged update exactly once while answers are lost [§3 A6, §8 412]', async () => {
      const devices = client({ dropped: DROPPED });
      const { overtaken: _, ...figures } = await updateRace(devices, UPDATES);
      // The create writes the first entry of each mailbox.
      const acknowledged = UPDATES.mailboxes * (1 + 2 * UPDATES.writes);
      expect(figures).toEqual({ ...createHistoryFigures(), acknowledged, wrong: 0 });
      expect(devices.figures.unanswered).toBeGreaterThan(0);
    });

    it('fail the same check if devices retry under a new request id', async () => {
      const devices = client({ dropped: 0.5, newRequestIds: true });
      const { duplicated, lost } = await updateRace(devices, UPDATES);
      expect(lost).toBe(0);
      expect(duplicated).toBeGreaterThan(0);
    });
  });
}

/** Returns a function that opens a backend. It is closed after the tests of this file. */
function openLater(kind: OpenBackend['kind']): () => Promise<Backend> {
  let backend: OpenBackend | undefined;
  afterAll(() => backend?.close());
  return async () => {
    backend = await openBackend(kind);
    return backend;
  };
}

describeRaces('SQLite', openLater('sqlite'));

const redis = (): void => describeRaces('Redis', openLater('redis'));
if (process.env.TEST_REDIS_URL) redis();
else withRedis(it, redis);

await describeOnPostgres('races', (server) => {
  describeRaces('Postgres', async () => ({ kind: 'postgres', url: server.url, schema: server.freshSchema() }));
});

describeFleet('relay processes on a store with get and set only', openLater('sqlite'), 'get-then-set', (client) => {
  it('fail the checks of bind, create and update', async () => {
    expect((await bindRace(client(), RACE)).doubles).toBeGreaterThan(0);
    expect((await createRace(client(), CREATES)).wrong).toBeGreaterThan(0);
    const { lost, stale, wrong } = await updateRace(client(), UPDATES);
    expect(lost + stale + wrong).toBeGreaterThan(0);
  });
});

describe('checkHistory', () => {
  const appends = ['a', 'b', 'c'].map((entry, index) => ({ entry, began: 10 * index, ended: 10 * index + 5 }));
  const check = (final: string[], observed: string[] = []) => {
    const figures = createHistoryFigures();
    checkHistory({ appends, observations: [{ began: 6, entries: observed }] }, final, figures);
    return figures;
  };
  const consistent = { ...createHistoryFigures(), acknowledged: 3 };

  it.each([
    ['no violation', ['a', 'b', 'c'], ['a', 'b'], {}],
    ['a lost write', ['a', 'c'], ['a'], { lost: 1 }],
    ['a doubled write', ['a', 'b', 'c', 'b'], ['a'], { duplicated: 1, disordered: 1 }],
    ['a write of an unknown writer', ['a', 'b', 'c', 'x'], ['a'], { invented: 1 }],
    ['writes out of order', ['a', 'c', 'b'], ['a'], { disordered: 1 }],
    ['a read that later content contradicts', ['a', 'b', 'c'], ['a', 'c'], { diverged: 1 }],
    ['a stale read', ['a', 'b', 'c'], [], { stale: 1 }],
  ])('finds %s', (_name, final, observed, violations) => {
    const figures = check(final, observed);
    expect(figures).toEqual({ ...consistent, ...violations });
    expect(isConsistent(figures)).toBe(Object.keys(violations).length === 0);
  });
});
