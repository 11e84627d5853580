import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, posix } from 'node:path';

/** A condition of `exports` with its types. */
interface Target {
  readonly types: string;
  readonly default: string;
}

/**
 * Writes `{subpath}/package.json` for every entry of `exports`, for resolvers that read no `exports`: TypeScript with
 * `moduleResolution: node10`, Metro with package exports off, webpack 4. Git ignores these files.
 */
export async function writeSubpaths(root: string): Promise<void> {
  const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    readonly exports: Readonly<Record<string, string | { readonly import: Target; readonly require: Target }>>;
  };
  for (const [subpath, conditions] of Object.entries(manifest.exports)) {
    if (subpath === '.' || typeof conditions === 'string') continue;
    const folder = join(root, subpath);
    const relative = (path: string): string => posix.relative(subpath, path);
    const entry = {
      // The folders of adapters hold their sources in the repository.
      type: 'module',
      main: relative(conditions.require.default),
      module: relative(conditions.import.default),
      types: relative(conditions.require.types),
      sideEffects: false,
    };
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'package.json'), `${JSON.stringify(entry, null, 2)}\n`);
  }
}
