import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import type { SharedMailbox } from '../client/index.js';
import { parseSecret } from '../client/secret-text.js';
import { labelSystemErrors } from './errors.js';
import type { InputLines } from './input-lines.js';
import { assertSecret } from './link.js';

/** The places of a Secret that travels apart from its link (TIGRESS §8.2.1). */
export interface SecretSources {
  /** `--secret-file`; `-` is standard input, after the link if that comes from there too. */
  readonly file: string | undefined;
  /** The variable `RELAY_SECRET`. */
  readonly variable: string | undefined;
  /** True if the link came from standard input: then the Secret may be in the line below the link. */
  readonly isBelowLink: boolean;
}

const MAXIMUM_BYTES = 4096;

const MISSING =
  '<url>: has no Secret (the part after #); give the Secret by --secret-file FILE, by RELAY_SECRET, or with ' +
  '`receive -` in the line below the link. If the link has one: in a shell, put the link in quotation marks';

/** The Secret of a link, or of another source. Throws a TypeError unless there is exactly one. */
export async function resolveSecret(
  { secret: attached }: SharedMailbox,
  sources: SecretSources,
  input: InputLines,
  signal: AbortSignal,
): Promise<string> {
  if (attached !== undefined) assertSecret(attached);
  const { file, variable } = sources;
  const given = [attached];
  if (file !== undefined) given.push(parse('--secret-file', await readSecretFile(file, input)));
  if (variable) given.push(parse('RELAY_SECRET', variable));
  const secrets = new Set(
    given.filter((text) => text !== undefined).map((text) => Buffer.from(text, 'base64').toString('base64')),
  );
  if (secrets.size > 1) {
    throw new TypeError(
      '<url>: the Secrets of the link, of --secret-file and of RELAY_SECRET differ; give one of them',
    );
  }
  const secret = given.find((text) => text !== undefined);
  if (secret !== undefined) return secret;
  if (process.stdin.isTTY === true) return parse('Secret', await prompt('Secret (not shown): ', input, signal));
  const below = sources.isBelowLink ? await input.next() : '';
  if (below === '') throw new TypeError(MISSING);
  return parse('Secret', below);
}

function parse(name: string, text: string): string {
  // The output of `send --separate` has the link in its first line.
  const [, below] = text.trim().split(/\s*\n/);
  const secret = parseSecret(text) ?? (below === undefined ? undefined : parseSecret(below));
  if (secret === undefined) throw new TypeError(`${name}: must be the Secret, 22 or 43 characters of base64`);
  return secret;
}

async function readSecretFile(path: string, input: InputLines): Promise<string> {
  if (path === '-') return input.next();
  return labelSystemErrors('--secret-file', readStart(path));
}

/** The start of a file, which may also be a pipe. */
async function readStart(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MAXIMUM_BYTES));
    // Windows PowerShell writes UTF-16 with a byte order mark.
    const isWide = bytesRead > 1 && buffer.readUInt16LE(0) === 0xfeff;
    return buffer.toString(isWide ? 'utf16le' : 'utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Asks on the terminal without an echo. */
async function prompt(question: string, input: InputLines, signal: AbortSignal): Promise<string> {
  await input.close();
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: silent, terminal: true });
  process.stderr.write(question); // Not before: until now, the terminal echoes.
  try {
    return await new Promise<string>((resolve, reject) => {
      // The terminal sends no signal while readline reads single keys.
      terminal.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
      terminal.on('close', () => resolve(''));
      signal.addEventListener('abort', () => reject(signal.reason));
      terminal.question('', resolve);
    });
  } finally {
    terminal.close();
    process.stderr.write('\n');
  }
}
