import { spawnSync } from 'node:child_process';
import { afterEach, describe, expect, it } from 'vitest';
import { Waiters } from '../../../src/relay/long-poll/waiters.js';

/* The waiters of one process, without a relay. */

const open: Waiters[] = [];
afterEach(() => {
  for (const waiters of open.splice(0)) void waiters.close();
});

function waitersWith(getRevision: () => Promise<string | undefined> = async () => 'one', periodMs = 600_000): Waiters {
  const waiters = new Waiters(
    { maximum: 100, maximumPerConnection: 100 },
    { periodMs, readRevision: getRevision },
    undefined,
  );
  open.push(waiters);
  return waiters;
}

const enter = (waiters: Waiters, key = 'k', connection?: object) => waiters.open(key, connection);

/** The state of a mailbox whose version is its revision: its latest change is not a change of a token. */
const known = (revision: string) => ({ revision, version: revision });

describe('a waiter', () => {
  it('is woken at once by an event since its last wait, and by no earlier event', async () => {
    const waiters = waitersWith();
    const waiter = enter(waiters);
    waiters.wake('k');
    waiters.wake('k');
    expect(await waiter.next(600_000)).toBe('changed');
    expect(await waiter.next(1)).toBe('time');
    waiter.close();
  });

  it('receives a final reason before a change', async () => {
    for (const order of [0, 1]) {
      const waiters = waitersWith();
      const waiter = enter(waiters);
      const calls = [() => waiters.wake('k'), waiter.leave];
      for (const call of order === 0 ? calls : calls.reverse()) call();
      expect(await waiter.next(600_000)).toBe('gone');
      waiter.close();
    }
  });

  it('is superseded by a waiter of the same role, or reads again if that waiter knows another revision', async () => {
    const waiters = waitersWith();
    const [before, sender, receiver] = [enter(waiters), enter(waiters), enter(waiters)];
    before.startWaiting('receiver', known('zero'));
    sender.startWaiting('sender', known('one'));
    // A change in another process released this waiter: another device replaced the receiver.
    expect(await before.next(600_000)).toBe('changed');
    before.close();
    receiver.startWaiting('receiver', known('one'));
    expect(await sender.next(1)).toBe('time');
    enter(waiters).startWaiting('sender', known('one'));
    expect(await sender.next(600_000)).toBe('superseded');
    expect(await receiver.next(1)).toBe('time');
  });

  it('reads again if a poll finds a revision during its read, because its result may be older', async () => {
    const looked: string[] = [];
    const waiters = waitersWith(async () => `${looked.push('k')}`, 5);
    const [waiting, reading] = [enter(waiters), enter(waiters)];
    waiting.startWaiting('sender', known('one'));
    while (looked.length === 0) await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(await reading.next(0)).toBe('changed');
    for (const waiter of [waiting, reading]) waiter.close();
  });

  it('may wait longer than the longest timer of Node', async () => {
    const waiters = waitersWith();
    const waiter = enter(waiters);
    const next = waiter.next(2 ** 40);
    expect(await Promise.race([next, new Promise((resolve) => setTimeout(resolve, 20, 'held'))])).toBe('held');
    waiters.wake('k');
    expect(await next).toBe('changed');
    waiter.close();
  });

  it('can be closed more than once, and counts once', async () => {
    const waiters = waitersWith();
    const [one, two] = [enter(waiters), enter(waiters)];
    one.startWaiting('sender', known('one'));
    two.startWaiting('receiver', known('one'));
    expect(waiters.size).toBe(2);
    one.close();
    one.close();
    expect(waiters.size).toBe(1);
    two.close();
    expect(waiters.size).toBe(0);
    await waiters.drain();
    expect(enter(waiters).startWaiting('sender', known('one'))).toBe(false);
  });

  it('is woken together with thousands, with other work in between', async () => {
    const waiters = new Waiters(
      { maximum: 10_000, maximumPerConnection: 100 },
      { periodMs: 600_000, readRevision: async () => 'one' },
      undefined,
    );
    const all = Array.from({ length: 5_000 }, (_, index) => enter(waiters, String(index % 2_500)));
    let turns = 0;
    const ended = all.map(async (waiter, index) => {
      waiter.startWaiting(index < 2_500 ? 'sender' : 'receiver', known('one'));
      const why = await waiter.next(600_000);
      waiter.close();
      return why;
    });
    let counting = true;
    const count = (): void => {
      turns += 1;
      if (counting) setImmediate(count);
    };
    count();
    await waiters.drain();
    counting = false;
    expect(new Set(await Promise.all(ended))).toEqual(new Set(['draining']));
    expect(turns).toBeGreaterThanOrEqual(9);
  });
});

describe('a slot', () => {
  const crowded = (maximum: number, maximumPerConnection: number): Waiters => {
    const watch = { periodMs: 600_000, readRevision: async () => 'one' };
    const waiters = new Waiters({ maximum, maximumPerConnection }, watch, undefined);
    open.push(waiters);
    return waiters;
  };

  it('is not used by a request that only reads', () => {
    const waiters = crowded(1, 1);
    for (let at = 0; at < 1_000; at += 1) enter(waiters);
    expect(waiters.size).toBe(0);
    expect(enter(waiters).startWaiting('sender', known('one'))).toBe(true);
  });

  it('is refused while all slots are used, and free again after a release', () => {
    const waiters = crowded(2, 2);
    const [one, two, three] = [enter(waiters, 'a'), enter(waiters, 'b'), enter(waiters, 'c')];
    expect([one, two, three].map((waiter) => waiter.startWaiting('sender', known('one')))).toEqual([true, true, false]);
    one.close();
    expect(enter(waiters, 'd').startWaiting('sender', known('one'))).toBe(true);
  });

  it('is refused once a connection uses all its slots, but not to other connections', () => {
    const waiters = crowded(10, 2);
    const [greedy, honest] = [{}, {}];
    const settle = (key: string, connection?: object) =>
      enter(waiters, key, connection).startWaiting('sender', known('one'));
    expect(['a', 'b', 'c'].map((key) => settle(key, greedy))).toEqual([true, true, false]);
    expect(['d', 'e', 'f'].map((key) => settle(key, honest))).toEqual([true, true, false]);
    expect(['g', 'h', 'i'].map((key) => settle(key))).toEqual([true, true, true]);
  });

  it('passes to a newer request of the same device, also at the limit', async () => {
    const waiters = crowded(1, 1);
    const connection = {};
    const older = enter(waiters, 'k', connection);
    older.startWaiting('sender', known('one'));
    expect(enter(waiters, 'k', connection).startWaiting('sender', known('one'))).toBe(true);
    expect(await older.next(600_000)).toBe('superseded');
    older.close();
    expect(waiters.size).toBe(1);
    expect(enter(waiters, 'other', connection).startWaiting('sender', known('one'))).toBe(false);
  });

  it('keeps no poll of a mailbox without waiters', async () => {
    let looks = 0;
    const waiters = waitersWith(async () => {
      looks += 1;
      return `${looks}`;
    }, 1);
    const waiter = enter(waiters);
    waiter.startWaiting('sender', known('1'));
    while (looks === 0) await new Promise(setImmediate);
    waiter.close();
    enter(waiters);
    const before = looks;
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(looks - before).toBeLessThanOrEqual(1); // One poll may have been in progress.
  });
});

describe('a process', () => {
  it('is not kept alive by held reads', () => {
    const program = `
      import { createRelay } from 'credential-relay';
      const relay = createRelay({ publicUrl: 'http://localhost' });
      const claim = { 'Mailbox-Device-Claim': '2ba7b0e6-0000-4000-8000-000000000000' };
      const send = (url, headers, body) => relay.fetch(new Request(url, {
        method: 'POST', body, headers: { 'Content-Type': 'application/json', ...claim, ...headers },
      }));
      const created = await send('http://localhost/v1/m', { 'Mailbox-Request-ID': 'one' }, JSON.stringify({
        payload: { type: 'AEAD_AES_128_GCM', data: 'ZGF0YQ==' },
        displayInformation: { title: 'a', description: 'b', imageURL: 'https://example.com/i.png' },
      }));
      const { urlLink } = await created.json();
      const version = created.headers.get('Mailbox-Version');
      send(urlLink, { Prefer: 'wait=30', 'Mailbox-Known-Version': version });
      while (relay.stats().waiters === 0) await new Promise(setImmediate);
      console.log('held');
    `;
    const started = performance.now();
    const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      encoding: 'utf8',
      timeout: 15_000,
    });
    expect([status, stdout.trim()]).toEqual([0, 'held']);
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});
