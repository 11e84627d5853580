import { randomBytes } from 'node:crypto';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createReceiver, createSender } from 'credential-relay/client';
import { encode } from 'uqr';
import { describe, expect, it } from 'vitest';
import { parseLines, run, start } from '../support/cli/commands.js';
import { parseModules } from '../support/cli/qr.js';
import { setUpSite } from '../support/cli/site.js';

/* Two devices and a relay in three processes. */

const DISPLAY = { title: 'A file', description: 'For you', imageURL: 'https://example.com/i.png' };

const site = setUpSite();
const { at, device, fresh, sent } = site;

async function fileOf(size: number): Promise<{ readonly path: string; readonly bytes: Buffer }> {
  const [path, bytes] = [fresh('file'), randomBytes(size)];
  await writeFile(path, bytes);
  return { path, bytes };
}

/** The size of the largest file for a body of 64 KiB. The client computes the size without a request. */
async function largestFile(): Promise<number> {
  const { toFileInformation } = await import('../../src/cli/files.js');
  const fits = async (size: number): Promise<boolean> => {
    const sender = createSender({
      relay: site.relay.url,
      fetch: () => Promise.reject(new Error('fits')),
      retryTimeoutMs: 0,
    });
    const display = {
      title: 'A file for you',
      description: 'Sent with credential-relay',
      imageURL: 'https://no-picture.invalid/',
    };
    const error = await sender
      .share(toFileInformation(new Uint8Array(size)), display)
      .catch((caught: unknown) => caught);
    return (error as { code?: string }).code === 'unreachable';
  };
  let [low, high] = [1, 65_536];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (await fits(middle)) low = middle;
    else high = middle;
  }
  return low;
}

describe('send | receive', () => {
  it('files up to the limit arrive complete; send refuses one more byte before a request', async () => {
    const limit = await largestFile();
    expect(limit).toBeGreaterThan(36_000);
    for (const size of [1, 4096, limit]) {
      const { path, bytes } = await fileOf(size);
      const sending = await run(device(), ['send', path, '--relay', site.relay.url]);
      expect(sending.err).toMatch(/cancel/);
      const out = at(`out-${size}`);
      const receiving = await run(device(), ['receive', sending.out.toString().trim(), '--out', out]);
      expect([sending.code, receiving.code, receiving.out.length]).toEqual([0, 0, 0]);
      expect(await readFile(out)).toEqual(bytes);
    }
    const before = site.relay.proxy.roundTrips;
    const { path } = await fileOf(limit + 1);
    const { code, out, err } = await run(device(), ['send', path, '--relay', site.relay.url]);
    expect([code, out.length, site.relay.proxy.roundTrips]).toEqual([1, 0, before]);
    expect(err).toMatch(new RegExp(`too large: it has ${limit + 1} bytes\\. .*65536\\. Nothing was sent`));
  });

  it('send - and receive copy standard input to standard output', async () => {
    const bytes = randomBytes(3000);
    const { out } = await run(device(), ['send', '-', '--relay', site.relay.url], bytes);
    const received = await run(device(), ['receive', out.toString().trim()]);
    expect(received.out).toEqual(bytes);
  });

  it('send - does not read more than the limit', async () => {
    const { code, err } = await run(device(), ['send', '-', '--relay', site.relay.url], Buffer.alloc(5_000_000));
    expect(code).toBe(1);
    expect(err).toMatch(/Standard input is too large/);
  });

  it('send --wait reports the opening and the end of the share', async () => {
    const sending = start(device(), ['send', '-', '--relay', site.relay.url, '--wait', '--json'], 'words');
    await sending.until(/"shared"/);
    const url = String(parseLines(sending.out())[1]?.url);
    const receiving = createReceiver({ relays: [new URL(url).host] }).open(url);
    await receiving.next();
    await sending.until(/"opened"/);
    await sending.until(/The receiver has opened the link\./);
    await receiving.finish();
    expect(await sending.ended).toBe(0);
    const events = parseLines(sending.out()).map(({ event }) => event);
    // `expires` may come before or after `opened`.
    expect(events.filter((event) => event !== 'expires')).toEqual(['reading', 'shared', 'kept', 'opened', 'ended']);
  });

  it('send --wait --expires exits with 4 after the expiration', async () => {
    const { code, out, err } = await run(
      device(),
      ['send', '-', '--relay', site.relay.url, '--wait', '--json', '--expires', '2s'],
      'words',
    );
    expect(code).toBe(4);
    expect(parseLines(out).slice(-2)).toEqual([
      { event: 'ended', how: 'expired' },
      { event: 'failed', code: 'gone' },
    ]);
    expect(err).toContain('The share has expired.');
  });

  it('send shares --title, --description, --image and --vertical, and by default no name of the file', async () => {
    const { path } = await fileOf(4);
    const words = ['--title', 'Room 417', '--description', 'Your key', '--image', 'https://hotel.example/417.png'];
    const sending = await run(device(), ['send', path, '--relay', site.relay.url, '--vertical', 'h', ...words]);
    const url = sending.out.toString().trim();
    expect(url).toContain('?v=h#');
    const display = { title: 'Room 417', description: 'Your key', imageURL: 'https://hotel.example/417.png' };
    expect(
      await createReceiver({ relays: [new URL(url).host] })
        .open(url)
        .preview(),
    ).toEqual(display);
    const { out } = await run(device(), ['send', path, '--relay', site.relay.url]);
    const shown = JSON.stringify(
      await createReceiver({ relays: [new URL(site.relay.url).host] })
        .open(out.toString().trim())
        .preview(),
    );
    expect(shown).not.toContain('file-');
  });

  it('send --qr --json draws the link on standard error, and writes only JSON to standard output', async () => {
    const { out, err } = await run(device(), ['send', '-', '--relay', site.relay.url, '--qr', '--json'], 'words');
    const modules = parseModules(err);
    const { data, size } = encode(String(parseLines(out)[1]?.url), { ecc: 'L', border: 4 });
    expect(modules.slice(0, size)).toEqual(data);
    // No colours without a terminal.
    expect(err).not.toContain('\u001b');
  });

  it('send and receive save states with mode 0600, and receive deletes its state at the end', async () => {
    const [from, to] = [device(), device()];
    const url = await sent(from);
    const [file = ''] = await readdir(join(from, 'state'));
    expect((await stat(join(from, 'state'))).mode & 0o777).toBe(0o700);
    expect((await stat(join(from, 'state', file))).mode & 0o777).toBe(0o600);
    await run(to, ['receive', url]);
    expect(await readdir(join(to, 'state'))).toEqual([]);
  });

  it('receive writes a message of another format as JSON', async () => {
    const information = { format: 'digitalwallet.carkey.ccc', content: { slot: 1 } };
    const share = await createSender({ relay: site.relay.url }).share(information, DISPLAY);
    const { out } = await run(device(), ['receive', share.url]);
    expect(JSON.parse(out.toString())).toEqual(information);
  });
});
