import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createReceiver } from 'credential-relay/client';
import { describe, expect, it } from 'vitest';
import { type Command, linesOf, run, start } from '../support/cli/commands.js';
import { siteOfFile } from '../support/cli/site.js';

/* What becomes of a share that was sent, seen from the device that sent it. */

const site = siteOfFile();
const { device, sent } = site;

/** A `send --wait` that waits, and its link. */
async function waiting(
  from: string,
  ...options: string[]
): Promise<{ readonly command: Command; readonly url: string }> {
  const command = start(from, ['send', '-', '--relay', site.relay.url, '--wait', ...options], 'words');
  await command.until(/The link works until/);
  return { command, url: command.out().toString().trim() };
}

const statesOf = (from: string): Promise<string[]> => readdir(join(from, 'state'));

describe('send', () => {
  it('says when the link expires, and what to call on the other side and to take it back', async () => {
    const args = ['send', '-', '--relay', site.relay.url, '--expires', '2h'];
    const { out, err } = await run(device(), args, 'words');
    expect(err).toMatch(/^To receive: credential-relay receive '<link>' --allow '127\.0\.0\.1:\d+'$/m);
    expect(err).toMatch(/^The link works until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ, for (2 hours|1\d\d minutes)\.$/m);
    expect(err).toMatch(/^To cancel: credential-relay cancel '<link>'$/m);
    // Standard error goes into logs.
    expect(err).not.toContain(out.toString().trim().split('#')[1]);
  });

  it('interrupted before it knows its mailbox: says so, and leaves nothing that no command can use', async () => {
    const from = device();
    site.relay.proxy.pause();
    try {
      const sending = start(from, ['send', '-', '--relay', site.relay.url, '--json'], 'words');
      await expect.poll(() => statesOf(from).catch(() => []), { timeout: 5000 }).toHaveLength(1);
      sending.child.kill('SIGHUP');
      expect(await sending.ended).toBe(130);
      expect(sending.err()).toMatch(
        /Interrupted\. The relay may have received the share, but nobody has the link\. Send/,
      );
      expect(linesOf(sending.out()).at(-1)).toEqual({ event: 'failed', code: 'interrupted' });
      expect(await statesOf(from)).toEqual([]);
    } finally {
      site.relay.proxy.resume();
    }
  });

  it('what the relay says is wrong is passed on', async () => {
    const args = ['send', '-', '--relay', site.relay.url, '--expires', '400d', '--json'];
    const { code, out, err } = await run(device(), args, 'words');
    expect(code).toBe(3);
    expect(err).toMatch(
      /not in the range.* The latest expiration that the relay accepts is \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\.$/m,
    );
    expect(linesOf(out).at(-1)).toMatchObject({
      event: 'failed',
      code: 'refused',
      status: 400,
      relayCode: 'expiration_out_of_range',
      maximum: expect.stringMatching(/Z$/),
    });
  });
});

describe('send --wait and wait', () => {
  it('the relay goes away: the link still works, and `wait` goes on, one at a time, until the receiver has finished', async () => {
    const from = device();
    const { command, url } = await waiting(from, '--retry-timeout', '1s');
    site.relay.proxy.cut();
    expect(await command.ended).toBe(5);
    site.relay.proxy.mend();
    expect(command.err()).toMatch(/The link still works\. To wait again, run `credential-relay wait`/);
    const going = start(from, ['wait', '-', '--json'], url.replace(/#.*/, '\n'));
    await going.until(/Waiting for the receiver/);
    await expect.poll(() => statesOf(from)).toHaveLength(2);
    const second = await run(from, ['wait', url, '--json']);
    expect([second.code, linesOf(second.out)]).toEqual([1, [{ event: 'failed', code: 'busy' }]]);
    expect((await run(device(), ['receive', url])).code).toBe(0);
    expect(await going.ended).toBe(0);
    expect(linesOf(going.out()).at(-1)).toEqual({ event: 'ended', how: 'deleted' });
    expect(await statesOf(from)).toEqual([]);
  });

  it('cancelled from another terminal: exit 4, and says so', async () => {
    const from = device();
    const { command, url } = await waiting(from);
    expect((await run(from, ['cancel', '-'], `${url}\n`)).code).toBe(0);
    expect(await command.ended).toBe(4);
    expect(command.err()).toMatch(/^The share was cancelled\.$/m);
    expect(await statesOf(from)).toEqual([]);
  });

  it('interrupted: says that the link still works; `wait` knows of a receiver that is bound, and of the end', async () => {
    const from = device();
    const { command, url } = await waiting(from);
    const receiving = createReceiver({ relays: [new URL(url).host] }).open(url);
    await receiving.next();
    await command.until(/The receiver has opened the link/);
    command.child.kill('SIGTERM');
    expect(await command.ended).toBe(130);
    expect(command.err()).toMatch(/Interrupted\. The link still works/);
    const going = start(from, ['wait', url]);
    await going.until(/The receiver has opened the link/);
    await receiving.finish();
    expect(await going.ended).toBe(0);
    expect((await run(from, ['wait', url])).code).toBe(1);
  });

  it('`wait` only where it was sent', async () => {
    const url = await sent(device());
    const { code, err } = await run(device(), ['wait', url]);
    expect(code).toBe(1);
    expect(err).toMatch(/has no share in progress with this link/);
  });
});
