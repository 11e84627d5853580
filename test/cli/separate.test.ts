import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { getAllowArguments, parseLines, run } from '../support/cli/commands.js';
import { setUpSite } from '../support/cli/site.js';
import { BIN } from '../support/process/built.js';

/* A Secret that travels apart from its link [TIGRESS §8.2.1]. */

const site = setUpSite();
const { device } = site;

/** Sends the text `words` with --separate. */
async function sentApart(...options: string[]): Promise<{ link: string; secret: string; err: string }> {
  const { code, out, err } = await run(
    device(),
    ['send', '-', '--relay', site.relay.url, '--separate', ...options],
    'words',
  );
  expect(code).toBe(0);
  const [link = '', secret = ''] = out.toString().split('\n');
  return { link, secret, err };
}

describe('send --separate', () => {
  it('send --separate prints the link, and below it the Secret', async () => {
    const { link, secret, err } = await sentApart('--vertical', 'h', '--qr');
    expect(link).toMatch(/\/v1\/m\/[\da-f-]{36}\?v=h$/);
    expect(secret).toMatch(/^[\w-]{43}$/);
    expect(err).toContain('The first line is the link, and the second line is its Secret: send them by two channels.');
    expect(err).not.toContain(secret);
  });

  it('send --separate --json has link and secret, and no url', async () => {
    const args = ['send', '-', '--relay', site.relay.url, '--separate', '--json'];
    const events = parseLines((await run(device(), args, 'words')).out);
    const shared = {
      event: 'shared',
      link: expect.stringMatching(/^[^#]+$/),
      secret: expect.stringMatching(/^[\w-]{43}$/),
    };
    expect(events.find(({ event }) => event === 'shared')).toEqual(shared);
  });
});

describe('receive of a link without a Secret', () => {
  it.each(['RELAY_SECRET', '--secret-file', '--secret-file -', 'receive -'] as const)(
    'receive takes the Secret from %s',
    async (source) => {
      const { link, secret } = await sentApart();
      const to = device();
      const file = site.fresh('secret');
      await writeFile(file, `${secret}\n`);
      const { code, out } =
        source === 'RELAY_SECRET'
          ? await run(to, ['receive', link], '', { RELAY_SECRET: secret })
          : source === '--secret-file'
            ? await run(to, ['receive', link, '--secret-file', file])
            : source === '--secret-file -'
              ? await run(to, ['receive', link, '--secret-file', '-'], `\n ${secret}.\n`)
              : await run(to, ['receive', '-', ...getAllowArguments(['receive', link])], `${link}\n${secret}\n`);
      expect([code, out.toString()]).toEqual([0, 'words']);
    },
  );

  it.each<[string, (link: string, secret: string) => Buffer]>([
    ['the output of send --separate', (link, secret) => Buffer.from(`${link}\r\n${secret}\r\n`)],
    ['UTF-16, as Windows PowerShell writes it', (_, secret) => Buffer.from(`\ufeff${secret}\r\n`, 'utf16le')],
    ['UTF-8 with a byte order mark', (_, secret) => Buffer.from(`\ufeff${secret}\n`)],
    ['groups of characters in quotation marks', (_, secret) => Buffer.from(`"${secret.replace(/(.{4})/g, '$1 ')}"`)],
  ])('receive takes the Secret from a file with %s', async (_, toBytes) => {
    const { link, secret } = await sentApart();
    const file = site.fresh('secret');
    await writeFile(file, toBytes(link, secret));
    const { code, out } = await run(device(), ['receive', link, '--secret-file', file]);
    expect([code, out.toString()]).toEqual([0, 'words']);
  });

  it('receive with a wrong Secret exits with 6, and the next receive with the right one has the message', async () => {
    const { link, secret } = await sentApart();
    const to = device();
    const wrong = await run(to, ['receive', link], '', { RELAY_SECRET: secret.replace(/^../, 'AA') });
    expect([wrong.code, wrong.out.toString()]).toEqual([6, '']);
    const right = await run(to, ['receive', link], '', { RELAY_SECRET: secret });
    expect([right.code, right.out.toString()]).toEqual([0, 'words']);
  });

  it('receive on a terminal asks for the Secret and does not show it', async () => {
    const { link, secret } = await sentApart();
    const to = device();
    const args = ['receive', link, ...getAllowArguments(['receive', link])];
    const command = [process.execPath, BIN, ...args].map((arg) => `'${arg}'`).join(' ');
    const child = spawn('script', ['-qec', command, '/dev/null'], {
      env: { ...process.env, RELAY_STATE: join(to, 'state') },
    });
    let shown = '';
    child.stdout.on('data', (chunk) => {
      const isAsked = shown.includes('Secret');
      shown += chunk;
      if (!isAsked && shown.includes('Secret (not shown): ')) child.stdin.write(`${secret}\r`);
    });
    const [code] = await once(child, 'close');
    expect(shown).toContain('Secret (not shown): ');
    expect(shown).toContain('words');
    expect(shown).not.toContain(secret.slice(0, 8));
    expect(code).toBe(0);
  });

  it('receive exits with 2 without a Secret, with another text, and with two Secrets, and binds no device', async () => {
    const { link, secret } = await sentApart();
    const other = secret.replace(/^../, 'AA');
    const attempts = [
      await run(device(), ['receive', link]),
      await run(device(), ['receive', '-', ...getAllowArguments(['receive', link])], `${link}\n`),
      await run(device(), ['receive', link], '', { RELAY_SECRET: 'hunter2' }),
      await run(device(), ['receive', `${link}#${secret}`], '', { RELAY_SECRET: other }),
      await run(device(), ['receive', link, '--secret-file', '-'], other, { RELAY_SECRET: secret }),
      await run(device(), ['receive', link, '--secret-file', site.at('missing')]),
    ];
    expect(attempts.map(({ code }) => code)).toEqual([2, 2, 2, 2, 2, 1]);
    const messages = attempts.map(({ err }) => err);
    for (const index of [0, 1])
      expect(messages[index]).toMatch(/<url>: has no Secret .*--secret-file FILE, by RELAY_SECRET, .*`receive -`/);
    expect(messages[2]).toMatch(/RELAY_SECRET: must be the Secret, 22 or 43 characters of base64/);
    expect(messages[3]).toMatch(/<url>: the Secrets of the link, of --secret-file and of RELAY_SECRET differ/);
    expect(messages[4]).toMatch(/differ/);
    expect(messages[5]).toMatch(/--secret-file: no such file/);
    for (const err of messages) for (const text of [secret, other, 'hunter2']) expect(err).not.toContain(text);
    const { code, out } = await run(device(), ['receive', `${link}#${secret}`], '', { RELAY_SECRET: secret });
    expect([code, out.toString()]).toEqual([0, 'words']);
  });

  it('cancel and wait need no Secret', async () => {
    const from = device();
    const args = ['send', '-', '--relay', site.relay.url, '--separate'];
    const [link = ''] = (await run(from, args, 'words')).out.toString().split('\n');
    expect((await run(from, ['cancel', link])).code).toBe(0);
  });
});
