import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { toPackageError } from '../../../adapters/shared/import-package.js';
import { ROOT } from '../../support/process/built.js';

const failure = (message: string, members: object): Error => Object.assign(new Error(message), members);

/** The errors of a missing package `pg`, as each runtime and tool throws them. */
const MISSING: [tool: string, error: unknown][] = [
  ['Node', failure("Cannot find package 'pg' imported from /app/index.js", { code: 'ERR_MODULE_NOT_FOUND' })],
  ['require', failure("Cannot find module 'pg'\nRequire stack:\n- /app/index.cjs", { code: 'MODULE_NOT_FOUND' })],
  ['webpack', failure("Cannot find module 'pg'", { code: 'MODULE_NOT_FOUND' })],
  ['Jest', { message: "Cannot find module 'pg' from 'node_modules/a/b.js'", code: 'MODULE_NOT_FOUND' }],
  ['Bun', { message: "Cannot find package 'pg' from '/app/index.js'", code: 'ERR_MODULE_NOT_FOUND' }],
  [
    'Yarn PnP',
    failure("credential-relay tried to access pg (a peer dependency) but it isn't provided by your application; …", {
      code: 'MODULE_NOT_FOUND',
      pnpCode: 'MISSING_PEER_DEPENDENCY',
    }),
  ],
  [
    'Yarn PnP, an application',
    failure("Your application tried to access pg, but it isn't declared in your dependencies; …", {
      code: 'MODULE_NOT_FOUND',
      pnpCode: 'UNDECLARED_DEPENDENCY',
    }),
  ],
];

/** The errors of a package `pg` that is installed and fails. */
const UNUSABLE: [kind: string, error: unknown][] = [
  ['a dependency is missing', failure("Cannot find module 'pg-types'", { code: 'MODULE_NOT_FOUND' })],
  [
    'a file is missing',
    failure("Cannot find module '/app/node_modules/pg/lib/index.js'", { code: 'ERR_MODULE_NOT_FOUND' }),
  ],
  [
    'a dependency is missing in Yarn PnP',
    failure("pg tried to access pg-native, but it isn't declared in its dependencies", {
      code: 'MODULE_NOT_FOUND',
      pnpCode: 'UNDECLARED_DEPENDENCY',
    }),
  ],
  ['its code throws', new SyntaxError('Unexpected token')],
  ['its binary is missing', failure('libpq.so: cannot open shared object file', { code: 'ERR_DLOPEN_FAILED' })],
  ['its code throws a text', 'out of order'],
];

describe('toPackageError', () => {
  it.each(MISSING)('names the install command after the error of %s', (_, error) => {
    expect(toPackageError('postgresStore', 'pg', error)).toMatchObject({
      code: 'package_missing',
      message: 'postgresStore: the package pg is not installed; install it with: npm install pg',
      cause: error,
    });
  });

  it.each(UNUSABLE)('gives the reason if %s', (_, error) => {
    const reason = error instanceof Error ? error.message : error;
    expect(toPackageError('postgresStore', 'pg', error)).toMatchObject({
      code: 'package_unusable',
      message: `postgresStore: the package pg could not be loaded, because: ${reason}`,
    });
  });
});

describe('every optional package', () => {
  it('is imported by a literal name in a `try` of the same function, so that bundlers take it as optional', async () => {
    const found: string[] = [];
    for (const folder of ['src', 'adapters']) {
      const names = await readdir(join(ROOT, folder), { recursive: true });
      for (const name of names.filter((each) => each.endsWith('.ts'))) {
        const path = join(ROOT, folder, name);
        const text = await readFile(path, 'utf8');
        if (!folder.startsWith('src') || !name.startsWith('cli'))
          expect(text, path).not.toMatch(/import\.meta|createRequire/);
        const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
        const visit = (node: ts.Node): void => {
          if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
            const [argument] = node.arguments;
            expect(argument && ts.isStringLiteral(argument), `${path}: a literal name`).toBe(true);
            const isPackage =
              argument !== undefined && ts.isStringLiteral(argument) && !/^(\.|node:)/.test(argument.text);
            if (isPackage && !(folder === 'src' && name.startsWith('cli'))) {
              expect(ts.isAwaitExpression(node.parent), `${path}: \`await import('${argument.text}')\``).toBe(true);
              expect(isInTry(node), `${path}: import('${argument.text}') in a try`).toBe(true);
              found.push(argument.text);
            }
          }
          ts.forEachChild(node, visit);
        };
        visit(source);
      }
    }
    expect(found).toEqual(expect.arrayContaining(['@keyv/redis', 'pg', 'libsql']));
  });
});

/** True if the node stands in the block of a `try` of its own function. */
function isInTry(node: ts.Node): boolean {
  for (let child = node; child.parent !== undefined; child = child.parent) {
    if (ts.isFunctionLike(child)) return false;
    if (ts.isTryStatement(child.parent) && child.parent.tryBlock === child) return true;
  }
  return false;
}
