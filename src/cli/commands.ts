import { randomBytes } from 'node:crypto';
import { parse } from './arguments.js';
import { cancel } from './cancel.js';
import { receive } from './receive.js';
import { send } from './send.js';
import { transfer } from './transfer.js';
import { wait } from './wait.js';

const { env } = process;

/** Options of every command of a transfer. */
const TRANSFER = {
  json: { type: 'boolean', default: false },
  'retry-timeout': { type: 'string', default: '2m' },
  state: { type: 'string' },
} as const;

/** The commands: each parses its own arguments and resolves to the exit code. */
export const COMMANDS: Readonly<Record<string, (words: readonly string[]) => Promise<number>>> = {
  async demo(words) {
    parse(words, [], {});
    // Loaded when they are called: the relay is most of this package, and devices do not need it.
    const { demo } = await import('./demo.js');
    return demo();
  },
  async keygen(words) {
    parse(words, [], {});
    const { SERVER_KEY_BYTES } = await import('../relay/mailbox/server-keys.js');
    process.stdout.write(`${randomBytes(SERVER_KEY_BYTES).toString('base64url')}\n`);
    return 0;
  },
  async serve(words) {
    const { values } = parse(words, [], {
      host: { type: 'string', default: '127.0.0.1' },
      port: { type: 'string', default: '8080' },
      'public-url': { type: 'string' },
      'mount-path': { type: 'string' },
      store: { type: 'string' },
      'trust-proxy': { type: 'boolean', default: false },
    });
    const { serve } = await import('./serve.js');
    return serve({
      host: values.host,
      port: values.port,
      publicUrl: values['public-url'],
      mountPath: values['mount-path'],
      store: values.store ?? env.RELAY_STORE ?? 'memory:',
      keys: env.RELAY_KEYS,
      trustProxy: values['trust-proxy'],
    });
  },
  async send(words) {
    const { values, positionals } = parse(words, ['<file>'], {
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
  async receive(words) {
    const { values, positionals } = parse(words, ['<url>'], {
      ...TRANSFER,
      out: { type: 'string' },
      force: { type: 'boolean', default: false },
      allow: { type: 'string', multiple: true },
    });
    const { out, force, allow } = values;
    const options = { url: positionals[0] ?? '', out, force, allow };
    return transfer('receiver', values, (surroundings) => receive(options, surroundings));
  },
  async wait(words) {
    const { values, positionals } = parse(words, ['<url>'], TRANSFER);
    return transfer('sender', values, (surroundings) => wait(positionals[0] ?? '', surroundings));
  },
  async cancel(words) {
    const { values, positionals } = parse(words, ['<url>'], TRANSFER);
    return transfer('sender', values, (surroundings) => cancel(positionals[0] ?? '', surroundings));
  },
};

/** Commands whose standard output is all that they are for: who stops reading has read enough. */
export const PRINTING: readonly string[] = ['demo', 'keygen', 'help', '--help', '-h', '--version'];
