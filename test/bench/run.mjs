import { fileURLToPath } from 'node:url';
import { build } from 'tsup';

/*
 * Builds the benchmark and runs it: `npm run bench`. The package itself must have been built to dist before. The output
 * lies below node_modules, so that nothing of it is linted, published or committed, and yet finds the dependencies.
 * `npm run bench -- hooks` measures the authentication hooks instead, and `npm run bench -- browser` a share in
 * Chromium while others wait.
 */

if (process.argv[2] === 'hooks') await import('./hooks.mjs');
else if (process.argv[2] === 'browser') await import('./browser.mjs');
else await runServers();

async function runServers() {
  const here = fileURLToPath(new URL('.', import.meta.url));
  const outDir = fileURLToPath(new URL('../../node_modules/.cache/credential-relay-bench', import.meta.url));

  await build({
    config: false,
    silent: true,
    entry: { main: `${here}main.ts`, server: `${here}server.ts` },
    outDir,
    format: ['esm'],
    target: 'node20.19',
    splitting: true,
    clean: true,
    // What is measured is the built package, and Koa as its users have it.
    skipNodeModulesBundle: true,
  });

  const { main } = await import(`${outDir}/main.js`);
  process.exitCode = await main(process.argv.slice(2));
}
