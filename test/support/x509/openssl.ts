import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/* The `openssl` command, which must be installed. */

const run = promisify(execFile);

/** The configuration of the machine may set other limits. */
const env = { ...process.env, OPENSSL_CONF: '/dev/null' };

export async function opensslVersion(): Promise<string> {
  return (await run('openssl', ['version'], { env })).stdout;
}

/** The input of {@link opensslVerify}, as PEM. The first of `chain` is the certificate to verify. */
export interface OpensslQuestion {
  readonly chain: readonly string[];
  readonly anchors: readonly string[];
  /** Unix time in ms. */
  readonly now: number;
  /** Whether anchors need not be self-signed. */
  readonly pinned?: boolean;
}

/**
 * For each question `OK` or the output of `openssl verify`. One shell runs all commands, because a process per command
 * is slow.
 */
export async function opensslVerify(questions: readonly OpensslQuestion[]): Promise<readonly string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'chains-'));
  try {
    const asked = await Promise.all(questions.map((question, index) => write(question, join(folder, String(index)))));
    const half = Math.ceil(asked.length / 2);
    await Promise.all([asked.slice(0, half), asked.slice(half)].map((commands) => shell(commands, folder)));
    return await Promise.all(questions.map((_, index) => readFile(join(folder, `${index}.said`), 'utf8')));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Writes the files of a question, and returns its command. */
async function write({ chain, anchors, now, pinned = false }: OpensslQuestion, path: string): Promise<string> {
  const [leaf = '', ...others] = chain;
  await writeFile(`${path}.leaf`, leaf);
  await writeFile(`${path}.others`, others.join(''));
  await writeFile(`${path}.anchors`, anchors.join(''));
  const judge = `-x509_strict -auth_level 2 -policy_check -attime ${Math.floor(now / 1000)}`;
  const trust = `-no-CApath -no-CAstore -CAfile ${path}.anchors ${pinned ? '-partial_chain' : ''}`;
  const untrusted = others.length === 0 ? '' : `-untrusted ${path}.others`;
  const verify = `openssl verify ${judge} ${trust} ${untrusted} ${path}.leaf`;
  return `if ${verify} >${path}.said 2>&1; then printf OK >${path}.said; fi`;
}

async function shell(commands: readonly string[], folder: string): Promise<void> {
  const script = join(folder, `${randomUUID()}.sh`);
  await writeFile(script, commands.join('\n'));
  await run('sh', [script], { env });
}
