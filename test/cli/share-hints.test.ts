import { execFile } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createShareCommands, formatCommand, quoteForShell } from '../../src/cli/share-hints.js';
import type { TransferState } from '../../src/client/index.js';
import { run } from '../support/cli/commands.js';
import { setUpSite } from '../support/cli/site.js';
import { BIN } from '../support/process/built.js';

/* Printed command lines, run in a shell. */

const site = setUpSite();
// Asynchronous, because the proxy of the relay runs in this process.
const execute = promisify(execFile);

/** A shell that interprets one of these texts creates a file `pwned`. */
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
  // A fake command that writes its arguments to a file.
  await writeFile(join(bin, 'credential-relay'), '#!/bin/sh\nprintf "%s\\0" "$@" > "$WORDS"\n');
  await chmod(join(bin, 'credential-relay'), 0o755);
});
beforeEach(async () => {
  folder = site.fresh('shell');
  await mkdir(folder);
});

/** Runs a line in `sh`; resolves to the arguments of the command. */
async function runAndReadArguments(line: string): Promise<string[]> {
  const file = site.fresh('words');
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH}`, WORDS: file };
  await execute('sh', ['-c', line], { cwd: folder, env });
  return (await readFile(file, 'utf8')).split('\0').slice(0, -1);
}

describe('a command line', () => {
  it.each(HOSTILE)(
    'formatCommand passes the argument unchanged, and the shell runs no other command: %j',
    async (word) => {
      expect(await runAndReadArguments(formatCommand('receive', word, '--out', word))).toEqual([
        'receive',
        word,
        '--out',
        word,
      ]);
      expect(await runAndReadArguments(`credential-relay ${quoteForShell(word)}`)).toEqual([word]);
      expect(await readdir(folder)).toEqual([]);
    },
  );

  it.each(HOSTILE)('createShareCommands passes hostile links and folders unchanged: %j', async (word) => {
    // No valid link has these characters: a second line of defence.
    const mailboxUrl = `http://127.0.0.1:8080/${word}`;
    const url = `${mailboxUrl}?v=h#${word}`;
    const { receive, cancel } = createShareCommands({ url, state: { mailboxUrl } as TransferState }, true, word);
    expect(await runAndReadArguments(receive)).toEqual(['receive', url, '--allow', '127.0.0.1:8080']);
    expect(await runAndReadArguments(cancel)).toEqual(['cancel', mailboxUrl, '--state', word]);
    expect(await readdir(folder)).toEqual([]);
  });

  it('createShareCommands adds no --allow for a public host', () => {
    const mailboxUrl = 'https://relay.example/v1/m/2ba7b0e6-519b-41ec-bf63-0242ac130002';
    const share = { url: `${mailboxUrl}#Secret`, state: { mailboxUrl } as TransferState };
    expect(createShareCommands(share, true, undefined)).toEqual({
      receive: `credential-relay receive '${mailboxUrl}#Secret'`,
      cancel: `credential-relay cancel '${mailboxUrl}'`,
    });
    expect(createShareCommands(share, false, undefined).receive).toBe("credential-relay receive '<link>'");
  });
});

it('the printed command lines of send work in a shell', async () => {
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
