import { randomBytes } from 'node:crypto';
import { parseArguments } from './arguments.js';
import { runTransfer } from './context.js';
import { receive } from './receive.js';
import { send } from './send.js';
import { cancel, wait } from './wait.js';

const { env } = process;

/** Options of every command with a transfer. */
const TRANSFER_OPTIONS = {
  json: { type: 'boolean', default: false },
  'retry-timeout': { type: 'string', default: '2m' },
  state: { type: 'string' },
} as const;

/** Each command parses its arguments and resolves to the exit code. */
export const COMMANDS: Readonly<Record<string, (args: readonly string[]) => Promise<number>>> = {
  async demo(args) {
    parseArguments(args, [], {});
    // A dynamic import: most of the code is the relay, which devices do not need.
    const { demo } = await import('./demo.js');
    return demo();
  },
  async keygen(args) {
    parseArguments(args, [], {});
    const { SERVER_KEY_BYTES } = await import('../relay/mailbox/keys.js');
    process.stdout.write(`${randomBytes(SERVER_KEY_BYTES).toString('base64url')}\n`);
    return 0;
  },
  async serve(args) {
    const { values } = parseArguments(args, [], {
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
  async send(args) {
    const { values, positionals } = parseArguments(args, ['<file>'], {
      ...TRANSFER_OPTIONS,
      relay: { type: 'string' },
      title: { type: 'string', default: 'A file for you' },
      description: { type: 'string', default: 'Sent with credential-relay' },
      // The protocol requires an image. This host name never resolves, so no server learns who reads the preview.
      image: { type: 'string', default: 'https://no-picture.invalid/' },
      vertical: { type: 'string' },
      expires: { type: 'string' },
      wait: { type: 'boolean', default: false },
      separate: { type: 'boolean', default: false },
      qr: { type: 'boolean', default: process.stderr.isTTY === true },
      limit: { type: 'string', default: '65536' },
    });
    const options = { ...values, file: positionals[0] ?? '', relay: values.relay ?? env.RELAY_URL };
    return runTransfer('sender', values, (context) => send(options, context));
  },
  async receive(args) {
    const { values, positionals } = parseArguments(args, ['<url>'], {
      ...TRANSFER_OPTIONS,
      out: { type: 'string' },
      force: { type: 'boolean', default: false },
      allow: { type: 'string', multiple: true },
      'secret-file': { type: 'string' },
    });
    const { out, force, allow, 'secret-file': secretFile } = values;
    const options = { url: positionals[0] ?? '', out, force, allow, secretFile, secretVariable: env.RELAY_SECRET };
    return runTransfer('receiver', values, (context) => receive(options, context));
  },
  async wait(args) {
    const { values, positionals } = parseArguments(args, ['<url>'], TRANSFER_OPTIONS);
    return runTransfer('sender', values, (context) => wait(positionals[0] ?? '', context));
  },
  async cancel(args) {
    const { values, positionals } = parseArguments(args, ['<url>'], TRANSFER_OPTIONS);
    return runTransfer('sender', values, (context) => cancel(positionals[0] ?? '', context));
  },
};

/** Commands that only print: a reader that stops early is not an error. */
export const PRINTING_COMMANDS: readonly string[] = ['demo', 'keygen', 'help', '--help', '-h', '--version'];
