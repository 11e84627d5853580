import { copyFile, mkdir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/* Copies the declarations for `require`. Below the package.json of dist/cjs, TypeScript reads them as CommonJS. */

const dist = fileURLToPath(new URL('../dist', import.meta.url));
const names = await readdir(dist, { recursive: true });
for (const name of names.filter((each) => each.endsWith('.d.ts') && !/^(cjs|cli)[/\\]/.test(each))) {
  const target = join(dist, 'cjs', name);
  await mkdir(dirname(target), { recursive: true });
  await copyFile(join(dist, name), target);
}
