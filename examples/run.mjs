/**
 * `npm run example -- NAME [arguments]` builds an example to .cache/examples and runs it. Without a name, it lists all.
 */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'tsup';

const here = fileURLToPath(new URL('.', import.meta.url));
const names = readdirSync(here, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

const [name = '', ...rest] = process.argv.slice(2);
if (!names.includes(name)) {
  if (name !== '') console.error(`There is no example named ${name}.\n`);
  for (const each of names) console.log(`npm run example -- ${each}`);
  process.exitCode = name === '' ? 0 : 2;
} else {
  const outDir = fileURLToPath(new URL(`../.cache/examples/${name}`, import.meta.url));
  if (name === 'browser') await build({ config: `${here}browser/tsup.config.json` });
  else {
    await build({
      config: false,
      silent: true,
      entry: [`${here}${name}/server.ts`],
      format: ['esm'],
      outDir,
      // Packages of the host are not bundled.
      skipNodeModulesBundle: true,
    });
  }
  const child = spawn(process.execPath, [`${outDir}/server.js`, ...rest], { stdio: 'inherit' });
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) process.on(signal, () => child.kill(signal));
  child.on('close', (code) => {
    process.exitCode = code ?? 1;
  });
}
