import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSender } from 'credential-relay/client';
import { describe, expect, it } from 'vitest';
import { parseLines, run, start } from '../support/cli/commands.js';
import { setUpSite } from '../support/cli/site.js';

/* The device that opens a link: its input, its output, and its state. */

const DISPLAY = { title: 'A file', description: 'For you', imageURL: 'https://example.com/i.png' };

const site = setUpSite();
const { device, fresh, sent } = site;

const listStates = (of: string): Promise<string[]> => readdir(join(of, 'state')).catch(() => []);

/** Runs `work` while the network is paused. */
async function whileSilent(work: () => Promise<void>): Promise<void> {
  site.relay.proxy.pause();
  try {
    await work();
  } finally {
    site.relay.proxy.resume();
  }
}

describe('the link', () => {
  it('receive - reads the first line of standard input', async () => {
    const url = await sent(device());
    const receiving = start(device(), ['receive', '-', '--allow', new URL(url).host], 'open');
    receiving.child.stdin?.write(`\n<${url}>.\nmore`);
    expect(await receiving.ended).toBe(0);
    expect(receiving.out().toString()).toBe('words');
  });

  it('receive - exits with 2 on an input without a link, also without the end of the input', async () => {
    const [none, endless] = [
      start(device(), ['receive', '-', '--json']),
      start(device(), ['receive', '-', '--json'], 'open'),
    ];
    endless.child.stdin?.write('x'.repeat(10_000));
    for (const { ended, out } of [none, endless]) {
      expect([await ended, parseLines(out())]).toEqual([2, [{ event: 'failed', code: 'usage' }]]);
    }
  });
});

describe('--out', () => {
  it('receive --out leaves an existing file and binds no device; --force replaces the file', async () => {
    const url = await sent(device());
    const [to, out] = [device(), fresh('out')];
    await writeFile(out, 'mine', { mode: 0o644 });
    for (const path of [out, `${out}/`, site.at('.'), '']) {
      const { code, out: events } = await run(to, ['receive', url, '--json', '--out', path]);
      expect([code, parseLines(events)]).toEqual(
        path === '' ? [2, [{ event: 'failed', code: 'usage' }]] : [1, [{ event: 'failed', code: 'io' }]],
      );
    }
    expect([await readFile(out, 'utf8'), await listStates(to)]).toEqual(['mine', []]);
    const other = device();
    expect((await run(other, ['receive', url, '--out', out, '--force'])).code).toBe(0);
    expect(await readFile(out, 'utf8')).toBe('words');
  });

  it('receive --json emits `received` only after the file is written', async () => {
    const url = await sent(device());
    const [to, out] = [device(), fresh('out')];
    const receiving = start(to, ['receive', url, '--out', out, '--json']);
    await whileSilent(async () => {
      await expect.poll(() => listStates(to), { timeout: 5000 }).toHaveLength(2);
      await mkdir(out);
    });
    expect(await receiving.ended).toBe(1);
    expect(parseLines(receiving.out()).map(({ event }) => event)).toEqual(['failed']);
    expect((await run(to, ['receive', url, '--out', '-'])).out.toString()).toBe('words');
  });

  it('the next command deletes the draft of a killed process', async () => {
    const url = await sent(device());
    const [to, folder] = [device(), fresh('folder')];
    await mkdir(folder);
    await whileSilent(async () => {
      const killed = start(to, ['receive', url, '--out', join(folder, 'out')]);
      const begun = expect.poll(async () => (await listStates(to)).filter((name) => name.endsWith('.json')), {
        timeout: 5000,
      });
      await begun.toHaveLength(1);
      killed.child.kill('SIGKILL');
      await killed.ended;
    });
    expect(await readdir(folder)).toHaveLength(1);
    await run(to, ['cancel', url]);
    expect(await readdir(folder)).toEqual([]);
    expect(await listStates(to)).toHaveLength(1);
  });
});

describe('one mailbox', () => {
  it('a second receive on the same device exits as busy, and the first one continues', async () => {
    const url = await sent(device());
    const to = device();
    const first = start(to, ['receive', url]);
    await whileSilent(async () => {
      await expect.poll(() => listStates(to), { timeout: 5000 }).toHaveLength(2);
      const second = await run(to, ['receive', url, '--json']);
      expect([second.code, parseLines(second.out)]).toEqual([1, [{ event: 'failed', code: 'busy' }]]);
      expect(second.err).toContain(`Process ${first.child.pid} already uses this link.`);
    });
    expect([await first.ended, first.out().toString()]).toEqual([0, 'words']);
    expect(await listStates(to)).toEqual([]);
  });

  it('a device that is refused keeps no state', async () => {
    const url = await sent(device());
    const [bound, late] = [device(), device()];
    expect((await run(bound, ['receive', url], '')).code).toBe(0);
    const other = await sent(device());
    await run(bound, ['receive', other.replace(/#.*/, `#${'A'.repeat(43)}=`)]);
    expect((await run(late, ['receive', other])).code).toBe(3);
    expect(await listStates(late)).toEqual([]);
    expect(await listStates(bound)).toHaveLength(1);
    expect((await run(bound, ['receive', other])).code).toBe(0);
  });
});

describe('the message', () => {
  it('receive exits with 6 on damaged base64, writes no file, and keeps the mailbox', async () => {
    const sender = createSender({ relay: site.relay.url });
    for (const content of [{ data: 'd29yZHM' }, { data: 7 }]) {
      const share = await sender.share({ format: 'credential-relay.file', content }, DISPLAY);
      const [to, out] = [device(), fresh('out')];
      const { code, out: events } = await run(to, ['receive', share.url, '--out', out, '--json']);
      expect([code, parseLines(events)]).toEqual([6, [{ event: 'failed', code: 'malformed' }]]);
      await expect(readFile(out)).rejects.toThrow();
      await share.check();
      expect(share.state.ended).toBeUndefined();
    }
  });

  it('hostile texts of a sender neither move the cursor nor add a line', async () => {
    const hostile = '\u001b[2J\u001b]0;pwned\u0007\u202efdp.exe": 5 bytes.\nThe share is finished.';
    const display = { ...DISPLAY, title: hostile };
    const sender = createSender({ relay: site.relay.url });
    for (const options of [[], ['--json']]) {
      const share = await sender.share({ format: 'f', content: { hostile } }, display);
      const { out, err } = await run(device(), ['receive', share.url, ...options]);
      expect(err).toMatch(/^"[^"]*pwned[^"]*": \d+ bytes\.\nThe share is finished\.\n$/);
      for (const text of [err, out.toString()]) expect(text).not.toMatch(/[^\P{Cc}\n]|\p{Cf}/u);
      const [received] = options.length === 0 ? [JSON.parse(out.toString())] : parseLines(out);
      expect(received.content).toEqual({ hostile });
    }
  });
});
