import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeOnPostgres } from '../../support/postgres/suite.js';
import { type Backend, createSettings, openBackend } from '../../support/process/backends.js';
import { buildChildProgram, type ChildProgram } from '../../support/process/child-program.js';
import { type Fleet, startFleet } from '../../support/process/fleet.js';
import { somePayload } from '../../support/protocol/bodies.js';
import { newDevice } from '../../support/protocol/device.js';
import { PUBLIC_URL } from '../../support/race/fleet-client.js';
import { withRedis } from '../../support/redis/server.js';

/* Two relay processes on one store: one device waits at the first process, and the other device writes at the second
   process. Larger sizes: `npm run soak -- long-poll`. */

let program: ChildProgram;

/** Far below the poll interval, which is at least 9 s. */
const NOTIFIED_MS = 2_000;

beforeAll(async () => {
  program = await buildChildProgram('test/support/process/relay-process.ts');
});
afterAll(() => program?.remove());

function describeNotifications(name: string, open: () => Promise<Backend>): void {
  describe(`two relay processes on ${name}`, () => {
    let fleet: Fleet;
    beforeAll(async () => {
      fleet = await startFleet(program.path, createSettings({ backend: await open() }), 2);
    }, 40_000);
    afterAll(() => fleet?.close());

    it('a wait at one process ends at once by a bind, an update, a relinquish or a delete at the other process', async () => {
      const [here, there] = fleet.members.map(({ url }) => url) as [string, string];
      const [sender, receiver] = [newDevice(), newDevice()];
      const created = await sender.create(here + new URL(PUBLIC_URL).pathname);
      const path = new URL(created.json.urlLink).pathname;
      const outcomes: unknown[] = [];

      /** The sender waits at one process, and the receiver acts at the other process. */
      async function round(version: string, act: (url: string) => Promise<unknown>): Promise<string> {
        const waiting = sender.wait(here + path, version);
        // The change comes before or after the relay holds the read. The wait must end in both cases.
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
        const acted = performance.now();
        await act(there + path);
        const answer = await waiting.answer;
        expect(performance.now() - acted).toBeLessThan(NOTIFIED_MS);
        outcomes.push([answer.status, answer.headers['mailbox-receiver'], answer.json.payload]);
        return answer.version;
      }

      let version = await round(created.version, (url) => receiver.read(url));
      const expected: unknown[] = [[200, 'bound', expect.anything()]];
      for (let count = 0; count < 5; count += 1) {
        const payload = somePayload();
        version = await round(version, (url) => receiver.update(url, payload));
        expected.push([200, 'bound', payload]);
      }
      version = await round(version, (url) => receiver.relinquish(url));
      expected.push([200, 'none', expect.anything()]);
      await round(version, (url) => sender.delete(url));
      expected.push([404, undefined, undefined]);
      expect(outcomes).toEqual(expected);
    });

    it('a change at one process ends the waits of both devices at the other process, and of no other mailbox', async () => {
      const [here, there] = fleet.members.map(({ url }) => url) as [string, string];
      const base = here + new URL(PUBLIC_URL).pathname;
      const mailboxes = await Promise.all(
        Array.from({ length: 10 }, async () => {
          const [sender, receiver] = [newDevice(), newDevice()];
          const path = new URL((await sender.create(base)).json.urlLink).pathname;
          const { version } = await receiver.read(here + path);
          const waits = [sender.wait(here + path, version, 2), receiver.wait(here + path, version, 2)];
          return { sender, path, answers: waits.map(({ answer }) => answer) };
        }),
      );
      const [changed, ...others] = mailboxes as [(typeof mailboxes)[0], ...typeof mailboxes];
      await new Promise((resolve) => setTimeout(resolve, 200));
      await changed.sender.update(there + changed.path);
      const woken = await Promise.all(changed.answers);
      expect(woken.map(({ status }) => status)).toEqual([200, 200]);
      const left = await Promise.all(others.flatMap(({ answers }) => answers));
      expect(new Set(left.map(({ status }) => status))).toEqual(new Set([204]));
    });
  });
}

withRedis(it, () => {
  let close: (() => Promise<void>) | undefined;
  afterAll(() => close?.());
  describeNotifications('Redis', async () => {
    const backend = await openBackend('redis');
    close = backend.close;
    return backend;
  });
});

await describeOnPostgres('change notifications', (server) => {
  describeNotifications('Postgres', async () => ({ kind: 'postgres', url: server.url, schema: server.freshSchema() }));
});
