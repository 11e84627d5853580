import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSender } from 'credential-relay/client';
import { describe, expect, it } from 'vitest';
import { linesOf, run, start } from '../support/cli/commands.js';
import { siteOfFile } from '../support/cli/site.js';

/* The device that opens a link: what it takes, where it puts it, and what it leaves. */

const DISPLAY = { title: 'A file', description: 'For you', imageURL: 'https://example.com/i.png' };

const site = siteOfFile();
const { device, fresh, sent } = site;

const statesOf = (of: string): Promise<string[]> => readdir(join(of, 'state')).catch(() => []);

/** Runs `work` while nothing gets through to the relay. */
async function whileSilent(work: () => Promise<void>): Promise<void> {
  site.relay.proxy.pause();
  try {
    await work();
  } finally {
    site.relay.proxy.resume();
  }
}

describe('the link', () => {
  it('is read from standard input, and no further than its line', async () => {
    const url = await sent(device());
    const receiving = start(device(), ['receive', '-', '--allow', new URL(url).host], 'open');
    receiving.child.stdin?.write(`\n<${url}>.\nmore`);
    expect(await receiving.ended).toBe(0);
    expect(receiving.out().toString()).toBe('words');
  });

  it('that is not there, or is no link, is a usage error: exit 2, also if the input has no end', async () => {
    const [none, endless] = [
      start(device(), ['receive', '-', '--json']),
      start(device(), ['receive', '-', '--json'], 'open'),
    ];
    endless.child.stdin?.write('x'.repeat(10_000));
    for (const { ended, out } of [none, endless]) {
      expect([await ended, linesOf(out())]).toEqual([2, [{ event: 'failed', code: 'usage' }]]);
    }
  });
});

describe('--out', () => {
  it('a file that is there is left alone, and nothing is bound; --force replaces it', async () => {
    const url = await sent(device());
    const [to, out] = [device(), fresh('out')];
    await writeFile(out, 'mine', { mode: 0o644 });
    for (const path of [out, `${out}/`, site.at('.'), '']) {
      const { code, out: told } = await run(to, ['receive', url, '--json', '--out', path]);
      expect([code, linesOf(told)]).toEqual(
        path === '' ? [2, [{ event: 'failed', code: 'usage' }]] : [1, [{ event: 'failed', code: 'io' }]],
      );
    }
    expect([await readFile(out, 'utf8'), await statesOf(to)]).toEqual(['mine', []]);
    const other = device();
    expect((await run(other, ['receive', url, '--out', out, '--force'])).code).toBe(0);
    expect(await readFile(out, 'utf8')).toBe('words');
  });

  it('`received` is told once the file is there, and not if it cannot be', async () => {
    const url = await sent(device());
    const [to, out] = [device(), fresh('out')];
    const receiving = start(to, ['receive', url, '--out', out, '--json']);
    await whileSilent(async () => {
      await expect.poll(() => statesOf(to), { timeout: 5000 }).toHaveLength(2);
      await mkdir(out);
    });
    expect(await receiving.ended).toBe(1);
    expect(linesOf(receiving.out()).map(({ event }) => event)).toEqual(['failed']);
    expect((await run(to, ['receive', url, '--out', '-'])).out.toString()).toBe('words');
  });

  it('what a killed process has left of the file is taken away by the next command', async () => {
    const url = await sent(device());
    const [to, folder] = [device(), fresh('folder')];
    await mkdir(folder);
    await whileSilent(async () => {
      const killed = start(to, ['receive', url, '--out', join(folder, 'out')]);
      const begun = expect.poll(async () => (await statesOf(to)).filter((name) => name.endsWith('.json')), {
        timeout: 5000,
      });
      await begun.toHaveLength(1);
      killed.child.kill('SIGKILL');
      await killed.ended;
    });
    expect(await readdir(folder)).toHaveLength(1);
    await run(to, ['cancel', url]);
    expect(await readdir(folder)).toEqual([]);
    expect(await statesOf(to)).toHaveLength(1);
  });
});

describe('one mailbox', () => {
  it('two at once on one device: the second is told, and the first goes on', async () => {
    const url = await sent(device());
    const to = device();
    const first = start(to, ['receive', url]);
    await whileSilent(async () => {
      await expect.poll(() => statesOf(to), { timeout: 5000 }).toHaveLength(2);
      const second = await run(to, ['receive', url, '--json']);
      expect([second.code, linesOf(second.out)]).toEqual([1, [{ event: 'failed', code: 'busy' }]]);
      expect(second.err).toContain(`Process ${first.child.pid} already uses this link.`);
    });
    expect([await first.ended, first.out().toString()]).toEqual([0, 'words']);
    expect(await statesOf(to)).toEqual([]);
  });

  it('a device that comes too late keeps nothing of it', async () => {
    const url = await sent(device());
    const [bound, late] = [device(), device()];
    expect((await run(bound, ['receive', url], '')).code).toBe(0);
    const other = await sent(device());
    await run(bound, ['receive', other.replace(/#.*/, `#${'A'.repeat(43)}=`)]);
    expect((await run(late, ['receive', other])).code).toBe(3);
    expect(await statesOf(late)).toEqual([]);
    expect(await statesOf(bound)).toHaveLength(1);
    expect((await run(bound, ['receive', other])).code).toBe(0);
  });
});

describe('the message', () => {
  it('a file whose base64 is damaged, or that has none: exit 6, and nothing is written or deleted', async () => {
    const sender = createSender({ relay: site.relay.url });
    for (const content of [{ data: 'd29yZHM' }, { data: 7 }]) {
      const share = await sender.share({ format: 'credential-relay.file', content }, DISPLAY);
      const [to, out] = [device(), fresh('out')];
      const { code, out: told } = await run(to, ['receive', share.url, '--out', out, '--json']);
      expect([code, linesOf(told)]).toEqual([6, [{ event: 'failed', code: 'malformed' }]]);
      await expect(readFile(out)).rejects.toThrow();
      await share.check();
      expect(share.state.ended).toBeUndefined();
    }
  });

  it('what a sender writes cannot move the cursor of a terminal, nor fake a line', async () => {
    const hostile = '\u001b[2J\u001b]0;pwned\u0007\u202efdp.exe": 5 bytes.\nThe share is finished.';
    const display = { ...DISPLAY, title: hostile };
    const sender = createSender({ relay: site.relay.url });
    for (const options of [[], ['--json']]) {
      const share = await sender.share({ format: 'f', content: { hostile } }, display);
      const { out, err } = await run(device(), ['receive', share.url, ...options]);
      expect(err).toMatch(/^"[^"]*pwned[^"]*": \d+ bytes\.\nThe share is finished\.\n$/);
      for (const text of [err, out.toString()]) expect(text).not.toMatch(/[^\P{Cc}\n]|\p{Cf}/u);
      const [received] = options.length === 0 ? [JSON.parse(out.toString())] : linesOf(out);
      expect(received.content).toEqual({ hostile });
    }
  });
});
