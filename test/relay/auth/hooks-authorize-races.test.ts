import type { MailboxStore, OperationName, RelayOptions } from 'credential-relay';
import { memoryStore } from 'credential-relay/adapters/store/memory';
import { describe, expect, test } from 'vitest';
import {
  DEVICE_OPERATIONS,
  deferred,
  type Scene,
  setScene,
  visitor,
  watchedRelay,
  watchForLeaks,
} from '../../support/auth/hooks.js';
import { device, somePayload } from '../../support/relay/relay.js';
import { troubledStore } from '../../support/store/stores.js';

/* docs/protocol.md §5: `authorize` runs outside the retry loop and once per request, and delays no other request. */

watchForLeaks();

describe('the authorize hook under concurrency', () => {
  /** A store in which the first changes lose their race against `rival`, as if against another process. */
  function racedStore(inner: MailboxStore, rival: () => Promise<unknown>, times: number): MailboxStore {
    let left = times;
    return {
      ...inner,
      async replace(...change) {
        if (left > 0) {
          left -= 1;
          await rival();
        }
        return inner.replace(...change);
      },
    };
  }

  test.each<OperationName>(['read', 'update', 'relinquish', 'delete'])(
    'runs once per %s, for any number of commit attempts',
    async (operation) => {
      const entries = new Map<string, unknown>();
      const fast = watchedRelay({ store: memoryStore(entries) }).relay;
      const sender = visitor(fast);
      const url = (await sender.create()).json.urlLink;
      let races = 0;
      const rival = async (): Promise<void> => {
        races += 1;
        expect((await sender.update(url)).status).toBe(200);
      };
      let asked = 0;
      const { relay } = watchedRelay({
        store: racedStore(memoryStore(entries), rival, 3),
        authorize: () => {
          asked += 1;
        },
      });
      const there = visitor(relay);
      if (operation !== 'read') {
        // The other relay binds the receiver, so only this operation races.
        expect((await device(fast, there.claim).read(url)).status).toBe(200);
      }
      const answer = await (operation === 'update' ? there.update(url) : there[operation as 'read'](url));
      expect(answer.status).toBe(200);
      expect([races, asked]).toEqual([3, 1]);
    },
  );

  test('does not admit a device if another device binds while the hook runs', async () => {
    const entered = deferred();
    const leave = deferred();
    let slow = false;
    const site = await setScene({
      async authorize() {
        if (!slow) return;
        slow = false;
        entered.resolve();
        await leave.promise;
      },
    });
    slow = true;
    const loser = visitor(site.relay).read(site.open.url);
    await entered.promise;
    const winner = visitor(site.relay);
    expect((await winner.read(site.open.url)).status).toBe(200);
    leave.resolve();
    expect((await loser).json.code).toBe('mailbox_taken');
    expect((await winner.read(site.open.url)).status).toBe(200);
  });

  test('delays no other device of the mailbox while the hook is slow', async () => {
    const entered = deferred();
    const leave = deferred();
    const site = await setScene({
      async authorize({ operation, role }) {
        if (operation !== 'update' || role !== 'receiver') return;
        entered.resolve();
        await leave.promise;
      },
    });
    const { sender, receiver, url } = site.taken;
    const last = somePayload();
    const slow = receiver.update(url, last);
    await entered.promise;
    expect((await sender.update(url)).status).toBe(200);
    expect((await receiver.read(url)).status).toBe(200);
    expect((await visitor(site.relay).preview(url)).status).toBe(200);
    leave.resolve();
    expect((await slow).status).toBe(200);
    expect((await sender.read(url)).json.payload).toEqual(last);
  });

  test('does not count the time of the hook against the store budget, for any operation', async () => {
    const [budget, slowness] = [300, 400];
    const times = DEVICE_OPERATIONS.map(async (operation) => {
      let slow = false;
      const site = await setScene({
        storeBudgetMs: budget,
        // A slow store would not win against a deadline that has passed.
        store: troubledStore(() => new Promise((resolve) => setTimeout(resolve, 10))),
        authorize: async () => {
          if (slow) await new Promise((resolve) => setTimeout(resolve, slowness));
        },
      });
      slow = true;
      expect((await site.attempt(operation)).status, operation).toBe(200);
      expect(site.of('store.failed')).toEqual([]);
    });
    await Promise.all(times);
  });
});

describe('changes while the authorize hook runs', () => {
  /** A scene whose hook runs `meanwhile` once before it admits a request. */
  async function interrupted(meanwhile: (site: Scene) => Promise<unknown>, options: Partial<RelayOptions> = {}) {
    let armed = false;
    const site: Scene = await setScene({
      ...options,
      async authorize() {
        if (!armed) return;
        armed = false;
        await meanwhile(site);
      },
    });
    armed = true;
    return site;
  }

  test('a read gets 404 if the mailbox was deleted, also for a bound device', async () => {
    const { taken } = await interrupted(async ({ taken }) => {
      expect((await taken.sender.delete(taken.url)).status).toBe(200);
    });
    expect((await taken.receiver.read(taken.url)).status).toBe(404);
  });

  test('a read gets 404 if the mailbox expired [§7]', async () => {
    let now = Date.now();
    const clock = (): number => now;
    const { taken } = await interrupted(
      async () => {
        now += 3_601_000;
      },
      { clock, store: memoryStore(new Map(), { clock }) },
    );
    expect((await taken.receiver.read(taken.url)).status).toBe(404);
  });

  test.each(['update', 'delete', 'relinquish'] as const)(
    '%s gets 404 if the mailbox was deleted',
    async (operation) => {
      const { taken } = await interrupted(async ({ taken }) => {
        expect((await taken.sender.delete(taken.url)).status).toBe(200);
      });
      expect((await taken.receiver[operation](taken.url)).status).toBe(404);
    },
  );

  test('an update is applied to the result of an update that was faster', async () => {
    const overtake = async ({ taken }: Scene): Promise<void> => {
      expect((await taken.sender.update(taken.url)).status).toBe(200);
    };
    const plain = await interrupted(overtake);
    const last = somePayload();
    expect((await plain.taken.receiver.update(plain.taken.url, last)).status).toBe(200);
    expect((await plain.taken.sender.read(plain.taken.url)).json.payload).toEqual(last);
  });
});
