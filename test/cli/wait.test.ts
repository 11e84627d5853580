import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createReceiver } from 'credential-relay/client';
import { describe, expect, it } from 'vitest';
import { type Command, parseLines, run, start } from '../support/cli/commands.js';
import { setUpSite } from '../support/cli/site.js';

/* A share on the device that sent it. */

const site = setUpSite();
const { device, sent } = site;

async function waiting(
  from: string,
  ...options: string[]
): Promise<{ readonly command: Command; readonly url: string }> {
  const command = start(from, ['send', '-', '--relay', site.relay.url, '--wait', ...options], 'words');
  await command.until(/The link works until/);
  return { command, url: command.out().toString().trim() };
}

const listStates = (from: string): Promise<string[]> => readdir(join(from, 'state'));

describe('send', () => {
  it('send prints the expiration, and the command lines to receive and to cancel', async () => {
    const args = ['send', '-', '--relay', site.relay.url, '--expires', '2h'];
    const { out, err } = await run(device(), args, 'words');
    expect(err).toMatch(/^To receive: credential-relay receive '<link>' --allow '127\.0\.0\.1:\d+'$/m);
    expect(err).toMatch(/^The link works until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ, for (2 hours|1\d\d minutes)\.$/m);
    expect(err).toMatch(/^To cancel: credential-relay cancel '<link>'$/m);
    // Standard error often goes to a log.
    expect(err).not.toContain(out.toString().trim().split('#')[1]);
  });

  it('send reports an interruption before the response, and deletes its state', async () => {
    const from = device();
    site.relay.proxy.pause();
    try {
      const sending = start(from, ['send', '-', '--relay', site.relay.url, '--json'], 'words');
      await expect.poll(() => listStates(from).catch(() => []), { timeout: 5000 }).toHaveLength(1);
      sending.child.kill('SIGHUP');
      expect(await sending.ended).toBe(130);
      expect(sending.err()).toMatch(
        /Interrupted\. The relay may have received the share, but nobody has the link\. Send/,
      );
      expect(parseLines(sending.out()).at(-1)).toEqual({ event: 'failed', code: 'interrupted' });
      expect(await listStates(from)).toEqual([]);
    } finally {
      site.relay.proxy.resume();
    }
  });

  it('send prints the problem and the maximum that the relay names', async () => {
    const args = ['send', '-', '--relay', site.relay.url, '--expires', '400d', '--json'];
    const { code, out, err } = await run(device(), args, 'words');
    expect(code).toBe(3);
    expect(err).toMatch(
      /out of range.* The latest expiration that the relay accepts is \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\.$/m,
    );
    expect(parseLines(out).at(-1)).toMatchObject({
      event: 'failed',
      code: 'refused',
      status: 400,
      relayCode: 'expiration_out_of_range',
      maximum: expect.stringMatching(/Z$/),
    });
  });
});

describe('send --wait and wait', () => {
  it('wait continues after an outage of the relay, in one process at a time', async () => {
    const from = device();
    const { command, url } = await waiting(from, '--retry-timeout', '1s');
    site.relay.proxy.cut();
    expect(await command.ended).toBe(5);
    site.relay.proxy.mend();
    expect(command.err()).toMatch(/The link still works\. To wait again, run `credential-relay wait`/);
    const going = start(from, ['wait', '-', '--json'], url.replace(/#.*/, '\n'));
    await going.until(/Waiting for the receiver/);
    await expect.poll(() => listStates(from)).toHaveLength(2);
    const second = await run(from, ['wait', url, '--json']);
    expect([second.code, parseLines(second.out)]).toEqual([1, [{ event: 'failed', code: 'busy' }]]);
    expect((await run(device(), ['receive', url])).code).toBe(0);
    expect(await going.ended).toBe(0);
    expect(parseLines(going.out()).at(-1)).toEqual({ event: 'ended', how: 'deleted' });
    expect(await listStates(from)).toEqual([]);
  });

  it('send --wait exits with 4 if another process cancels the share', async () => {
    const from = device();
    const { command, url } = await waiting(from);
    expect((await run(from, ['cancel', '-'], `${url}\n`)).code).toBe(0);
    expect(await command.ended).toBe(4);
    expect(command.err()).toMatch(/^The share was cancelled\.$/m);
    expect(await listStates(from)).toEqual([]);
  });

  it('wait reports the bound receiver and the end after an interruption of send --wait', async () => {
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

  it('wait exits with 1 on a device that did not send the share', async () => {
    const url = await sent(device());
    const { code, err } = await run(device(), ['wait', url]);
    expect(code).toBe(1);
    expect(err).toMatch(/has no share in progress with this link/);
  });
});
