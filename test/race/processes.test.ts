import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeOnPostgres } from '../support/postgres/suite.js';
import { buildChildProgram, type ChildProgram } from '../support/process/child-program.js';
import { type Backend, type How, type OpenBackend, openBackend, settingsFor } from '../support/race/backends.js';
import { bindRace } from '../support/race/bind-race.js';
import { type Client, type ClientManners, createClient } from '../support/race/client.js';
import { createRace } from '../support/race/create-race.js';
import { startFleet } from '../support/race/fleet.js';
import { checkHistory, isSound, noFigures } from '../support/race/history.js';
import { updateRace } from '../support/race/update-race.js';
import { withRedis } from '../support/redis/server.js';

/* Several relay processes on one store, asked over HTTP. The sizes that prove it: `npm run soak -- race`. */

const PROCESSES = 3;
const RACE = { mailboxes: 20, contenders: 10 };
const CREATES = 20;
const UPDATES = { mailboxes: 8, writes: 4 };
const DROPPED = 0.2;
let program: ChildProgram;

beforeAll(async () => {
  program = await buildChildProgram('test/support/race/relay-process.ts');
});
afterAll(() => program?.remove());

/** Defines tests with a fleet of their own on a backend. */
function onFleet(name: string, open: () => Promise<Backend>, how: How, define: (get: Clients) => void): void {
  describe(name, () => {
    const closing: (() => unknown)[] = [];
    let client: Clients | undefined;
    beforeAll(async () => {
      const fleet = await startFleet(program.path, settingsFor(await open(), how), PROCESSES);
      closing.push(() => fleet.close());
      client = (manners) => {
        const made = createClient(fleet, manners);
        closing.push(() => made.close());
        return made;
      };
    }, 40_000);
    afterAll(async () => {
      for (const close of closing.reverse()) await close();
    });
    define((manners) => (client as Clients)(manners));
  });
}

type Clients = (manners?: ClientManners) => Client;

function holdsOn(name: string, open: () => Promise<Backend>): void {
  onFleet(`relay processes on ${name}`, open, 'soundly', (client) => {
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
      // The first entry of each is that of the create.
      const acknowledged = UPDATES.mailboxes * (1 + 2 * UPDATES.writes);
      expect(figures).toEqual({ ...noFigures(), acknowledged, wrong: 0 });
      expect(devices.figures.unanswered).toBeGreaterThan(0);
    });

    it('fail the same check if devices retry under a new request id', async () => {
      const devices = client({ dropped: 0.5, careless: true });
      const { duplicated, lost } = await updateRace(devices, UPDATES);
      expect(lost).toBe(0);
      expect(duplicated).toBeGreaterThan(0);
    });
  });
}

/** Opens a backend in time, and closes it after the tests of this file. */
function opened(kind: OpenBackend['kind']): () => Promise<Backend> {
  let backend: OpenBackend | undefined;
  afterAll(() => backend?.close());
  return async () => {
    backend = await openBackend(kind);
    return backend;
  };
}

holdsOn('SQLite', opened('sqlite'));

const redis = (): void => holdsOn('Redis', opened('redis'));
if (process.env.TEST_REDIS_URL) redis();
else withRedis(it, redis);

await describeOnPostgres('races', (server) => {
  holdsOn('Postgres', async () => ({ kind: 'postgres', url: server.url, schema: server.freshSchema() }));
});

onFleet('for contrast, processes that get, then set', opened('sqlite'), 'plainly', (client) => {
  it('fail the checks if their store does not compare-and-set', async () => {
    expect((await bindRace(client(), RACE)).doubles).toBeGreaterThan(0);
    expect((await createRace(client(), CREATES)).wrong).toBeGreaterThan(0);
    const { lost, stale, wrong } = await updateRace(client(), UPDATES);
    expect(lost + stale + wrong).toBeGreaterThan(0);
  });
});

describe('the check of a history', () => {
  const appends = ['a', 'b', 'c'].map((entry, index) => ({ entry, began: 10 * index, ended: 10 * index + 5 }));
  const check = (final: string[], observed: string[] = []) => {
    const figures = noFigures();
    checkHistory({ appends, observations: [{ began: 6, entries: observed }] }, final, figures);
    return figures;
  };
  const sound = { ...noFigures(), acknowledged: 3 };

  it.each([
    ['nothing wrong', ['a', 'b', 'c'], ['a', 'b'], {}],
    ['a lost write', ['a', 'c'], ['a'], { lost: 1 }],
    ['a doubled write', ['a', 'b', 'c', 'b'], ['a'], { duplicated: 1, disordered: 1 }],
    ['a write by nobody', ['a', 'b', 'c', 'x'], ['a'], { invented: 1 }],
    ['writes out of order', ['a', 'c', 'b'], ['a'], { disordered: 1 }],
    ['a read of what was undone', ['a', 'b', 'c'], ['a', 'c'], { diverged: 1 }],
    ['a read of what was overwritten', ['a', 'b', 'c'], [], { stale: 1 }],
  ])('finds %s', (_name, final, observed, found) => {
    const figures = check(final, observed);
    expect(figures).toEqual({ ...sound, ...found });
    expect(isSound(figures)).toBe(Object.keys(found).length === 0);
  });
});
