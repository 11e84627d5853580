import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/* The `openssl` command, which has to be installed. */

const run = promisify(execFile);

/** A configuration of the machine may set other limits. */
const env = { ...process.env, OPENSSL_CONF: '/dev/null' };

/** Its version, as it says it. */
export async function opensslVersion(): Promise<string> {
  return (await run('openssl', ['version'], { env })).stdout;
}

/** What {@link opensslVerify} is to look at: PEM, the first of `chain` the certificate that it is about. */
export interface OpensslQuestion {
  readonly chain: readonly string[];
  readonly anchors: readonly string[];
  /** Unix time in ms. */
  readonly now: number;
  /** Whether anchors need not be self-signed. */
  readonly pinned?: boolean;
}

/** `OK`, or all that `openssl verify` says of a chain. */
export async function opensslVerify({ chain, anchors, now, pinned = false }: OpensslQuestion): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'chain-'));
  const file = async (name: string, pems: readonly string[]): Promise<string> => {
    await writeFile(join(folder, name), pems.join(''));
    return join(folder, name);
  };
  const [leaf = '', ...others] = chain;
  const untrusted = others.length === 0 ? [] : ['-untrusted', await file('untrusted', others)];
  const judge = ['-x509_strict', '-auth_level', '2', '-attime', String(Math.floor(now / 1000)), ...(pinned ? ['-partial_chain'] : [])];
  const trust = ['-no-CApath', '-no-CAstore', '-CAfile', await file('anchors', anchors)];
  try {
    await run('openssl', ['verify', ...judge, ...trust, ...untrusted, await file('leaf', [leaf])], { env });
    return 'OK';
  } catch (error) {
    // Whatever it says, it says with an exit code; that it is not there is an error of another kind.
    if (error instanceof Error && 'stderr' in error && 'code' in error && typeof error.code === 'number') {
      return String(error.stderr);
    }
    throw error;
  } finally {
    await rm(folder, { recursive: true });
  }
}
