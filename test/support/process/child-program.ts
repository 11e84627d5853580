import { rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { build } from 'tsup';
import { ROOT } from './built.js';

let built = 0;

/** A built program that runs in a child process. */
export interface ChildProgram {
  readonly path: string;
  remove(): void;
}

/** Builds a program from the sources. `source` is its path from the root of the project. */
export async function buildChildProgram(source: string): Promise<ChildProgram> {
  built += 1;
  const name = basename(source, '.ts');
  const out = join(ROOT, '.cache', `${name}-${process.pid}-${built}`);
  await build({
    entry: { [name]: join(ROOT, source) },
    outDir: out,
    format: 'esm',
    outExtension: () => ({ js: '.mjs' }),
    target: 'node20',
    // Packages stay outside, because CommonJS packages do not work in an ESM bundle.
    skipNodeModulesBundle: true,
    config: false,
    silent: true,
    clean: true,
    dts: false,
  });
  return { path: join(out, `${name}.mjs`), remove: () => rmSync(out, { recursive: true, force: true }) };
}
