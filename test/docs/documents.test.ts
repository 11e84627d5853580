import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../support/process/built.js';

const exec = promisify(execFile);
const read = (path: string): Promise<string> => readFile(join(ROOT, path), 'utf8');

/** A fenced block of a document, with the comment above it that says where it comes from. */
interface Block {
  readonly language: string;
  readonly source: string;
  readonly text: string;
}

async function blocksOf(path: string): Promise<Block[]> {
  const fences = (await read(path)).matchAll(/(?:<!-- (.+?) -->\n)?```(\w+)\n([\s\S]*?)```/g);
  return [...fences].map(([, source = '', language = '', text = '']) => ({ language, source, text }));
}

async function documents(): Promise<string[]> {
  const docs = (await readdir(join(ROOT, 'docs'))).filter((name) => name.endsWith('.md'));
  const examples = await readdir(join(ROOT, 'examples'), { withFileTypes: true });
  return [
    'README.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    ...docs.map((name) => `docs/${name}`),
    ...examples.filter((entry) => entry.isDirectory()).map(({ name }) => `examples/${name}/README.md`),
  ];
}

describe('the documents', () => {
  it('show code that equals the tested file that they name', async () => {
    const quoted = (await blocksOf('README.md')).filter(({ source }) => source.startsWith('from '));
    expect(quoted.map(({ source }) => source)).toEqual([
      'from examples/koa/app.ts',
      'from examples/express/app.ts',
      'from examples/node-http/app.ts',
    ]);
    const withoutIndent = (code: string) => code.replace(/^ +/gm, '');
    for (const { source, text } of quoted) {
      expect(withoutIndent(await read(source.replace('from ', '')))).toContain(withoutIndent(text));
    }
  });

  it('show only TypeScript that is quoted from a file or compiles', async () => {
    const blocks = (await Promise.all((await documents()).map(blocksOf)))
      .flat()
      .filter(({ language }) => language === 'ts');
    const checked = blocks.filter(({ source }) => source === 'checked');
    expect(blocks.filter(({ source }) => source !== 'checked' && !source.startsWith('from '))).toEqual([]);
    expect(checked.length).toBeGreaterThan(1);

    const folder = join(ROOT, '.cache/documents');
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    await Promise.all(checked.map(({ text }, index) => writeFile(join(folder, `block-${index}.ts`), text)));
    await writeFile(
      join(folder, 'tsconfig.json'),
      JSON.stringify({
        extends: '../../tsconfig.json',
        compilerOptions: { noUnusedLocals: false },
        include: ['*.ts'],
      }),
    );
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    const result = await exec(process.execPath, [tsc, '-p', folder]).catch((error: { stdout: string }) => error);
    expect(result.stdout).toBe('');
  }, 60_000);

  it('list every option of createRelay, and no other', async () => {
    const source = await read('src/relay/options.ts');
    const declared = source.slice(
      source.indexOf('export interface RelayOptions'),
      source.indexOf('export interface Settings'),
    );
    const options = [...declared.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, name]) => name);
    const table = (await read('README.md')).split('## Options')[1]?.split('\n## ')[0] ?? '';
    const listed = [...table.matchAll(/^\| ([^|]+) \|/gm)].flatMap(([, cell = '']) =>
      [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name),
    );
    expect([...listed, 'clock'].sort()).toEqual([...options].sort());
  });

  it('name existing scripts and files only', async () => {
    const { scripts } = JSON.parse(await read('package.json')) as { scripts: Record<string, string> };
    for (const path of await documents()) {
      const text = await read(path);
      for (const [, script = ''] of text.matchAll(/npm run ([\w:-]+)/g)) expect(scripts, path).toHaveProperty([script]);
      for (const [, target = ''] of text.matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)) {
        expect(existsSync(join(ROOT, path, '..', target)), `${path}: ${target}`).toBe(true);
      }
    }
  });
});
