import { randomBytes } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  type Command,
  type RelayProcess,
  run,
  start,
  startRelayProcess,
  temporaryFolder,
} from '../support/cli/commands.js';

/* Faults between two devices and a relay, in three processes. */

// Up to twelve processes, possibly on two cores.
vi.setConfig({ testTimeout: 60_000 });

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let relay: RelayProcess;
let count = 0;

beforeEach(async () => {
  folder = await temporaryFolder();
  relay = await startRelayProcess(folder.path);
});
afterEach(async () => {
  await relay.close();
  await folder.remove();
});

function fresh(name: string): string {
  count += 1;
  return join(folder.path, `${name}-${count}`);
}

async function someFile(): Promise<{ readonly path: string; readonly bytes: Buffer }> {
  const [path, bytes] = [fresh('file'), randomBytes(20_000)];
  await writeFile(path, bytes);
  return { path, bytes };
}

async function linkOf(sending: Command): Promise<string> {
  await sending.until(/"shared"[^\n]*\n/);
  const line = /^.*"shared".*$/m.exec(sending.out().toString())?.[0] ?? '';
  return JSON.parse(line).url;
}

describe('a relay that is killed and restarted on its SQLite file', () => {
  it('a restart at any step loses nothing: the file arrives once, and the sender is notified', async () => {
    const { path, bytes } = await someFile();
    await relay.kill();
    const sending = start(fresh('device'), ['send', path, '--relay', relay.url, '--wait', '--json']);
    await sending.until(/"retrying"/);
    await relay.start();
    const url = await linkOf(sending);

    await relay.kill();
    const out = fresh('out');
    const receiving = start(fresh('device'), ['receive', url, '--out', out, '--json']);
    await receiving.until(/"retrying"/);
    await relay.start();
    expect(await receiving.ended).toBe(0);
    await relay.kill();
    await relay.start();
    expect(await sending.ended).toBe(0);
    expect(await readFile(out)).toEqual(bytes);
    expect((await run(fresh('device'), ['receive', url])).code).toBe(4);
  });
});

describe('a device that is killed', () => {
  it('receive is bound and continues when it runs again after a kill during the first read', async () => {
    const { path, bytes } = await someFile();
    const url = (await run(fresh('device'), ['send', path, '--relay', relay.url])).out.toString().trim();
    const [device, out] = [fresh('device'), fresh('out')];
    relay.proxy.dropAnswers();
    // The sender has read before, to get the expiration.
    const before = relay.events().length;
    const killed = start(device, ['receive', url, '--out', out]);
    await expect
      .poll(() => relay.events().slice(before), { timeout: 5000 })
      .toMatch(/"operation":"read"[^\n]*"status":200/);
    killed.child.kill('SIGKILL');
    await killed.ended;
    relay.proxy.mend();
    // The relay has bound this device and refuses another one.
    expect((await run(fresh('device'), ['receive', url])).code).toBe(3);
    expect((await run(device, ['receive', url, '--out', out])).code).toBe(0);
    expect(await readFile(out)).toEqual(bytes);
    expect(await readdir(join(device, 'state'))).toEqual([]);
  });

  it('receive writes the file before the delete, and reports the finish after a kill', async () => {
    const { path, bytes } = await someFile();
    const url = (await run(fresh('device'), ['send', path, '--relay', relay.url])).out.toString().trim();
    const [device, out] = [fresh('device'), fresh('out')];
    relay.proxy.delay(400);
    const killed = start(device, ['receive', url, '--out', out]);
    // The relay has carried out the delete, and its response is delayed.
    await expect.poll(relay.events, { timeout: 9000 }).toMatch(/"operation":"delete"[^\n]*"status":200/);
    killed.child.kill('SIGKILL');
    await killed.ended;
    relay.proxy.mend();
    expect(await readFile(out)).toEqual(bytes);
    const again = await run(device, ['receive', url, '--out', out]);
    expect(again.code).toBe(0);
    expect(again.err).toContain('This device received the share before');
    expect(await readFile(out)).toEqual(bytes);
    expect((await run(device, ['receive', url])).code).toBe(4);
  });

  it('cancel works after a kill of send --wait', async () => {
    const { path } = await someFile();
    const device = fresh('device');
    const sending = start(device, ['send', path, '--relay', relay.url, '--wait']);
    await sending.until(/To cancel/);
    sending.child.kill('SIGKILL');
    await sending.ended;
    expect((await run(device, ['cancel', sending.out().toString().trim()])).code).toBe(0);
  });
});

describe('a network that cuts three connections in ten', () => {
  it('every file arrives once and complete, and both devices exit with 0', async () => {
    const unreliable = await startRelayProcess(folder.path, 4711);
    try {
      const transfers = Array.from({ length: 4 }, async () => {
        const { path, bytes } = await someFile();
        const sending = start(fresh('device'), ['send', path, '--relay', unreliable.url, '--wait', '--json']);
        const url = await linkOf(sending);
        const out = fresh('out');
        const receiving = await run(fresh('device'), ['receive', url, '--out', out, '--json']);
        const events = receiving.out.toString().match(/"event":"(received|finished|failed)"/g);
        expect([receiving.code, await sending.ended]).toEqual([0, 0]);
        expect(events).toEqual(['"event":"received"', '"event":"finished"']);
        expect(await readFile(out)).toEqual(bytes);
      });
      await Promise.all(transfers);
      expect(unreliable.unreliable?.cuts).toBeGreaterThan(3);
    } finally {
      await unreliable.close();
    }
  });
});
