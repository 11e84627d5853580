import { execFile } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createShareCommands, formatCommand, quoteForShell } from '../../src/cli/share-hints.js';
import type { TransferState } from '../../src/client/index.js';
import { run } from '../support/cli/commands.js';
import { siteOfFile } from '../support/cli/site.js';
import { BIN } from '../support/process/built.js';

/* What is printed for a shell, run in one. */

const site = siteOfFile();
// Not the synchronous one: the network of the relay is in this process.
const execute = promisify(execFile);

/** Each would make a file `pwned`, if a shell read any of it. */
const HOSTILE = [
  "';touch pwned;'",
  "/';touch$IFS'pwned';'/v1/m/x",
  '$(touch pwned)',
  '`touch pwned`',
  '"; touch pwned; "',
  "\\'; touch pwned; \\'",
  '& touch pwned &',
  '| touch pwned',
  '> pwned',
  '\ntouch pwned\n',
  '#\ntouch pwned',
  '~/$HOME/*?[a-z]{a,b}!!',
  '-rf',
  "'",
  '',
];

let folder: string;
let bin: string;

beforeAll(async () => {
  bin = site.at('bin');
  await mkdir(bin);
  // Stands for the command: writes down its arguments.
  await writeFile(join(bin, 'credential-relay'), '#!/bin/sh\nprintf "%s\\0" "$@" > "$WORDS"\n');
  await chmod(join(bin, 'credential-relay'), 0o755);
});
beforeEach(async () => {
  folder = site.fresh('shell');
  await mkdir(folder);
});

/** Runs a line in `sh`; resolves to the arguments that the command was called with. */
async function wordsIn(line: string): Promise<string[]> {
  const file = site.fresh('words');
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH}`, WORDS: file };
  await execute('sh', ['-c', line], { cwd: folder, env });
  return (await readFile(file, 'utf8')).split('\0').slice(0, -1);
}

describe('a command line', () => {
  it.each(HOSTILE)('calls the command with these very words, and does nothing else: %j', async (word) => {
    expect(await wordsIn(formatCommand('receive', word, '--out', word))).toEqual(['receive', word, '--out', word]);
    expect(await wordsIn(`credential-relay ${quoteForShell(word)}`)).toEqual([word]);
    expect(await readdir(folder)).toEqual([]);
  });

  it.each(HOSTILE)('of a share does so, whatever its link, its host and its folder are: %j', async (word) => {
    // Links have none of that in them; should one ever, it must be text all the same.
    const mailboxUrl = `http://127.0.0.1:8080/${word}`;
    const url = `${mailboxUrl}?v=h#${word}`;
    const { receive, cancel } = createShareCommands({ url, state: { mailboxUrl } as TransferState }, true, word);
    expect(await wordsIn(receive)).toEqual(['receive', url, '--allow', '127.0.0.1:8080']);
    expect(await wordsIn(cancel)).toEqual(['cancel', mailboxUrl, '--state', word]);
    expect(await readdir(folder)).toEqual([]);
  });

  it('allows no host that `receive` opens without', () => {
    const mailboxUrl = 'https://relay.example/v1/m/2ba7b0e6-519b-41ec-bf63-0242ac130002';
    const share = { url: `${mailboxUrl}#Secret`, state: { mailboxUrl } as TransferState };
    expect(createShareCommands(share, true, undefined)).toEqual({
      receive: `credential-relay receive '${mailboxUrl}#Secret'`,
      cancel: `credential-relay cancel '${mailboxUrl}'`,
    });
    expect(createShareCommands(share, false, undefined).receive).toBe("credential-relay receive '<link>'");
  });
});

it('what `send` prints, pasted into a shell, is received and taken back, from whatever folder', async () => {
  const state = join(folder, "it's; touch pwned; $(touch pwned) `touch pwned`");
  const device = site.device();
  const args = ['send', '-', '--relay', site.relay.url, '--state', state];
  await writeFile(join(bin, 'credential-relay'), `#!/bin/sh\nexec "${process.execPath}" "${BIN}" "$@"\n`);
  const outputs: string[] = [];
  for (const pattern of [/^To receive: (.*)$/m, /^To cancel: (.*)$/m]) {
    const { out, err } = await run(device, args, 'words');
    const line = (pattern.exec(err)?.[1] ?? '').replace('<link>', out.toString().trim());
    const env = { ...process.env, PATH: `${bin}:${process.env.PATH}`, RELAY_STATE: site.fresh('state') };
    outputs.push((await execute('sh', ['-c', `${line} 2>&1`], { cwd: folder, env })).stdout);
  }
  expect(outputs[0]).toMatch(/^words/);
  expect(outputs[1]).toBe('The share is cancelled.\n');
  expect(await readdir(folder)).toEqual([state.slice(folder.length + 1)]);
});
