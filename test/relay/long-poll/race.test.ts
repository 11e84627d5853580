import type { MailboxStore } from 'credential-relay';
import { memoryStore } from 'credential-relay/adapters/store/memory';
import { describe, expect, it } from 'vitest';
import { type Answer, type Device, device, sharedMailbox, somePayload, testRelay } from '../../support/relay/relay.js';

/* An update at every moment of a long poll: the relay must answer before the next poll of the store. */

type Moment = `${'before' | 'after'} ${'get' | 'replace'}`;

/** A store on `backing` that runs `meanwhile` before and after each of its calls. */
function watched(backing: Map<string, unknown>, meanwhile: (moment: Moment) => Promise<void>): MailboxStore {
  const inner = memoryStore(backing);
  return {
    ...inner,
    async get(key) {
      await meanwhile('before get');
      const entry = await inner.get(key);
      await meanwhile('after get');
      return entry;
    },
    async replace(...given) {
      await meanwhile('before replace');
      const said = await inner.replace(...given);
      await meanwhile('after replace');
      return said;
    },
  };
}

const waitFor = (version: string, seconds = 30) => ({
  headers: { Prefer: `wait=${seconds}`, 'Mailbox-Known-Version': version },
});

const versionOf = ({ headers }: Answer): string => headers.get('Mailbox-Version') ?? '';

/** A gate that opens once, and reports the first caller that waits. */
function gate(): { pass(): Promise<void>; reached: Promise<void>; open(): void } {
  let open: () => void = () => {};
  let reach: () => void = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const reached = new Promise<void>((resolve) => {
    reach = resolve;
  });
  return {
    pass() {
      reach();
      return opened;
    },
    reached,
    open,
  };
}

describe('an update while a read is about to be held', () => {
  // A read of a bound device calls `get` once. A read that binds calls `replace` before its answer.
  it.each<[moment: Moment, heard: boolean]>([
    ['before get', true],
    ['after get', true],
    ['before get', false],
    ['after get', false],
  ])('is not lost %s, with notifications: %s', async (moment, heard) => {
    const backing = new Map();
    const [stop, go] = [gate(), { at: undefined as Moment | undefined }];
    const reading = watched(backing, async (now) => {
      if (now === go.at) await stop.pass();
    });
    const { changes: _, ...deaf } = reading;
    const reader = testRelay({ store: heard ? reading : deaf, longPoll: { pollMs: heard ? 600_000 : 100 } });
    const writer = testRelay({ store: backing });
    const { sender, url, created } = await sharedMailbox(writer);
    const here = device(reader, sender.claim);

    go.at = moment;
    const waiting = here.read(url, waitFor(versionOf(created)));
    await stop.reached;
    const update = await sender.update(url);
    stop.open();
    const answer = await waiting;
    expect([answer.status, versionOf(answer)]).toEqual([200, versionOf(update)]);
    await Promise.all([reader.close(), writer.close()]);
  });

  it.each<Moment>(['before get', 'after get', 'before replace', 'after replace'])(
    'is not lost if the read begins %s of the update',
    async (moment) => {
      const backing = new Map();
      const [stop, go] = [gate(), { at: undefined as Moment | undefined }];
      const writing = watched(backing, async (now) => {
        if (now === go.at) await stop.pass();
      });
      const reader = testRelay({ store: backing, longPoll: { pollMs: 600_000 } });
      const writer = testRelay({ store: writing });
      const { sender, url, created } = await sharedMailbox(writer);

      go.at = moment;
      const updating = sender.update(url);
      await stop.reached;
      const waiting = device(reader, sender.claim).read(url, waitFor(versionOf(created)));
      while (moment !== 'after replace' && reader.stats().waiters === 0) await new Promise(setImmediate);
      stop.open();
      const [answer, update] = [await waiting, await updating];
      expect([answer.status, versionOf(answer)]).toEqual([200, versionOf(update)]);
      await Promise.all([reader.close(), writer.close()]);
    },
  );
});

/** A random short delay: nothing, some microtasks, or some turns of the event loop. */
async function someTime(): Promise<void> {
  const turns = Math.floor(Math.random() * 6);
  for (let turn = 0; turn < turns; turn += 1) {
    if (Math.random() < 0.2) await new Promise(setImmediate);
    else await undefined;
  }
}

/** Repeats one mailbox: in each round, a long poll and an update begin at about the same time, in either order. */
async function rounds(count: number, url: string, waiter: Device, writer: Device, first: string): Promise<number> {
  let lost = 0;
  let version = first;
  for (let round = 0; round < count; round += 1) {
    const payload = somePayload();
    const [answer] = await Promise.all([
      someTime().then(() => waiter.read(url, waitFor(version, 2))),
      someTime().then(() => writer.update(url, payload)),
    ]);
    if (answer.status !== 200 || answer.json.payload.data !== payload.data) lost += 1;
    version = versionOf(answer);
  }
  return lost;
}

describe.each([
  ['one relay', 1],
  ['two relays on one store', 2],
])('10,000 updates at the start of a long poll, %s', (_name, relays) => {
  it('are all received', async () => {
    const backing = new Map();
    const all = Array.from({ length: relays }, () => {
      // Without the poller, a lost notification is a lost update.
      return testRelay({ store: watched(backing, someTime), longPoll: { pollMs: 600_000 } });
    });
    const [here, there = here] = all as [(typeof all)[0], (typeof all)[0]?];
    const lanes = Array.from({ length: 50 }, async () => {
      const { sender, url, created } = await sharedMailbox(here);
      return rounds(200, url, device(here, sender.claim), device(there, sender.claim), versionOf(created));
    });
    const lost = (await Promise.all(lanes)).reduce((sum, some) => sum + some, 0);
    expect(lost).toBe(0);
    await Promise.all(all.map((relay) => relay.close()));
  }, 60_000);
});
