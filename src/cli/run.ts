import { readFile } from 'node:fs/promises';
import { argsBeforeDoubleDash, describeUnknownCommand } from './arguments.js';
import { COMMANDS, PRINTING_COMMANDS } from './commands.js';
import { type CommandFailure, toCommandFailure } from './errors.js';
import { formatMessage, toPrintableJson } from './text.js';
import { usage } from './usage.js';

/** Resolves to the exit code. `manifest` is the URL of the package.json. */
async function execute([command, ...args]: readonly string[], manifest: URL): Promise<number> {
  if (command === undefined) {
    process.stderr.write(usage());
    return 2;
  }
  const run = Object.hasOwn(COMMANDS, command) ? COMMANDS[command] : undefined;
  if (command === '--version') return print(`${await readVersion(manifest)}\n`);
  if (isHelp(command) || command === 'help') return print(usage(parseHelpTopic(args)));
  if (run === undefined) throw new TypeError(describeUnknownCommand(command));
  if (argsBeforeDoubleDash(args).some(isHelp)) return print(usage(command));
  return run(args);
}

const isHelp = (arg: string): boolean => arg === '--help' || arg === '-h';

/** Returns `undefined` for the help of all commands. */
function parseHelpTopic([command]: readonly string[]): string | undefined {
  if (command === undefined || isHelp(command) || command === 'help') return undefined;
  if (!Object.hasOwn(COMMANDS, command)) throw new TypeError(describeUnknownCommand(command));
  return command;
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

async function readVersion(manifest: URL): Promise<string> {
  return JSON.parse(await readFile(manifest, 'utf8')).version;
}

function reportFailure(failure: CommandFailure, [command, ...args]: readonly string[]): void {
  const { code, details, message, exitCode } = failure;
  if (command !== 'serve' && argsBeforeDoubleDash(args).includes('--json')) {
    process.stdout.write(`${toPrintableJson({ event: 'failed', code, ...details })}\n`);
  }
  process.stderr.write(`credential-relay: ${formatMessage(message)}\n`);
  process.exitCode = exitCode;
}

/** Runs the command with the arguments of the process. Sets the exit code. */
export async function run(manifest: URL): Promise<void> {
  const args = process.argv.slice(2);
  // A closed standard error must not end the command.
  process.stderr.on('error', () => {});
  if (PRINTING_COMMANDS.includes(args[0] ?? '') || argsBeforeDoubleDash(args).some(isHelp)) {
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      // The reader may stop early, as in `credential-relay demo | head`.
      if (error.code === 'EPIPE') process.exit(0);
      reportFailure(toCommandFailure(error), args);
      process.exit();
    });
  }

  try {
    process.exitCode = await execute(args, manifest);
  } catch (error) {
    reportFailure(toCommandFailure(error), args);
  }
}
