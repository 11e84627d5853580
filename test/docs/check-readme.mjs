/**
 * Runs the shell lines of README.md, as they stand there, against a relay started from the built command, with bash and
 * curl. Exit 0 only if they print what the README says they do.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const [, script] = /<!-- run against a relay -->\n```sh\n([\s\S]*?)```/.exec(readFileSync('README.md', 'utf8')) ?? [];
if (script === undefined || !script.startsWith('RELAY=')) throw new Error('README.md has no lines to run');

const relay = spawn(process.execPath, ['dist/cli/main.js', 'serve', '--port', '0'], {
  stdio: ['ignore', 'pipe', 'ignore'],
});
const [line] = await once(createInterface(relay.stdout), 'line');
const { url } = JSON.parse(line);
try {
  const out = execFileSync('bash', ['-euo', 'pipefail', '-c', script.replace(/^RELAY=.*$/m, `RELAY=${url}`)], {
    encoding: 'utf8',
  });
  const expected = ['og:title" content="Room 417', '"data":"c2VhbGVk"', '"mailbox_taken"', '"mailbox_not_found"'];
  let from = 0;
  for (const part of expected) {
    const at = out.indexOf(part, from);
    if (at === -1) throw new Error(`The lines of README.md did not print ${part}, in this order:\n${out}`);
    from = at;
  }
  console.log(`README.md: its lines print what they should (${expected.length} answers)`);
} finally {
  relay.kill('SIGTERM');
  await once(relay, 'close');
}
