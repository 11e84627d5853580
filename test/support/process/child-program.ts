import { rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { build } from 'tsup';
import { ROOT } from './built.js';

let built = 0;

/** A program of the tests, made of the sources, for processes of its own. */
export interface ChildProgram {
  readonly path: string;
  remove(): void;
}

/** Builds a program; `source` is its path from the root of the project. */
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
    config: false,
    silent: true,
    clean: true,
    dts: false,
  });
  return { path: join(out, `${name}.mjs`), remove: () => rmSync(out, { recursive: true, force: true }) };
}
