import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cruise, type ICruiseResult, type IRuleSetType } from 'dependency-cruiser';
import { beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../support/process/built.js';

/** One row of the table "Layers" in CONTRIBUTING.md. */
interface Layer {
  readonly name: string;
  /** Folders and files that make up the layer. */
  readonly paths: readonly string[];
  /** Names of layers, and single files of other layers. */
  readonly mayImport: readonly string[];
}

/** Reads the table: `| name | paths | what it may import | … |`. */
async function readLayers(): Promise<Layer[]> {
  const text = await readFile(join(ROOT, 'CONTRIBUTING.md'), 'utf8');
  const section = text.split('\n### Layers\n')[1]?.split('\n#')[0] ?? '';
  const rows = section.split('\n').filter((line) => /^\| \w/.test(line));
  return rows.slice(1).map((row) => {
    const [name = '', paths = '', imports = ''] = row
      .split('|')
      .slice(1)
      .map((cell) => cell.trim());
    return {
      name,
      paths: [...paths.matchAll(/`([^`]+)`/g)].map(([, path = '']) => path),
      mayImport: imports === '-' ? [] : imports.split(', ').map((each) => each.replaceAll('`', '')),
    };
  });
}

/** A regular expression for a folder with everything below it, for a file, or for the files `{a,b}.ts` of a folder. */
function toPattern(path: string): string {
  const pattern = path
    .replace(/\./g, '\\.')
    .replace(/\{([^}]+)\}/g, (_, names: string) => `(${names.replaceAll(',', '|')})`)
    .replace(/\*/g, '[^/]+');
  return path.endsWith('.ts') ? `^${pattern}$` : `^${pattern}/`;
}

/** The most specific layer: a file that is named stands before the folder that holds it. */
function layerOf(file: string, layers: readonly Layer[]): Layer | undefined {
  const rank = (path: string): number => (path.includes('*') ? 1 : path.endsWith('.ts') ? 2 : 0);
  return layers
    .flatMap((layer) => layer.paths.map((path) => ({ layer, path })))
    .filter(({ path }) => new RegExp(toPattern(path)).test(file))
    .sort((left, right) => rank(right.path) - rank(left.path))[0]?.layer;
}

const NO_CIRCLES: IRuleSetType = { forbidden: [{ name: 'no-circle', from: {}, to: { circular: true } }] };

async function cruiseSources(): Promise<ICruiseResult> {
  const { output } = await cruise(['src', 'adapters'], {
    baseDir: ROOT,
    ruleSet: NO_CIRCLES,
    validate: true,
    // Imports of types count as well.
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
  });
  return output as ICruiseResult;
}

describe('the layers in CONTRIBUTING.md', () => {
  let layers: Layer[];
  let result: ICruiseResult;
  beforeAll(async () => {
    [layers, result] = await Promise.all([readLayers(), cruiseSources()]);
  }, 60_000);

  const isOwn = (path: string): boolean => /^(src|adapters)\//.test(path);

  it('may import only layers that stand above them in the table', () => {
    expect(layers.length).toBeGreaterThan(10);
    for (const [index, { name, mayImport }] of layers.entries()) {
      const above = layers.slice(0, index);
      for (const each of mayImport) {
        const target = each.endsWith('.ts')
          ? layerOf(each.replace(/\{(\w+).*\}/, '$1'), layers)
          : layers.find((layer) => layer.name === each);
        expect(
          above.map((layer) => layer.name),
          `${name} may import ${each}`,
        ).toContain(target?.name);
      }
    }
  });

  it('hold every file of src and adapters, and no layer is empty', () => {
    const files = result.modules.map(({ source }) => source).filter(isOwn);
    expect(files.filter((file) => layerOf(file, layers) === undefined)).toEqual([]);
    const filled = new Set(files.map((file) => layerOf(file, layers)?.name));
    expect(layers.map(({ name }) => name).filter((name) => !filled.has(name))).toEqual([]);
  });

  it('import nothing but what their row allows', () => {
    const broken = result.modules.flatMap(({ source, dependencies }) => {
      const own = layerOf(source, layers);
      return dependencies
        .map(({ resolved }) => resolved)
        .filter((target) => isOwn(source) && isOwn(target))
        .filter((target) => layerOf(target, layers) !== own && !isAllowed(own, target))
        .map((target) => `${source} -> ${target}`);
    });
    expect(broken).toEqual([]);
  });

  function isAllowed(own: Layer | undefined, target: string): boolean {
    const name = layerOf(target, layers)?.name ?? '';
    return own?.mayImport.some((each) => each === name || new RegExp(toPattern(each)).test(target)) ?? false;
  }

  it('have no circle of imports', () => {
    const circles = result.summary.violations.map(({ cycle }) => cycle?.map((step) => step.name).join(' -> '));
    expect(circles).toEqual([]);
    expect(result.summary.totalDependenciesCruised).toBeGreaterThan(500);
  });
});
