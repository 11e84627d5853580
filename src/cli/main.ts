#!/usr/bin/env node
import { randomBytes } from 'node:crypto';
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { cancel } from './cancel.js';
import { secondsOf } from './durations.js';
import { CommandFailure, failureOf } from './outcome.js';
import { receive } from './receive.js';
import { send } from './send.js';
import { stateFolder } from './state-folder.js';
import type { Surroundings } from './surroundings.js';
import { createTeller } from './teller.js';
import { USAGE } from './usage.js';

const env = process.env;
const INTERRUPTED = 130;

const TRANSFER = {
  json: { type: 'boolean', default: false },
  patience: { type: 'string', default: '2m' },
  state: { type: 'string' },
} as const;

/** The commands: each parses its own arguments and resolves to the exit code. */
const COMMANDS: Readonly<Record<string, (args: readonly string[]) => Promise<number>>> = {
  async demo(args) {
    parse(args, 0, {});
    // Loaded when they are called: the relay is most of this package, and devices do not need it.
    const { demo } = await import('./demo.js');
    return demo();
  },
  async keygen(args) {
    parse(args, 0, {});
    const { SERVER_KEY_BYTES } = await import('../mailbox/server-keys.js');
    process.stdout.write(`${randomBytes(SERVER_KEY_BYTES).toString('base64url')}\n`);
    return 0;
  },
  async serve(args) {
    const { values } = parse(args, 0, {
      host: { type: 'string', default: '127.0.0.1' },
      port: { type: 'string', default: '8080' },
      'public-url': { type: 'string' },
      store: { type: 'string' },
      'trust-proxy': { type: 'boolean', default: false },
    });
    const { serve } = await import('./serve.js');
    return serve({
      host: values.host,
      port: values.port,
      publicUrl: values['public-url'],
      store: values.store ?? env.RELAY_STORE ?? 'memory:',
      keys: env.RELAY_KEYS,
      trustProxy: values['trust-proxy'],
    });
  },
  async send(args) {
    const { values, positionals } = parse(args, 1, {
      ...TRANSFER,
      relay: { type: 'string' },
      title: { type: 'string', default: 'A file for you' },
      description: { type: 'string', default: 'Sent with credential-relay' },
      // The protocol wants a picture. This name leads nowhere, so nobody learns who looks.
      image: { type: 'string', default: 'https://no-picture.invalid/' },
      vertical: { type: 'string' },
      expires: { type: 'string' },
      wait: { type: 'boolean', default: false },
      qr: { type: 'boolean', default: process.stderr.isTTY === true },
      limit: { type: 'string', default: '65536' },
    });
    const options = { ...values, file: positionals[0] ?? '', relay: values.relay ?? env.RELAY_URL };
    return transfer('sender', values, (surroundings) => send(options, surroundings));
  },
  async receive(args) {
    const { values, positionals } = parse(args, 1, {
      ...TRANSFER,
      out: { type: 'string' },
      allow: { type: 'string', multiple: true },
    });
    const options = { url: positionals[0] ?? '', out: values.out, allow: values.allow };
    return transfer('receiver', values, (surroundings) => receive(options, surroundings));
  },
  async cancel(args) {
    const { values, positionals } = parse(args, 1, TRANSFER);
    return transfer('sender', values, (surroundings) => cancel(positionals[0] ?? '', surroundings));
  },
};

/** Parses what follows a command; throws a TypeError unless it has so many arguments besides options. */
function parse<Options extends NonNullable<ParseArgsConfig['options']>>(
  args: readonly string[],
  count: number,
  options: Options,
) {
  const parsed = parseArgs({ args: [...args], allowPositionals: true, allowNegative: true, options });
  const extra = parsed.positionals[count];
  if (extra !== undefined) throw new TypeError(`unexpected argument ${extra}`);
  if (parsed.positionals.length < count) throw new TypeError('an argument is missing; see --help');
  return parsed;
}

/** Runs a command that SIGINT and SIGTERM end in good order, and tells of its failure. */
async function transfer(
  side: 'sender' | 'receiver',
  values: { readonly json: boolean; readonly patience: string; readonly state?: string | undefined },
  run: (surroundings: Surroundings) => Promise<number>,
): Promise<number> {
  const controller = new AbortController();
  const { signal } = controller;
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => controller.abort());
  const states = stateFolder(values.state);
  const teller = createTeller(values.json, side);
  const patienceMs = secondsOf('--patience', values.patience) * 1000;
  const client = { patienceMs, onState: states.keep, onProgress: teller.progress };
  try {
    return await run({ states, teller, signal, client });
  } catch (error) {
    if (signal.aborted) return INTERRUPTED;
    const failure = failureOf(error);
    if (failure instanceof CommandFailure) teller.tell({ event: 'failed', code: failure.code });
    throw failure;
  }
}

async function main([command = '', ...args]: readonly string[]): Promise<number> {
  if ([command, ...args].some((word) => word === '--help' || word === '-h')) {
    process.stdout.write(USAGE);
    return 0;
  }
  const run = Object.hasOwn(COMMANDS, command) ? COMMANDS[command] : undefined;
  if (run !== undefined) return run(args);
  process.stderr.write(USAGE);
  return 2;
}

// Whoever reads the output may stop reading, as in `credential-relay demo | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`credential-relay: ${error instanceof Error ? error.message : 'failed'}\n`);
  process.exitCode = error instanceof CommandFailure ? error.exitCode : error instanceof TypeError ? 2 : 1;
}
