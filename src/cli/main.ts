#!/usr/bin/env node
import { readFile } from 'node:fs/promises';
import { describeUnknownCommand, wordsBeforeMark } from './arguments.js';
import { COMMANDS, PRINTING } from './commands.js';
import { type CommandFailure, failureOf } from './errors.js';
import { printableJson, shownMessage } from './printable.js';
import { usage } from './usage.js';

/** Runs what the words of the command line say; resolves to the exit code. */
async function main([command, ...words]: readonly string[]): Promise<number> {
  if (command === undefined) {
    process.stderr.write(usage());
    return 2;
  }
  const run = Object.hasOwn(COMMANDS, command) ? COMMANDS[command] : undefined;
  if (command === '--version') return print(`${await version()}\n`);
  if (isHelp(command) || command === 'help') return print(usage(helpTopic(words)));
  if (run === undefined) throw new TypeError(describeUnknownCommand(command));
  if (wordsBeforeMark(words).some(isHelp)) return print(usage(command));
  return run(words);
}

const isHelp = (word: string): boolean => word === '--help' || word === '-h';

/** The command that help is wanted of; `undefined` for all. */
function helpTopic([command]: readonly string[]): string | undefined {
  if (command === undefined || isHelp(command) || command === 'help') return undefined;
  if (!Object.hasOwn(COMMANDS, command)) throw new TypeError(describeUnknownCommand(command));
  return command;
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

async function version(): Promise<string> {
  // The same way from here to there in the sources and in what is built of them.
  return JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')).version;
}

/** Tells of a failure: a person on standard error, and a script, if it had asked for that, on standard output as well. */
function fail({ code, details, message, exitCode }: CommandFailure, [command, ...words]: readonly string[]): void {
  if (command !== 'serve' && wordsBeforeMark(words).includes('--json')) {
    process.stdout.write(`${printableJson({ event: 'failed', code, ...details })}\n`);
  }
  process.stderr.write(`credential-relay: ${shownMessage(message)}\n`);
  process.exitCode = exitCode;
}

const words = process.argv.slice(2);
// Nothing can be said to somebody who does not listen, and that must not end what goes on.
process.stderr.on('error', () => {});
if (PRINTING.includes(words[0] ?? '') || wordsBeforeMark(words).some(isHelp)) {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // Whoever reads the output may stop reading, as in `credential-relay demo | head`.
    if (error.code === 'EPIPE') process.exit(0);
    fail(failureOf(error), words);
    process.exit();
  });
}

try {
  process.exitCode = await main(words);
} catch (error) {
  fail(failureOf(error), words);
}
