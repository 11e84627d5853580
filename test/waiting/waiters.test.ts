import { spawnSync } from 'node:child_process';
import { afterEach, describe, expect, it } from 'vitest';
import { createWaiters, type Waiters } from '../../src/waiting/waiters.js';

/* Those who wait at one process, without a relay around them. */

const open: Waiters[] = [];
afterEach(() => {
  for (const waiters of open.splice(0)) void waiters.close();
});

function waitersWith(revisionOf: () => Promise<string | undefined> = async () => 'one', periodMs = 600_000): Waiters {
  const waiters = createWaiters(100, { periodMs, revisionOf }, undefined);
  open.push(waiters);
  return waiters;
}

function enter(waiters: Waiters, key = 'k') {
  const waiter = waiters.open(key);
  if (waiter === undefined) throw new Error('no place');
  return waiter;
}

describe('a waiter', () => {
  it('is woken at once by what came before it waited, and by nothing that came before that', async () => {
    const waiters = waitersWith();
    const waiter = enter(waiters);
    waiters.wake('k');
    waiters.wake('k');
    expect(await waiter.next(600_000)).toBe('changed');
    expect(await waiter.next(1)).toBe('time');
    waiter.close();
  });

  it('hears what ends its wait rather than of a change', async () => {
    for (const order of [0, 1]) {
      const waiters = waitersWith();
      const waiter = enter(waiters);
      const calls = [() => waiters.wake('k'), waiter.leave];
      for (const call of order === 0 ? calls : calls.reverse()) call();
      expect(await waiter.next(600_000)).toBe('gone');
      waiter.close();
    }
  });

  it('of the same role is superseded; one that knows another revision is sent to look', async () => {
    const waiters = waitersWith();
    const [before, sender, receiver] = [enter(waiters), enter(waiters), enter(waiters)];
    before.settle('receiver', 'zero');
    sender.settle('sender', 'one');
    // Let go by a change that nobody told of here: its place was taken by another device.
    expect(await before.next(600_000)).toBe('changed');
    before.close();
    receiver.settle('receiver', 'one');
    expect(await sender.next(1)).toBe('time');
    enter(waiters).settle('sender', 'one');
    expect(await sender.next(600_000)).toBe('superseded');
    expect(await receiver.next(1)).toBe('time');
  });

  it('that is still reading reads again if a look finds anything, as its own answer may be the older', async () => {
    const looked: string[] = [];
    const waiters = waitersWith(async () => `${looked.push('k')}`, 5);
    const waiter = enter(waiters);
    while (looked.length === 0) await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(await waiter.next(0)).toBe('changed');
    waiter.close();
  });

  it('may wait longer than a timer of Node can run', async () => {
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
    one.close();
    one.close();
    expect(waiters.size).toBe(1);
    two.close();
    expect(waiters.size).toBe(0);
    await waiters.drain();
    expect(waiters.open('k')).toBeUndefined();
  });

  it('takes part in a wake of thousands with other work in between', async () => {
    const waiters = createWaiters(10_000, { periodMs: 600_000, revisionOf: async () => 'one' }, undefined);
    const all = Array.from({ length: 5_000 }, (_, index) => enter(waiters, String(index % 2_500)));
    let turns = 0;
    const ended = all.map(async (waiter) => {
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

describe('a process', () => {
  it('is not kept alive by reads that it holds', () => {
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
      while (relay.load().waiters === 0) await new Promise(setImmediate);
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
