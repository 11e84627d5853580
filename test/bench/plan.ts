import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type ConfigurationName, DEFAULT_CONFIGURATIONS, isConfigurationName } from './configurations.js';

/** What one run of the benchmark does. */
export interface Plan {
  readonly configurations: readonly ConfigurationName[];
  readonly rounds: number;
  readonly roundMs: number;
  /** Transfers that each server serves before its first round. */
  readonly warmUp: number;
  /** Directory of the built package, and of the other build to compare it with. */
  readonly dist: string;
  readonly againstDist: string | undefined;
}

/** The plan that a command line asks for. Throws for what it does not understand. */
export function planOf(args: readonly string[]): Plan {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      only: { type: 'string' },
      against: { type: 'string' },
    },
  });
  const against = values.against === undefined ? undefined : distOf(values.against);
  return {
    configurations: configurationsOf(values.only, against !== undefined),
    rounds: countOf('rounds', values.rounds, values.quick ? 3 : 5),
    roundMs: 1000 * countOf('seconds', values.seconds, values.quick ? 0.7 : 2.5),
    warmUp: values.quick ? 3_000 : 12_000,
    dist: distOf('dist'),
    againstDist: against,
  };
}

function configurationsOf(only: string | undefined, against: boolean): readonly ConfigurationName[] {
  const names = only?.split(',') ?? [...DEFAULT_CONFIGURATIONS, ...(against ? ['against', 'against-sealed'] : [])];
  return names.map((name) => {
    if (!isConfigurationName(name)) throw new Error(`--only: there is no configuration ${name}.`);
    if (name.startsWith('against') && !against) throw new Error(`--only: ${name} needs --against.`);
    return name;
  });
}

function countOf(option: string, text: string | undefined, initial: number): number {
  if (text === undefined) return initial;
  const count = Number(text);
  if (!(count > 0)) throw new Error(`--${option}: must be a number above 0.`);
  return count;
}

function distOf(directory: string): string {
  const dist = resolve(directory);
  if (!existsSync(`${dist}/index.js`)) throw new Error(`${directory}: holds no build of the package.`);
  return dist;
}
