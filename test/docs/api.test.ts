import { join } from 'node:path';
import {
  Application,
  type DeclarationReflection,
  Logger,
  LogLevel,
  type ProjectReflection,
  ReflectionKind,
  TSConfigReader,
} from 'typedoc';
import { beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../support/process/built.js';

class WarningCollector extends Logger {
  readonly warnings: string[] = [];

  override log(message: string, level: LogLevel): void {
    if (level >= LogLevel.Warn) this.warnings.push(message);
  }
}

const logger = new WarningCollector();
let reference: ProjectReflection;

beforeAll(async () => {
  const tsconfig = join(ROOT, 'tsconfig.docs.json');
  // `npm run typecheck` reports type errors, so the conversion does not look for them again.
  const app = await Application.bootstrap({ tsconfig, skipErrorChecking: true }, [new TSConfigReader()]);
  app.logger = logger;
  const project = await app.convert();
  if (project === undefined) throw new Error(`TypeDoc did not convert the sources:\n${logger.warnings.join('\n')}`);
  app.validate(project);
  reference = project;
}, 120_000);

/** A function carries its description on its signatures. */
function isDescribed(symbol: DeclarationReflection): boolean {
  const reflections = symbol.kindOf(ReflectionKind.Function) ? (symbol.signatures ?? []) : [symbol];
  return reflections.every(({ comment }) => comment !== undefined && comment.summary.length > 0);
}

describe('the API reference', () => {
  it('has one module per public entry of package.json', async () => {
    const { default: manifest } = await import('../../package.json', { with: { type: 'json' } });
    const entries = Object.keys(manifest.exports).filter((path) => path !== './package.json');
    expect(reference.getChildrenByKind(ReflectionKind.Module)).toHaveLength(entries.length);
  });

  it('builds without a warning', () => {
    expect(logger.warnings).toEqual([]);
  });

  it('describes every export', () => {
    const modules = reference.getChildrenByKind(ReflectionKind.Module);
    const symbols = modules.flatMap(({ children = [] }) => children);
    expect(symbols.length).toBeGreaterThan(100);
    const undescribed = symbols
      .filter((symbol) => !symbol.kindOf(ReflectionKind.Reference) && !isDescribed(symbol))
      .map((symbol) => symbol.getFriendlyFullName());
    expect(undescribed).toEqual([]);
  });
});
