#!/usr/bin/env node
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { SERVER_KEY_BYTES } from '../mailbox/server-keys.js';
import { demo } from './demo.js';
import { serve } from './serve.js';

const USAGE = `credential-relay: a relay for sharing digital credentials between devices

  credential-relay demo
      One transfer of a sample hotel key, step by step, and what the relay refuses.

  credential-relay serve [options]
      A relay of its own. The first line on standard output is JSON with its url; events go to standard error.
      --host 127.0.0.1     address to listen on
      --port 8080          port to listen on; 0 picks a free one
      --public-url URL     what share links begin with; by default the address it listens on
      --store URL          where mailboxes are kept: memory: (the default), sqlite:./relay.db, redis://, rediss://,
                           redis+sentinel://, postgres://; or RELAY_STORE
      --trust-proxy        believe X-Forwarded-Proto: a proxy in front ends TLS and sets it
      RELAY_KEYS           server keys that seal what is stored, separated by commas, the current one first;
                           needed for every store but memory:

  credential-relay keygen
      Prints a new server key for RELAY_KEYS.
`;

/** Exit codes: 0 done, 1 failed, 2 called wrongly. */
async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      help: { type: 'boolean', short: 'h', default: false },
      host: { type: 'string', default: '127.0.0.1' },
      port: { type: 'string', default: '8080' },
      'public-url': { type: 'string' },
      store: { type: 'string' },
      'trust-proxy': { type: 'boolean', default: false },
    },
  });
  const [command, ...rest] = positionals;
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (rest.length > 0) throw new TypeError(`unexpected argument ${rest[0]}`);
  if (command === 'demo') return demo();
  if (command === 'keygen') {
    process.stdout.write(`${randomBytes(SERVER_KEY_BYTES).toString('base64url')}\n`);
    return 0;
  }
  if (command === 'serve') {
    return serve({
      host: values.host,
      port: values.port,
      publicUrl: values['public-url'],
      store: values.store ?? process.env.RELAY_STORE ?? 'memory:',
      keys: process.env.RELAY_KEYS,
      trustProxy: values['trust-proxy'],
    });
  }
  process.stderr.write(USAGE);
  return 2;
}

// Whoever reads the output may stop reading, as in `credential-relay demo | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`credential-relay: ${error instanceof Error ? error.message : 'failed'}\n`);
  process.exitCode = error instanceof TypeError ? 2 : 1;
}
