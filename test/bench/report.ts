import { type ConfigurationName, GOALS, type Goal, TITLES } from './configurations.js';
import type { Round } from './load.js';

/** The rounds of each configuration, in the order in which they were run. */
export type Results = ReadonlyMap<ConfigurationName, readonly Round[]>;

/** The table of all configurations, then the ratios with the goals they meet, as text. */
export function report(results: Results): string {
  const table = [
    ['', 'µs CPU', '(least - most)', 'transfers/s', 'p50 ms', 'p99 ms'],
    ...[...results].map(([name, rounds]) => [TITLES[name], ...figures(rounds)]),
  ];
  const ratios = [
    ['ratio of CPU', '', '(least - most)', 'goal', 'stretch'],
    ...GOALS.flatMap((goal) => ratioRow(goal, results)),
  ];
  return `${alignColumns(table)}\n\n${alignColumns(ratios)}`;
}

function figures(rounds: readonly Round[]): string[] {
  const cpu = rounds.map((round) => round.cpu);
  return [
    median(cpu).toFixed(1),
    `(${Math.min(...cpu).toFixed(1)} - ${Math.max(...cpu).toFixed(1)})`,
    median(rounds.map(({ perSecond }) => perSecond)).toFixed(0),
    median(rounds.map(({ p50 }) => p50)).toFixed(2),
    median(rounds.map(({ p99 }) => p99)).toFixed(2),
  ];
}

/**
 * The ratio is taken within each round, whose configurations ran within seconds of each other, and the median of those
 * is judged: what else the machine is doing then weighs on both sides alike.
 */
function ratioRow({ ceiling, relay, goal, stretch }: Goal, results: Results): string[][] {
  const above = results.get(ceiling);
  const below = results.get(relay);
  if (above === undefined || below === undefined) return [];
  const ratios = below.map(({ cpu }, round) => (above[round]?.cpu ?? Number.NaN) / cpu);
  const ratio = median(ratios);
  return [
    [
      `${TITLES[ceiling]} / ${TITLES[relay]}`,
      ratio.toFixed(2),
      `(${Math.min(...ratios).toFixed(2)} - ${Math.max(...ratios).toFixed(2)})`,
      verdict(ratio, goal),
      verdict(ratio, stretch),
    ],
  ];
}

function verdict(ratio: number, goal: number | undefined): string {
  if (goal === undefined) return '';
  return `${goal.toFixed(2)} ${ratio >= goal ? 'met' : 'MISSED'}`;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

/** Lines of columns: the first flush left, all others flush right. */
function alignColumns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
