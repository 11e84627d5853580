import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/*
 * Copies the declarations for `require` to dist/cjs. Below the package.json of that folder, TypeScript reads them as
 * CommonJS. TypeScript 5.3 and newer accept the types of a package without CommonJS there with a `resolution-mode`.
 */

const ONLY_ES_MODULES = /^import (?:type )?(\{[^}]*\}) from '(jose|oauth4webapi|openid-client)';$/gm;

const dist = fileURLToPath(new URL('../dist', import.meta.url));
const names = await readdir(dist, { recursive: true });
for (const name of names.filter((each) => each.endsWith('.d.ts') && !/^(cjs|cli)[/\\]/.test(each))) {
  const target = join(dist, 'cjs', name);
  await mkdir(dirname(target), { recursive: true });
  const text = await readFile(join(dist, name), 'utf8');
  await writeFile(
    target,
    text.replace(ONLY_ES_MODULES, "import type $1 from '$2' with { 'resolution-mode': 'import' };"),
  );
}
