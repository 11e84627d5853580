import { randomBytes } from 'node:crypto';
import { createReceiver } from 'credential-relay/client';
import { describe, expect, it } from 'vitest';
import { parseLines, run, start } from '../support/cli/commands.js';
import { setUpSite } from '../support/cli/site.js';

/* `cancel`, and the results of all commands for scripts. */

const site = setUpSite();
const { at, device, sent } = site;

describe('cancel', () => {
  it('cancel works once per share, with or without the Secret in the link', async () => {
    const from = device();
    for (const cut of [(url: string) => url, (url: string) => url.replace(/#.*/, '')]) {
      const url = await sent(from);
      const { code, out } = await run(from, ['cancel', cut(url), '--json']);
      expect([code, parseLines(out)]).toEqual([0, [{ event: 'cancelled' }]]);
      expect((await run(device(), ['receive', url])).code).toBe(4);
      expect((await run(from, ['cancel', url])).code).toBe(1);
    }
  });

  it('cancel exits with 1 on a device that did not send the share', async () => {
    const url = await sent(device());
    const { code, err } = await run(device(), ['cancel', url]);
    expect(code).toBe(1);
    expect(err).toMatch(/has no share in progress with this link/);
    expect((await run(device(), ['receive', url])).code).toBe(0);
  });

  it('cancel --state reads another folder', async () => {
    const [from, state] = [device(), at('elsewhere')];
    const url = await sent(from, '--state', state);
    expect((await run(from, ['cancel', url])).code).toBe(1);
    expect((await run(from, ['cancel', url, '--state', state])).code).toBe(0);
  });

  it('cancel exits with 4 after the receiver has finished', async () => {
    const from = device();
    const url = await sent(from);
    await run(device(), ['receive', url]);
    const { code, out } = await run(from, ['cancel', url, '--json']);
    expect([code, parseLines(out)]).toEqual([
      4,
      [
        { event: 'ended', how: 'deleted' },
        { event: 'failed', code: 'gone' },
      ],
    ]);
  });
});

describe('exit codes', () => {
  it('receive exits with 3 if another device has opened the link, or if the host is not allowed', async () => {
    const url = await sent(device());
    await createReceiver({ relays: [new URL(url).host] })
      .open(url)
      .next();
    const taken = await run(device(), ['receive', url, '--json']);
    expect([taken.code, parseLines(taken.out)]).toEqual([
      3,
      [{ event: 'failed', code: 'already_claimed', status: 401, relayCode: 'mailbox_taken' }],
    ]);
    expect(taken.err).toContain('Another device has opened this link.');
    const other = await sent(device());
    expect((await run(device(), ['receive', other, '--allow', 'relay.example'])).code).toBe(3);
    const { host } = new URL(site.relay.url);
    expect((await run(device(), ['receive', other, '--allow', 'relay.example', '--allow', host])).code).toBe(0);
  });

  it('receive and send exit with 5 if the relay is unreachable', async () => {
    const url = await sent(device());
    site.relay.proxy.cut();
    try {
      const receiving = await run(device(), ['receive', url, '--retry-timeout', '1s', '--json']);
      expect([receiving.code, parseLines(receiving.out).at(-1)]).toEqual([5, { event: 'failed', code: 'unreachable' }]);
      const sending = await run(device(), ['send', '-', '--relay', site.relay.url, '--retry-timeout', '1s'], 'words');
      expect([sending.code, sending.out.length]).toEqual([5, 0]);
    } finally {
      site.relay.proxy.mend();
    }
  });

  it('receive exits with 6 on a wrong Secret, and works with the right one afterwards', async () => {
    const url = await sent(device());
    const wrong = url.replace(/#.*/, `#${randomBytes(32).toString('base64')}`);
    const to = device();
    expect((await run(to, ['receive', wrong, '--json'])).code).toBe(6);
    // This device stays bound, and can read with the right Secret.
    const { code, out } = await run(to, ['receive', url]);
    expect([code, out.toString()]).toEqual([0, 'words']);
  });

  it('send --wait exits with 130 on SIGINT, and cancel works afterwards', async () => {
    const from = device();
    const sending = start(from, ['send', '-', '--relay', site.relay.url, '--wait'], 'words');
    await sending.until(/To cancel/);
    sending.child.kill('SIGINT');
    expect(await sending.ended).toBe(130);
    expect((await run(from, ['cancel', sending.out().toString().trim()])).code).toBe(0);
  });

  it('send exits with 130 on SIGINT while it reads standard input', async () => {
    const from = device();
    const sending = start(from, ['send', '-', '--relay', site.relay.url, '--json'], 'open');
    await sending.until(/"reading"/);
    sending.child.kill('SIGINT');
    expect(await sending.ended).toBe(130);
    expect(parseLines(sending.out()).at(-1)).toEqual({ event: 'failed', code: 'interrupted' });
  });

  it.each([
    [['send'], /<file> is missing/],
    [['send', '-'], /--relay/],
    [
      ['send', '-', 'extra', '--relay', 'https://relay.example'],
      /argument 2 is unexpected: this command takes only <file>/,
    ],
    [['send', '-', '--relay', 'http://relay.example'], /relay: must be an https URL/],
    [['send', '-', '--relay', 'https://relay.example', '--vertical', 'x'], /--vertical/],
    [['send', '-', '--relay', 'https://relay.example', '--expires', 'soon'], /--expires/],
    [['send', '-', '--relay', 'https://relay.example', '--expires', '0s'], /--expires/],
    [['send', '-', '--relay', 'https://relay.example', '--limit', 'big'], /--limit/],
    [['send', '-', '--relay', 'https://relay.example', '--limit', '100'], /--limit: .* at least 1024/],
    [['send', '-', '--relay', 'https://relay.example', '--expires', '9999999d'], /--expires: must be at most 10000d/],
    [['send', '-', '--relay', 'https://relay.example', '--seperate'], /--seperate; did you mean --separate\?/],
    [['receive', 'https://relay.example/v1/m/x', '--secret', 'x'], /--secret; did you mean --secret-file\?/],
    [['send', '-', '--relay', 'https://relay.example', '--limit', '4194305'], /--limit: .* at most 4194304/],
    [['send', '-', '--relay', 'localhost:8080'], /--relay: must be a URL; write http:\/\/ before it/],
    [['send', '-', '--relay', 'https://relay.example', '--title', ''], /--title: must have 1 to 200 characters/],
    [
      ['receive', 'https://relay.example/v1/m/x#AAAAAAAAAAAAAAAAAAAAAA==', '--allow', 'https://x'],
      /^credential-relay: --allow:/,
    ],
    [['send', '-', '--port', '1'], /--port/],
    [['receive'], /<url> is missing/],
    [['receive', 'nonsense'], /<url>: must be the https URL of a mailbox/],
    [['receive', 'https://relay.example/v1/m/x'], /Secret/],
    [['receive', 'https://relay.example/v1/m/x#AAAA', '--retry-timeout', 'x'], /--retry-timeout/],
    [['cancel', 'nonsense'], /<url>: must be the https URL of a mailbox/],
    [['serve', '--title', 'x'], /--title/],
  ])('%j exits with 2', async (args, why) => {
    const { code, out, err } = await run(device(), args, '');
    expect([code, out.length]).toEqual([2, 0]);
    expect(err).toMatch(why);
  });

  it('--json ends with `failed` on every failure', async () => {
    for (const [args, code, exit] of [
      [['send', '--json'], 'usage', 2],
      [['send', at('none'), '--relay', site.relay.url, '--json'], 'io', 1],
      [['cancel', 'https://relay.example/v1/m/x', '--json'], 'unknown', 1],
    ] as const) {
      const failed = await run(device(), args);
      expect([failed.code, parseLines(failed.out).at(-1)]).toEqual([exit, { event: 'failed', code }]);
    }
  });

  it('send exits with 1 on a missing file; receive exits with 1 on a missing folder and binds no device', async () => {
    expect((await run(device(), ['send', at('none'), '--relay', site.relay.url])).code).toBe(1);
    const url = await sent(device());
    expect((await run(device(), ['receive', url, '--out', at('no/such/folder')])).code).toBe(1);
    expect((await run(device(), ['receive', url])).code).toBe(0);
  });
});
