import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { program, STORES } from './programs/stores.js';
import { copyTransfer, judge, makeProject, readVersion, run, startServers, write } from './support.mjs';

/* Native addons cannot be in a bundle: libsql stays outside, as every project with a native package does it. */
const NATIVE = ['pg-native', 'libsql'];

/** @type {Record<string, (name: string) => { script: string, output: string }>} Scripts that build `name.mjs`. */
const BUNDLERS = {
  'esbuild cjs': (name) => esbuild(name, 'cjs'),
  'esbuild esm': (name) => esbuild(name, 'esm'),
  webpack: (name) => ({
    output: `out/${name}.webpack.cjs`,
    script: `
import webpack from 'webpack';
webpack({ entry: './${name}.mjs', target: 'node', mode: 'production', optimization: { minimize: false },
  externals: ${JSON.stringify(Object.fromEntries(NATIVE.map((each) => [each, `commonjs ${each}`])))},
  output: { path: process.cwd() + '/out', filename: '${name}.webpack.cjs' } },
  (error, stats) => { if (error || stats.hasErrors()) { console.log(error ?? stats.toString({ colors: false })); process.exit(1); } });`,
  }),
  rollup: (name) => ({
    output: `out/${name}.rollup/main.cjs`,
    script: `
import { rollup } from 'rollup';
import resolve from '@rollup/plugin-node-resolve';
import commonjs from '@rollup/plugin-commonjs';
import json from '@rollup/plugin-json';
const bundle = await rollup({ input: './${name}.mjs', external: ${JSON.stringify(NATIVE)}, onwarn() {},
  plugins: [resolve({ preferBuiltins: true, exportConditions: ['node'] }), commonjs({ ignoreDynamicRequires: true }), json()] });
await bundle.write({ dir: 'out/${name}.rollup', format: 'cjs', entryFileNames: 'main.cjs', chunkFileNames: '[name].cjs' });`,
  }),
  rolldown: (name) => ({
    output: `out/${name}.rolldown/main.mjs`,
    script: `
import { rolldown } from 'rolldown';
const bundle = await rolldown({ input: './${name}.mjs', external: ${JSON.stringify(NATIVE)}, platform: 'node', onLog() {} });
await bundle.write({ dir: 'out/${name}.rolldown', format: 'esm', entryFileNames: 'main.mjs', chunkFileNames: '[name].mjs' });`,
  }),
};

function esbuild(name, format) {
  const output = `out/${name}.esbuild.${format === 'cjs' ? 'cjs' : 'mjs'}`;
  // The usual banner: CommonJS packages in an ESM bundle, such as pg, need a require.
  const banner = `import { createRequire as r } from 'node:module'; const require = r(import.meta.url);`;
  return {
    output,
    script: `
import { build } from 'esbuild';
await build({ entryPoints: ['./${name}.mjs'], bundle: true, platform: 'node', format: '${format}', outfile: '${output}',
  external: ${JSON.stringify(NATIVE)}, logLevel: 'error' ${format === 'esm' ? `, banner: { js: ${JSON.stringify(banner)} }` : ''} });`,
  };
}

const TOOLS = [
  'esbuild',
  'webpack',
  'rollup',
  '@rollup/plugin-node-resolve',
  '@rollup/plugin-commonjs',
  '@rollup/plugin-json',
  'rolldown',
];
const PEERS = ['@keyv/redis', '@keyv/postgres', 'pg', 'libsql'];

export async function runPart({ results, isAsked }) {
  const servers = await startServers();
  try {
    const asked = Object.keys(BUNDLERS).filter(isAsked);
    if (asked.length > 0) await bundle(asked, PEERS, Object.keys(STORES), results, servers.env);
    // Without the optional packages: a bundle must build, start, and name the package that it needs.
    if (asked.length > 0) await bundle(asked, [], ['memory'], results, servers.env, ', no peers installed');
    if (isAsked('next')) await (await import('./next.mjs')).runNext(results, servers.env);
  } finally {
    await servers.close();
  }
}

async function bundle(bundlers, peers, stores, results, env, note = '') {
  const folder = await makeProject('bundlers', [...TOOLS, ...peers]);
  await copyTransfer(folder, 'transfer.mjs');
  for (const [index, store] of stores.entries()) {
    const name = `app${index}`;
    await write(folder, `${name}.mjs`, program(store).replace('./transfer.js', './transfer.mjs'));
    for (const bundler of bundlers) {
      const { script, output } = BUNDLERS[bundler]?.(name) ?? { script: '', output: '' };
      await write(folder, 'build.mjs', script);
      const version = await readVersion(folder, bundler.split(' ')[0] ?? '');
      const row = `${bundler} ${version}${note}`;
      const built = await run('node', ['build.mjs'], { cwd: folder });
      if (built.status !== 0) results.add(row, store, built.output.slice(-700));
      else results.add(row, store, judge(await run('node', [output], { cwd: folder, env, ms: 30_000 })));
    }
  }
  await rm(join(folder, 'node_modules'), { recursive: true, force: true });
}
