/** One server to measure. */
export type ConfigurationName =
  | 'bare'
  | 'work'
  | 'work-sealed'
  | 'node'
  | 'node-sealed'
  | 'koa-bare'
  | 'koa'
  | 'against'
  | 'against-sealed';

/** What each server is, as the table names it. */
export const TITLES: Readonly<Record<ConfigurationName, string>> = {
  bare: 'C0: bare node:http',
  work: 'C1: C0 + needed work',
  'work-sealed': 'C1 sealed',
  node: 'relay, node handler',
  'node-sealed': 'relay, node handler, sealed',
  'koa-bare': 'C0 on koa + router + bodyparser',
  koa: 'relay, Koa handler',
  against: 'other build, node handler',
  'against-sealed': 'other build, sealed',
};

/** Measured by default, in this order in even rounds and in the opposite one in odd rounds. */
export const DEFAULT_CONFIGURATIONS: readonly ConfigurationName[] = [
  'bare',
  'node',
  'work',
  'koa-bare',
  'koa',
  'work-sealed',
  'node-sealed',
];

/** True for a name of a configuration. */
export function isConfigurationName(name: string): name is ConfigurationName {
  return Object.hasOwn(TITLES, name);
}

/** A ratio of CPU per transfer that the project holds itself to: `ceiling` ÷ `relay`. */
export interface Goal {
  readonly ceiling: ConfigurationName;
  readonly relay: ConfigurationName;
  /** Absent where the ratio is printed for information only. */
  readonly goal?: number;
  readonly stretch?: number;
}

/** Only the ratio to C1 is a fair judge of our own code: what C0 saves by not doing the work, nobody can win back. */
export const GOALS: readonly Goal[] = [
  { ceiling: 'bare', relay: 'node', goal: 0.5, stretch: 0.6 },
  { ceiling: 'work', relay: 'node', goal: 0.65, stretch: 0.75 },
  { ceiling: 'koa-bare', relay: 'koa', goal: 0.75, stretch: 0.85 },
  { ceiling: 'node', relay: 'koa', goal: 0.7, stretch: 0.76 },
  { ceiling: 'bare', relay: 'node-sealed' },
  { ceiling: 'work-sealed', relay: 'node-sealed' },
  { ceiling: 'against', relay: 'node', goal: 0.9, stretch: 1 },
  { ceiling: 'against-sealed', relay: 'node-sealed', goal: 0.9, stretch: 1 },
];
