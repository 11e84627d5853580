import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { transform } from 'esbuild';

/** `import()` in CommonJS, as esbuild writes it. */
const DEFERRED_REQUIRE = /await Promise\.resolve\(\)\.then\(\(\) => (__toESM\(require\("[^"]+"\)\))\)/g;

/**
 * Converts the built ES modules, chunk by chunk, to CommonJS in `dist/cjs`. Every chunk stays one module, so that each
 * class exists once here too. Jest, ts-node and Metro load this copy by default.
 */
export async function writeCommonJs(dist: string): Promise<void> {
  const names = await readdir(dist, { recursive: true });
  const modules = names.filter((name) => name.endsWith('.js') && !/^(cjs|cli)[/\\]/.test(name));
  await Promise.all(
    modules.map(async (name) => {
      const target = join(dist, 'cjs', name);
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, await toCommonJs(await readFile(join(dist, name), 'utf8')));
    }),
  );
  await writeFile(join(dist, 'cjs/package.json'), '{ "type": "commonjs" }\n');
}

async function toCommonJs(code: string): Promise<string> {
  // Jest has no `import()` in CommonJS. Node requires packages that have only ES modules, such as jose, too.
  const { code: converted } = await transform(code.replace(/^\/\/# sourceMappingURL=.*$/m, ''), {
    format: 'cjs',
    platform: 'node',
    target: 'node20.19',
    supported: { 'dynamic-import': false },
  });
  // Bundlers treat a missing package as optional only if `require` itself stands in the `try` of the adapter.
  return converted.replace(DEFERRED_REQUIRE, 'await $1');
}
